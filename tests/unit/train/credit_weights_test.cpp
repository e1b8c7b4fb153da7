// Weights from files of PyTorch and CREDIT: every generation, prefix, spelling and type, to the last bit.
#include "io/torch_writer.hpp"
#include "train/checkpoint.hpp"
#include "train/weights.hpp"
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
using ::testing::StartsWith;
namespace fs = std::filesystem;

/// The model of a fixture, and the values that its files hold.
struct Fixture {
  io::Hdf5File expected;
  std::unique_ptr<Model> model;
  Exec exec;

  explicit Fixture(std::string const& name, DType dtype = DType::float64)
      : expected(io::Hdf5File::open_read(torch_fixture("expected_" + name + ".h5")))
  {
    Problems problems;
    auto const deck = Deck::parse(expected.read_string_attribute("/", "model_yaml"));
    auto const spec = read_spec(deck["model"], problems);
    problems.raise();
    model = make_model(*spec);
    model->allocate(exec, dtype, 1);
  }
  Parameters& parameters() { return model->parameters(); }

  /// Names of the parameters that differ from the values of a group, after `round`.
  template <class Round> std::vector<std::string> differing(std::string const& group, Round&& round)
  {
    std::vector<std::string> names;
    EXPECT_EQ(expected.list("/model").size(), static_cast<std::size_t>(parameters().size()));
    for (auto const& p : parameters().all()) {
      std::string name = group + "/" + p.spec.name;
      if (!expected.exists(name))
        name = "/model/" + p.spec.name;
      auto values = expected.read(name);
      for (auto& v : values)
        v = round(v);
      if (!same_bits(to_file_order(exec, p.spec, p.value()), values))
        names.push_back(p.spec.name);
    }
    return names;
  }
  std::vector<std::string> differing(std::string const& group = "/model")
  {
    return differing(group, [](double v) { return v; });
  }
  std::vector<std::string> differing_in_bfloat16()
  {
    return differing("/model", [](double v) { return static_cast<double>(static_cast<float>(bfloat16(v))); });
  }
};
std::vector<std::string> const none;

TEST(CreditWeights, EveryGeneration)
{
  for (char const* file : {"cf_ddp/checkpoint.pt", "cf_fsdp2/checkpoint.pt", "cf_gen1_fsdp/model_checkpoint.pt"}) {
    Fixture f("cf");
    load_model_weights(f.exec, f.parameters(), torch_fixture(file));
    EXPECT_EQ(f.differing(), none) << file;
  }
  Fixture f("wx", DType::float32);
  load_model_weights(f.exec, f.parameters(), torch_fixture("wx_ddp/checkpoint.pt"));
  EXPECT_EQ(f.differing(), none);
}

TEST(CreditWeights, PrefixesTypesAndContainers)
{
  for (char const* file : {"cf_plain_module_float64.pt", "cf_plain_orig_mod_bf16.pt", "cf_plain_bf16_legacy_format.pt",
                           "cf_plain.safetensors"}) {
    Fixture f("cf_plain");
    load_model_weights(f.exec, f.parameters(), torch_fixture(file));
    EXPECT_EQ(f.differing(), none) << file;
  }
}

TEST(CreditWeights, OtherNamesOfSpectralNormEmbeddingsAndDomains)
{
  Fixture crossformer("cf");
  load_model_weights(crossformer.exec, crossformer.parameters(), torch_fixture("cf_sn_parametrized_bf16.pt"));
  EXPECT_EQ(crossformer.differing_in_bfloat16(), none);
  for (char const* file : {"wx_old_names_bf16.pt", "wx_domain_bf16.pt"}) {
    Fixture f("wx");
    load_model_weights(f.exec, f.parameters(), torch_fixture(file));
    EXPECT_EQ(f.differing_in_bfloat16(), none) << file;
  }
}

