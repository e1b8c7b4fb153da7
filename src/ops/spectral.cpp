// A team has some rows of a matrix. M v is a sum along each row. M^T u goes down the rows, a few neighbouring columns a
// thread, and is then added up over the pieces of the matrix. Orders of sums follow from the matrices' extents.
#include "ops/spectral.hpp"

#include <algorithm>

namespace rossby::ops {

namespace {

constexpr double epsilon = 1e-12;
constexpr index_t piece_rows = 64;
constexpr index_t columns_a_thread = host_accessible ? 16 : 1; ///< on hosts a register of them

/// f(row) by the threads of a team, each of which has lanes.
template <class F> KOKKOS_INLINE_FUNCTION void each_row(TeamMember const& team, index_t rows, F const& f)
{
  Kokkos::parallel_for(Kokkos::TeamThreadRange(team, rows), f);
}

template <class T>
void transposed_parts(Exec const& exec, SpectralTable const& table, T const* m, T const* vectors, T* parts)
{
  auto const pieces = table.view();
  Kokkos::parallel_for(
      "rossby::ops::spectral_transposed_parts", teams(exec, table.pieces()), KOKKOS_LAMBDA(TeamMember const& team) {
        auto const piece = pieces(team.league_rank());
        T const *from = m + piece.at, *u = vectors + piece.left;
        T* to = parts + piece.part;
        index_t const groups = (piece.columns + columns_a_thread - 1) / columns_a_thread;
        each_of_team(team, 0, groups, [&](index_t group) {
          index_t const c0 = group * columns_a_thread, count = math::min(columns_a_thread, piece.columns - c0);
          T sum[columns_a_thread] = {};
          if (count == columns_a_thread) // a loop of fixed length stays in registers
            for (index_t r = 0; r < piece.rows; ++r)
              for (index_t k = 0; k < columns_a_thread; ++k)
                sum[k] += u[r] * from[r * piece.columns + c0 + k];
          else
            for (index_t r = 0; r < piece.rows; ++r)
              for (index_t k = 0; k < count; ++k)
                sum[k] += u[r] * from[r * piece.columns + c0 + k];
          for (index_t k = 0; k < count; ++k)
            to[c0 + k] = sum[k];
        });
      });
}

template <class T> void add_transposed(Exec const& exec, SpectralTable const& table, T const* parts, T* images)
{
  auto const pieces = table.view();
  for_each_piece(
      "rossby::ops::spectral_transposed_product", exec, table.columns(),
      KOKKOS_LAMBDA(TeamMember const& team, Piece const& slice) {
        index_t const begin = pieces.first(slice.slice), count = pieces.first(slice.slice + 1) - begin;
        auto const first = pieces(begin);
        T const* from = parts + first.part - first.right;
        each_of_team(team, slice.begin, slice.end, [&](index_t i) {
          T sum = 0;
          for (index_t k = 0; k < count; ++k)
            sum += from[k * first.columns + i];
          images[i] = sum;
        });
      });
}

template <class T>
void row_products(Exec const& exec, SpectralTable const& table, T const* m, T const* vectors, T* images)
{
  auto const pieces = table.view();
  Kokkos::parallel_for(
      "rossby::ops::spectral_product", teams(exec, table.pieces()), KOKKOS_LAMBDA(TeamMember const& team) {
        auto const piece = pieces(team.league_rank());
        each_row(team, piece.rows, [&](index_t r) {
          T const *row = m + piece.at + r * piece.columns, *v = vectors + piece.right;
          T const sum = sum_over<T>(Kokkos::ThreadVectorRange(team, piece.columns), piece.columns,
                                    [&](index_t k) { return row[k] * v[k]; });
          Kokkos::single(Kokkos::PerThread(team), [&] { images[piece.left + r] = sum; });
        });
      });
}

template <class T> void normalise(Exec const& exec, Pieces const& slices, T const* images, T* vectors)
{
  Array const sums = Array::empty(DType::float64, {slices.slices()});
  slice_sums(
      "rossby::ops::spectral_length", exec, slices,
      KOKKOS_LAMBDA(index_t i) { return static_cast<double>(images[i]) * static_cast<double>(images[i]); }, sums);
  auto const squares = sums.flat<double>();
  for_each_piece(
      "rossby::ops::spectral_normalise", exec, slices, KOKKOS_LAMBDA(TeamMember const& team, Piece const& piece) {
        T const factor = static_cast<T>(1 / math::max(math::sqrt(squares(piece.slice)), epsilon));
        each_of_team(team, piece.begin, piece.end, [&](index_t i) { vectors[i] = images[i] * factor; });
      });
}

template <class T>
void dot_products(Exec const& exec, Pieces const& slices, T const* vectors, T const* images, Array const& sums)
{
  slice_sums(
      "rossby::ops::spectral_sigma", exec, slices,
      KOKKOS_LAMBDA(index_t i) { return static_cast<double>(vectors[i]) * static_cast<double>(images[i]); }, sums);
}

template <class T>
void inner_products(Exec const& exec, SpectralTable const& table, T const* m, T const* g, Array const& products)
{
  Array const sums = Array::empty(DType::float64, {table.pieces()});
  auto const part = sums.flat<double>();
  auto const pieces = table.view();
  Kokkos::parallel_for(
      "rossby::ops::spectral_gradient_product", teams(exec, table.pieces()), KOKKOS_LAMBDA(TeamMember const& team) {
        auto const piece = pieces(team.league_rank());
        double const sum = team_sum<double>(team, piece.rows * piece.columns, [&](index_t i) {
          return static_cast<double>(g[piece.at + i]) * static_cast<double>(m[piece.at + i]);
        });
        Kokkos::single(Kokkos::PerTeam(team), [&] { part(team.league_rank()) = sum; });
      });
  add_parts("rossby::ops::spectral_gradient_product", exec, pieces.first, sums, products);
}

template <class T>
void project(Exec const& exec, SpectralTable const& table, T const* vectors, View<double const, 1> sigmas,
             View<double const, 1> products, T const* g, T* dm)
{
  auto const pieces = table.view();
  Kokkos::parallel_for(
      "rossby::ops::spectral_gradient", teams(exec, table.pieces()), KOKKOS_LAMBDA(TeamMember const& team) {
        auto const piece = pieces(team.league_rank());
        T const inverse = static_cast<T>(1 / sigmas(piece.matrix)), factor = static_cast<T>(products(piece.matrix));
        T const* v = vectors + piece.right;
        each_row(team, piece.rows, [&](index_t r) {
          T const a = factor * inverse * vectors[piece.left + r];
          T const* from = g + piece.at + r * piece.columns;
          T* to = dm + piece.at + r * piece.columns;
          Kokkos::parallel_for(Kokkos::ThreadVectorRange(team, piece.columns),
                               [&](index_t k) { to[k] += (from[k] - a * v[k]) * inverse; });
        });
      });
}

} // namespace

SpectralTable::SpectralTable(Exec const& exec, index_t matrices, std::vector<SpectralRows> const& runs)
{
  std::vector<index_t> table, first(1, 0), begin(static_cast<std::size_t>(matrices), 0), end(begin);
  for (auto const& run : runs) {
    ROSSBY_EXPECT(run.matrix >= static_cast<index_t>(first.size()) - 1 && run.matrix < matrices);
    while (static_cast<index_t>(first.size()) <= run.matrix)
      first.push_back(static_cast<index_t>(table.size() / 7));
    auto const matrix = static_cast<std::size_t>(run.matrix);
    begin[matrix] = run.right;
    end[matrix] = run.right + run.columns;
    for (index_t r = 0; r < run.rows; r += piece_rows) {
      index_t const rows = math::min(piece_rows, run.rows - r);
      table.insert(table.end(),
                   {run.matrix, run.at + r * run.columns, rows, run.columns, run.left + r, run.right, parts_});
      parts_ += run.columns;
    }
  }
  first.resize(static_cast<std::size_t>(matrices) + 1, static_cast<index_t>(table.size() / 7));
  table_ = IndexList(exec, table);
  first_ = IndexList(exec, first);
  columns_ = Pieces(exec, begin, end);
}

void spectral_transposed_products(Exec const& exec, SpectralTable const& table, Array const& matrices,
                                  Array const& vectors, Out images)
{
  dispatch_wide(matrices.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    Array const parts = Array::empty(matrices.dtype(), {table.parts()});
    transposed_parts<T>(exec, table, matrices.flat<T>().data(), vectors.flat<T>().data(), parts.flat<T>().data());
    add_transposed<T>(exec, table, parts.flat<T>().data(), images.flat<T>().data());
  });
}

