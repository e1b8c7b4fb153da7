// First-generation decks against what CREDIT's own loader makes of them, and against decks of the second generation
// that mean the same.
#include "data/plan.hpp"
#include "data/transform.hpp"
#include "io/hdf5.hpp"
#include "train/config.hpp"
#include "train/first_generation.hpp"
#include <rossby/data/dataset.hpp>
#include <rossby/session.hpp>
#include <support/deck_fixtures.hpp>
#include <support/messages.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace rossby {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

struct Case {
  std::string first, second, expected;
};

class FirstGeneration : public ::testing::TestWithParam<Case> {
protected:
  test::InDeckFixtures here_;
};

struct Opened {
  Deck deck;
  RunConfig config;
  DataPlan training, validation;
};

Opened open(std::string const& file, std::vector<std::string> const& overrides = {})
{
  Opened o;
  o.deck = load_deck(file, overrides, Communicator());
  Problems problems;
  o.config = RunConfig::read(o.deck, Purpose::train, problems);
  problems.raise();
  o.training = DataPlan::make(o.deck, DataPlan::Use::training, o.config.model->fields, problems);
  o.validation = DataPlan::make(o.deck, DataPlan::Use::validation, o.config.model->fields, problems);
  o.deck.check_all_read(problems);
  problems.raise();
  return o;
}

Dataset dataset(DataPlan const& plan) { return {plan, Box{0, plan.grid.height(), 0, plan.grid.width()}}; }

/// Our [row, column, channel * frames + frame] against CREDIT's (1, channel, frame, row, column).
void compare(std::vector<float> const& ours, io::Hdf5File const& file, std::string const& path, std::size_t first,
             std::size_t channels, double clamp = 1e30)
{
  auto const shape = file.shape(path);
  auto const theirs = file.read(path);
  auto const count = static_cast<std::size_t>(shape[1]), frames = static_cast<std::size_t>(shape[2]),
             cells = static_cast<std::size_t>(shape[3] * shape[4]);
  ASSERT_EQ(ours.size(), cells * channels * frames) << path;
  for (std::size_t c = 0; c < count; ++c)
    for (std::size_t t = 0; t < frames; ++t)
      for (std::size_t i = 0; i < cells; ++i) {
        double const expected = std::clamp<double>(theirs[(c * frames + t) * cells + i], -clamp, clamp);
        ASSERT_NEAR(ours[(i * channels + first + c) * frames + t], expected, 2e-6 * std::max(1.0, std::fabs(expected)))
            << path << " channel " << c << " frame " << t << " cell " << i;
      }
}

TEST_P(FirstGeneration, ReadsWhatCreditReads)
{
  auto const o = open(GetParam().first);
  auto const file = io::Hdf5File::open_read(GetParam().expected);
  auto data = dataset(o.training);
  double const clamp = o.config.data.clamp ? o.config.data.clamp->second : 1e30;
  Time const t = data.initial_time(0);
  auto const input = data.input(t);
  auto const channels = static_cast<std::size_t>(o.training.schema.input_channels());
  auto const state = static_cast<std::size_t>(file.shape("/state")[1]);
  compare(input, file, "/state", 0, channels, clamp);
  compare(input, file, "/step1/forcing_static", state, channels, clamp);
  auto const targets = static_cast<std::size_t>(o.training.schema.target_channels());
  for (int step = 1; step <= o.config.data.forecast_len; ++step)
    compare(data.target(t + step * o.config.data.timestep, step == 1).normalised, file,
            "/step" + std::to_string(step) + "/target", 0, targets, clamp);
  EXPECT_FALSE(file.exists("/step" + std::to_string(o.config.data.forecast_len + 1)));
}

