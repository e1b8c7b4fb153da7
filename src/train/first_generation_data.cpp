// The flat `data:` block. Its groups of variables become groups of sources: one source where its own order (prognostic,
// static, dynamic forcing) is that of the deck and files allow it, more where not. Years become date ranges.
#include "first_generation_parts.hpp"

#include "core/suggest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

namespace rossby::first_generation {

namespace {

struct Group {
  std::string key;      ///< of its list of variables
  std::string path_key; ///< of its files
  std::vector<std::string> names;
  std::string pattern;
  std::optional<Error> fault; ///< of the path
};

class DataBlock {
public:
  explicit DataBlock(Work& work) : work_(work), old_(work.old["data"], work.problems) {}

  void translate()
  {
    if (!read_kind())
      return;
    read_groups();
    read_years();
    put_sources();
    put_clock();
    put_normaliser();
    drop_unused();
  }

private:
  DeckEditor& out() { return work_.out; }

  /// False where the loader is another program's: nothing else of the block can be judged.
  bool read_kind()
  {
    static std::vector<std::string> const loaders{"ERA5_MultiStep_Batcher", "ERA5_and_Forcing_MultiStep",
                                                  "MultiprocessingBatcher", "MultiprocessingBatcherPrefetch",
                                                  "ERA5_and_Forcing_SingleStep"};
    std::string type = loaders[0];
    old_("dataset_type", type);
    if (std::find(loaders.begin(), loaders.end(), type) != loaders.end() && !old_.has("datasets"))
      return true;
    auto const what = old_.child(old_.has("datasets") ? "datasets" : "dataset_type");
    old_.node().mark_read();
    std::string const said = old_.has("datasets") ? "several data sets are those of downscaling"
                                                  : fmt::format("'{}' is the loader of another model", type);
    Error const error(what.path(), said + ", which is not offered", "global models on one grid are: " + join(loaders));
    work_.problems.add(error);
    for (char const* place : {"data", "validation_data", "preblocks"})
      out().fault(place, error);
    return false;
  }

  void read_group(char const* key, char const* path_key)
  {
    Group g{key, path_key, words(work_, old_.child(key)), {}, {}};
    auto const path = old_.child(path_key);
    path.mark_read();
    if (g.names.empty())
      return;
    for (auto const& name : g.names)
      if (auto const [at, is_new] = known_.emplace(name, key); !is_new)
        old_.problems().error(old_.path(key),
                              at->second == key ? fmt::format("{} is named twice", name)
                                                : fmt::format("{} is named in {}, too", name, old_.path(at->second)),
                              "each variable belongs to one group");
    if (!path.exists())
      old_.problems().error(old_.path(path_key), fmt::format("is missing; {} needs it", old_.path(key)),
                            "name the files");
    else if (!old_(path_key, g.pattern) && !old_.problems().errors().empty())
      g.fault = old_.problems().errors().back();
    groups_.emplace(key, std::move(g));
  }

  void read_groups()
  {
    read_group("variables", "save_loc");
    read_group("surface_variables", "save_loc_surface");
    read_group("dynamic_forcing_variables", "save_loc_dynamic_forcing");
    read_group("forcing_variables", "save_loc_forcing");
    read_group("static_variables", "save_loc_static");
    read_group("diagnostic_variables", "save_loc_diagnostic");
    if (groups_.empty())
      old_.problems().error(old_.path("variables"), "no variable is named", "add variables and surface_variables");
    for (auto const* key : {"variables", "surface_variables", "diagnostic_variables"})
      if (auto const* const g = find(key)) {
        auto& list = std::string(key) == "variables" ? work_.levels_of : work_.surface_of;
        list.insert(list.end(), g->names.begin(), g->names.end());
      }
  }

  Group const* find(std::string const& key) const
  {
    auto const it = groups_.find(key);
    return it == groups_.end() ? nullptr : &it->second;
  }

  std::pair<int, int> years_of(char const* key)
  {
    std::vector<int> years;
    if (!old_.has(key)) {
      old_.problems().error(old_.path(key), "is missing", "give [first year, last year + 1]");
    } else if (old_(key, years) && (years.size() != 2 || years[0] >= years[1])) {
      old_.attempt(
          [&] { old_.child(key).reject("is not [first year, last year + 1]", "[1979, 2018] means 1979 to 2017"); });
      years.clear();
    }
    return years.size() == 2 ? std::make_pair(years[0], years[1]) : std::make_pair(0, 0);
  }

