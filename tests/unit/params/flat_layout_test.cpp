#include "optim/adamw.hpp"
#include "optim/ema.hpp"
#include "params/flat_layout.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace rossby {
namespace {

/// Two units, with a parameter of each kind, of lengths that fill no line.
struct TwoUnits : Parameters {
  explicit TwoUnits(DType dtype)
  {
    Initial const normal{Initial::Kind::normal, 1};
    begin_unit("first");
    declare({"a", {2, 3}, ParameterLayout::natural, {}, normal});
    declare({"u", {2}, ParameterLayout::natural, {}, {Initial::Kind::unit_vector, 1}, false});
    begin_unit("second");
    declare({"cut", {4, 3}, ParameterLayout::natural, {}, normal, true, true, TensorCut::rows});
    declare({"unused", {4}, ParameterLayout::natural, {}, normal, true, false});
    declare({"b", {5000}, ParameterLayout::natural, {}, normal});
    allocate(Exec(), dtype, 1);
  }
};

/// Elements of a flat array that belong to no parameter.
std::vector<double> between(Parameters const& p, Array const& flat)
{
  auto values = flat.to_host(Exec());
  std::vector<char> used(values.size(), 0);
  for (int i = 0; i < p.size(); ++i)
    for (index_t k = 0; k < p[i].value().size(); ++k)
      if (auto const at = static_cast<std::size_t>(p.layout().begin(i) + k); at < used.size())
        used[at] = 1;
  std::vector<double> rest;
  for (std::size_t k = 0; k < values.size(); ++k)
    if (!used[k])
      rest.push_back(values[k]);
  return rest;
}

TEST(FlatLayout, FollowsBackwardPassesInWholeLines)
{
  for (DType const dtype : {DType::float32, DType::float64}) {
    TwoUnits const p(dtype);
    auto const& layout = p.layout();
    auto const line = static_cast<index_t>(64 / size_of(dtype));
    EXPECT_EQ(layout.order(), (std::vector<int>{4, 0, 2})) << "the last unit first, what is cut behind";
    EXPECT_LT(layout.begin(2), layout.optimized());
    EXPECT_EQ(layout.begin(3), layout.optimized());
    EXPECT_EQ(layout.begin(1), layout.trainable());
    EXPECT_EQ(layout.elements(), layout.trainable() + line);
    for (int i = 0; i < p.size(); ++i) {
      EXPECT_EQ(layout.begin(i) % line, 0) << i;
      EXPECT_EQ(static_cast<char*>(p[i].value().data()) - static_cast<char*>(p.values().data()),
                static_cast<std::ptrdiff_t>(static_cast<std::size_t>(layout.begin(i)) * size_of(dtype)));
    }
  }
}

TEST(FlatLayout, WhatLiesBetweenStaysZero)
{
  Exec const exec;
  TwoUnits p(DType::float32);
  Gradients gradients(p);
  AdamW adam(p, {0.9, 0.95, 1e-8, 0.1});
  Ema ema(exec, p, 0.5);
  double squares = 0;
  for (int step = 0; step < 3; ++step) {
    p.ready_gradients(exec);
    squares = 0;
    for (int const i : {0, 2, 4}) {
      p[i].var.accumulate(exec, p[i].value().clone(exec));
      for (double const v : p[i].value().to_host(exec))
        squares += v * v;
    }
    gradients.collect(exec, p);
    EXPECT_NEAR(gradients.norm(exec) / std::sqrt(squares), 1, 1e-14);
    adam.step(exec, p, gradients, 0.1, 1);
    ema.update(exec, p);
  }
  ema.swap(exec, p);
  for (Array const& flat : {p.values(), p.gradients()}) {
    auto const rest = between(p, flat);
    EXPECT_GE(rest.size(), 8u);
    EXPECT_EQ(rest, std::vector<double>(rest.size(), 0.0));
  }
}

} // namespace
} // namespace rossby
