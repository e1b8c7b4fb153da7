#include "train/checkpoint.hpp"
#include "train/weights.hpp"
#include <support/files.hpp>
#include <support/messages.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <regex>
#include <sys/resource.h>
#include <unistd.h>

namespace {
using namespace rossby;
using rossby::test::message_of;
using ::testing::AllOf;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

struct SmallRun {
  Exec exec;
  Parameters parameters;
  std::unique_ptr<AdamW> adam;
  std::unique_ptr<Ema> ema;
  RunDescription about{"seed: 1\n", "dim: [8, 16]\ndepth: [1, 1]\n", "schema_version: 1\n"};

  explicit SmallRun(std::uint64_t seed, DType dtype = DType::float32, bool other_model = false)
  {
    Initial const normal{Initial::Kind::normal, 1};
    parameters.declare({"embed.convs.0.1.weight_orig", {4, 3, 2, 5}, ParameterLayout::conv, {}, normal, true, true});
    parameters.declare(
        {"embed.convs.0.1.weight_u", {other_model ? 5 : 4}, ParameterLayout::natural, {}, normal, false, true});
    parameters.declare({"up.weight", {3, 4, 2, 2}, ParameterLayout::conv_transpose, {}, normal, true, true});
    parameters.declare({"cube_embedding.proj.bias", {6}, ParameterLayout::natural, {}, normal, true, false});
    parameters.declare(
        {other_model ? "head.gain" : "head.bias", {7}, ParameterLayout::natural, {}, normal, true, true});
    for (int i = 0; i < 2; ++i) // what older files say
      parameters[i].spec.other_name = std::regex_replace(parameters[i].spec.name, std::regex("convs.0.1"), "convs.0");
    parameters.allocate(exec, dtype, seed);
    adam = std::make_unique<AdamW>(parameters, AdamWConfig{});
    ema = std::make_unique<Ema>(exec, parameters, 0.5);
  }
  void step()
  {
    for (int const i : {0, 2}) {
      Array const g = Array::zeros(exec, parameters.dtype(), parameters[i].value().shape());
      g.fill(exec, 0.3);
      parameters[i].var.accumulate(exec, g);
    }
    Gradients gradients(parameters);
    gradients.collect(exec, parameters);
    adam->step(exec, parameters, gradients, 0.01, 1);
    ema->update(exec, parameters);
  }
  TrainingState state() const { return {3, 5, 17, 21, 42, 8, {1, 2, 3}, {0.5, 0.25}, {0.9, 0.8}, "1,2\n3,4\n"}; }
  void save(std::string const& file) const
  {
    write_checkpoint(file, Communicator(), exec, parameters, *adam, ema.get(), state(), about);
  }
  TrainingState load(std::string const& file, CheckpointParts parts = {})
  {
    return read_checkpoint(file, exec, parameters, *adam, ema.get(), parts, about);
  }
};

struct Checkpoint : ::testing::Test {
  fs::path folder = fs::temp_directory_path() / (std::string("rossby_checkpoint_") + std::to_string(::getpid()));
  std::string file = (folder / "checkpoint.h5").string();
  void SetUp() override { fs::create_directories(folder); }
  void TearDown() override { fs::remove_all(folder); }
};

TEST_F(Checkpoint, BringsEverythingBackBitForBit)
{
  for (DType const dtype : {DType::float32, DType::float64}) {
    SmallRun a(1, dtype), b(2, dtype);
    a.step();
    a.step();
    a.save(file);
    EXPECT_FALSE(fs::exists(file + ".tmp"));
    auto const state = b.load(file);
    EXPECT_EQ(state.epoch, 3);
    EXPECT_EQ(state.batch, 5);
    EXPECT_EQ(state.update, 17);
    EXPECT_EQ(state.forward, 21);
    EXPECT_EQ(state.seed, 42);
    EXPECT_EQ(state.schedule, a.state().schedule);
    EXPECT_EQ(state.sums, a.state().sums);
    EXPECT_EQ(state.history, a.state().history);
    EXPECT_EQ(state.log, a.state().log);
    EXPECT_EQ(b.ema->steps(), 2);
    a.step();
    b.step();
    for (int i = 0; i < a.parameters.size(); ++i) {
      EXPECT_EQ(a.parameters[i].value().to_host(Exec()), b.parameters[i].value().to_host(Exec())) << i;
      if (a.ema->shadow(i)) {
        EXPECT_EQ(a.ema->shadow(i).to_host(Exec()), b.ema->shadow(i).to_host(Exec())) << i;
      }
      EXPECT_EQ(a.adam->moments(i).step, b.adam->moments(i).step);
    }
    // In the file shapes and order are PyTorch's, whatever memory holds.
    auto const h5 = io::Hdf5File::open_read(file);
    EXPECT_EQ(h5.shape("/model/embed.convs.0.1.weight_orig"), (Shape{4, 3, 2, 5}));
    EXPECT_EQ(h5.shape("/optimizer/up.weight/exp_avg_sq"), (Shape{3, 4, 2, 2}));
    EXPECT_FALSE(h5.exists("/optimizer/head.bias"));
    EXPECT_FALSE(h5.exists("/ema/embed.convs.0.1.weight_u"));
    EXPECT_TRUE(h5.exists("/ema/cube_embedding.proj.bias"));
  }
}

TEST_F(Checkpoint, PartsCanBeLeftOut)
{
  SmallRun a(1), b(2);
  a.step();
  a.save(file);
  b.load(file, {false, false});
  EXPECT_EQ(b.adam->moments(0).step, 0);
  EXPECT_EQ(b.ema->steps(), 0);
  EXPECT_EQ(a.parameters[0].value().to_host(Exec()), b.parameters[0].value().to_host(Exec()));
}

TEST_F(Checkpoint, ForecastsCanTakeTheAverages)
{
  SmallRun a(1), b(2);
  a.step();
  a.save(file);
  EXPECT_TRUE(has_averages(file));
  read_forecast_weights(file, b.exec, b.parameters, true);
  EXPECT_EQ(b.parameters[0].value().to_host(Exec()), a.ema->shadow(0).to_host(Exec()));
  EXPECT_EQ(b.parameters[1].value().to_host(Exec()), a.parameters[1].value().to_host(Exec()));
  read_forecast_weights(file, b.exec, b.parameters, false);
  EXPECT_EQ(b.parameters[0].value().to_host(Exec()), a.parameters[0].value().to_host(Exec()));
}

TEST_F(Checkpoint, RefusesAnotherModelByNamesAndShapes)
{
  SmallRun a(1), other(2, DType::float32, true);
  a.save(file);
  auto const before = other.parameters[0].value().to_host(Exec());
  auto const message = message_of([&] { load_model_weights(other.exec, other.parameters, file); });
  EXPECT_THAT(message, AllOf(HasSubstr("head.gain [7] is missing"), HasSubstr("head.bias [7] is not a parameter"),
                             HasSubstr("weight_u is [4], but the model has [5]"), HasSubstr(file)));
  EXPECT_EQ(other.parameters[0].value().to_host(Exec()), before) << "nothing is loaded by halves";

  a.about.model_block = "dim: [8, 16]\ndepth: [1, 2]\n";
  EXPECT_THAT(message_of([&] { a.load(file); }), AllOf(HasSubstr("depth: [1, 1]"), HasSubstr("depth: [1, 2]")));
}

TEST_F(Checkpoint, UnderstandsOlderNamesAndFilesWithoutUnusedParameters)
{
  SmallRun a(1), b(2);
  {
    auto h5 = io::Hdf5File::create(file);
    for (auto const& p : a.parameters.all()) {
      if (!p.spec.used)
        continue;
      auto name = p.spec.name;
      if (auto const at = name.find(".1.weight"); at != std::string::npos)
        name.erase(at, 2);
      h5.write("/model/" + name, DType::float32, p.spec.shape, to_file_order(a.exec, p.spec, p.value()));
    }
    h5.close();
  }
  load_model_weights(b.exec, b.parameters, file);
  EXPECT_EQ(b.parameters[0].value().to_host(Exec()), a.parameters[0].value().to_host(Exec()));
  EXPECT_EQ(b.parameters[4].value().to_host(Exec()), a.parameters[4].value().to_host(Exec()));
}

TEST_F(Checkpoint, DamageIsNoticed)
{
  SmallRun a(1), b(2);
  a.step();
  a.save(file);
  auto const size = fs::file_size(file);
  auto const damaged = (folder / "damaged.h5").string();

  fs::copy_file(file, damaged);
  fs::resize_file(damaged, size * 2 / 3);
  EXPECT_THAT(message_of([&] { b.load(damaged); }), HasSubstr("damaged.h5"));

  // One flipped bit inside the first value of a weight.
  auto const values = to_file_order(a.exec, a.parameters[0].spec, a.parameters[0].value());
  float const first = static_cast<float>(values[0]), second = static_cast<float>(values[1]);
  std::string pattern(reinterpret_cast<char const*>(&first), 4);
  pattern.append(reinterpret_cast<char const*>(&second), 4);
  std::ifstream in(file, std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(in)), {});
  auto const at = bytes.find(pattern);
  ASSERT_NE(at, std::string::npos);
  bytes[at] = static_cast<char>(bytes[at] ^ 1);
  std::ofstream(damaged, std::ios::binary) << bytes;
  EXPECT_THAT(message_of([&] { b.load(damaged); }), AllOf(HasSubstr("checksum"), HasSubstr("weight_orig")));