void spectral_products(Exec const& exec, SpectralTable const& table, Array const& matrices, Array const& vectors,
                       Out images)
{
  dispatch_wide(matrices.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    row_products<T>(exec, table, matrices.flat<T>().data(), vectors.flat<T>().data(), images.flat<T>().data());
  });
}

void spectral_normalise(Exec const& exec, Pieces const& slices, Array const& images, Out vectors)
{
  dispatch_wide(vectors.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    normalise<T>(exec, slices, images.flat<T>().data(), vectors.flat<T>().data());
  });
}

void spectral_sigmas(Exec const& exec, Pieces const& slices, Array const& vectors, Array const& images, Out sigmas)
{
  dispatch_wide(vectors.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    dot_products<T>(exec, slices, vectors.flat<T>().data(), images.flat<T>().data(), sigmas);
  });
}

void spectral_inner_products(Exec const& exec, SpectralTable const& table, Array const& matrices,
                             Array const& gradients, Out products)
{
  dispatch_wide(matrices.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    inner_products<T>(exec, table, matrices.flat<T>().data(), gradients.flat<T>().data(), products);
  });
}

void spectral_backward(Exec const& exec, SpectralTable const& table, Array const& vectors, Array const& sigmas,
                       Array const& products, Array const& gradients, Out to)
{
  dispatch_wide(gradients.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    project<T>(exec, table, vectors.flat<T>().data(), sigmas.flat<double>(), products.flat<double>(),
               gradients.flat<T>().data(), to.flat<T>().data());
  });
}

} // namespace rossby::ops
