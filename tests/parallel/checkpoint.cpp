// ranks: 2 3
// A checkpoint that all ranks write together is the one that the first writes alone.
#include "support/shared_folder.hpp"
#include "support/small_run.hpp"

#include "io/hdf5.hpp"
#include "io/replace.hpp"
#include "train/weights.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <sys/resource.h>

namespace {
using namespace rossby;
using namespace rossby::testing;

void expect_equal(io::Hdf5File const& a, io::Hdf5File const& b, std::string const& group)
{
  ASSERT_EQ(a.list(group), b.list(group));
  for (auto const& name : a.list(group)) {
    std::string const path = group + (group == "/" ? "" : "/") + name;
    if (!a.has_attribute(path, "checksum")) {
      expect_equal(a, b, path);
      continue;
    }
    EXPECT_EQ(a.read_int_attribute(path, "checksum"), b.read_int_attribute(path, "checksum")) << path;
    if (a.is_text(path)) {
      EXPECT_EQ(read_text_verified(a, path), read_text_verified(b, path)) << path;
    } else {
      EXPECT_EQ(read_verified(a, path), read_verified(b, path)) << path;
    }
  }
}

struct ParallelCheckpoint : ::testing::Test {
  Communicator all = Communicator::world();
  test::SharedFolder const folder{"checkpoint"};
};

TEST_F(ParallelCheckpoint, ManyWritersOrOne)
{
  SmallWorld const world;
  LinearModel model(world.config.model->fields);
  Exec const exec;
  ModelLayout layout;
  layout.parameters.world = all;
  model.set_layout(layout);
  model.allocate(exec, DType::float32, 5);
  AdamW optimizer(model.parameters(), {});
  Ema const averages(exec, model.parameters(), 0.9);
  model.parameters()[0].var.accumulate(exec, model.parameters()[0].value().clone(exec));
  Gradients gradients(model.parameters());
  gradients.collect(exec, model.parameters());
  optimizer.step(exec, model.parameters(), gradients, 0.1, 1);
  TrainingState const state{1, 2, 3, 4, 5, 6, {7, 8}, {9}, {}, "rows\n"};
  RunDescription const about{"deck", "block", "schema"};
  std::string const one = folder / "one.h5", many = folder / "many.h5";
  write_checkpoint(one, all, exec, model.parameters(), optimizer, &averages, state, about);
  write_checkpoint(many, all, exec, model.parameters(), optimizer, &averages, state, about, 1);
  expect_equal(io::Hdf5File::open_read(one), io::Hdf5File::open_read(many), "/");
}

/// A full disk that the first rank knows nothing of: all ranks give up, and the last good file stays.
TEST_F(ParallelCheckpoint, RanksThatCanNotWriteEndAll)
{
  Exec const exec;
  Parameters parameters;
  parameters.declare({"wide.weight", {600, 700}, ParameterLayout::natural, {}, {Initial::Kind::normal, 1}, true, true});
  ParameterPlacement placement;
  placement.world = placement.replicas = all;
  parameters.place(placement);
  parameters.allocate(exec, DType::float64, 1);
  AdamW const optimizer(parameters, {});
  std::string const file = folder / "checkpoint.h5";
  RunDescription const about{"deck", "block", "schema"};
  TrainingState state;
  auto const save = [&] { write_checkpoint(file, all, exec, parameters, optimizer, nullptr, state, about, 1); };
  save();
  state.epoch = 7;
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit old;
  getrlimit(RLIMIT_FSIZE, &old);
  if (all.rank() > 0) { // which of them write for the others is for MPI to choose
    rlimit const small{4096, old.rlim_max};
    setrlimit(RLIMIT_FSIZE, &small);
  }
  std::string message = "nothing was thrown";
  try {
    save();
  } catch (Error const& e) {
    message = e.what();
  }
  setrlimit(RLIMIT_FSIZE, &old);
  EXPECT_NE(message.find("checkpoint.h5"), std::string::npos) << message;
  EXPECT_NE(message.find("disk"), std::string::npos) << message;
  all.barrier();
  EXPECT_FALSE(std::filesystem::exists(io::unfinished_name(file)));
  EXPECT_EQ(read_verified(io::Hdf5File::open_read(file), "/trainer/epoch").at(0), 0) << "the old content";
}
} // namespace
