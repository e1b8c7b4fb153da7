// Runs of CREDIT, taken over whole and written back.
#include "io/torch_writer.hpp"
#include "train/credit_run.hpp"
#include <rossby/models/model.hpp>
#include <support/messages.hpp>
#include <support/torch_fixtures.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

namespace {
using namespace rossby;
using namespace rossby::test;
using ::testing::AllOf;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

TrainerConfig crossformer_trainer()
{
  TrainerConfig c;
  c.learning_rate = 0.002;
  c.adamw.weight_decay = 0.01;
  c.schedule.kind = ScheduleConfig::Kind::cosine_annealing;
  c.schedule.t_max = 9;
  return c;
}

TrainerConfig wxformer_trainer()
{
  TrainerConfig c = crossformer_trainer();
  c.schedule.kind = ScheduleConfig::Kind::cosine_annealing_restarts;
  c.schedule.first_cycle_steps = 8;
  c.schedule.cycle_mult = 2;
  c.schedule.max_lr = 0.002;
  c.schedule.min_lr = 1e-5;
  c.schedule.warmup_steps = 2;
  c.schedule.gamma = 0.7;
  return c;
}

struct CreditRun {
  io::Hdf5File expected;
  std::unique_ptr<Model> model;
  Exec exec;
  std::unique_ptr<AdamW> optimizer;
  std::unique_ptr<Ema> averages;
  TrainingState state;

