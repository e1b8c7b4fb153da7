// ranks: 2 3
// Sums of the gradients of shared parameters (fsdp2): under way while the next unit computes, with the bits that they
// have when everybody waits for them at once.
#include <rossby/parallel.hpp>
#include <support/small_model.hpp>

#include <gtest/gtest.h>
#include <mpi.h>

#include <algorithm>
#include <set>
#include <vector>

namespace rossby {
namespace {

/// What happens to the sums of this rank.
struct Watch {
  enum class Calls { started, waited_for_at_once, blocking } calls = Calls::started;
  std::set<MPI_Request> under_way;
  std::size_t most = 0, kernels = 0; ///< kernels since the last start
  std::vector<std::size_t> beside;   ///< kernels between the start of each sum and its end
  void started(MPI_Request request)
  {
    under_way.insert(request);
    most = std::max(most, under_way.size());
    kernels = 0;
  }
  void ended(MPI_Request request)
  {
    if (under_way.erase(request) > 0)
      beside.push_back(kernels);
  }
  static Watch& here()
  {
    static Watch watch;
    return watch;
  }
};

} // namespace
} // namespace rossby

// MPI's own interface for looking on: the library's calls come by here.
extern "C" {
int MPI_Ireduce_scatter(void const* from, void* to, int const counts[], MPI_Datatype type, MPI_Op op, MPI_Comm comm,
                        MPI_Request* request)
{
  using Calls = rossby::Watch::Calls;
  auto& watch = rossby::Watch::here();
  if (watch.calls == Calls::blocking) {
    *request = MPI_REQUEST_NULL;
    return PMPI_Reduce_scatter(from, to, counts, type, op, comm);
  }
  int const code = PMPI_Ireduce_scatter(from, to, counts, type, op, comm, request);
  if (watch.calls == Calls::waited_for_at_once)
    return PMPI_Wait(request, MPI_STATUS_IGNORE);
  watch.started(*request);
  return code;
}
int MPI_Waitall(int count, MPI_Request requests[], MPI_Status statuses[])
{
  for (int i = 0; i < count; ++i)
    rossby::Watch::here().ended(requests[i]);
  return PMPI_Waitall(count, requests, statuses);
}
}

namespace rossby {
namespace {

/// Gradients that this rank stores after a backward pass.
std::vector<std::vector<double>> gradients(Watch::Calls calls)
{
  Watch::here() = {};
  Watch::here().calls = calls;
  Exec const exec;
  auto const world = Communicator::world();
  ParallelismConfig config;
  config.data = ParallelismConfig::Data::fsdp2;
  auto const mesh = build_device_mesh(config, world);
  auto const model = make_model(test::small_model());
  parallelise(*model, mesh, config);
  model->allocate(exec, DType::float32, 3);
  Tape tape;
  Context ctx{exec, &tape, true};
  auto const stream = static_cast<std::uint64_t>(2 * world.rank());
  auto const field = [&](Tiling const& tiling, index_t channels, std::uint64_t s) {
    return test::tile_of_field(DType::float32, tiling, 0, 1, channels, s);
  };
  auto const manager = get_domain_manager(*model);
  Var const y = model->forward(ctx, Var(field(manager.input(), model->fields().input_channels(), stream)));
  Kokkos::Tools::Experimental::set_begin_parallel_for_callback(
      [](char const*, std::uint32_t, std::uint64_t*) { ++Watch::here().kernels; });
  tape.backward(exec, y, field(manager.output(), model->fields().output_channels(), stream + 1));
  Kokkos::Tools::Experimental::set_begin_parallel_for_callback(nullptr);
  std::vector<std::vector<double>> all;
  for (auto const& p : model->parameters().all())
    all.push_back(p.var.grad() ? p.var.grad().to_host(exec) : std::vector<double>());
  return all;
}

TEST(OverlappedSums, OneUnderWayBesideTheNextUnit)
{
  auto const found = gradients(Watch::Calls::started);
  auto const& watch = Watch::here();
  EXPECT_TRUE(watch.under_way.empty()) << "a backward pass ends with whole sums";
  EXPECT_EQ(watch.most, 1u);
  ASSERT_GT(watch.beside.size(), 8u) << "units";
  for (std::size_t i = 0; i + 1 < watch.beside.size(); ++i)
    EXPECT_GT(watch.beside[i], 10u) << "sum " << i;
  std::size_t elements = 0;
  for (auto const& g : found)
    elements += g.size();
  EXPECT_GT(elements, 10000u);
}

TEST(OverlappedSums, SameBits)
{
  auto const found = gradients(Watch::Calls::started);
  EXPECT_EQ(found, gradients(Watch::Calls::waited_for_at_once));
  if (Communicator::world().size() == 2) { // with more, MPI's blocking call may add in another order
    EXPECT_EQ(found, gradients(Watch::Calls::blocking));
  }
}

} // namespace
} // namespace rossby
