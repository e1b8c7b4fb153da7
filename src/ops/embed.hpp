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
  Scale scale;
  Array bias;           ///< may be empty
  Array dweight, dbias; ///< added into by embed_backward, each unless empty
};

/// True when kernels and offsets are whole strides and wide enough that this pays.
bool embed_suits(std::vector<ConvShape> const&);

/// The same result as conv_forward for every branch, in steps: the biases, then the terms of every cell of x, turn by
/// turn. A turn counts in strides: row i and column j stand for the input's rows and columns from i stride and j stride
/// on, before the next ones. x: [B, rows * stride, cols * stride, in]. Because y grows term by term, it is of the wide
/// type of x.
void embed_biases(Exec const&, std::vector<EmbedBranch> const&, Out y);
void embed_terms(Exec const&, Array const& x, std::vector<EmbedBranch> const&, Out y, Turn const&);
/// All cells of x, and those of them that lie in `input`.
Box embed_cells(Array const& x, std::vector<EmbedBranch> const&);
Box embed_cells(Box const& input, std::vector<EmbedBranch> const&);

/// Adds into dweight and dbias, for dy of x's type. The input's gradient is conv_input_backward's business: the entry
/// of a model has none.
void embed_backward(Exec const&, Array const& x, std::vector<EmbedBranch> const&, Array const& dy);

} // namespace rossby::ops