  void read_years()
  {
    training_ = years_of("train_years");
    validation_ = years_of("valid_years");
    for (auto const& [first, end] : {training_, validation_})
      for (int y = first; y < end && y - first < 1000; ++y)
        years_.insert(y);
  }

  Survey survey(Group const& g, bool levels)
  {
    Survey result;
    if (g.pattern.empty() || is_remote(g.pattern))
      return result;
    std::string pattern;
    for (std::size_t i = 0; i < g.pattern.size(); ++i)
      if (g.pattern[i] == '%' && i + 1 < g.pattern.size())
        pattern += '*', ++i;
      else
        pattern += g.pattern[i];
    old_.attempt([&] {
      result = work_.look.survey(pattern, years_, levels && !g.names.empty() ? g.names[0] : "", old_.path(g.path_key));
    });
    return result;
  }

  /// The files of a group as the second generation names them.
  std::string template_of(Group const& g, Survey const& s)
  {
    bool const wild = g.pattern.find_first_of("*?[") != std::string::npos;
    if (!wild || g.pattern.find('%') != std::string::npos || is_remote(g.pattern))
      return g.pattern;
    if (s.path_template)
      return *s.path_template;
    if (!s.files.empty())
      old_.problems().error(
          old_.path(g.path_key),
          fmt::format("the names of the files that match '{}' don't tell which times they hold", g.pattern),
          "write %Y (and %m, %d) where the year (month, day) stands in their names");
    return guess_template(g.pattern);
  }

  void put_group(std::string const& source, char const* type, Group const* with_levels, Group const* without,
                 std::string const& comment = {})
  {
    auto const* const g = with_levels ? with_levels : without;
    if (!g)
      return;
    std::string const place = fmt::format("data.source.{}.variables.{}", source, type);
    if (with_levels)
      out().set_texts(place + ".vars_3D", with_levels->names, old_.path(with_levels->key));
    if (without)
      out().set_texts(place + ".vars_2D", without->names, old_.path(without->key));
    auto const path = template_of(*g, std::string(type) == "static" ? Survey() : survey(*g, false));
    out().set_text(place + ".path", path, old_.path(g->path_key));
    if (g->fault)
      out().fault(place + ".path", *g->fault);
    if (path != g->pattern)
      out().comment(place + ".path", fmt::format("was '{}': the year stands where %Y is", g->pattern));
    if (!comment.empty())
      out().comment(place, comment);
    out().written_as(place, old_.path(g->path_key));
  }

  void start_source(std::string const& name, std::string const& comment = {})
  {
    std::string const place = "data.source." + name;
    out().set(place + ".dataset_type", "local");
    if (!level_coord_.empty() && level_coord_ != "level")
      out().set_text(place + ".level_coord", level_coord_);
    out().written_as(place, old_.node().path());
    if (!comment.empty())
      out().comment(place, comment);
  }

  void put_sources()
  {
    auto const *upper = find("variables"), *surface = find("surface_variables");
    main_ = upper ? upper : surface;
    if (main_) {
      records_ = survey(*main_, upper != nullptr);
      level_coord_ = records_.level_coord;
    }
    bool const together = !upper || !surface || upper->pattern == surface->pattern;
    start_source("ERA5", "levels: all that the files have, as in the first generation");
    put_group("ERA5", "prognostic", upper, together ? surface : nullptr);
    std::string last = "ERA5";
    if (!together) {
      last = "Surface";
      start_source(last, "a source of its own, because save_loc_surface is not save_loc");
      put_group(last, "prognostic", nullptr, surface);
    }
    put_group(last, "diagnostic", nullptr, find("diagnostic_variables"));

    bool static_first = true;
    old_("static_first", static_first);
    auto const *fixed = find("static_variables"), *dynamic = find("dynamic_forcing_variables"),
               *cyclic = find("forcing_variables");
    bool const apart = fixed && !static_first && (dynamic || cyclic);
    if (!apart)
      put_group(last, "static", nullptr, fixed);
    put_group(last, "dynamic_forcing", nullptr, dynamic);
    if (cyclic)
      put_cyclic(*cyclic);
    if (apart) {
      start_source("Static", "static_first: false puts these channels last, so they are a source of their own");
      put_group("Static", "static", nullptr, fixed);
    }
    out().written_as("data.source", old_.node().path());
    out().written_as("data", old_.node().path());
  }

