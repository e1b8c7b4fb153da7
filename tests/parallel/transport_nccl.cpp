// ranks: 1
// NCCL itself, in the only group that one GPU allows: what comes back is what was sent.
#include <rossby/comm/device_transport.hpp>
#include <support/arrays.hpp>

namespace rossby {
namespace {

TEST(Nccl, GroupOfOneMakesAllItsCalls)
{
  auto const transport = nccl_transport(Communicator());
  ASSERT_TRUE(transport) << "NCCL is built in, but Kokkos does not compute with CUDA";
  Exec const exec;
  for (auto const dtype : {DType::float64, DType::float32}) {
    auto const values = test::random_values(1000, 3);
    auto const mine = Array::from_host(Exec(), dtype, {1000}, values);
    auto const check = [&](char const* what, auto&& call) {
      auto const result = Array::zeros(exec, dtype, {1000});
      call(result)->wait(exec);
      EXPECT_EQ(result.to_host(exec), mine.to_host(exec)) << what;
    };
    check("all_reduce", [&](Array const& a) {
      a.copy_from(exec, mine);
      return transported::all_reduce_sum(*transport, exec, a);
    });
    check("all_gather", [&](Array const& a) { return transported::all_gather(*transport, exec, mine, a, {1000}); });
    check("reduce_scatter",
          [&](Array const& a) { return transported::reduce_scatter_sum(*transport, exec, mine, a, {1000}); });
    check("exchange", [&](Array const& a) {
      return transported::exchange(*transport, exec, {{0, mine.data(), mine.bytes()}}, {{0, a.data(), a.bytes()}});
    });
    check("broadcast", [&](Array const& a) {
      transport->begin(exec);
      transport->broadcast(mine.data(), a.data(), 1000, dtype, 0);
      return transport->end();
    });
    check("reduce", [&](Array const& a) {
      transport->begin(exec);
      transport->reduce_sum(mine.data(), a.data(), 1000, dtype, 0);
      return transport->end();
    });
  }
}

} // namespace
} // namespace rossby
