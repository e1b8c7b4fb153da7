// ranks: 1 2 3 4
// Convolutions whose halo is under way while they compute: the numbers of one rank, and the order of what happens.

#include <rossby/autograd/functions.hpp>
#include <support/arrays.hpp>
#include <support/tilings.hpp>

#include <mpi.h>

#include <cstring>
#include <numeric>

namespace rossby {
namespace {

/// What happened on this rank: names of kernels, and calls of MPI.
struct Events {
  bool on = false;
  std::vector<std::string> list;
  void add(std::string event)
  {
    if (on)
      list.push_back(std::move(event));
  }
  static Events& here()
  {
    static Events events;
    return events;
  }
};

} // namespace
} // namespace rossby

// MPI's own interface for looking on: the library's calls come by here.
extern "C" {
int MPI_Isend(void const* data, int count, MPI_Datatype type, int to, int tag, MPI_Comm comm, MPI_Request* request)
{
  rossby::Events::here().add("send");
  return PMPI_Isend(data, count, type, to, tag, comm, request);
}
int MPI_Testall(int count, MPI_Request requests[], int* flag, MPI_Status statuses[])
{
  rossby::Events::here().add("turn");
  return PMPI_Testall(count, requests, flag, statuses);
}
int MPI_Waitall(int count, MPI_Request requests[], MPI_Status statuses[])
{
  rossby::Events::here().add("wait");
  return PMPI_Waitall(count, requests, statuses);
}
}

namespace rossby {
namespace {
using namespace test;

/// A grid that gives way to `stride` times coarser one, and how.
struct Case {
  char const* what;
  std::vector<index_t> kernels;
  index_t stride;
  bool sphere; ///< rows go on over the poles and columns around, otherwise zeros
  index_t in = 2, out = 3;

