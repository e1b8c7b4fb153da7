// ranks: 1 2 3 4
#include "dist/group_norm.hpp"
#include <support/arrays.hpp>
#include <support/tilings.hpp>

namespace rossby {
namespace {
using namespace test;

constexpr index_t batch = 2, cells = 23, channels = 6;
constexpr double eps = 1e-5;

/// What a group norm takes and gives, over the whole field or over this rank's cells.
struct Pass {
  Values y, dx, dgain, dbias;
};

struct Inputs {
  Values x, dy, gain, bias;
};

Inputs make_inputs()
{
  Inputs in{random_values(batch * cells * channels, 1), random_values(batch * cells * channels, 2),
            random_values(channels, 3), random_values(channels, 4)};
  for (std::size_t i = 0; i < in.x.size(); ++i) // tiles that differ: nobody's statistics are everybody's
    in.x[i] += 0.1 * static_cast<double>(i / at(channels) % at(cells));
  return in;
}

/// Textbook formulas, one sample and group after the other.
Pass reference(Inputs const& in, index_t groups)
{
  index_t const width = channels / groups;
  Pass p{Values(in.x.size()), Values(in.x.size()), Values(at(channels), 0.0), Values(at(channels), 0.0)};
  for (index_t b = 0; b < batch; ++b)
    for (index_t g = 0; g < groups; ++g) {
      std::vector<std::size_t> members;
      for (index_t i = 0; i < cells; ++i)
        for (index_t c = g * width; c < (g + 1) * width; ++c)
          members.push_back(at((b * cells + i) * channels + c));
      auto const n = static_cast<double>(members.size());
      double mean = 0, variance = 0, m1 = 0, m2 = 0;
      for (auto const e : members)
        mean += in.x[e] / n;
      for (auto const e : members)
        variance += (in.x[e] - mean) * (in.x[e] - mean) / n;
      double const rstd = 1 / std::sqrt(variance + eps);
      auto const xhat = [&](std::size_t e) { return (in.x[e] - mean) * rstd; };
      auto const gain = [&](std::size_t e) { return in.gain[e % at(channels)]; };
      for (auto const e : members) {
        p.y[e] = xhat(e) * gain(e) + in.bias[e % at(channels)];
        p.dgain[e % at(channels)] += in.dy[e] * xhat(e);
        p.dbias[e % at(channels)] += in.dy[e];
        m1 += gain(e) * in.dy[e] / n;
        m2 += gain(e) * in.dy[e] * xhat(e) / n;
      }
      for (auto const e : members)
        p.dx[e] = (gain(e) * in.dy[e] - m1 - xhat(e) * m2) * rstd;
    }
  return p;
}

/// Cells [begin, end) of every sample.
Values part(Values const& whole, index_t begin, index_t end)
{
  Values v;
  for (index_t b = 0; b < batch; ++b)
    v.insert(v.end(), whole.begin() + (b * cells + begin) * channels, whole.begin() + (b * cells + end) * channels);
  return v;
}

Pass run(Communicator const& group, DType type, Inputs const& in, index_t groups, index_t begin, index_t end)
{
  Exec const exec;
  Shape const shape{batch, end - begin, channels};
  Array const x = Array::from_host(Exec(), type, shape, part(in.x, begin, end)),
              dy = Array::from_host(Exec(), type, shape, part(in.dy, begin, end)),
              gain = Array::from_host(Exec(), type, {channels}, in.gain),
              bias = Array::from_host(Exec(), type, {channels}, in.bias);
  Array const y = unwritten(type, shape), dx = unwritten(type, shape), dgain = sum_begun(gain), dbias = sum_begun(bias);
  auto const statistics = group_norm_forward(exec, group, x, groups, eps, gain, bias, y);
  EXPECT_EQ(statistics.count.to_host(exec)[0], static_cast<double>(cells * channels / groups));
  group_norm_backward(exec, group, statistics, x, gain, dy, dx, dgain, dbias);
  Pass p{y.to_host(Exec()), dx.to_host(Exec()), added(dgain).to_host(Exec()), added(dbias).to_host(Exec())};
  group.all_reduce_sum(p.dgain.data(), p.dgain.size()); // a parameter's gradient is the sum over ranks
  group.all_reduce_sum(p.dbias.data(), p.dbias.size());
  return p;
}

void compare(Pass const& got, Pass const& wanted, index_t begin, index_t end, double tolerance)
{
  expect_close(got.y, part(wanted.y, begin, end), tolerance);
  expect_close(got.dx, part(wanted.dx, begin, end), tolerance);
  expect_close(got.dgain, wanted.dgain, tolerance);
  expect_close(got.dbias, wanted.dbias, tolerance);
}

TEST(GroupNorm, IsTheSameOverAnyTiles)
{
  auto const world = Communicator::world();
  auto const in = make_inputs();
  Draw draw(3);
  for (index_t const groups : {1, 2, 6}) {
    auto const wanted = reference(in, groups);
    auto const alone = run(Communicator(), DType::float64, in, groups, 0, cells);
    compare(alone, wanted, 0, cells, 1e-12);
    for (int tiling = 0; tiling < 6; ++tiling) {
      auto cuts = random_cuts(draw, cells, world.size());
      if (tiling == 0) // the last rank has it all
        std::fill(cuts.begin(), cuts.end() - 1, 0);
      index_t const begin = cuts[at(world.rank())], end = cuts[at(world.rank()) + 1];
      SCOPED_TRACE(::testing::Message() << groups << " groups, cells " << begin << " to " << end);
      compare(run(world, DType::float64, in, groups, begin, end), wanted, begin, end, 1e-12);
      compare(run(world, DType::float32, in, groups, begin, end), wanted, begin, end, 2e-5);
    }
  }
}

// Far from zero a variance made of sums of squares would have no correct digit in float32.
TEST(GroupNorm, LargeMeansDoNotCancel)
{
  auto const world = Communicator::world();
  auto in = make_inputs();
  for (double& v : in.x)
    v = static_cast<double>(static_cast<float>(v + 3000));
  Draw draw(4);
  auto const cuts = random_cuts(draw, cells, world.size());
  index_t const begin = cuts[at(world.rank())], end = cuts[at(world.rank()) + 1];
  compare(run(world, DType::float32, in, 2, begin, end), reference(in, 2), begin, end, 1e-3);
}

} // namespace
} // namespace rossby