TEST(CreditWeights, Averages)
{
  std::string const file = torch_fixture("wx_ddp/checkpoint.pt"), averages = torch_fixture("wx_ddp/checkpoint_ema.pt");
  EXPECT_TRUE(has_averages(file));
  EXPECT_FALSE(has_averages(torch_fixture("cf_ddp/checkpoint.pt")));
  Fixture f("wx");
  read_forecast_weights(file, f.exec, f.parameters(), true);
  EXPECT_EQ(f.differing("/ema"), none);
  read_forecast_weights(file, f.exec, f.parameters(), false);
  EXPECT_EQ(f.differing(), none);
  load_model_weights(f.exec, f.parameters(), averages);
  EXPECT_EQ(f.differing("/ema"), none) << "with the spectral-norm vectors of the file beside it";
}

struct ScratchFiles : ::testing::Test {
  fs::path folder = fs::temp_directory_path() / ("rossby_credit_weights_" + std::to_string(::getpid()));
  void SetUp() override { fs::create_directories(folder); }
  void TearDown() override { fs::remove_all(folder); }
};
using CreditWeightFiles = ScratchFiles;

TEST_F(CreditWeightFiles, AveragesOfAnotherEpochOrAloneAreRefused)
{
  std::string const file = (folder / "checkpoint.pt").string(), averages = (folder / "checkpoint_ema.pt").string();
  fs::copy_file(torch_fixture("wx_ddp/checkpoint_ema.pt"), averages);
  Fixture f("wx");
  auto const load = [&](std::string const& name) {
    return message_of([&] { load_model_weights(f.exec, f.parameters(), name); });
  };
  EXPECT_THAT(load(averages), HasSubstr("spectral-norm vectors"));
  fs::copy_file(torch_fixture("cf_ddp/checkpoint.pt"), file);
  EXPECT_THAT(load(averages), HasSubstr("another epoch"));
  EXPECT_THAT(message_of([&] { read_forecast_weights(file, f.exec, f.parameters(), true); }),
              HasSubstr("another epoch"));
}

TEST_F(CreditWeightFiles, RefusesWhatIsNotTheModels)
{
  Fixture f("wx");
  auto const before = to_file_order(f.exec, f.parameters()[0].spec, f.parameters()[0].value());
  auto const load = [&](std::string const& name) {
    return message_of([&] { load_model_weights(f.exec, f.parameters(), torch_fixture(name)); });
  };
  EXPECT_THAT(load("cf_ddp/checkpoint.pt"), HasSubstr("another model"));
  EXPECT_THAT(load("cf_plain.safetensors"), HasSubstr("is missing"));
  EXPECT_THAT(load("cf_gen1_fsdp/checkpoint.pt"),
              AllOf(HasSubstr("holds no weights, but epoch, scheduler_state_dict"), HasSubstr("model_checkpoint.pt")));
  EXPECT_THAT(load("cf_gen1_fsdp/optimizer_checkpoint.pt"), HasSubstr("holds no weights, but state, param_groups"));
  EXPECT_THAT(load("hostile/path_in_name.pt"), HasSubstr("../../escape"));
  for (auto const& entry : fs::directory_iterator(torch_fixture("hostile")))
    EXPECT_THAT(load("hostile/" + entry.path().filename().string()), StartsWith(entry.path().string()));
  EXPECT_EQ(to_file_order(f.exec, f.parameters()[0].spec, f.parameters()[0].value()), before);
}

/// A layer with spectral norm, as a file of `tensors`: names and values of one element.
void write_layer(std::string const& path, std::vector<std::pair<std::string, double>> const& tensors, bool averages)
{
  io::TorchWriter out("checkpoint");
  out.begin_dict();
  out.text("epoch");
  out.integer(3);
  out.text("model_state_dict");
  out.begin_dict();
  if (averages) {
    out.text("shadow");
    out.begin_ordered_dict();
  }
  std::vector<int> numbers;
  for (auto const& [name, value] : tensors) {
    out.text(name);
    bool const matrix = name.find("weight_orig") != std::string::npos;
    numbers.push_back(out.tensor(DType::float32, matrix ? Shape{1, 1} : Shape{1}));
  }
  for (int k = averages ? 0 : 1; k < 3; ++k)
    out.end_dict();
  out.lay_out(path);
  for (std::size_t i = 0; i < tensors.size(); ++i)
    out.fill(path, numbers[i], {tensors[i].second},
             {tensors[i].first.find("weight_orig") != std::string::npos ? io::Hyperslab{{0, 0}, {1, 1}}
                                                                        : io::Hyperslab{{0}, {1}}});
  out.seal(path, out.checksums(path));
}

