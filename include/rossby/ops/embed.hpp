#pragma once
/// \file
/// Cross-embedding with wide kernels: several strided convolutions of one input whose kernels are many strides wide and
/// whose outputs have few channels (16 x 16 strides to 4 channels, say).

#include <rossby/ops/conv.hpp>

#include <vector>

namespace rossby::ops {

/// One convolution, as in conv_forward; `channel0` is its first channel in the shared output.
struct EmbedBranch {
  ConvShape shape;
  index_t out, channel0;
  Array weight; ///< [out, kernel, kernel, in]
  double scale;
  Array bias;           ///< may be empty
  Array dweight, dbias; ///< added into by embed_backward, each unless empty
};

/// True when kernels and offsets are whole strides and wide enough that this pays.
bool embed_suits(std::vector<ConvShape> const&);

/// The same result as conv_forward for every branch.
void embed_forward(Exec const&, Array const& x, std::vector<EmbedBranch> const&, Array const& y);
/// Adds into dweight and dbias. The input's gradient is conv_backward's business: the entry of a model has none.
void embed_backward(Exec const&, Array const& x, std::vector<EmbedBranch> const&, Array const& dy);

} // namespace rossby::ops
