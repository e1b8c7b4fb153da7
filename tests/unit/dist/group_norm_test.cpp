#include "dist/group_norm.hpp"
#include <support/gradient_check.hpp>

namespace rossby {
namespace {
using namespace test;

TEST(GroupNorm, Gradients)
{
  index_t const channels = 6;
  Communicator const self;
  for (index_t const groups : {1, 3, 6}) {
    SCOPED_TRACE(groups);
    GroupStatistics statistics;
    auto const forward = [&](Arrays const& in) {
      Array const y = unwritten(DType::float64, in[0].shape());
      statistics = group_norm_forward(Exec(), self, in[0], groups, 1e-3, in[1], in[2], y);
      return y;
    };
    check_gradients({random_array(DType::float64, {2, 5, channels}, 1), random_array(DType::float64, {channels}, 2),
                     random_array(DType::float64, {channels}, 3)},
                    forward, [&](Arrays const& in, Array const& dy) {
                      forward(in);
                      Array const dx = unwritten(DType::float64, in[0].shape()), dgain = sum_begun(in[1]),
                                  dbias = sum_begun(in[2]);
                      group_norm_backward(Exec(), self, statistics, in[0], in[1], dy, dx, dgain, dbias);
                      return Arrays{dx, added(dgain), added(dbias)};
                    });
  }
}

} // namespace
} // namespace rossby