  std::ofstream(damaged, std::ios::binary) << "";
  EXPECT_THAT(message_of([&] { b.load(damaged); }), HasSubstr("damaged.h5"));
  {
    auto h5 = io::Hdf5File::create(damaged);
    h5.write("/x", DType::float32, {1}, {1});
    h5.close();
  }
  EXPECT_THAT(message_of([&] { b.load(damaged); }), HasSubstr("not a checkpoint"));
}

/// Everything that reading may change.
std::vector<std::vector<double>> contents(SmallRun& run)
{
  std::vector<std::vector<double>> all{{static_cast<double>(run.ema->steps())}};
  for (int i = 0; i < run.parameters.size(); ++i) {
    auto const& m = run.adam->moments(i);
    all.push_back({static_cast<double>(m.step)});
    for (Array const& array : {run.parameters[i].value(), m.first, m.second, run.ema->shadow(i)})
      all.push_back(array ? array.to_host(Exec()) : std::vector<double>());
  }
  return all;
}

// One flipped bit in any part of the file: the run that reads it is then what it was.
TEST_F(Checkpoint, DamageChangesNothing)
{
  SmallRun a(1), b(2);
  a.step();
  b.step();
  b.step();
  a.save(file);
  auto const before = contents(b);
  std::string const bytes = test::bytes_of_file(file);
  auto const damaged = (folder / "damaged.h5").string();
  auto const refused = [&](std::string const& what, std::string const& content) {
    std::ofstream(damaged, std::ios::binary) << content;
    EXPECT_THAT(message_of([&] { b.load(damaged); }), HasSubstr(what));
    EXPECT_EQ(contents(b), before) << what;
    if (what.find("/model") == 0) {
      EXPECT_THAT(message_of([&] { load_model_weights(b.exec, b.parameters, damaged); }), HasSubstr(what));
      EXPECT_EQ(contents(b), before) << what;
    }
    if (what.find("/model") == 0 || what.find("/ema/") == 0) {
      EXPECT_THAT(message_of([&] { read_forecast_weights(damaged, b.exec, b.parameters, what[1] == 'e'); }),
                  HasSubstr(what));
      EXPECT_EQ(contents(b), before) << what;
    }
  };
  auto const h5 = io::Hdf5File::open_read(file);
  for (std::string const dataset :
       {"/model/embed.convs.0.1.weight_orig", "/model/embed.convs.0.1.weight_u", "/model/up.weight",
        "/model/cube_embedding.proj.bias", "/model/head.bias", "/ema/up.weight",
        "/optimizer/embed.convs.0.1.weight_orig/exp_avg", "/optimizer/embed.convs.0.1.weight_orig/exp_avg_sq",
        "/trainer/schedule", "/trainer/history"}) {
    auto const values = h5.read(dataset);
    std::string pattern;
    for (double const value : values) {
      auto const single = static_cast<float>(value);
      h5.dtype(dataset) == DType::float32 ? pattern.append(reinterpret_cast<char const*>(&single), sizeof single)
                                          : pattern.append(reinterpret_cast<char const*>(&value), sizeof value);
    }
    auto const at = bytes.find(pattern);
    ASSERT_NE(at, std::string::npos) << dataset;
    std::string content = bytes;
    content[at + pattern.size() / 2] ^= 4;
    refused(dataset, content);
  }
  for (int tenths = 0; tenths < 10; ++tenths)
    refused("damaged.h5", bytes.substr(0, bytes.size() * static_cast<std::size_t>(tenths) / 10));
}