TEST_P(FirstGeneration, MeansWhatTheSecondGenerationMeans)
{
  auto const first = open(GetParam().first), second = open(GetParam().second);
  for (auto const plan : {&Opened::training, &Opened::validation}) {
    auto a = dataset(first.*plan), b = dataset(second.*plan);
    ASSERT_EQ(a.size(), b.size());
    for (index_t sample = 0; sample < a.size(); ++sample) {
      Time const t = a.initial_time(sample);
      ASSERT_EQ(t, b.initial_time(sample));
      EXPECT_EQ(a.input(t), b.input(t));
      EXPECT_EQ(a.target(t + 21600, true).normalised, b.target(t + 21600, true).normalised);
      EXPECT_EQ(a.forcing(t), b.forcing(t));
    }
  }
  EXPECT_EQ(first.config.model->fingerprint(), second.config.model->fingerprint());
  auto const &x = first.config, &y = second.config;
  EXPECT_EQ(x.data.forecast_len, y.data.forecast_len);
  EXPECT_EQ(x.validation_data.forecast_len, y.validation_data.forecast_len);
  EXPECT_EQ(x.data.backprop_on_timestep, y.data.backprop_on_timestep);
  EXPECT_EQ(x.trainer.parallelism.data, y.trainer.parallelism.data);
  EXPECT_EQ(x.trainer.schedule.kind, y.trainer.schedule.kind);
  EXPECT_EQ(x.trainer.clip.max_norm, y.trainer.clip.max_norm);
  EXPECT_EQ(x.trainer.use_ema, y.trainer.use_ema);
  EXPECT_EQ(x.loss.validation, y.loss.validation);
  EXPECT_EQ(x.loss.variable_weights, y.loss.variable_weights);
  EXPECT_EQ(x.inference->initial_times(), y.inference->initial_times());
  EXPECT_EQ(x.inference->forecast_length, y.inference->forecast_length);
}

TEST_P(FirstGeneration, AsTextIsTheSameDeck)
{
  auto const old = Deck::load(GetParam().first);
  auto look = FileLook::into_files();
  auto const made = to_second_generation(old, look);
  EXPECT_EQ(Deck::parse(made.text).text(), made.deck.text());
  EXPECT_FALSE(is_first_generation(Deck::parse(made.text)));
  EXPECT_THAT(made.text, HasSubstr("# forecast_len counted from 0"));
  EXPECT_THAT(made.text, HasSubstr("# was 'data/state_*.nc': the year stands where %Y is"));
  auto again = FileLook::replay(look.record()); // as other ranks are told
  EXPECT_EQ(to_second_generation(old, again).text, made.text);
}

INSTANTIATE_TEST_SUITE_P(
    Decks, FirstGeneration,
    ::testing::Values(Case{"gen1_a_paper_single_step.yml", "gen2_a.yml", "expected_gen1_a_paper_single_step.h5"},
                      Case{"gen1_b_onedegree.yml", "gen2_b.yml", "expected_gen1_b_onedegree.h5"},
                      Case{"gen1_c_multi_step.yml", "gen2_c.yml", "expected_gen1_c_multi_step.h5"}),
    [](auto const& deck) { return deck.param.second.substr(0, 6); });

class FirstGenerationFaults : public ::testing::Test {
protected:
  std::string message(std::vector<std::string> const& overrides,
                      std::string const& file = "gen1_a_paper_single_step.yml")
  {
    return test::message_of([&] { open(file, overrides); });
  }
  test::InDeckFixtures here_;
};

