// ranks: 1 2 4
// Sessions on parts of a program's ranks, and several at once.
#include <rossby/comm/agree.hpp>
#include <rossby/models/model.hpp>
#include <rossby/parallel/mesh.hpp>
#include <rossby/session.hpp>

#include <gtest/gtest.h>

namespace rossby {
namespace {

Deck tiny(std::vector<std::string> const& overrides = {})
{
  return Deck::load(ROSSBY_SOURCE_DIR "/inputs/tiny.yml", overrides);
}

/// The model's answer to a fixed field, summed over its tiles.
double answer(Session& session)
{
  auto const scope = session.enter();
  Model& model = session.model();
  Box const tile = model.input_tiling().box(session.mesh().spatial.rank());
  index_t const channels = model.fields().input_channels();
  std::vector<double> values;
  for (index_t i = tile.row0; i < tile.row1; ++i)
    for (index_t j = tile.col0; j < tile.col1; ++j)
      for (index_t c = 0; c < channels; ++c)
        values.push_back(std::sin(0.3 * static_cast<double>(i) + 0.2 * static_cast<double>(j * (c + 1))));
  DType const dtype = model.parameters().dtype();
  Context context;
  Var const y =
      model.forward(context, Var(Array::from_host(Exec(), dtype, {1, tile.rows(), tile.cols(), channels}, values)));
  double sum = 0;
  for (double const v : y.value().to_host(Exec()))
    sum += v * v;
  session.mesh().spatial.all_reduce_sum(&sum, 1);
  return sum;
}

SessionOptions in_float64()
{
  SessionOptions options;
  options.precision = DType::float64;
  return options;
}

TEST(Sessions, PartsOfAProgramHaveTheirOwn)
{
  auto const world = Communicator::world();
  auto alone = Session::open(tiny({"seed=1"}), Session::Purpose::model, Communicator(), in_float64());
  double const expected = answer(alone);
  if (world.size() == 1)
    return;
  // The first rank does something else; the others share the model as tiles.
  auto const part = world.split(world.rank() == 0 ? 0 : 1, world.rank());
  if (world.rank() == 0)
    return world.barrier();
  auto const tiles = "trainer.parallelism={data: none, tensor: 1, domain: [1, " + std::to_string(part.size()) + "]}";
  auto session = Session::open(tiny({"seed=1", tiles}), Session::Purpose::model, part, in_float64());
  EXPECT_NEAR(answer(session), expected, 1e-12 * expected);
  world.barrier();
}

TEST(Sessions, SeveralAtOnceDontDisturbEachOther)
{
  auto const world = Communicator::world();
  auto first = Session::open(tiny(), Session::Purpose::model, world.split(world.rank(), 0), in_float64());
  double const once = answer(first);
  auto second = Session::open(tiny({"model.depth=[1,2,1,1]"}), Session::Purpose::model, world.split(world.rank(), 0));
  double const other = answer(second);
  EXPECT_EQ(answer(first), once);
  EXPECT_EQ(answer(second), other);
  {
    auto const third = std::move(first);
    first = std::move(second);
  }
  EXPECT_EQ(answer(first), other);
}

TEST(Sessions, EachGroupSpeaksOnce)
{
  auto const world = Communicator::world();
  auto const part = world.split(world.rank() % 2, world.rank());
  double lines = 0;
  SessionOptions options;
  options.log = std::make_shared<Log>(part.rank(), [&](LogLevel, std::string const&) { ++lines; });
  auto session = Session::open(tiny(), Session::Purpose::model, part, options);
  {
    auto const scope = session.enter();
    logging::info("from every rank");
  }
  logging::info(""); // outside of it: the log of the test
  world.all_reduce_sum(&lines, 1);
  EXPECT_EQ(lines, world.size() == 1 ? 1 : 2);
}

TEST(Sessions, WhatIsWrongIsSaidOnAllRanks)
{
  auto const world = Communicator::world();
  EXPECT_THROW(Session::open(tiny({"model.no_such_key=7"}), Session::Purpose::model, world), Error);
  EXPECT_THROW(Session::open(tiny({"save_loc=nowhere"}), Session::Purpose::forecast, world), Error); // no data there
  EXPECT_THROW(load_deck("there/is/none.yml", {}, world), Error);
}

} // namespace
} // namespace rossby
