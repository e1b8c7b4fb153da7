// Rossby against CREDIT on one rank: outputs, stages, losses, every gradient and a few optimizer steps, in float64 and
// float32. tests/parallel/golden.cpp does the same on meshes.

#include <support/golden.hpp>

namespace rossby {
namespace {
using namespace test;

struct Case {
  std::string name;
  DType dtype;
};

class Golden : public ::testing::TestWithParam<Case> {
protected:
  Golden() : case_(GetParam().name, GetParam().dtype, Communicator(), {}) {}
  GoldenCase case_;
};

TEST_P(Golden, EvaluationOutputAndStages) { expect_evaluation(case_); }
TEST_P(Golden, TrainingLossAndEveryGradient) { expect_gradients(case_); }
TEST_P(Golden, OptimizerSteps)
{
  if (GetParam().dtype == DType::float64)
    expect_steps(case_);
}

std::vector<Case> cases()
{
  std::vector<Case> list;
  for (auto const& name : golden_cases())
    for (DType const dtype : {DType::float64, DType::float32})
      list.push_back({name, dtype});
  return list;
}

INSTANTIATE_TEST_SUITE_P(Credit, Golden, ::testing::ValuesIn(cases()),
                         [](auto const& one) { return one.param.name + "_" + name_of(one.param.dtype); });

} // namespace
} // namespace rossby