  explicit CreditRun(std::string const& name, bool averaged = false)
      : expected(io::Hdf5File::open_read(torch_fixture("expected_" + name + ".h5")))
  {
    Problems problems;
    auto const deck = Deck::parse(expected.read_string_attribute("/", "model_yaml"));
    auto const spec = read_spec(deck["model"], problems);
    problems.raise();
    model = make_model(*spec);
    model->allocate(exec, DType::float32, 1);
    optimizer = std::make_unique<AdamW>(parameters(), AdamWConfig{});
    if (averaged)
      averages = std::make_unique<Ema>(exec, parameters(), 0.9);
  }
  Parameters& parameters() { return model->parameters(); }
  void read(std::string const& file, TrainerConfig const& config)
  {
    state = read_credit_run(file, exec, parameters(), *optimizer, averages.get(), config);
  }
  void write(std::string const& file, TrainerConfig const& config, bool by_name)
  {
    write_credit_checkpoint(file, Communicator(), exec, parameters(), *optimizer, averages.get(), state,
                            {"deck: 1\n", "block", "schema"}, config, by_name);
  }
  /// What differs from the expected file, which holds just what a run has.
  std::vector<std::string> differing()
  {
    std::vector<std::string> names;
    auto const compare = [&](std::string const& name, ParameterSpec const& spec, Array const& array) {
      bool const there = expected.exists(name);
      if (there != static_cast<bool>(array) ||
          (there && !same_bits(to_file_order(exec, spec, array), expected.read(name))))
        names.push_back(name);
    };
    for (int i = 0; i < parameters().size(); ++i) {
      auto const& spec = parameters()[i].spec;
      auto const& m = optimizer->moments(i);
      compare("/model/" + spec.name, spec, parameters()[i].value());
      compare("/optimizer/" + spec.name + "/exp_avg", spec, m.first);
      compare("/optimizer/" + spec.name + "/exp_avg_sq", spec, m.second);
      if (m.first && static_cast<double>(m.step) != expected.read("/optimizer/" + spec.name + "/step").at(0))
        names.push_back(spec.name + "/step");
      if (averages)
        compare("/ema/" + spec.name, spec, averages->shadow(i));
    }
    return names;
  }
};
std::vector<std::string> const none;

struct CreditRuns : ::testing::Test {
  fs::path folder = fs::temp_directory_path() / ("rossby_credit_run_" + std::to_string(::getpid()));
  std::string file = (folder / "checkpoint.pt").string();
  void SetUp() override { fs::create_directories(folder); }
  void TearDown() override { fs::remove_all(folder); }
};

TEST_F(CreditRuns, OptimizersByNumberByNameAndInFilesOfTheirOwn)
{
  for (char const* name : {"cf_ddp", "cf_fsdp2", "cf_gen1_fsdp"}) {
    CreditRun run("cf");
    run.read(find_credit_checkpoint(torch_fixture(name)), crossformer_trainer());
    EXPECT_EQ(run.differing(), none) << name;
    EXPECT_EQ(run.state.epoch, 3) << "CREDIT's number of the epoch that ended is 2";
    EXPECT_EQ(run.state.update, 3);
    EXPECT_EQ(run.state.schedule, std::vector<double>{3});
  }
}

TEST_F(CreditRuns, AveragesAndCycles)
{
  CreditRun run("wx", true);
  run.read(torch_fixture("wx_ddp/checkpoint.pt"), wxformer_trainer());
  EXPECT_EQ(run.differing(), none);
  EXPECT_EQ(run.state.epoch, 5);
  EXPECT_EQ(run.averages->steps(), 3);
  EXPECT_EQ(run.state.schedule, (std::vector<double>{3, 8, 0}));
  auto const schedule = make_schedule(wxformer_trainer().schedule, 0.002);
  schedule->restore(run.state.schedule);
  EXPECT_DOUBLE_EQ(schedule->rate(), run.expected.read_double_attribute("/", "lr"));
  EXPECT_EQ(run.state.loss_scaler.at(0), 65536);
}

/// The values of a torch file by their paths, in its order; tensors as checksummed text.
void flatten(io::TensorFile const& file, io::PickledValue const& value, std::string const& path,
             std::vector<std::string>& lines)
{
  if (auto const* t = value.tensor()) {
    std::string text = path + " " + name_of(t->type) + " " + to_string(t->shape);
    for (double const v : file.read(*t))
      text += " " + std::to_string(v) + std::string(reinterpret_cast<char const*>(&v), sizeof v);
    lines.push_back(text);
    return;
  }
  lines.push_back(path + " " + std::to_string(static_cast<int>(value.kind())) + " " +
                  (value.number() ? std::to_string(*value.number())
                   : value.text() ? *value.text()
                                  : ""));
  for (auto const& item : value.items())
    flatten(file, item, path + "/-", lines);
  for (auto const& [key, item] : value.entries())
    if (!key.text() || *key.text() != "rossby")
      flatten(file, item, path + "/" + (key.text() ? *key.text() : std::to_string(key.integer().value_or(-1))), lines);
}

std::vector<std::string> lines_of(std::string const& path)
{
  io::TensorFile const file(path);
  file.verify();
  std::vector<std::string> lines;
  flatten(file, file.root(), "", lines);
  return lines;
}

/// Every key, value, type, name and bit of what CREDIT wrote, in its order.
TEST_F(CreditRuns, WrittenBackAreTheFilesThatCreditWrote)
{
  for (bool const by_name : {false, true}) {
    CreditRun run("cf");
    std::string const original = torch_fixture(by_name ? "cf_fsdp2/checkpoint.pt" : "cf_ddp/checkpoint.pt");
    run.read(original, crossformer_trainer());
    run.write(file, crossformer_trainer(), by_name);
    EXPECT_EQ(lines_of(file), lines_of(original)) << original;
    EXPECT_FALSE(fs::exists(folder / "checkpoint_ema.pt"));
  }
  CreditRun run("wx", true);
  run.read(torch_fixture("wx_ddp/checkpoint.pt"), wxformer_trainer());
  run.write(file, wxformer_trainer(), false);
  EXPECT_EQ(lines_of(file), lines_of(torch_fixture("wx_ddp/checkpoint.pt")));
  EXPECT_EQ(lines_of((folder / "checkpoint_ema.pt").string()), lines_of(torch_fixture("wx_ddp/checkpoint_ema.pt")));
  EXPECT_EQ(text_in_checkpoint(file, "deck"), "deck: 1\n");
}

/// What CREDIT has no place for is kept as well.
TEST_F(CreditRuns, OurOwnStateComesBackWhole)
{
  CreditRun a("wx", true), b("wx", true);
  a.read(torch_fixture("wx_ddp/checkpoint.pt"), wxformer_trainer());
  a.state = {3, 5, 17, 21, 42, 8, {1, 8, 2}, {0.5, 0.1}, {0.9, -0.8}, "1,2\n3,\u00e4\n", {1, 2, 3, 4, 5}};
  a.write(file, wxformer_trainer(), true);
  b.read(file, wxformer_trainer());
  EXPECT_EQ(b.differing(), none);
  auto const &s = a.state, &t = b.state;
  EXPECT_EQ(std::tie(t.epoch, t.batch, t.update, t.forward, t.seed, t.global_batch),
            std::tie(s.epoch, s.batch, s.update, s.forward, s.seed, s.global_batch));
  EXPECT_EQ(std::tie(t.schedule, t.sums, t.history, t.log, t.loss_scaler),
            std::tie(s.schedule, s.sums, s.history, s.log, s.loss_scaler));
}

/// Leaves what CREDIT itself would write: our own key gets another name, and the pickle, the first member, no checksum.
void hide_own_part(std::string const& path)
{
  std::string bytes = bytes_of_file(path);
  auto const key = bytes.find("rossby"), entry = bytes.find("PK\x01\x02");
  ASSERT_TRUE(key != std::string::npos && entry != std::string::npos);
  bytes.replace(key, 6, "nobody");
  bytes.replace(entry + 16, 4, 4, '\0');
  write_bytes(path, bytes);
}

TEST_F(CreditRuns, EveryScheduleGoesThereAndBack)
{
  using Kind = ScheduleConfig::Kind;
  CreditRun run("cf");
  for (auto const kind : {Kind::constant, Kind::plateau, Kind::cosine_annealing, Kind::cosine_annealing_restarts,
                          Kind::linear_warmup_cosine, Kind::lambda}) {
    auto config = wxformer_trainer();
    config.schedule.kind = kind;
    config.schedule.patience = 1;
    auto const there = make_schedule(config.schedule, config.learning_rate);
    for (int epoch = 0; epoch < 5; ++epoch) {
      for (int batch = 0; batch < 4; ++batch)
        there->after_batch();
      there->after_epoch(epoch < 2 ? 1.0 / (1 + epoch) : 0.7);
    }
    run.state = {};
    run.state.epoch = 5;
    run.state.schedule = there->state();
    run.write(file, config, false);
    hide_own_part(file);
    auto back = make_schedule(config.schedule, config.learning_rate);
    CreditRun other("cf");
    other.read(file, config);
    back->restore(other.state.schedule);
    EXPECT_EQ(back->state(), there->state());
    EXPECT_DOUBLE_EQ(back->rate(), there->rate());
  }
}

TEST_F(CreditRuns, AnotherScheduleIsRefusedByName)
{
  CreditRun run("cf");
  EXPECT_THAT(message_of([&] { run.read(torch_fixture("cf_ddp/checkpoint.pt"), wxformer_trainer()); }),
              AllOf(HasSubstr("its scheduler is cosine-annealing, the deck's is cosine-annealing-restarts"),
                    HasSubstr("model.yml")));
  CreditRun fresh("cf");
  EXPECT_EQ(run.parameters()[0].value().to_host(Exec()), fresh.parameters()[0].value().to_host(Exec()))
      << "nothing is half read";
  EXPECT_THAT(message_of([&] { find_credit_checkpoint(folder.string()); }), HasSubstr("holds no run of CREDIT"));
}
} // namespace
