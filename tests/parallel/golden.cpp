// ranks: 2 4
// Meshes against CREDIT: the reference cases cut by domain, tensor, ddp and fsdp2, with the tolerances of one rank.

#include <support/golden.hpp>
#include <support/listing.hpp>

namespace rossby {
namespace {
using namespace test;

using Data = ParallelismConfig::Data;

struct GoldenMesh {
  std::string name;
  int ranks;
  Data data;
  int tensor, rows, columns;
  int data_ranks() const { return ranks / tensor / rows / columns; }
};

std::vector<GoldenMesh> golden_meshes()
{
  GoldenMesh const all[] = {{"domain_2", 2, Data::none, 1, 2, 1},
                            {"tensor_2", 2, Data::none, 2, 1, 1},
                            {"tensor_4", 4, Data::none, 4, 1, 1},
                            {"domain_2x2", 4, Data::none, 1, 2, 2},
                            {"ddp_2_domain_2", 4, Data::ddp, 1, 2, 1},
                            {"fsdp2_2_tensor_2", 4, Data::fsdp2, 2, 1, 1},
                            {"fsdp2_tensor_2_domain_2", 4, Data::fsdp2, 2, 2, 1}};
  std::vector<GoldenMesh> list;
  for (auto const& mesh : all)
    if (mesh.ranks == test_ranks())
      list.push_back(mesh);
  return list;
}

struct Trial {
  std::string name;
  GoldenMesh mesh;
};

/// Every case on every mesh of these ranks whose data ranks get whole samples of it.
std::vector<Trial> trials()
{
  std::vector<Trial> list;
  for (auto const& name : golden_cases())
    for (auto const& mesh : golden_meshes())
      if (io::Hdf5File::open_read(golden_file(name)).shape("input")[0] % mesh.data_ranks() == 0)
        list.push_back({name, mesh});
  return list;
}

class MeshGolden : public ::testing::TestWithParam<Trial> {
protected:
  MeshGolden()
  {
    GoldenMesh const& mesh = GetParam().mesh;
    ParallelismConfig parallelism;
    parallelism.data = mesh.data;
    parallelism.tensor = mesh.tensor;
    parallelism.domain = {mesh.rows, mesh.columns};
    case_ = std::make_unique<GoldenCase>(GetParam().name, DType::float64, Communicator::world(), parallelism);
  }
  std::unique_ptr<GoldenCase> case_;
};

TEST_P(MeshGolden, EvaluationOutputAndStages) { expect_evaluation(*case_); }
TEST_P(MeshGolden, TrainingLossAndEveryGradient) { expect_gradients(*case_); }
TEST_P(MeshGolden, OptimizerSteps) { expect_steps(*case_); }

INSTANTIATE_TEST_SUITE_P(Credit, MeshGolden, ::testing::ValuesIn(trials()),
                         [](auto const& one) { return one.param.name + "_" + one.param.mesh.name; });

} // namespace
} // namespace rossby
