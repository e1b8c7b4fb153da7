#pragma once
/// \file
/// Private to src/train: under which names files hold the parameters of a model.

#include <rossby/params/parameters.hpp>

#include <string>
#include <vector>

namespace rossby {

/// A name as a model declares it, without what wrappers of PyTorch's put in front of it or into it.
std::string without_wrappers(std::string name);

/// All names that a parameter may have in a file, its own first: older names, those of a domain-parallel run of
/// CREDIT's (which wraps convolutions), and the other spelling of spectral norm.
std::vector<std::string> names_in_files(ParameterSpec const&);

/// True for the vectors of spectral norm, which are state but no parameters of PyTorch's.
bool is_spectral_vector(std::string const& name);

/// True for a weight that has such vectors beside it.
bool has_spectral_vectors(std::string const& name);

struct NameMatch {
  std::vector<std::string> in_file; ///< by number of parameter; empty: the file has none
  std::vector<std::string> unknown; ///< what is in the file for no parameter
};
NameMatch match_names(Parameters const&, std::vector<std::string> const& names);

} // namespace rossby
