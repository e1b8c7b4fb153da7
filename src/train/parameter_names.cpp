// A parameter has the name that its module and PyTorch's hook for spectral norm give it in CREDIT's current code. Files
// may hold it under others:
//
//   module.X, _orig_mod.X           distributed and compiled models, saved without unwrapping
//   X with _checkpoint_wrapped_module., _fsdp_wrapped_module. inside
//   M.conv.leaf for M.leaf          a domain-parallel run wraps convolutions
//   convs.K.leaf for convs.K.1.leaf whatever the model itself calls its other name
//   M.parametrizations.weight.{original,0._u,0._v} for M.weight_{orig,u,v}
#include "parameter_names.hpp"

#include <set>

namespace rossby {

namespace {
bool begins_with(std::string const& text, std::string const& start)
{
  return text.compare(0, start.size(), start) == 0;
}

bool ends_with(std::string const& text, std::string const& end)
{
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

std::string wrapped_convolution(std::string const& name)
{
  auto const dot = name.rfind('.');
  return dot == std::string::npos ? std::string() : name.substr(0, dot) + ".conv" + name.substr(dot);
}

std::string parametrized(std::string const& name)
{
  for (auto const& [hook, parametrization] :
       {std::pair("weight_orig", "original"), std::pair("weight_u", "0._u"), std::pair("weight_v", "0._v")})
    if (ends_with(name, std::string(".") + hook))
      return name.substr(0, name.rfind('.')) + ".parametrizations.weight." + parametrization;
  return {};
}
} // namespace

std::string without_wrappers(std::string name)
{
  for (std::string const wrapper : {"_orig_mod.", "_checkpoint_wrapped_module.", "_fsdp_wrapped_module."})
    for (auto at = name.find(wrapper); at != std::string::npos; at = name.find(wrapper))
      name.erase(at, wrapper.size());
  while (begins_with(name, "module."))
    name.erase(0, 7);
  return name;
}

std::vector<std::string> names_in_files(ParameterSpec const& spec)
{
  std::vector<std::string> names{spec.name};
  if (!spec.other_name.empty())
    names.push_back(spec.other_name);
  auto const add_each = [&](auto variant) {
    for (std::size_t i = 0, n = names.size(); i < n; ++i)
      if (std::string const other = variant(names[i]); !other.empty())
        names.push_back(other);
  };
  add_each(wrapped_convolution);
  add_each(parametrized);
  return names;
}

bool is_spectral_vector(std::string const& name)
{
  return ends_with(name, ".weight_u") || ends_with(name, ".weight_v") ||
         ends_with(name, ".parametrizations.weight.0._u") || ends_with(name, ".parametrizations.weight.0._v");
}

bool has_spectral_vectors(std::string const& name)
{
  return ends_with(name, ".weight_orig") || ends_with(name, ".parametrizations.weight.original");
}

NameMatch match_names(Parameters const& parameters, std::vector<std::string> const& names)
{
  NameMatch match;
  std::set<std::string> left(names.begin(), names.end());
  match.in_file.resize(static_cast<std::size_t>(parameters.size()));
  // Own names go first: what is one parameter's own name is never another's older one.
  for (bool const own : {true, false})
    for (int i = 0; i < parameters.size(); ++i) {
      auto& found = match.in_file[static_cast<std::size_t>(i)];
      auto const& spec = parameters[i].spec;
      for (auto const& candidate : own ? std::vector{spec.name} : names_in_files(spec))
        if (found.empty() && left.erase(candidate) > 0)
          found = candidate;
    }
  match.unknown.assign(left.begin(), left.end());
  return match;
}

} // namespace rossby