struct OneLayer {
  Parameters parameters;
  OneLayer()
  {
    Initial const zero{};
    auto const natural = ParameterLayout::natural;
    parameters.declare({"m.bias", {1}, natural, {}, zero});
    parameters.declare({"m.weight_orig", {1, 1}, natural, {}, zero});
    parameters.declare({"m.weight_u", {1}, natural, {}, zero, false});
    parameters.declare({"m.weight_v", {1}, natural, {}, zero, false});
    parameters.allocate(Exec(), DType::float32, 1);
  }
};

std::vector<double> values_of(Parameters const& parameters)
{
  std::vector<double> values;
  for (auto const& p : parameters.all())
    values.push_back(p.value().to_host(Exec()).at(0));
  return values;
}

/// CREDIT averaged spectral norm's vectors for some months; a mean of unit vectors is none, and is not taken.
TEST_F(CreditWeightFiles, AveragesOfSpectralVectorsAreLeft)
{
  std::string const file = (folder / "checkpoint.pt").string(), averages = (folder / "checkpoint_ema.pt").string();
  write_layer(file, {{"m.bias", 1}, {"m.weight_orig", 2}, {"m.weight_u", 3}, {"m.weight_v", 4}}, false);
  write_layer(averages, {{"m.bias", 5}, {"m.weight_orig", 6}, {"m.weight_u", 7}, {"m.weight_v", 8}}, true);
  OneLayer layer;
  Parameters& p = layer.parameters;
  load_model_weights(Exec(), p, averages);
  EXPECT_EQ(values_of(p), (std::vector<double>{5, 6, 3, 4}));
  read_forecast_weights(file, Exec(), p, true);
  EXPECT_EQ(values_of(p), (std::vector<double>{5, 6, 3, 4}));
  read_forecast_weights(file, Exec(), p, false);
  EXPECT_EQ(values_of(p), (std::vector<double>{1, 2, 3, 4}));
}

TEST_F(CreditWeightFiles, WrappersInAnyOrderButNoNameTwice)
{
  std::string const file = (folder / "wrapped.pt").string();
  OneLayer layer;
  Parameters& p = layer.parameters;
  for (std::string const prefix :
       {"module._orig_mod.", "_orig_mod.module.", "module.module.", "_fsdp_wrapped_module."}) {
    write_layer(file,
                {{prefix + "m.bias", 1},
                 {prefix + "m._checkpoint_wrapped_module.weight_orig", 2},
                 {prefix + "m.weight_u", 3},
                 {prefix + "m.weight_v", 4}},
                false);
    load_model_weights(Exec(), p, file);
    EXPECT_EQ(values_of(p), (std::vector<double>{1, 2, 3, 4})) << prefix;
  }
  write_layer(file, {{"m.bias", 1}, {"module.m.bias", 2}}, false);
  EXPECT_THAT(message_of([&] { load_model_weights(Exec(), p, file); }), HasSubstr("m.bias twice"));
}

/// A flipped bit anywhere in the numbers is found, though this rank reads them without their checksum.
TEST_F(CreditWeightFiles, DamagedNumbersAreFound)
{
  Fixture f("wx");
  std::string bytes = bytes_of_file(torch_fixture("wx_ddp/checkpoint.pt"));
  auto const value = f.expected.read("/model/up_block4.2.bias");
  float const first = static_cast<float>(value.at(0));
  auto const at = bytes.find(std::string(reinterpret_cast<char const*>(&first), sizeof first));
  ASSERT_NE(at, std::string::npos);
  bytes[at] ^= 1;
  std::string const file = (folder / "damaged.pt").string();
  write_bytes(file, bytes);
  EXPECT_THAT(message_of([&] { load_model_weights(f.exec, f.parameters(), file); }), HasSubstr("checksum"));
}
} // namespace