  void put_cyclic(Group const& g)
  {
    start_source("Forcing", "forcing_variables: one year that serves all years");
    out().set("data.source.Forcing.temporal_mode", "cyclic");
    auto const s = survey(g, false);
    int const year = s.files.empty() ? 2000 : date_of(s.files.front().runs.front().first).year;
    out().set("data.source.Forcing.cycle_year", std::to_string(year), old_.path(g.path_key));
    if (s.files.empty())
      out().comment("data.source.Forcing.cycle_year", "a guess: the year of the file, which was not there to be asked");
    put_group("Forcing", "dynamic_forcing", nullptr, &g);
  }

  /// Ranges for the years [first, end): the records of each file, or whole years where files can't be asked.
  void put_ranges(std::string const& place, std::pair<int, int> years, char const* key)
  {
    if (years.first >= years.second)
      return fault_from(place + ".date_ranges", key);
    std::string yaml;
    bool const asked = !records_.files.empty();
    auto const add = [&](Time first, Time last) {
      auto const text = [](Time t) { return format_time(t, "%Y-%m-%dT%H:%M:%S"); };
      yaml += fmt::format("{}['{}', '{}']", yaml.empty() ? "" : ", ", text(first), text(last));
    };
    for (auto const& file : records_.files)
      if (int const year = date_of(file.runs.front().first).year; year >= years.first && year < years.second)
        for (auto const& run : file.runs)
          if (run.last > run.first)
            add(run.first, run.last);
    for (int y = years.first; !asked && y < years.second && y - years.first < 1000; ++y)
      add(time_of({y, 1, 1}), time_of({y + 1, 1, 1}) - work_.timestep);
    if (yaml.empty()) {
      refuse(work_, place + ".date_ranges", old_.child(key),
             fmt::format("no file of {} has records of {} to {}: they begin {} and end {}",
                         old_.path(main_ ? main_->path_key : "save_loc"), years.first, years.second - 1,
                         format_time(records_.files.front().runs.front().first),
                         format_time(records_.files.back().runs.back().last)),
             "change the years, or the pattern of the files");
      return;
    }
    out().set(place + ".date_ranges", "[" + yaml + "]", old_.path(key));
    out().comment(place + ".date_ranges",
                  fmt::format("{}: [{}, {}] means the years {} to {}{}", key, years.first, years.second, years.first,
                              years.second - 1,
                              asked ? "; a range for each file, so that no sample crosses from one to the next"
                                    : "; whole years: the files were not there to be asked"));
  }

  void fault_from(std::string const& place, char const* key)
  {
    for (auto const& e : old_.problems().errors())
      if (e.where() == old_.path(key) || e.where().rfind(old_.path(key) + "[", 0) == 0)
        return out().fault(place, e);
    out().fault(place, Error(old_.path(key), "can't be used"));
  }

  void read_timestep()
  {
    int hours = 0;
    old_.in_range("lead_time_periods", hours, 1, 8760, "hours");
    work_.timestep = Duration{3600} * hours;
    Duration in_files = 0;
    for (auto const& f : records_.files)
      if (f.step > 0 && (in_files == 0 || f.step < in_files))
        in_files = f.step;
    if (in_files > 0 && hours > 0 && in_files != work_.timestep)
      old_.problems().warning(old_.path("lead_time_periods"),
                              fmt::format("is {} hours, but the records of {} are {} apart: samples go from record to "
                                          "record, as in the first generation",
                                          hours, old_.path(main_->path_key), format_duration(in_files)));
    if (in_files > 0)
      work_.timestep = in_files;
    if (work_.timestep == 0) {
      old_.problems().error(old_.path("lead_time_periods"), "is missing", "give the hours from record to record");
      work_.timestep = 21600;
    }
  }

