// ranks: 1 2 3
// Training on any mesh is training on one rank with the same global batch: losses, weights and logged scores.
#include "support/small_run.hpp"

#include "data/postblocks.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace {
using namespace rossby;
using namespace rossby::testing;

/// Numbers of a CSV file, row by row.
std::vector<double> numbers_of(std::string const& file)
{
  std::ifstream in(file);
  std::string line, cell;
  std::getline(in, line); // names
  std::vector<double> numbers;
  while (std::getline(in, line))
    for (std::stringstream cells(line); std::getline(cells, cell, ',');)
      numbers.push_back(std::stod(cell));
  return numbers;
}

void expect_same_run(SmallWorld const& world, int rows, int columns, std::string const& name)
{
  auto const all = Communicator::world();
  std::string const folder = (std::filesystem::temp_directory_path() / ("rossby_mesh_" + name)).string();
  int const data_ranks = all.size() / (rows * columns);
  SmallWorld alone = world;
  alone.config.trainer.train_batch_size = alone.config.trainer.valid_batch_size = 6;
  ScratchFolder const own(name + "_alone");
  SmallRun reference(alone, Communicator(), own.path);
  reference.trainer.run();

  SmallWorld shared = world;
  shared.config.trainer.train_batch_size = 6 / data_ranks;
  shared.config.trainer.valid_batch_size = 1; // means over samples: any size will do
  {
    SmallRun run(shared, all, folder, rows, columns);
    run.trainer.run();
    ASSERT_EQ(run.trainer.losses().size(), reference.trainer.losses().size());
    for (std::size_t i = 0; i < run.trainer.losses().size(); ++i)
      EXPECT_NEAR(run.trainer.losses()[i], reference.trainer.losses()[i], 1e-12) << i;
    auto const mine = run.weights(), theirs = reference.weights();
    for (std::size_t i = 0; i < mine.size(); ++i)
      EXPECT_NEAR(mine[i], theirs[i], 1e-11) << i;
    // So are the scores: of the whole field and batch, not means of scores of tiles.
    all.barrier();
    auto const scores = numbers_of(run.folder.file("training_log.csv")),
               expected = numbers_of(reference.folder.file("training_log.csv"));
    ASSERT_EQ(scores.size(), expected.size());
    ASSERT_GT(scores.size(), 20u);
    for (std::size_t i = 0; i < scores.size(); ++i)
      EXPECT_NEAR(scores[i], expected[i], 1e-9 * std::max(1.0, std::abs(expected[i])))
          << "value " << i << " of the log";
    // The checkpoint that all ranks wrote holds the same weights.
    SmallRun loaded(alone, Communicator(), own / "loaded");
    loaded.trainer.restore(run.folder.checkpoint());
    EXPECT_EQ(loaded.weights(), mine);
  }
  all.barrier();
  if (all.rank() == 0)
    std::filesystem::remove_all(folder);
  all.barrier();
}

TEST(MeshTraining, DataRanks) { expect_same_run(SmallWorld(), 1, 1, "data"); }

TEST(MeshTraining, Tiles)
{
  int const n = Communicator::world().size();
  expect_same_run(SmallWorld(), n, 1, "rows");
  expect_same_run(SmallWorld(), 1, n, "columns");
}

TEST(MeshTraining, FlatLossWithHuberAndOneStepOfTwo)
{
  SmallWorld world;
  world.config.loss = LossConfig();
  world.config.loss.training.kind = ElementLoss::Kind::huber;
  world.config.loss.training.delta = 0.3;
  world.config.loss.use_variable_weights = true;
  world.config.loss.variable_weights = {{"u", {1, 3}}, {"p", {0.5}}};
  world.config.trainer.backprop_on_timestep = {2};
  expect_same_run(world, 1, 1, "flat");
}

TEST(MeshTraining, SpectraOfRowsThatTilesCut)
{
  SmallWorld world;
  world.config.loss = LossConfig();
  world.config.loss.use_latitude_weights = true;
  world.config.loss.use_power_loss = world.config.loss.use_spectral_loss = true;
  world.config.loss.wavenum_init = 1;
  int const n = Communicator::world().size();
  expect_same_run(world, n, 1, "spectra_rows");
  expect_same_run(world, 1, n, "spectra_columns");
  expect_same_run(world, 1, 1, "spectra_data");
}

/// A fixer between the output and the next step: its factor depends on all cells and on the step's input.
TEST(MeshTraining, ConservationBetweenSteps)
{
  SmallWorld world;
  MassFixer mass;
  mass.columns.area.assign(SmallWorld::height * SmallWorld::width, 1.0);
  for (std::size_t i = 0; i < mass.columns.area.size(); ++i)
    mass.columns.area[i] += 0.01 * static_cast<double>(i);
  mass.columns.a = {1, 2};
  mass.columns.b = {0.3, 0.7};
  mass.q = mass.input_q = {0, 2};
  mass.pressure = mass.input_pressure = {2, 1};
  TransformStep offset, back;
  offset.offset = 30; // pressure far from zero
  back.offset = -30;
  auto& t = world.plan.transforms;
  t.output = {{}, {}, {offset}};
  t.physical_input.resize(5);
  t.physical_input[2] = {offset};
  t.feedback[2] = {back};
  t.stages = {{std::make_shared<CoupledBlock const>(CoupledBlock{"mass", mass}), std::vector<TransformChain>(3)}};
  int const n = Communicator::world().size();
  expect_same_run(world, n, 1, "mass_rows");
  expect_same_run(world, 1, n, "mass_columns");
  expect_same_run(world, 1, 1, "mass_data");
  world.config.loss = LossConfig(); // and through flatten_to_tensor
  t.flatten = {{}, {}, {back}};
  expect_same_run(world, n, 1, "flat_mass");
}
} // namespace
