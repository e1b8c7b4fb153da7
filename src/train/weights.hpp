#pragma once
/// \file
/// Weights from HDF5 files, by state_dict name, in PyTorch's shapes.

#include "io/hdf5.hpp"
#include <rossby/params/parameters.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace rossby {

/// Reads `<group>/<name>` for every parameter, each rank the parts that it stores; collective over all ranks of the
/// placement. Older files that name cross-embedding kernels `convs.<k>.weight` instead of `convs.<k>.1.weight`, and the
/// other way round, are understood. Parameters that the model never uses may be missing.
/// \throws Error that lists the first ten names that are missing, unknown or of another shape; Error for values that
/// are not finite or don't give the file's checksum. The parameters are then what they were.
void load_model_weights(Exec const&, Parameters&, std::string const& file, std::string const& group = "/model");

/// A number that changes when any element does, and that is the sum of what the parts of a dataset give: the sum over
/// elements of a hash of (global index, bits of the value).
std::int64_t checksum(std::vector<double> const& values);
std::int64_t checksum(std::vector<double> const& values, std::vector<index_t> const& positions);
std::int64_t checksum(std::string const& text);
/// \throws Error that calls the dataset damaged, unless the two agree.
void expect_checksum(std::string const& file, std::string const& dataset, std::int64_t found, std::int64_t expected);

/// Reads a dataset and compares it with its `checksum` attribute, which it must have in a file that Rossby wrote.
std::vector<double> read_verified(io::Hdf5File const&, std::string const& dataset);
std::string read_text_verified(io::Hdf5File const&, std::string const& dataset);

} // namespace rossby
