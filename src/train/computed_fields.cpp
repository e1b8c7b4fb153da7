#include "computed_fields.hpp"

#include "data/postblocks.hpp"

namespace rossby {

namespace {
using Attributes = std::map<std::string, std::string>;

/// The channel that an interpolated field is made of, or -1.
index_t source_of(std::vector<Interpolated> const& list, index_t channel)
{
  for (auto const& v : list)
    if (v.to.first == channel)
      return v.from.first;
  return -1;
}
} // namespace

Attributes computed_attributes(DataPlan const& plan, SchemaEntry const& entry,
                               std::function<Attributes(SchemaEntry const&)> const& of_source)
{
  index_t const channel = entry.first_channel;
  for (auto const& stage : plan.transforms.stages) {
    auto const& what = stage.block->what;
    if (auto const* b = std::get_if<SeaLevelPressure>(&what); b && b->output.first == channel)
      return {{"units", "Pa"},
              {"standard_name", "air_pressure_at_mean_sea_level"},
              {"long_name", "mean sea level pressure"}};
    if (auto const* b = std::get_if<GeopotentialDiagnostic>(&what); b && b->output.first == channel)
      return {{"units", "m2 s-2"}, {"standard_name", "geopotential"}, {"long_name", "geopotential"}};
    index_t source = -1;
    if (auto const* b = std::get_if<PressureInterpolation>(&what)) {
      auto list = b->held;
      list.push_back(b->T);
      list.push_back(b->geopotential);
      source = source_of(list, channel);
    } else if (auto const* h = std::get_if<HybridInterpolation>(&what)) {
      source = source_of(h->variables, channel);
    }
    if (source < 0)
      continue;
    for (auto const* variables : {&plan.schema.target, &plan.transforms.derived})
      for (auto const& e : *variables)
        if (e.first_channel == source)
          return of_source(e);
  }
  return {};
}

} // namespace rossby
