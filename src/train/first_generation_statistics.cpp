// Means and deviations: the files stay, whatever they are of. The first generation fails for a variable that they lack,
// and never scales static and periodic forcing fields.
#include "first_generation_parts.hpp"

#include "core/suggest.hpp"
#include "data/survey.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace rossby::first_generation {

namespace {
void check_variables(Work& work, DeckBlock const& old, std::vector<std::string> const& scaled,
                     std::vector<std::string> const& unscaled, std::string const& args)
{
  std::optional<std::vector<std::string>> present;
  if (!is_remote(work.mean_path))
    old.attempt([&] { present = work.look.variables(work.mean_path); });
  if (!present)
    return;
  auto const has = [&](std::string const& name) {
    return std::find(present->begin(), present->end(), name) != present->end();
  };
  for (auto const& name : scaled)
    if (!has(name))
      old.problems().error(old.path("mean_path"), fmt::format("{} has no variable {}", work.mean_path, name),
                           fmt::format("it must be in it, and in {}", old.path("std_path")));
  std::vector<std::string> there;
  std::copy_if(unscaled.begin(), unscaled.end(), std::back_inserter(there), has);
  if (there.empty())
    return;
  work.out.set_texts(args + ".variables", scaled);
  work.out.comment(args + ".variables",
                   fmt::format("all but {}: the file has them, but they come normalised", join(there)));
}
} // namespace

void translate_statistics(Work& work, std::vector<std::string> const& scaled, std::vector<std::string> const& unscaled)
{
  DeckBlock const old(work.old["data"], work.problems);
  std::string scaler = "std_new";
  old("scaler_type", scaler);
  if (scaler == "std")
    old.problems().warning(old.path("scaler_type"), "std is an older name; std_new is meant");
  else if (scaler != "std_new" && scaler != "std_cached")
    return refuse(work, "preblocks", old.child("scaler_type"), fmt::format("'{}' is not offered", scaler),
                  "use std_new, with mean_path and std_path");
  if (scaler == "std_cached") { // the data are normalised
    for (char const* key : {"mean_path", "std_path"})
      old.child(key).mark_read();
  } else {
    old.require("mean_path", work.mean_path, "name the netCDF file with the mean of each variable");
    old.require("std_path", work.std_path, "name the netCDF file with the standard deviations");
    std::string const args = "preblocks.per_step.norm.args";
    work.out.set("preblocks.per_step.norm.type", "era5_normalizer");
    work.out.set_text(args + ".mean_path", work.mean_path, old.path("mean_path"));
    work.out.set_text(args + ".std_path", work.std_path, old.path("std_path"));
    work.out.written_as("preblocks.per_step.norm", old.path("mean_path"));
    if (work.std_path.find("residual") != std::string::npos)
      work.out.comment(args + ".std_path", "of differences in time, as the name says: the scale that the weights know");
    check_variables(work, old, scaled, unscaled, args);
  }
  work.out.set("preblocks.per_step.concat.type", "concat");
}

} // namespace rossby::first_generation
