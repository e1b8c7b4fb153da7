#include <support/host_waits.hpp>
#include <support/messages.hpp>
#include <support/small_run.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace {
using namespace rossby;
using namespace rossby::testing;
using rossby::test::all_waits;
using rossby::test::message_of;
using ::testing::AllOf;
using ::testing::HasSubstr;

std::string text_of(std::string const& file)
{
  std::stringstream s;
  s << std::ifstream(file).rdbuf();
  return s.str();
}

TEST(Trainer, LearnsAndKeepsItsRecords)
{
  ScratchFolder const scratch("learns");
  SmallWorld world;
  world.config.trainer.epochs = 4;
  world.config.trainer.learning_rate = 0.05;
  world.config.trainer.schedule.kind = ScheduleConfig::Kind::constant;
  world.config.trainer.save_every_epoch = true;
  SmallRun run(world, Communicator(), scratch.path);
  auto const result = run.trainer.run();
  EXPECT_EQ(result.epochs, 4);
  EXPECT_EQ(result.updates, 8);
  EXPECT_EQ(result.end, TrainResult::End::finished);
  auto const& losses = run.trainer.losses();
  ASSERT_EQ(losses.size(), 8u);
  EXPECT_LT(losses.back(), 0.8 * losses.front());
  EXPECT_EQ(result.best_epoch, 3);
  for (char const* name : {"checkpoint.h5", "backup_checkpoint.h5", "best_checkpoint.h5", "checkpoint_00002.h5"})
    EXPECT_TRUE(std::filesystem::exists(scratch / name)) << name;
  auto const log = text_of(scratch / "training_log.csv");
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 5);
  EXPECT_THAT(log, ::testing::StartsWith("index,epoch,train_history_len,train_forecast_len,valid_history_len,"
                                         "valid_forecast_len,train_loss,valid_loss,train_rmse,valid_rmse"));
  EXPECT_THAT(log, AllOf(HasSubstr("train_rmse/S/prognostic/3d/u"), HasSubstr("valid_loss_var/S/prognostic/2d/p"),
                         HasSubstr(",lr\n")));
  auto const steps = text_of(scratch / "training_steps.csv");
  EXPECT_EQ(std::count(steps.begin(), steps.end(), '\n'), 9);
}

/// Of the last epoch in a log.
double logged(std::string const& file, std::string const& column)
{
  std::ifstream in(file);
  std::string names, line, last, name, cell;
  std::getline(in, names);
  while (std::getline(in, line))
    last = line;
  std::stringstream head(names), cells(last);
  while (std::getline(head, name, ',') && std::getline(cells, cell, ','))
    if (name == column)
      return std::stod(cell);
  ADD_FAILURE() << file << " has no column " << column;
  return 0;
}

// Loss, metrics and the length of the gradient: nothing else stops the host in a step.
TEST(Trainer, AStepWaitsThreeTimes)
{
  auto const waits_of_an_epoch = [](int batch_size) {
    ScratchFolder const scratch("waits");
    SmallWorld world;
    world.plan.config.forecast_len = world.config.data.forecast_len = 1;
    world.config.trainer.epochs = 1;
    world.config.trainer.train_batch_size = batch_size;
    SmallRun run(world, Communicator(), scratch.path);
    auto const before = all_waits();
    auto const steps = run.trainer.run().updates;
    return std::pair(static_cast<std::int64_t>(all_waits() - before), static_cast<std::int64_t>(steps));
  };
  auto const few = waits_of_an_epoch(6), many = waits_of_an_epoch(2);
  ASSERT_GT(many.second, few.second);
  EXPECT_EQ(many.first - few.first, 3 * (many.second - few.second));
}

// CREDIT validates the averages and forecasts with the plain weights.
TEST(Trainer, ValidatesTheWeightsThatForecastsTake)
{
  ScratchFolder const scratch("averages");
  SmallWorld world;
  world.config.trainer.epochs = 1;
  world.config.trainer.learning_rate = 0.05;
  world.config.trainer.schedule.kind = ScheduleConfig::Kind::constant;
  SmallRun run(world, Communicator(), scratch / "run");
  run.trainer.run();
  double const validated = logged(scratch / "run/training_log.csv", "valid_loss");

  auto const loss_with = [&](bool averages) {
    std::string const folder = averages ? "averages" : "plain";
    SmallWorld still = world;
    still.config.trainer.learning_rate = 0;
    still.config.trainer.use_ema = false;
    SmallRun one(still, Communicator(), scratch / folder);
    read_forecast_weights(run.folder.checkpoint(), Exec(), one.model.parameters(), averages);
    one.trainer.run();
    return logged(scratch / folder + "/training_log.csv", "valid_loss");
  };
  ASSERT_TRUE(has_averages(run.folder.checkpoint())); // what a forecast takes, unless the deck says otherwise
  EXPECT_NEAR(loss_with(true), validated, 1e-9 * validated);
  EXPECT_GT(std::abs(loss_with(false) - validated), 1e-3 * validated);
}

