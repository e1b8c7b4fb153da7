#include "support/small_run.hpp"

#include "data/scaler.hpp"
#include "train/device_chain.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace {
using namespace rossby;
using namespace rossby::testing;

/// Three channels in two variables on a 5 x 6 grid; two samples.
struct Fields {
  SmallWorld world;
  LossDomain domain{world.plan.schema.target, world.plan.grid.latitude, SmallWorld::width,
                    Box{0, SmallWorld::height, 0, SmallWorld::width}};
  DeviceChains to_physical{world.plan.transforms.output, domain.tile, SmallWorld::width};
  std::vector<double> y, target, target_physical;
  index_t samples = 2;

  Fields()
  {
    for (int i = 0; i < 2 * 30 * 3; ++i) {
      y.push_back(std::sin(0.7 * i));
      target.push_back(std::cos(0.3 * i));
      target_physical.push_back(2 * target.back() + 0.5);
    }
  }
  Array device(std::vector<double> const& v) const
  {
    return Array::from_host(Exec(), DType::float64, {samples, 5, 6, 3}, v);
  }
  double latitude_weight(std::size_t cell) const
  {
    double const degree = std::acos(-1.0) / 180;
    double mean = 0;
    for (double const lat : domain.latitude)
      mean += std::cos(lat * degree) / 5;
    return std::cos(domain.latitude[cell / 6] * degree) / mean;
  }
  /// mean over samples and cells of w (a - b)^2, by channel.
  std::vector<double> squares(std::vector<double> const& a, std::vector<double> const& b) const
  {
    std::vector<double> result(3, 0.0);
    for (std::size_t i = 0; i < a.size(); ++i)
      result[i % 3] += latitude_weight(i / 3 % 30) * (a[i] - b[i]) * (a[i] - b[i]) / 60;
    return result;
  }
  double value(Loss const& loss, std::vector<double> const& output) const
  {
    Context context;
    auto const& truth = loss.physical() ? target_physical : target;
    Var const prediction = loss.physical() ? to_physical(context, Var(device(output))) : Var(device(output));
    return loss.value(loss.sums(context, prediction, device(truth), samples).value().to_host(Exec()), samples).total;
  }
  void expect_gradient(Loss const& loss) const
  {
    Context context;
    Tape tape;
    context.tape = &tape;
    Var const output(device(y), true);
    Var const prediction = loss.physical() ? to_physical(context, output) : output;
    Var const sums = loss.sums(context, prediction, device(loss.physical() ? target_physical : target), samples);
    tape.backward(Exec(), sums, loss.seed(Exec(), samples));
    auto const gradient = output.grad().to_host(Exec());
    for (std::size_t i = 0; i < y.size(); i += 7) {
      auto up = y, down = y;
      up[i] += 1e-6;
      down[i] -= 1e-6;
      EXPECT_NEAR(gradient[i], (value(loss, up) - value(loss, down)) / 2e-6,
                  1e-7 * std::max(0.1, std::fabs(gradient[i])))
          << i;
    }
  }
};

TEST(Loss, FlatFormIsTheMeanOfChannelMeans)
{
  Fields const f;
  LossConfig config;
  config.use_latitude_weights = true;
  Loss const plain(config, Loss::Use::training, f.domain);
  EXPECT_FALSE(plain.physical());
  auto const squares = f.squares(f.y, f.target);
  EXPECT_NEAR(f.value(plain, f.y), (squares[0] + squares[1] + squares[2]) / 3, 1e-14);
  f.expect_gradient(plain);

  config.use_variable_weights = true;
  config.variable_weights = {{"u", {2, 3}}, {"S/prognostic/2d/p", {0.5}}};
  Loss const weighted(config, Loss::Use::training, f.domain);
  EXPECT_NEAR(f.value(weighted, f.y), (2 * squares[0] + 3 * squares[1] + 0.5 * squares[2]) / 3, 1e-14);
  f.expect_gradient(weighted);
}

TEST(Loss, BaseFormIsTheMeanOfVariableMeansInPhysicalUnits)
{
  Fields f;
  LossConfig config = f.world.config.loss; // weights {u: 2, p: 1}, scaled to mean 1
  Loss const loss(config, Loss::Use::training, f.domain);
  EXPECT_TRUE(loss.physical());
  auto const squares = f.squares(f.y, f.target); // physical errors are twice as large
  double const u = 4 * (squares[0] + squares[1]) / 2, p = 4 * squares[2];
  EXPECT_NEAR(f.value(loss, f.y), (u * 2 / 1.5 + p / 1.5) / 2, 1e-13);
  f.expect_gradient(loss);

  config.overrides = {{"p", {ElementLoss::Kind::mae, 1}}};
  config.weighting = LossConfig::Weighting::none;
  Loss const mixed(config, Loss::Use::validation, f.domain);
  double absolute = 0;
  for (std::size_t i = 2; i < f.y.size(); i += 3)
    absolute += f.latitude_weight(i / 3 % 30) * std::fabs(2 * (f.y[i] - f.target[i])) / 60;
  EXPECT_NEAR(f.value(mixed, f.y), (u + absolute) / 2, 1e-13);
  f.expect_gradient(mixed);
}