  index_t before() const { return (kernels.back() - stride) / 2; }
};

Case const cases[] = {
    {"3x3", {3}, 1, false},
    {"3x3 on a sphere", {3}, 1, true},
    {"two kernels, strided", {2, 4}, 2, true},
    {"wide kernels", {4, 8}, 1, true},
    {"wide kernels, strided", {4, 8, 16}, 2, false},
};

/// Whole numbers from -4 to 4: sums of their products are exact, in any order, so that results can be equal.
double whole_number(std::uint64_t stream, index_t i, index_t j)
{
  return std::clamp(std::round(2 * Philox::normal(stream, at(i), at(j))), -4.0, 4.0);
}

constexpr index_t batch = 2;

Array field(Tiling const& tiling, int rank, index_t channels, std::uint64_t stream)
{
  Values v;
  auto const cells = cells_of(tiling.box(rank), tiling.width());
  for (index_t b = 0; b < batch; ++b)
    for (index_t const cell : cells)
      for (index_t c = 0; c < channels; ++c)
        v.push_back(whole_number(stream, cell, b * channels + c));
  Box const tile = tiling.box(rank);
  return Array::from_host(Exec(), DType::float64, {batch, tile.rows(), tile.cols(), channels}, v);
}

Array numbers(Shape shape, std::uint64_t stream)
{
  Values v(at(product(shape)));
  for (std::size_t i = 0; i < v.size(); ++i)
    v[i] = whole_number(stream, 0, static_cast<index_t>(i));
  return Array::from_host(Exec(), DType::float64, std::move(shape), v);
}

struct Result {
  Array y, dx;
  std::vector<Array> dw, db;
};

Result run(Communicator const& group, Tiling const& fine, Tiling const& coarse, Case const& c)
{
  int const me = group.rank();
  Box const tile = coarse.box(me);
  index_t const s = c.stride, before = c.before(), widest = c.kernels.back(), h = fine.height(), w = fine.width();
  Box needed{tile.row0 * s - before, (tile.row1 - 1) * s - before + widest, tile.col0 * s - before,
             (tile.col1 - 1) * s - before + widest};
  if (tile.empty())
    needed = {};
  auto const border = box_map(Exec(), group, fine, needed, [&](index_t row, index_t col) {
    if (!c.sphere)
      return row < 0 || row >= h || col < 0 || col >= w ? IndexMap::nothing : row * w + col;
    bool const over = row < 0 || row >= h;
    index_t const r = row < 0 ? -1 - row : row >= h ? 2 * h - 1 - row : row;
    return r * w + ((col + (over ? w / 2 : 0)) % w + w) % w;
  });
  std::vector<ConvBranch> branches;
  for (std::size_t j = 0; j < c.kernels.size(); ++j) {
    index_t const k = c.kernels[j];
    Var const weight(numbers({c.out, k, k, c.in}, 10 + j), true), bias(numbers({c.out}, 20 + j), true);
    branches.push_back({{weight, test::scale_by(0.5), bias}, {k, s, before - (k - s) / 2}});
  }
  Tape tape;
  Context ctx{Exec(), &tape};
  Var const x(field(fine, me, c.in, 1), true);
  Var const y = map_convolution(ctx, border, x, branches, tile.rows(), tile.cols());
  tape.backward(Exec(), y, field(coarse, me, y.value().extent(3), 2));
  Result result{y.value(), x.grad(), {}, {}};
  for (auto const& b : branches) {
    result.dw.push_back(b.weight.value.grad_to_add_to(Exec()));
    result.db.push_back(b.weight.bias.grad_to_add_to(Exec()));
  }
  return result;
}

/// This tile of a whole field.
Values cut(Array const& whole, Box const& tile)
{
  Values v;
  auto const all = whole.to_host(Exec());
  index_t const channels = whole.extent(3), cells = whole.extent(1) * whole.extent(2);
  for (index_t b = 0; b < batch; ++b)
    for (index_t const cell : cells_of(tile, whole.extent(2)))
      for (index_t c = 0; c < channels; ++c)
        v.push_back(all[at((b * cells + cell) * channels + c)]);
  return v;
}

Tiling scaled(Tiling const& t, index_t s)
{
  std::vector<Box> boxes;
  for (int r = 0; r < t.ranks(); ++r) {
    Box const b = t.box(r);
    boxes.push_back({b.row0 * s, b.row1 * s, b.col0 * s, b.col1 * s});
  }
  return {t.height() * s, t.width() * s, boxes};
}

TEST(MapConvolution, IsWhatOneRankWouldDo)
{
  auto const world = Communicator::world();
  index_t const height = 14, width = 18;
  Draw draw(3);
  for (auto const& c : cases) {
    auto const whole_coarse = Tiling::whole(height, width), whole_fine = scaled(whole_coarse, c.stride);
    auto const whole = run(Communicator(), whole_fine, whole_coarse, c);
    for (auto const& coarse : random_tilings(draw, height, width, world.size(), 8)) {
      Box const tile = coarse.box(world.rank());
      SCOPED_TRACE(::testing::Message() << c.what << ", rows " << tile.row0 << " to " << tile.row1 << ", columns "
                                        << tile.col0 << " to " << tile.col1);
      auto const fine = scaled(coarse, c.stride);
      auto const part = run(world, fine, coarse, c);
      EXPECT_EQ(part.y.to_host(Exec()), cut(whole.y, tile));
      EXPECT_EQ(part.dx.to_host(Exec()), cut(whole.dx, fine.box(world.rank())));
      for (auto const sums : {&Result::dw, &Result::db})
        for (std::size_t j = 0; j < c.kernels.size(); ++j) {
          world.all_reduce_sum(Exec(), (part.*sums)[j]);
          EXPECT_EQ((part.*sums)[j].to_host(Exec()), (whole.*sums)[j].to_host(Exec()));
        }
    }
  }
}

std::string short_name(char const* kernel)
{
  char const* const last = std::strrchr(kernel, ':');
  return last ? last + 1 : kernel;
}

/// Adds the names of kernels to the events while it lives.
struct Watch {
  Watch()
  {
    Kokkos::Tools::Experimental::set_begin_parallel_for_callback(
        [](char const* kernel, std::uint32_t, std::uint64_t*) { Events::here().add(short_name(kernel)); });
    Events::here() = {true, {}};
  }
  ~Watch()
  {
    Events::here().on = false;
    Kokkos::Tools::Experimental::set_begin_parallel_for_callback(nullptr);
  }
};

/// Positions of the events of this name; never empty.
std::vector<std::size_t> when(char const* event)
{
  std::vector<std::size_t> found;
  auto const& list = Events::here().list;
  for (std::size_t i = 0; i < list.size(); ++i)
    if (list[i] == event)
      found.push_back(i);
  EXPECT_FALSE(found.empty()) << event << " is not in " << ::testing::PrintToString(list);
  return found.empty() ? std::vector<std::size_t>{0} : found;
}

/// How many events of this name lie between two others.
int between(std::size_t begin, char const* event, std::size_t end)
{
  auto const positions = when(event);
  return static_cast<int>(
      std::count_if(positions.begin(), positions.end(), [&](std::size_t i) { return begin < i && i < end; }));
}

// Not a matter of wall times: the interior's kernels start after the messages and before anybody waits for them.
TEST(MapConvolution, InteriorWorkLiesBetweenStartAndFinish)
{
  auto const world = Communicator::world();
  if (world.size() == 1)
    return;
  int const n = world.size();
  bool const square = n == 4;
  int const blocks = host_accessible ? 2 : 1; // those of a device are larger
  index_t const height = 64, width = 64;
  std::vector<Box> boxes;
  for (index_t r = 0; r < n; ++r)
    if (square)
      boxes.push_back({r / 2 * 32, r / 2 * 32 + 32, r % 2 * 32, r % 2 * 32 + 32});
    else
      boxes.push_back({height * r / n, height * (r + 1) / n, 0, width});
  Tiling const tiling(height, width, boxes);
  struct Trial {
    Case shape;
    char const *forward, *backward, *weight;
  };
  for (auto const& t : {Trial{{"narrow", {3}, 1, true, 24}, "conv_patches", "conv_patches_adjoint", "conv_patches"},
                        Trial{{"wide", {8}, 1, true, 24}, "embed_rows", "conv_patches_adjoint", "embed_rows"}}) {
    SCOPED_TRACE(t.shape.what);
    Watch const watch;
    run(world, tiling, tiling, t.shape);
    auto const sends = when("send");
    std::size_t const halo = when("pack").front(), arrived = when("unpack").front(), sum = when("sum_targets").front(),
                      returned = when("add_returned").front();
    ASSERT_LT(halo, arrived);
    ASSERT_LT(arrived, sum);
    ASSERT_LT(sum, returned);
    std::size_t sent = halo, sent_back = sum; // the last message of each exchange
    for (std::size_t const i : sends)
      (i < arrived ? sent : sent_back) = i;
    // Forward: messages, interior, border.
    EXPECT_EQ(between(0, t.forward, sent), 0);
    EXPECT_GE(between(sent, t.forward, arrived), blocks);
    EXPECT_GE(between(arrived, t.forward, sum), 1);
    // Backward: what belongs to others, messages, the interior and the weights.
    EXPECT_GE(between(arrived, t.backward, sum), 1);
    EXPECT_GE(between(sent_back, t.backward, returned), blocks);
    EXPECT_GE(between(sent_back, t.weight, returned), blocks);
    // MPI got its turns while there was something to wait for, and nobody waited before the work was done.
    EXPECT_GE(between(sent, "turn", arrived), 1);
    EXPECT_GE(between(sent_back, "turn", returned), 1);
    for (auto const& [begin, event, end] :
         {std::make_tuple(sent, t.forward, arrived), std::make_tuple(sent_back, t.weight, returned)}) {
      auto const& list = Events::here().list;
      auto const wait = std::find(list.begin() + static_cast<std::ptrdiff_t>(begin),
                                  list.begin() + static_cast<std::ptrdiff_t>(end), "wait") -
                        list.begin();
      EXPECT_EQ(between(static_cast<std::size_t>(wait), event, end), 0);
    }
  }
}

} // namespace
} // namespace rossby