TEST(Trainer, ResumesBitForBitInTheMiddleOfAnEpoch)
{
  ScratchFolder const scratch("whole"), cut("cut");
  SmallWorld world;
  world.config.trainer.train_batch_size = 2; // five batches an epoch
  world.config.trainer.epochs = 3;
  SmallRun whole(world, Communicator(), scratch.path);
  whole.trainer.run();
  auto const& expected = whole.trainer.losses();
  ASSERT_EQ(expected.size(), 15u);

  std::vector<double> losses;
  std::vector<double> weights;
  // Asked to stop in the second epoch's third batch, then at the first epoch end after that (its fifth batch).
  for (index_t const stop : {index_t{8}, index_t{2}, index_t{-1}}) {
    SmallRun part(world, Communicator(), cut.path);
    part.training.terminate_at = stop;
    if (!losses.empty())
      part.trainer.restore(part.folder.checkpoint());
    auto const result = part.trainer.run();
    EXPECT_EQ(result.end, stop > 0 ? TrainResult::End::interrupted : TrainResult::End::finished);
    losses.insert(losses.end(), part.trainer.losses().begin(), part.trainer.losses().end());
    weights = part.weights();
  }
  EXPECT_EQ(losses, expected);
  EXPECT_EQ(weights, whole.weights());
  EXPECT_EQ(text_of(cut / "training_log.csv"), text_of(scratch / "training_log.csv"));
  EXPECT_EQ(text_of(cut / "training_steps.csv"), text_of(scratch / "training_steps.csv"));
}

TEST(Trainer, AccumulationEqualsALargerBatch)
{
  ScratchFolder const a("large"), b("accumulated");
  SmallWorld world;
  world.config.trainer.schedule.kind = ScheduleConfig::Kind::constant;
  world.config.trainer.train_batch_size = 6;
  SmallRun large(world, Communicator(), a.path, 1, 1, 12);
  large.trainer.run();
  world.config.trainer.train_batch_size = 3;
  world.config.trainer.grad_accum_every = 2;
  SmallRun accumulated(world, Communicator(), b.path, 1, 1, 12);
  accumulated.trainer.run();
  ASSERT_EQ(accumulated.trainer.losses().size(), large.trainer.losses().size());
  for (std::size_t i = 0; i < large.trainer.losses().size(); ++i)
    EXPECT_NEAR(accumulated.trainer.losses()[i], large.trainer.losses()[i], 1e-13);
  for (std::size_t i = 0; i < large.weights().size(); ++i)
    EXPECT_NEAR(accumulated.weights()[i], large.weights()[i], 1e-12);
}

// Ten samples: the second batch of six has four, which come as three and one.
TEST(Trainer, TheLastUpdateOfAnAccumulatedEpochIsTheMeanOfWhatItHolds)
{
  ScratchFolder const a("large_uneven"), b("accumulated_uneven"), c("accumulated_short");
  SmallWorld world;
  world.config.trainer.schedule.kind = ScheduleConfig::Kind::constant;
  SmallRun large(world, Communicator(), a.path);
  large.trainer.run();
  world.config.trainer.train_batch_size = 3;
  world.config.trainer.grad_accum_every = 2;
  SmallRun uneven(world, Communicator(), b.path);
  uneven.trainer.run();
  world.config.trainer.train_batch_size = 2; // three and then two batches
  world.config.trainer.grad_accum_every = 3;
  SmallRun fewer(world, Communicator(), c.path);
  fewer.trainer.run();
  for (auto const* run : {&uneven, &fewer}) {
    ASSERT_EQ(run->trainer.losses().size(), large.trainer.losses().size());
    for (std::size_t i = 0; i < large.trainer.losses().size(); ++i)
      EXPECT_NEAR(run->trainer.losses()[i], large.trainer.losses()[i], 1e-13);
    for (std::size_t i = 0; i < large.weights().size(); ++i)
      EXPECT_NEAR(run->weights()[i], large.weights()[i], 1e-12);
    EXPECT_NEAR(logged(run->folder.training_log(), "train_loss"), logged(large.folder.training_log(), "train_loss"),
                1e-12);
  }
}

TEST(Trainer, ValidationDoesNotDependOnItsBatches)
{
  std::vector<std::vector<double>> scores;
  for (int const size : {1, 2, 3, 5}) {
    ScratchFolder const scratch("valid_" + std::to_string(size));
    SmallWorld world;
    world.config.trainer.valid_batch_size = size;
    world.config.trainer.epochs = 1;
    SmallRun run(world, Communicator(), scratch.path, 1, 1, 10, 5);
    run.trainer.run();
    scores.emplace_back();
    for (char const* column :
         {"valid_loss", "valid_rmse", "valid_r2score", "valid_bias", "valid_loss_var/S/prognostic/2d/p"})
      scores.back().push_back(logged(run.folder.training_log(), column));
  }
  for (auto const& found : scores)
    for (std::size_t i = 0; i < found.size(); ++i)
      EXPECT_NEAR(found[i], scores[0][i], 1e-13 * std::fabs(scores[0][i])) << i;
}

