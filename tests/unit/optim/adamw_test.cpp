#include "optim/adamw.hpp"
#include "optim/ema.hpp"
#include <support/kokkos_callbacks.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string>

namespace {
using namespace rossby;

struct SomeParameters : Parameters {
  explicit SomeParameters(DType dtype)
  {
    declare({"a.weight_orig", {2, 3}, ParameterLayout::natural, {}, {Initial::Kind::normal, 1}, true, true});
    declare({"a.weight_u", {2}, ParameterLayout::natural, {}, {Initial::Kind::unit_vector, 1}, false, true});
    declare({"unused.bias", {4}, ParameterLayout::natural, {}, {Initial::Kind::constant, 3}, true, false});
    declare({"b.bias", {5}, ParameterLayout::natural, {}, {Initial::Kind::constant, 0.5}, true, true});
    allocate(Exec(), dtype, 1);
  }
};

std::vector<double> gradient_of(int parameter, int step, std::size_t n)
{
  std::vector<double> g(n);
  for (std::size_t i = 0; i < n; ++i)
    g[i] = std::sin(1.0 + 3 * parameter + 0.7 * step + 1.3 * static_cast<double>(i));
  return g;
}

void put_gradient(Parameters& p, int i, std::vector<double> const& g)
{
  p[i].var.accumulate(Exec(), Array::from_host(Exec(), p.dtype(), p[i].value().shape(), g));
}

TEST(AdamW, FollowsTheTextbookInBothTypes)
{
  for (DType const dtype : {DType::float64, DType::float32}) {
    Exec const exec;
    SomeParameters p(dtype);
    AdamWConfig const c{0.9, 0.95, 1e-8, 0.1};
    AdamW adam(p, c);
    Gradients gradients(p);
    double const rate = 0.01, tolerance = dtype == DType::float64 ? 1e-15 : 1e-6;
    auto const unused = p[2].value().to_host(Exec()), u = p[1].value().to_host(Exec()),
               bias = p[3].value().to_host(Exec());
    auto w = p[0].value().to_host(Exec());
    std::vector<double> m(6, 0), v(6, 0);
    for (int t = 1; t <= 4; ++t) {
      auto const g = gradient_of(0, t, 6);
      put_gradient(p, 0, g);
      gradients.collect(exec, p);
      EXPECT_TRUE(gradients.present(0));
      EXPECT_FALSE(gradients.present(3));
      adam.step(exec, p, gradients, rate, 0.5);
      for (std::size_t i = 0; i < 6; ++i) {
        double const x = 0.5 * g[i];
        w[i] *= 1 - rate * c.weight_decay;
        m[i] = c.beta1 * m[i] + (1 - c.beta1) * x;
        v[i] = c.beta2 * v[i] + (1 - c.beta2) * x * x;
        w[i] -= rate / (1 - std::pow(c.beta1, t)) * m[i] /
                (std::sqrt(v[i]) / std::sqrt(1 - std::pow(c.beta2, t)) + c.epsilon);
      }
      auto const now = p[0].value().to_host(Exec());
      for (std::size_t i = 0; i < 6; ++i)
        EXPECT_NEAR(now[i], w[i], tolerance);
    }
    EXPECT_EQ(adam.moments(0).step, 4);
    // Without a gradient, no decay and no state.
    EXPECT_EQ(p[1].value().to_host(Exec()), u);
    EXPECT_EQ(p[2].value().to_host(Exec()), unused);
    EXPECT_EQ(p[3].value().to_host(Exec()), bias);
    EXPECT_FALSE(adam.moments(3).first);
    // A parameter that comes later starts its own count.
    put_gradient(p, 3, gradient_of(3, 0, 5));
    gradients.collect(exec, p);
    adam.step(exec, p, gradients, rate, 1);
    EXPECT_EQ(adam.moments(3).step, 1);
    EXPECT_EQ(adam.moments(0).step, 4);
    EXPECT_NEAR(p[3].value().to_host(Exec())[0],
                0.5 * (1 - rate * c.weight_decay) - rate * (gradient_of(3, 0, 1)[0] > 0 ? 1 : -1), 1e-6);
  }
}

TEST(Gradients, NormsClipsAndFindsBadValuesAcrossBuckets)
{
  Exec const exec;
  SomeParameters p(DType::float32);
  Gradients gradients(p, 8); // a bucket for each parameter
  put_gradient(p, 0, {1, 2, 3, 4, 5, 6});
  put_gradient(p, 3, {3, 0, 0, 0, 0});
  gradients.collect(exec, p);
  EXPECT_FALSE(p[0].var.grad());
  EXPECT_EQ(gradients.of(0).to_host(Exec()), (std::vector<double>{1, 2, 3, 4, 5, 6}));
  EXPECT_NEAR(gradients.norm(exec), 10, 1e-12);
  EXPECT_EQ(gradients.first_non_finite(exec), -1);
  EXPECT_EQ(ClipConfig{}.coefficient(10), 1);
  EXPECT_EQ(ClipConfig{20}.coefficient(10), 1);
  EXPECT_DOUBLE_EQ(ClipConfig{1}.coefficient(10), 1 / (10 + 1e-6));
  // Huge float32 values do not overflow the norm; an infinity is found.
  put_gradient(p, 0, {3e38, 0, 0, 0, 0, 0});
  gradients.collect(exec, p);
  EXPECT_NEAR(gradients.norm(exec) / 3e38, 1, 1e-6);
  put_gradient(p, 3, {0, 0, INFINITY, 0, 0});
  gradients.collect(exec, p);
  EXPECT_EQ(gradients.first_non_finite(exec), 3);
  EXPECT_FALSE(std::isfinite(gradients.norm(exec)));
}

TEST(Ema, StartsFastLeavesSpectralVectorsAloneAndSwapsBack)
{
  Exec const exec;
  SomeParameters p(DType::float64);
  Ema ema(exec, p, 0.3);
  EXPECT_DOUBLE_EQ(ema.effective_decay(1), 2.0 / 11);
  EXPECT_DOUBLE_EQ(ema.effective_decay(2), 3.0 / 12);
  EXPECT_DOUBLE_EQ(ema.effective_decay(5), 0.3);
  double const start = p[3].value().to_host(Exec())[0];
  p[3].value().fill(exec, 2);
  ema.update(exec, p);
  double const mean = 2.0 / 11 * start + 9.0 / 11 * 2;
  EXPECT_NEAR(ema.shadow(3).to_host(Exec())[0], mean, 1e-15);
  EXPECT_FALSE(ema.shadow(1));
  EXPECT_TRUE(ema.shadow(2)) << "of a parameter that the model does not use: CREDIT's files have it";
  auto const u = p[1].value().to_host(Exec());
  ema.swap(exec, p);
  EXPECT_NEAR(p[3].value().to_host(Exec())[0], mean, 1e-15);
  EXPECT_EQ(p[1].value().to_host(Exec()), u);
  ema.swap(exec, p);
  EXPECT_EQ(p[3].value().to_host(Exec())[0], 2);
}

std::map<std::string, int> kernels; // Kokkos' callbacks are plain functions
int copies = 0;

/// Kernels of `work` by name, and copies and fills as "copies".
template <class Work> std::map<std::string, int> launches(Work const& work)
{
  kernels.clear();
  copies = 0;
  using Kokkos::Tools::SpaceHandle;
  test::KokkosCallbacks const count(
      {[](char const* name, std::uint32_t, std::uint64_t*) {
         if (std::string(name).rfind("rossby::", 0) == 0)
           ++kernels[name];
       },
       [](SpaceHandle, char const*, void const*, SpaceHandle, char const*, void const*, std::uint64_t) { ++copies; }});
  work();
  if (copies > 0)
    kernels["copies"] = copies;
  return kernels;
}

TEST(FlatParameters, AStepIsOneLaunchOfEachKind)
{
  using Launches = std::map<std::string, int>;
  Exec const exec;
  Parameters p;
  p.begin_unit("all");
  for (int i = 0; i < 20; ++i)
    p.declare({"p" + std::to_string(i), {i + 1, 100 * i + 3}, ParameterLayout::natural, {}, {}});
  p.allocate(exec, DType::float32, 1);
  Gradients gradients(p);
  AdamW adam(p, {});
  Ema ema(exec, p, 0.9);
  auto const backward = [&] {
    for (auto const& one : p.all())
      one.var.grad_to_add_to(exec);
  };
  for (int step = 0; step < 2; ++step) {
    auto const ready = launches([&] { p.ready_gradients(exec); });
    auto const passed = launches(backward), collected = launches([&] { gradients.collect(exec, p); });
    auto const measured = launches([&] { gradients.norm(exec); });
    auto const moved = launches([&] { adam.step(exec, p, gradients, 1e-3, 1); });
    if (step == 0) // moments are made, and the table of steps
      continue;
    EXPECT_EQ(ready, (Launches{{"copies", 1}})) << "zeros";
    EXPECT_EQ(passed, Launches());
    EXPECT_EQ(collected, Launches()) << "gradients are where they are summed";
    EXPECT_EQ(measured, (Launches{{"rossby::params::sums_of_squares", 2}, {"copies", 1}})) << "the host reads sums";
    EXPECT_EQ(moved, (Launches{{"rossby::optim::adamw", 1}}));
  }
  EXPECT_EQ(launches([&] { ema.update(exec, p); }), (Launches{{"rossby::optim::ema", 1}}));
  EXPECT_EQ(launches([&] { ema.swap(exec, p); }), (Launches{{"rossby::optim::exchange", 1}}));
}
} // namespace