TEST(Loss, InverseVarianceComesFromTheScaler)
{
  ScratchFolder const scratch("scaler");
  std::filesystem::create_directories(scratch.path);
  ScalerFile scalers;
  scalers.set("target", "S/prognostic/3d/u", {{0, 0}, {4, 8}, 10});
  scalers.set("target", "S/prognostic/2d/p", {{0}, {3}, 10});
  scalers.save(scratch / "scaler.json");
  Fields const f;
  LossConfig config = f.world.config.loss;
  config.variable_weights.clear();
  config.weighting = LossConfig::Weighting::inverse_variance;
  config.scaler_path = scratch / "scaler.json";
  Loss const loss(config, Loss::Use::training, f.domain);
  auto const squares = f.squares(f.y, f.target);
  double const u = 4 * (squares[0] + squares[1]) / 2, p = 4 * squares[2]; // weights 1/6 and 1/3: 2/3 and 4/3
  EXPECT_NEAR(f.value(loss, f.y), (u * 2 / 3 + p * 4 / 3) / 2, 1e-13);
}

TEST(Loss, SpectraOfLatitudeCirclesAreCompared)
{
  Fields f;
  f.domain.tiling = Tiling::whole(5, 6);
  LossConfig config;
  config.use_latitude_weights = true;
  config.wavenum_init = 1;
  config.spectral_lambda = 0.7;
  double const plain = f.value(Loss(config, Loss::Use::training, f.domain), f.y);
  config.use_power_loss = true;
  Loss const power(config, Loss::Use::training, f.domain);
  config.use_power_loss = false;
  config.use_spectral_loss = true;
  Loss const spectral(config, Loss::Use::training, f.domain);

  double const turn = std::acos(-1.0) / 3;
  double of_power = 0, of_spectra = 0;
  for (std::size_t s = 0; s < 2; ++s)
    for (std::size_t c = 0; c < 3; ++c)
      for (int k = 1; k <= 3; ++k) {
        double mean[2] = {0, 0}, logs[2] = {0, 0};
        for (std::size_t row = 0; row < 5; ++row) {
          double const w = f.latitude_weight(6 * row) / 5;
          for (int which = 0; which < 2; ++which) {
            double re = 0, im = 0;
            for (std::size_t j = 0; j < 6; ++j) {
              double const v = (which ? f.target : f.y)[((s * 5 + row) * 6 + j) * 3 + c];
              re += v * std::cos(turn * k * static_cast<double>(j));
              im -= v * std::sin(turn * k * static_cast<double>(j));
            }
            mean[which] += w * std::hypot(re, im);
            logs[which] = std::log(2 * (re * re + im * im) / 36 + 1e-8);
          }
          of_power += w * std::pow(logs[0] - logs[1], 2) / 18;
        }
        of_spectra += std::pow(mean[0] - mean[1], 2) / 18;
      }
  EXPECT_NEAR(f.value(power, f.y), plain + 0.7 * of_power, 1e-12);
  EXPECT_NEAR(f.value(spectral, f.y), plain + 0.7 * of_spectra, 1e-12);
  f.expect_gradient(power);
  f.expect_gradient(spectral);
  Loss const judged(config, Loss::Use::validation, f.domain); // validation leaves them out
  EXPECT_EQ(judged.terms(), 3);
  config.wavenum_init = 4;
  EXPECT_THROW(Loss(config, Loss::Use::training, f.domain), Error);
}

TEST(Loss, WrongNamesAndCountsAreRefused)
{
  Fields const f;
  LossConfig config;
  config.use_variable_weights = true;
  config.variable_weights = {{"w", {1}}};
  EXPECT_THROW(Loss(config, Loss::Use::training, f.domain), Error);
  config.variable_weights = {{"u", {1, 2, 3}}};
  EXPECT_THROW(Loss(config, Loss::Use::training, f.domain), Error);
}