// The epoch's training is in no checkpoint yet when its validation is asked to stop.
TEST(Trainer, ValidationThatIsInterruptedLosesNothing)
{
  ScratchFolder const scratch("whole_validation"), cut("cut_validation");
  SmallWorld world;
  world.config.trainer.valid_batch_size = 1; // four batches of two steps
  SmallRun whole(world, Communicator(), scratch.path);
  whole.trainer.run();
  {
    SmallRun part(world, Communicator(), cut.path);
    part.validation.terminate_at = 2;
    EXPECT_EQ(part.trainer.run().end, TrainResult::End::interrupted);
    EXPECT_EQ(part.validation.given(), 2) << "it went on validating";
    EXPECT_TRUE(std::filesystem::exists(part.folder.checkpoint()));
  }
  SmallRun rest(world, Communicator(), cut.path);
  rest.trainer.restore(rest.folder.checkpoint());
  EXPECT_EQ(rest.trainer.run().end, TrainResult::End::finished);
  EXPECT_EQ(rest.weights(), whole.weights());
  EXPECT_EQ(text_of(cut / "training_log.csv"), text_of(scratch / "training_log.csv"));
  EXPECT_EQ(text_of(cut / "training_steps.csv"), text_of(scratch / "training_steps.csv"));
}

TEST(Trainer, StopsAtANonFiniteLossAndSaysWhere)
{
  ScratchFolder const scratch("nan");
  SmallWorld world;
  world.config.trainer.train_batch_size = 2;
  SmallRun run(world, Communicator(), scratch.path);
  run.training.poison_at = 7;
  auto const message = message_of([&] { run.trainer.run(); });
  EXPECT_THAT(message, AllOf(HasSubstr("step 7 (epoch 2, batch 2)"), HasSubstr("the input of S/prognostic/2d/p"),
                             HasSubstr("nan")));
  SmallRun next(world, Communicator(), scratch / "../other");
  next.trainer.restore(run.folder.checkpoint());
  std::filesystem::remove_all(scratch / "../other");
}

TEST(Trainer, RefusesAFolderInUseOrUsed)
{
  ScratchFolder const scratch("folder");
  {
    RunFolder const first(scratch.path, Communicator(), RunFolder::Entry::fresh);
    EXPECT_THAT(message_of([&] { RunFolder(scratch.path, Communicator(), RunFolder::Entry::again); }),
                HasSubstr("another run"));
    std::ofstream(first.checkpoint()) << "x";
  }
  EXPECT_THAT(message_of([&] { RunFolder(scratch.path, Communicator(), RunFolder::Entry::fresh); }),
              HasSubstr("--resume"));
  RunFolder const again(scratch.path, Communicator(), RunFolder::Entry::again);
  EXPECT_THAT(message_of([&] { RunFolder("/proc/none/run", Communicator(), RunFolder::Entry::fresh); }),
              HasSubstr("/proc/none/run"));
}

TEST(Trainer, StopsEarlyAndNamesWrongMetrics)
{
  ScratchFolder const scratch("early");
  SmallWorld world;
  world.config.trainer.epochs = 50;
  world.config.trainer.learning_rate = 0; // nothing gets better
  world.config.trainer.schedule.kind = ScheduleConfig::Kind::constant;
  world.config.trainer.stopping_patience = 3;
  world.config.trainer.training_metric = "valid_rmse";
  {
    SmallRun run(world, Communicator(), scratch.path);
    auto const result = run.trainer.run();
    EXPECT_EQ(result.end, TrainResult::End::stopped_early);
    EXPECT_EQ(result.epochs, 4);
    EXPECT_EQ(result.best_epoch, 0);
  }
  { // a chain of jobs resumes it all the same
    SmallRun run(world, Communicator(), scratch.path);
    run.trainer.restore(run.folder.checkpoint());
    auto const result = run.trainer.run();
    EXPECT_EQ(result.end, TrainResult::End::stopped_early);
    EXPECT_EQ(result.epochs, 4) << "it trained on";
  }
  world.config.trainer.stopping_patience = 5; // more patience goes on
  {
    SmallRun run(world, Communicator(), scratch.path);
    run.trainer.restore(run.folder.checkpoint());
    EXPECT_EQ(run.trainer.run().epochs, 6);
  }

  world.config.trainer.training_metric = "valid_skill";
  EXPECT_THAT(message_of([&] { SmallRun(world, Communicator(), scratch / "b"); }),
              AllOf(HasSubstr("valid_skill"), HasSubstr("valid_rmse")));
}
} // namespace
