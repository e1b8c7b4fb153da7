// ranks: 1 2 3 4 6 8
// The dot-product test <F x, y> = <x, F* y> of every linear operator above the index map (index_map.cpp has its own):
// over at least twelve tilings or block sizes each, uneven ones included.

#include "params/shards.hpp"
#include <rossby/parallel.hpp>
#include <support/adjoint_check.hpp>
#include <support/arrays.hpp>
#include <support/small_model.hpp>
#include <support/small_models.hpp>
#include <support/tilings.hpp>

#include <numeric>

namespace rossby {
namespace {
using namespace test;

constexpr double round_off_of_sums = 1e-13;
constexpr std::size_t least = 12;

class Adjoints : public ::testing::Test {
protected:
  Communicator world_ = Communicator::world();
  Exec exec_;
  std::uint64_t next_ = 1;
  /// Numbers of this rank's own.
  Array random(Shape shape)
  {
    return random_array(DType::float64, std::move(shape), 1000 * next_++ + static_cast<std::uint64_t>(world_.rank()));
  }
  void expect_adjoint(Array const& x, Array const& y, Array const& Fx, Array const& Ay)
  {
    EXPECT_LE(adjoint_defect(world_, x, y, Fx, Ay), round_off_of_sums);
  }
  void expect_adjoint(IndexMap const& map)
  {
    Array const x = random({2, map.sources(), 3}), y = random({2, map.targets(), 3});
    Array const Fx = unwritten(DType::float64, y.shape()), Ay = unwritten(DType::float64, x.shape());
    map.apply(exec_, x, Fx);
    map.adjoint(exec_, y, Ay);
    expect_adjoint(x, y, Fx, Ay);
  }
};

/// All tensor x rows x columns of these ranks that a model allows.
std::vector<ProcessGrid> process_grids(Model const& model, int ranks)
{
  std::vector<ProcessGrid> list;
  for (int tensor = 1; tensor <= ranks; ++tensor)
    for (int rows = 1; tensor * rows <= ranks; ++rows) {
      if (ranks % (tensor * rows) != 0)
        continue;
      ProcessGrid g;
      g.tensor = tensor;
      g.rows = rows;
      g.columns = ranks / tensor / rows;
      try {
        model.cut(g);
        list.push_back(g);
      } catch (Error const&) { // some rank would have no coarse cell
      }
    }
  return list;
}

/// Every model of the suite, then pyramids of random geometry until there are tilings enough.
template <class F> void for_each_tiling(Communicator const& world, std::uint64_t first_draw, F const& f)
{
  std::size_t tilings = 0;
  auto const run = [&](Spec const& spec, std::string const& name) {
    for (auto const& grid : process_grids(*make_model(spec), world.size())) {
      SCOPED_TRACE(::testing::Message() << name << ", tensor " << grid.tensor << ", " << grid.rows << " x "
                                        << grid.columns << " tiles");
      ++tilings;
      f(spec, grid);
    }
  };
  for (auto const& model : small_models())
    run(*model.spec, model.name);
  for (std::uint64_t draw = 0; tilings < least || draw < 4; ++draw)
    run(random_model(first_draw + draw), "draw " + std::to_string(draw));
}

// Halos, poles and longitude, windows short, long and shifted, tokens of shared layers, patches, crop and resize: with
// tensor groups, where several ranks want the same cells, and without.
TEST_F(Adjoints, EveryMapOfAModel)
{
  for_each_tiling(world_, 200, [&](Spec const& spec, ProcessGrid const& grid) {
    auto const model = make_model(spec);
    ModelLayout layout;
    layout.spatial = world_;
    layout.grid = grid;
    model->set_layout(layout);
    model->allocate(exec_, DType::float64, 1);
    model->grids().for_each(
        [&](std::string const& name, IndexMap const& map) {
          SCOPED_TRACE(name);
          expect_adjoint(map);
        },
        [&](std::string const& name, ops::Stencil const& stencil) {
          SCOPED_TRACE(name);
          Array const x = random({2, stencil.sources(), 3}), y = random({2, stencil.targets(), 3});
          Array const Fx = unwritten(DType::float64, y.shape()), Ay = unwritten(DType::float64, x.shape());
          stencil.apply(exec_, x, Fx);
          stencil.adjoint(exec_, y, Ay);
          expect_adjoint(x, y, Fx, Ay);
        });
  });
}

// A gather onto every rank counts each rank's copy: its adjoint is this rank's tile of the sum.
TEST_F(Adjoints, GatherAndShard)
{
  for_each_tiling(world_, 300, [&](Spec const& spec, ProcessGrid const& grid) {
    auto const model = make_model(spec);
    ModelLayout layout;
    layout.spatial = world_;
    layout.grid = grid;
    for (auto const& block : model->tensor_blocks())
      layout.grid.tensor_whole.insert(block.stage); // any number of heads
    model->set_layout(layout);
    model->allocate(exec_, DType::float64, 1);
    auto const manager = get_domain_manager(*model);
    Tiling const& image = manager.input();
    Box const tile = image.box(world_.rank());
    Array const x = random({2, tile.rows(), tile.cols(), 3}), y = random({2, image.height(), image.width(), 3});
    Array const sum = y.clone(exec_);
    world_.all_reduce_sum(exec_, sum);
    expect_adjoint(x, y, gather_spatial(exec_, x, manager, image), shard_spatial(exec_, sum, manager));
  });
}

TEST_F(Adjoints, AllGatherAndReduceScatter)
{
  auto const ranks = static_cast<std::size_t>(world_.size());
  for (std::uint64_t n = 0; n < 2 * least; ++n) {
    Draw draw(40 + n);
    std::vector<index_t> counts(ranks);
    for (auto& c : counts)
      c = n % 3 == 0 ? 5 : draw.below(4) == 0 ? 0 : draw.below(9);
    index_t const all = std::accumulate(counts.begin(), counts.end(), index_t(0));
    Array const x = random({counts[at(world_.rank())]}), y = random({all});
    Array const Fx = unwritten(DType::float64, y.shape()), Ay = unwritten(DType::float64, x.shape());
    world_.all_gather(exec_, x, Fx, counts);
    world_.reduce_scatter_sum(exec_, y, Ay, counts);
    expect_adjoint(x, y, Fx, Ay);
  }
}

TEST_F(Adjoints, ASumOverAllRanksIsItsOwn)
{
  for (index_t n = 0; n < static_cast<index_t>(least); ++n) {
    Array const x = random({7 * n}), y = random({7 * n}), Fx = x.clone(exec_), Ay = y.clone(exec_);
    world_.all_reduce_sum(exec_, Fx);
    world_.all_reduce_sum(exec_, Ay);
    expect_adjoint(x, y, Fx, Ay);
  }
}

/// Parameters of all layouts, some with fewer rows than there are ranks.
void declare(Parameters& parameters, Draw& draw)
{
  index_t const out = 6 * (1 + draw.below(4)), in = 1 + draw.below(5), few = 1 + draw.below(3);
  parameters.begin_unit("unit");
  auto const add = [&](std::string const& name, Shape shape, ParameterLayout layout, TensorCut cut, index_t sections) {
    ParameterSpec spec{name, std::move(shape), layout, {}, {Initial::Kind::normal, 1}};
    spec.cut = cut;
    spec.sections = sections;
    parameters.declare(spec);
  };
  add("convolution", {out, in, 3, 3}, ParameterLayout::conv, TensorCut::none, 1);
  add("transposed", {in, out, 2, 2}, ParameterLayout::conv_transpose, TensorCut::none, 1);
  add("bias", {few}, ParameterLayout::natural, TensorCut::none, 1);
  add("row", {1, out}, ParameterLayout::natural, TensorCut::none, 1);
  add("qkv", {3 * out, in, 1, 1}, ParameterLayout::natural, TensorCut::rows, 3);
  add("to_out", {in, out, 1, 1}, ParameterLayout::natural, TensorCut::columns, 1);
}

// Shares to blocks on every rank that computes with them, and back: of what tensor groups cut, and of the rest.
TEST_F(Adjoints, BlocksOfSharedParameters)
{
  std::size_t cuts = 0;
  for (std::uint64_t n = 0; cuts < least; ++n)
    for (int tensor = 1; tensor <= std::min(world_.size(), 6); ++tensor) {
      if (world_.size() % tensor != 0 || 6 % tensor != 0)
        continue;
      ++cuts;
      SCOPED_TRACE(::testing::Message() << "draw " << n << ", tensor " << tensor);
      Draw draw(60 + n);
      Parameters parameters;
      declare(parameters, draw);
      int const me = world_.rank();
      parameters.place({world_, world_.split(me % tensor, me), world_.split(me / tensor, me), true});
      parameters.allocate(exec_, DType::float64, 1);
      for (bool const cut : {false, true}) {
        std::vector<int> numbers;
        for (int i = 0; i < parameters.size(); ++i)
          if ((parameters[i].spec.cut != TensorCut::none) == cut)
            numbers.push_back(i);
        for (int const i : numbers)
          parameters[i].value().copy_from(exec_, random(parameters[i].value().shape()));
        UnitShares const shares(exec_, parameters, numbers, parameters.copies(numbers.front()));
        auto gather = shares.start_gather(exec_);
        auto const blocks = shares.finish_gather(exec_, gather);
        parameters.ready_gradients(exec_);
        Array const room = shares.room_for_gradients(exec_);
        auto const up = shares.blocks_in(room);
        for (auto const& u : up)
          u.copy_from(exec_, random(u.shape()));
        auto sums = shares.start_sums(exec_, room);
        shares.finish_sums(exec_, sums);
        // All of them together are one operator.
        double dots[2] = {0, 0}, size = 0;
        auto const add = [](double& sum, Array const& a, Array const& b) {
          auto const u = a.to_host(Exec()), v = b.to_host(Exec());
          sum = std::inner_product(u.begin(), u.end(), v.begin(), sum);
        };
        for (std::size_t k = 0; k < blocks.size(); ++k) {
          add(dots[0], blocks[k], up[k]);
          add(size, blocks[k], blocks[k]);
        }
        for (int const i : numbers)
          add(dots[1], parameters[i].value(), parameters[i].var.grad());
        world_.all_reduce_sum(dots, 2);
        world_.all_reduce_sum(&size, 1);
        EXPECT_LE(std::abs(dots[0] - dots[1]), round_off_of_sums * size);
        parameters.drop_grads();
      }
    }
}

} // namespace
} // namespace rossby