// Whatever byte of a file is wrong, it is refused, or it is one that says nothing (between the parts of the file).
TEST_F(Checkpoint, AnyByteMayBeWrong)
{
  SmallRun a(1), b(2);
  a.step();
  b.step();
  b.step();
  a.save(file);
  auto const before = contents(b), saved = contents(a);
  std::ifstream in(file, std::ios::binary);
  std::string const bytes((std::istreambuf_iterator<char>(in)), {});
  auto const damaged = (folder / "damaged.h5").string();
  int taken = 0, refused = 0;
  for (std::size_t at = 0; at < bytes.size(); at += 127) {
    std::string content = bytes;
    content[at] = static_cast<char>(content[at] ^ (1 << (at % 8)));
    std::ofstream(damaged, std::ios::binary) << content;
    SmallRun reader(2);
    reader.step();
    reader.step();
    try {
      auto const state = reader.load(damaged);
      ++taken;
      EXPECT_EQ(contents(reader), saved) << "byte " << at;
      EXPECT_EQ(state.log, a.state().log) << "byte " << at;
      EXPECT_EQ(state.history, a.state().history) << "byte " << at;
    } catch (Error const&) {
      ++refused;
      EXPECT_EQ(contents(reader), before) << "byte " << at;
    }
  }
  EXPECT_GT(taken, 0);
  EXPECT_GT(refused, 0);
  std::printf("    %d of %d damaged files refused\n", refused, taken + refused);
}

// The same run gives the same file, byte for byte.
TEST_F(Checkpoint, FilesTellNoTime)
{
  SmallRun const a(1);
  a.save(file);
  auto const first = test::bytes_of_file(file);
  ::sleep(1);
  a.save(file);
  EXPECT_TRUE(test::bytes_of_file(file) == first);
}

TEST_F(Checkpoint, AFullDiskLeavesTheLastGoodOne)
{
  SmallRun a(1), b(2);
  a.save(file);
  // A limit on file size fails writes as a full disk does.
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit old;
  getrlimit(RLIMIT_FSIZE, &old);
  rlimit const small{4096, old.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  a.step();
  auto const message = message_of([&] { a.save(file); });
  setrlimit(RLIMIT_FSIZE, &old);
  EXPECT_THAT(message, AllOf(HasSubstr("checkpoint.h5"), HasSubstr("disk")));
  EXPECT_FALSE(fs::exists(file + ".tmp"));
  EXPECT_EQ(b.load(file).epoch, 3);
  EXPECT_EQ(b.adam->moments(0).step, 0) << "the old content";

  EXPECT_THAT(message_of([&] { a.save((folder / "none/here.h5").string()); }), HasSubstr("here.h5"));
}
} // namespace