TEST_F(FirstGenerationFaults, NameTheKeyThatWasWritten)
{
  EXPECT_THAT(message({"data.train_years=[1990, 1992]"}),
              HasSubstr("data.train_years: no file of data.save_loc has records of 1990 to 1991"));
  EXPECT_THAT(message({"data.save_loc=data/none_*.nc"}), HasSubstr("data.save_loc: no file matches 'data/none_"));
  EXPECT_THAT(message({"model.pad_lat=-1"}), HasSubstr("pad_lat"));
  EXPECT_THAT(message({"data.save_loc=gs://bucket/state_*.nc"}),
              HasSubstr("data.save_loc: 'gs://bucket/state_*.nc' is remote"));
  EXPECT_THAT(message({"trainer.mode=both"}), HasSubstr("trainer.mode: unknown value 'both'"));
  EXPECT_THAT(message({"data.surface_variables=[SP, T]"}),
              HasSubstr("data.surface_variables: T is named in data.variables, too"));
  EXPECT_THAT(message({"data.backprop_on_timestep=[2]"}), HasSubstr("data.backprop_on_timestep: no step of it"));
  EXPECT_THAT(message({"data.static_variables=[Z_GDS4_SFC, nothing]"}), HasSubstr("nothing"));
  EXPECT_THAT(message({"data.mean_path=data/static_norm.nc"}),
              HasSubstr("data.mean_path: data/static_norm.nc has no variable U"));
}

TEST_F(FirstGenerationFaults, UnknownKeysAreErrors)
{
  EXPECT_THAT(message({"data.sst_forcng={}"}), HasSubstr("data.sst_forcng: unknown key (--set)"));
  EXPECT_THAT(message({"data.sst_forcng={}"}), HasSubstr("did you mean 'sst_forcing'"));
  EXPECT_THAT(message({"trainer.epcohs=3"}), HasSubstr("trainer.epcohs: unknown key"));
  EXPECT_THAT(message({"quite_other.x=3"}), HasSubstr("quite_other: unknown key"));
}

TEST_F(FirstGenerationFaults, OneFaultIsOneMessage)
{
  EXPECT_THAT(message({"data.dataset_type=Ocean_MultiStep_Batcher"}),
              AllOf(HasSubstr("data.dataset_type"), Not(HasSubstr("problems"))));
  EXPECT_THAT(message({"data.sst_forcing={activate: true}"}),
              AllOf(HasSubstr("data.sst_forcing"), Not(HasSubstr("problems"))));
  EXPECT_THAT(message({"trainer.type=ic-opt"}), AllOf(HasSubstr("trainer.type"), Not(HasSubstr("problems"))));
  EXPECT_THAT(message({"predict.use_laplace_filter=true"}),
              AllOf(HasSubstr("predict.use_laplace_filter"), Not(HasSubstr("problems"))));
  EXPECT_THAT(message({"data.valid_years=[2003]"}), AllOf(HasSubstr("data.valid_years"), Not(HasSubstr("problems"))));
  EXPECT_THAT(
      message({"data.save_loc=$ROSSBY_NO_SUCH/s_*.nc", "data.save_loc_surface=$ROSSBY_NO_SUCH/s_*.nc"}),
      HasSubstr("$ROSSBY_NO_SUCH: this environment variable is not set, and is used in data.save_loc and 1 other"));
  EXPECT_THAT(message({"data.save_loc=$ROSSBY_NO_SUCH/s_*.nc", "data.save_loc_surface=$ROSSBY_NO_SUCH/s_*.nc"}),
              Not(HasSubstr("problems")));
}

TEST_F(FirstGenerationFaults, CorrectionsOfTheOutputAreSeenByTheLoss)
{
  auto const with = open("gen1_b_onedegree.yml"),
             without = open("gen1_b_onedegree.yml", {"model.post_conf.activate=false"});
  auto const& entry = with.training.schema.target.back();
  ASSERT_EQ(entry.variable, "precip");
  auto const channel = static_cast<std::size_t>(entry.first_channel);
  auto const clamps = [](TransformChain const& chain) {
    return std::any_of(chain.begin(), chain.end(),
                       [](TransformStep const& s) { return s.kind == TransformStep::Kind::clamp && s.low == 0; });
  };
  EXPECT_TRUE(clamps(with.training.transforms.output.at(channel)));
  ASSERT_EQ(with.training.transforms.flatten.size(), with.training.transforms.output.size());
  EXPECT_FALSE(clamps(without.training.transforms.output.at(channel)));
  EXPECT_TRUE(without.training.transforms.flatten.empty());
  // What is not corrected comes back as it was.
  double value = 0.75;
  for (auto const* chain : {&with.training.transforms.output.at(0), &with.training.transforms.flatten.at(0)})
    apply(*chain, &value, Box{0, 1, 0, 1}, 1);
  EXPECT_NEAR(value, 0.75, 1e-12);
}

