#pragma once
/// \file
/// Files of weights that PyTorch and CREDIT wrote; see tests/reference/torch.

#include "io/tensor_file.hpp"
#include <support/files.hpp>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace rossby::test {

inline std::string torch_fixture(std::string const& name) { return std::string(ROSSBY_TORCH_FIXTURES) + "/" + name; }

/// Equal to the last bit; one NaN is as good as another.
inline bool same_bits(std::vector<double> const& a, std::vector<double> const& b)
{
  if (a.size() != b.size())
    return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (!(a[i] != a[i] && b[i] != b[i]) && std::memcmp(&a[i], &b[i], sizeof(double)) != 0)
      return false;
  return true;
}

/// Reads every tensor within a value; returns how many there are.
inline int read_all(io::TensorFile const& file, io::PickledValue const& value)
{
  int count = 0;
  if (auto const* t = value.tensor()) {
    file.read(*t);
    ++count;
  }
  for (auto const& item : value.items())
    count += read_all(file, item);
  for (auto const& [key, item] : value.entries())
    count += read_all(file, item);
  return count;
}

} // namespace rossby::test