  /// Returns the steps of a sample.
  int put_lengths(std::string const& place, char const* history_key, char const* forecast_key)
  {
    int history = 1;
    old_.in_range("history_len", history, 1, 1000, "1 or more");
    old_.in_range(history_key, history, 1, 1000, "1 or more");
    out().set(place + ".history_len", std::to_string(history), old_.path(history_key));
    char const* const used = old_.has(forecast_key) ? forecast_key : "forecast_len";
    int steps = 0;
    if (!old_.has(used))
      old_.problems().error(old_.path(used), "is missing", "0 means one step");
    else
      old_.in_range(used, steps, 0, 100000, "0 or more: the number of steps less one");
    out().set(place + ".forecast_len", std::to_string(steps + 1), old_.path(used));
    out().comment(place + ".forecast_len", fmt::format("{} counted from 0, this key counts steps", used));
    if (old_.has("data_clamp"))
      out().copy(old_.child("data_clamp"), place + ".data_clamp");
    return steps + 1;
  }

  void put_backprop(int forecast_len)
  {
    std::vector<int> steps, kept;
    if (!old_("backprop_on_timestep", steps))
      return;
    for (int const step : steps)
      if (step <= forecast_len)
        kept.push_back(step);
    if (kept.empty())
      return refuse(
          work_, "data.backprop_on_timestep", old_.child("backprop_on_timestep"),
          fmt::format("no step of it is among the {} that a sample has, so nothing would be learnt", forecast_len),
          "name steps from 1 to forecast_len + 1");
    out().set("data.backprop_on_timestep", fmt::format("[{}]", fmt::join(kept, ", ")),
              old_.path("backprop_on_timestep"));
    if (kept.size() != steps.size())
      out().comment("data.backprop_on_timestep", fmt::format("steps after {} are never reached", forecast_len));
  }

  void put_clock()
  {
    read_timestep();
    put_ranges("data", training_, "train_years");
    out().set_text("data.timestep", format_duration(work_.timestep), old_.path("lead_time_periods"));
    put_ranges("validation_data", validation_, "valid_years");
    out().set_text("validation_data.timestep", format_duration(work_.timestep), old_.path("lead_time_periods"));
    put_lengths("validation_data", "valid_history_len", "valid_forecast_len");
    put_backprop(put_lengths("data", "history_len", "forecast_len"));
    out().written_as("validation_data", old_.path("valid_years"));
    if (out().has("data.source"))
      out().comment("data.source", "In the order of the channels.");
  }

  void put_normaliser()
  {
    std::vector<std::string> scaled, unscaled;
    for (auto const& [key, g] : groups_) {
      auto& list = key == "static_variables" || key == "forcing_variables" ? unscaled : scaled;
      list.insert(list.end(), g.names.begin(), g.names.end());
    }
    translate_statistics(work_, scaled, unscaled);
  }

  /// Read by other programs, or read and not used.
  void drop_unused()
  {
    bool sst = false;
    DeckBlock const forcing = old_.block("sst_forcing");
    forcing("activate", sst);
    forcing.node().mark_read();
    if (sst)
      refuse(work_, "data", forcing.node(), "an ocean held at its first state is not offered",
             "set activate: false, and give the sea surface temperature as dynamic forcing");
    int skip = 1;
    if (old_("skip_periods", skip) && skip != 1)
      refuse(work_, "data", old_.child("skip_periods"), fmt::format("is {}: skipping records is not offered", skip),
             "use files with one record for each step");
    for (char const* key : {"one_shot", "retain_graph", "level_ids", "levels", "total_time_steps", "max_forecast_len",
                            "quant_path", "TOA_forcing_path", "save_loc_physics", "level_info_file", "level_list",
                            "timestep", "bs_z_mean_path", "bs_x_mean_path"})
      old_.child(key).mark_read();
  }

  Work& work_;
  DeckBlock old_;
  std::map<std::string, std::string> known_; ///< variables and the key that names them
  std::map<std::string, Group> groups_;
  Group const* main_ = nullptr;
  Survey records_;
  std::string level_coord_;
  std::pair<int, int> training_{}, validation_{};
  std::set<int> years_;
};

} // namespace

void translate_data(Work& work) { DataBlock(work).translate(); }

} // namespace rossby::first_generation
