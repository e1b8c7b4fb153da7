#pragma once
/// \file
/// Private to src/io: boxes of tensors whose elements lie in a file at any strides.

#include "input_file.hpp"
#include "pickle_tree.hpp"

#include "io/hdf5.hpp"

#include <vector>

namespace rossby::io {

/// Row-major values of one box, which lies within the tensor.
std::vector<double> read_box(InputFile const&, StoredTensor const&, Storage const&, Hyperslab const& box);

} // namespace rossby::io
