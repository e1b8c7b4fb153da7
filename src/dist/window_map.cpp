#include <rossby/dist/window_map.hpp>

#include <algorithm>

namespace rossby {

namespace {

/// The smallest box around two.
Box around(Box const& a, Box const& b)
{
  return {std::min(a.row0, b.row0), std::max(a.row1, b.row1), std::min(a.col0, b.col0), std::max(a.col1, b.col1)};
}

} // namespace

WindowMap window_map(Exec const& exec, Communicator const& group, ProcessGrid const& ranks, Tiling const& grid,
                     WindowLayout const& w, bool shared)
{
  bool const far = w.tokens == WindowLayout::Tokens::far;
  index_t const h = grid.height(), width = grid.width();
  index_t const across = h / w.rows, along = width / w.columns, total = across * along, tokens = w.rows * w.columns;
  ROSSBY_EXPECT(across * w.rows == h && along * w.columns == width);
  auto const cell = [&](index_t number, index_t token) {
    index_t const wr = number / along, wc = number % along, a = token / w.columns, b = token % w.columns;
    index_t const row = far ? a * across + wr : wr * w.rows + a;
    index_t const col = far ? b * along + wc : wc * w.columns + b;
    return (row + w.shift_rows) % h * width + (col + w.shift_columns) % width;
  };
  // A window goes to one rank, or to all the ranks that share a domain tile.
  int const places = shared ? ranks.domains() : group.size(), place = group.rank() % places;
  auto const mine = [&](index_t number) {
    if (far && tokens > 1) // spread evenly: their tokens come from everywhere
      return number >= total * place / places && number < total * (place + 1) / places;
    index_t const first = cell(number, 0);
    return grid.owner(first / width, first % width) % places == place;
  };
  std::vector<index_t> wanted, numbers, seams;
  for (index_t n = 0; n < total; ++n)
    if (mine(n)) {
      numbers.push_back(n);
      bool const south = w.shift_rows > 0 && n / along == across - 1;
      bool const east = w.shift_columns > 0 && n % along == along - 1;
      seams.push_back((south ? 1 : 0) + (east ? 2 : 0));
      for (index_t t = 0; t < tokens; ++t)
        wanted.push_back(cell(n, t));
    }
  return {IndexMap(exec, group, grid, wanted),
          static_cast<index_t>(numbers.size()),
          tokens,
          {IndexList(exec, numbers), total},
          IndexList(exec, seams)};
}

WindowMap cell_map(Exec const& exec, Communicator const& group, ProcessGrid const& ranks, Tiling const& grid,
                   bool shared)
{
  Box b = grid.box(group.rank());
  for (int t = 0; shared && t < ranks.tensor; ++t)
    b = around(b, grid.box(t * ranks.domains() + group.rank() % ranks.domains()));
  auto const numbers = cells_of(b, grid.width());
  return {shared ? IndexMap(exec, group, grid, numbers) : IndexMap(),
          b.cells(),
          1,
          {IndexList(exec, numbers), grid.height() * grid.width()}};
}

} // namespace rossby