TEST_F(FirstGenerationFaults, ConservationNamesItsVariables)
{
  auto look = FileLook::nothing();
  std::string const post =
      "model.post_conf={activate: true, global_mass_fixer: {activate: true, grid_type: sigma, midpoint: true, "
      "lon_lat_level_name: [lon, lat, a, b], surface_pressure_name: [SP], specific_total_water_name: [T]}}";
  auto const file = "gen1_a_paper_single_step.yml";
  EXPECT_THAT(test::message_of([&] {
                Problems problems;
                to_second_generation(Deck::load(file, {post}), look).deck.report_translation(problems);
                problems.raise();
              }),
              HasSubstr("data.save_loc_physics: is missing; model.post_conf.global_mass_fixer needs it"));
  auto const text = to_second_generation(Deck::load(file, {post, "data.save_loc_physics=p.nc"}), look).text;
  for (char const* expected : {"type: global_mass_fixer", "q_var: \"T\"", "sp_var: \"SP\"", "midpoint: true",
                               "save_loc_physics: p.nc", "type: flatten_to_tensor"})
    EXPECT_THAT(text, HasSubstr(expected));
}

TEST_F(FirstGenerationFaults, NetFluxesAreNamedInPairs)
{
  auto look = FileLook::nothing();
  std::string const post =
      "model.post_conf={activate: true, global_energy_fixer: {activate: true, grid_type: sigma, midpoint: true, "
      "lon_lat_level_name: [lon, lat, a, b], air_temperature_name: [T], specific_total_water_name: [Q], "
      "u_wind_name: [U], v_wind_name: [V], surface_pressure_name: [SP], surface_geopotential_name: [PHIS], "
      "TOA_net_radiation_flux_name: [FSNT, FLNT], surface_net_radiation_flux_name: [FSNS, FLNS], "
      "surface_energy_flux_name: [SHFLX, LHFLX]}}";
  auto const text =
      to_second_generation(Deck::load("gen1_a_paper_single_step.yml", {post, "data.save_loc_physics=p.nc"}), look).text;
  for (char const* expected :
       {"type: global_energy_fixer", "T_var: \"T\"", "q_var: \"Q\"", "U_var: \"U\"", "V_var: \"V\"",
        "toa_solar_var: \"FSNT\"", "toa_olr_var: \"FLNT\"", "surf_solar_var: \"FSNS\"", "surf_lw_var: \"FLNS\"",
        "surf_sh_var: \"SHFLX\"", "surf_lh_var: \"LHFLX\""})
    EXPECT_THAT(text, HasSubstr(expected));
}

TEST_F(FirstGenerationFaults, InitialTimesAtUnequalDistances)
{
  auto const o =
      open("gen1_a_paper_single_step.yml", {"predict.forecasts.start_hours=[0, 6]", "predict.forecasts.duration=2"});
  std::vector<Time> const expected{0, 21600, 86400, 108000};
  auto times = o.config.inference->initial_times();
  for (auto& t : times)
    t -= time_of({2002, 1, 1});
  EXPECT_EQ(times, expected);
}

TEST_F(FirstGenerationFaults, ForecastsAsPairs)
{
  auto const o =
      open("gen1_a_paper_single_step.yml", {"predict.forecasts=[['2002-01-01 00:00:00', '2002-01-01 18:00:00']]"});
  EXPECT_EQ(o.config.inference->forecast_length, 86400);
}

} // namespace
} // namespace rossby