// A score is that of one sample over all of its cells; of a batch the mean of its samples' is told.
TEST(Metrics, MatchPlainFormulas)
{
  Fields const f;
  MetricsConfig config;
  config.metrics.clear();
  for (auto const kind : {MetricKind::rmse, MetricKind::mse, MetricKind::mae, MetricKind::bias, MetricKind::r2score,
                          MetricKind::acc, MetricKind::log_variance_ratio, MetricKind::activity})
    config.metrics.push_back({kind});
  config.metrics[6].eps = 1e-3;
  config.use_latitude_weights = true;
  Metrics const metrics(config, f.domain);
  auto const values =
      metrics.compute(Exec(), f.device(f.y), f.device(f.target), {2, 2}, Communicator(), Communicator());
  for (int v = 0; v < 2; ++v) {
    std::vector<double> expected(8, 0);
    for (std::size_t sample = 0; sample < 2; ++sample) {
      std::vector<double> w, p, t;
      for (std::size_t i = 90 * sample; i < 90 * (sample + 1); ++i)
        if ((i % 3 == 2) == (v == 1)) {
          w.push_back(f.latitude_weight(i / 3 % 30));
          p.push_back(f.y[i]);
          t.push_back(f.target[i]);
        }
      double const n = static_cast<double>(w.size());
      auto const mean = [&](auto g) {
        double sum = 0;
        for (std::size_t i = 0; i < w.size(); ++i)
          sum += w[i] * g(p[i], t[i]) / n;
        return sum;
      };
      double const mse = mean([](double a, double b) { return (a - b) * (a - b); });
      double const mp = mean([](double a, double) { return a; }), mt = mean([](double, double b) { return b; });
      double const vt = mean([&](double, double b) { return (b - mt) * (b - mt); });
      double const vp = mean([&](double a, double) { return (a - mp) * (a - mp); });
      double const cov = mean([&](double a, double b) { return (a - mp) * (b - mt); });
      double const scores[] = {std::sqrt(mse),
                               mse,
                               mean([](double a, double b) { return std::fabs(a - b); }),
                               mp - mt,
                               1 - mse / vt,
                               cov / std::sqrt(vp * vt),
                               std::log10((vp + 1e-3) / (vt + 1e-3)),
                               std::sqrt(vp)};
      for (std::size_t m = 0; m < 8; ++m)
        expected[m] += scores[m] / 2;
    }
    for (std::size_t m = 0; m < 8; ++m)
      EXPECT_NEAR(values.by_variable[m][static_cast<std::size_t>(v)], expected[m], 1e-11) << m;
  }
  for (std::size_t m = 0; m < 8; ++m)
    EXPECT_NEAR(values.mean[m], (values.by_variable[m][0] + values.by_variable[m][1]) / 2, 1e-14);
}

TEST(Metrics, AnomaliesAreAboutTheClimatology)
{
  Fields const f;
  MetricsConfig config;
  config.metrics = {{MetricKind::rmse}, {MetricKind::acc, "mean.nc"}, {MetricKind::r2score}, {MetricKind::activity}};
  config.use_latitude_weights = true;
  std::vector<float> climatology;
  for (std::size_t i = 0; i < f.y.size() / 2; ++i) // one field for both samples
    climatology.push_back(static_cast<float>(3 * std::sin(0.1 * static_cast<double>(i))));
  auto const score = [&](MetricsConfig const& c, std::vector<double> const& p, std::vector<double> const& t) {
    return Metrics(c, f.domain, climatology)
        .compute(Exec(), f.device(p), f.device(t), {2, 2}, Communicator(), Communicator());
  };
  auto p = f.y, t = f.target;
  auto const about_climatology = score(config, p, t);
  config.metrics[1].climatology_path = "";
  auto const plain = score(config, p, t);
  for (std::size_t i = 0; i < p.size(); ++i) {
    p[i] -= static_cast<double>(climatology[i % climatology.size()]);
    t[i] -= static_cast<double>(climatology[i % climatology.size()]);
  }
  auto const of_anomalies = score(config, p, t);
  for (std::size_t v = 0; v < 2; ++v) {
    EXPECT_EQ(about_climatology.by_variable[0][v], plain.by_variable[0][v]);
    EXPECT_EQ(about_climatology.by_variable[2][v], plain.by_variable[2][v]);
    EXPECT_NEAR(about_climatology.by_variable[1][v], of_anomalies.by_variable[1][v], 1e-12);
    EXPECT_NEAR(about_climatology.by_variable[3][v], of_anomalies.by_variable[3][v], 1e-12);
    EXPECT_GT(std::fabs(about_climatology.by_variable[1][v] - plain.by_variable[1][v]), 1e-3);
  }
}
} // namespace
