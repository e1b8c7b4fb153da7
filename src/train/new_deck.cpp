// A deck for data that nobody has described: the survey tells what lies in the files; here it becomes sources, a clock
// with its two parts, a model whose geometry fits, and a mesh of the ranks. The text is read back as any deck is, files
// and all, before it is handed out.
#include "train/new_deck.hpp"

#include "core/suggest.hpp"
#include "survey.hpp"

#include "data/plan.hpp"
#include "models/suggest.hpp"
#include "train/config.hpp"
#include <rossby/data/dataset.hpp>
#include <rossby/models/model.hpp>
#include <rossby/session.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>

namespace rossby {

namespace {
using Range = std::pair<Time, Time>;

/// Files that become one source: their own fields, and static ones of other files.
struct Source {
  std::string name;
  SurveyedFiles files;
  std::string static_path;
};

/// Latitudes or longitudes whatever their order and first meridian.
std::vector<double> in_order(std::vector<double> axis, bool circular)
{
  for (double& x : axis)
    x = circular ? std::round(1e3 * (x - 360 * std::floor(x / 360))) : std::round(1e3 * x);
  std::sort(axis.begin(), axis.end());
  return axis;
}

bool same_grid(SurveyedFiles const& a, SurveyedFiles const& b)
{
  return in_order(a.latitude, false) == in_order(b.latitude, false) &&
         in_order(a.longitude, true) == in_order(b.longitude, true);
}

bool is_global(std::vector<double> const& longitude)
{
  if (longitude.size() < 2)
    return false;
  double const spacing = std::fabs(longitude[1] - longitude[0]);
  return std::fabs(spacing * static_cast<double>(longitude.size()) - 360) < 0.5 * spacing;
}

/// A short name for files: letters and digits of the last part of their path, ahead of its dates.
std::string source_name(std::string const& path, std::vector<Source> const& others)
{
  std::string name;
  for (char const c : path.substr(path.find_last_of('/') + 1)) {
    if (c == '%' || c == '.')
      break;
    if (std::isalnum(static_cast<unsigned char>(c)))
      name += c;
  }
  if (name.empty() || std::isdigit(static_cast<unsigned char>(name[0])))
    name = "Data" + name;
  std::string unique = name;
  auto const taken = [&] {
    return std::any_of(others.begin(), others.end(), [&](Source const& s) { return s.name == unique; });
  };
  for (int n = 2; taken(); ++n)
    unique = name + std::to_string(n);
  return unique;
}

std::vector<Source> sources_of(std::vector<SurveyedFiles> const& found, std::vector<std::string>& notes)
{
  std::vector<Source> sources;
  for (auto const& files : found) {
    if (files.times.empty())
      continue;
    if (!sources.empty() && !same_grid(files, sources.front().files)) {
      notes.push_back(
          fmt::format("left out {}: it lies on another grid than {}", files.path, sources.front().files.path));
      continue;
    }
    Source source{"", files, files.path};
    source.name = source_name(files.path, sources);
    sources.push_back(std::move(source));
  }
  if (sources.empty())
    fail(found.front().path, "holds no field with a time axis",
         "time is a coordinate with units such as 'hours since …'");
  for (auto const& files : found) {
    if (!files.times.empty())
      continue;
    auto const home = std::find_if(sources.begin(), sources.end(), [](Source const& s) {
      return std::none_of(s.files.variables.begin(), s.files.variables.end(),
                          [](auto const& v) { return v.type == FieldType::fixed; });
    });
    if (home == sources.end() || !same_grid(files, sources.front().files)) {
      notes.push_back(
          fmt::format("left out {}: {}", files.path,
                      home == sources.end() ? "all sources have static fields already" : "it lies on another grid"));
      continue;
    }
    home->static_path = files.path;
    home->files.variables.insert(home->files.variables.end(), files.variables.begin(), files.variables.end());
  }
  return sources;
}

/// Times that all sources have.
std::vector<Time> common_times(std::vector<Source> const& sources)
{
  std::vector<Time> times = sources.front().files.times;
  for (auto const& s : sources) {
    std::vector<Time> both;
    std::set_intersection(times.begin(), times.end(), s.files.times.begin(), s.files.times.end(),
                          std::back_inserter(both));
    times = both;
  }
  return times;
}

/// The time step, and the stretches without a gap.
struct Clock {
  Duration step = 0;
  Calendar calendar = Calendar::standard;
  std::vector<Range> ranges;

  index_t records(Range const& r) const { return (r.second - r.first) / step + 1; }
  index_t records() const
  {
    index_t n = 0;
    for (auto const& r : ranges)
      n += records(r);
    return n;
  }
  /// States that have a next one.
  index_t samples() const { return records() - static_cast<index_t>(ranges.size()); }
};

Clock clock_of(std::vector<Time> const& times, std::string const& path, std::vector<std::string>& notes)
{
  std::map<Duration, int> steps;
  for (std::size_t i = 1; i < times.size(); ++i)
    ++steps[times[i] - times[i - 1]];
  Clock clock;
  int most = 0;
  for (auto const& [step, count] : steps)
    if (count > most)
      clock.step = step, most = count;
  for (std::size_t begin = 0, i = 1; i <= times.size(); ++i)
    if (i == times.size() || times[i] - times[i - 1] != clock.step) {
      if (i - begin >= 2)
        clock.ranges.emplace_back(times[begin], times[i - 1]);
      begin = i;
    }
  if (clock.records() < 4)
    fail(path, fmt::format("holds {} times, and no four of them are equally spaced", times.size()),
         "training and validation take two neighbouring states each at least");
  if (clock.records() < static_cast<index_t>(times.size()))
    notes.push_back(fmt::format("{} of {} times stand alone between gaps and are not used",
                                times.size() - static_cast<std::size_t>(clock.records()), times.size()));
  return clock;
}

/// The last fifth is for validation.
std::pair<Clock, Clock> split(Clock const& all)
{
  Clock training = all, validation;
  validation.step = all.step;
  validation.calendar = all.calendar;
  index_t wanted = std::max<index_t>(2, (all.records() + 2) / 5);
  while (wanted >= 2 && (training.ranges.size() > 1 || training.records() - wanted >= 2)) {
    Range& last = training.ranges.back();
    index_t const n = training.records(last);
    if (n - wanted < 2) { // all of it
      validation.ranges.insert(validation.ranges.begin(), last);
      training.ranges.pop_back();
    } else {
      Time const first = last.second - (wanted - 1) * all.step;
      validation.ranges.insert(validation.ranges.begin(), {first, last.second});
      last.second = first - all.step;
    }
    wanted -= n;
  }
  return {training, validation};
}

std::string clock_text(Clock const& c)
{
  std::string text;
  if (c.ranges.size() == 1)
    text = fmt::format("  start_datetime: {}\n  end_datetime: {}\n", format_time(c.ranges[0].first, c.calendar),
                       format_time(c.ranges[0].second, c.calendar));
  else {
    text = "  date_ranges:\n";
    for (auto const& [first, last] : c.ranges)
      text += fmt::format("    - [\"{}\", \"{}\"]\n", format_time(first, c.calendar), format_time(last, c.calendar));
  }
  return text + fmt::format("  timestep: {}\n  history_len: 1\n  forecast_len: 1\n", format_duration(c.step));
}

std::string quoted(std::string const& text) { return fmt::format("\"{}\"", text); }

std::string source_text(Source const& s)
{
  auto const& f = s.files;
  std::string text =
      fmt::format("    {}:\n      dataset_type: local\n      time_coord: {}\n", s.name, quoted(f.time_coord));
  if (!f.level_coord.empty())
    text += fmt::format("      level_coord: {}\n", quoted(f.level_coord));
  if (!f.levels.empty())
    text += fmt::format("      levels: [{}]\n", fmt::join(f.levels, ", "));
  text += "      variables:\n";
  for (FieldType const type :
       {FieldType::prognostic, FieldType::diagnostic, FieldType::fixed, FieldType::dynamic_forcing}) {
    std::string lists;
    for (bool const is_3d : {true, false}) {
      std::vector<std::string> names;
      for (auto const& v : f.variables)
        if (v.type == type && v.is_3d == is_3d)
          names.push_back(quoted(v.name));
      if (!names.empty())
        lists += fmt::format("          {}: [{}]\n", is_3d ? "vars_3D" : "vars_2D", fmt::join(names, ", "));
    }
    if (!lists.empty())
      text += fmt::format("        {}:\n{}          path: {}\n", name_of(type), lists,
                          quoted(type == FieldType::fixed ? s.static_path : f.path));
  }
  return text;
}

/// The channels of the model.
FieldShape shape_of(std::vector<Source> const& sources)
{
  FieldShape shape;
  auto const& first = sources.front().files;
  shape.height = static_cast<int>(first.latitude.size()), shape.width = static_cast<int>(first.longitude.size());
  shape.frames = 1;
  shape.channels = shape.levels = shape.surface_channels = shape.input_only_channels = shape.output_only_channels = 0;
  bool one_count = true;
  int on_levels = 0;
  for (auto const& s : sources)
    for (auto const& v : s.files.variables) {
      int const n = v.is_3d ? s.files.level_count : 1;
      if (v.type == FieldType::diagnostic)
        shape.output_only_channels += n;
      else if (v.type != FieldType::prognostic)
        shape.input_only_channels += n;
      else if (!v.is_3d)
        ++shape.surface_channels;
      else {
        one_count = one_count && (shape.levels == 0 || shape.levels == n);
        shape.levels = n;
        ++shape.channels;
        on_levels += n;
      }
    }
  if (!one_count)
    shape.channels = on_levels, shape.levels = 1;
  if (on_levels + shape.surface_channels == 0)
    fail(first.path, "holds no prognostic variable: nothing would be forecast", "name some with --prognostic");
  return shape;
}

/// Bands of latitude for `ranks`, as few as leave every data rank a sample; and all that would do.
int choose_bands(Spec const& spec, int ranks, index_t samples, std::vector<int>& possible)
{
  auto const model = make_model(spec);
  for (int bands = 1; bands <= ranks; ++bands) {
    if (ranks % bands != 0)
      continue;
    try {
      ProcessGrid grid;
      grid.rows = bands;
      model->cut(grid);
      possible.push_back(bands);
    } catch (Error const&) { // more bands than rows of coarse cells
      break;
    }
  }
  for (int const bands : possible)
    if (ranks / bands <= samples)
      return bands;
  fail("--ranks", fmt::format("{} ranks are too many for {} samples on {} rows", ranks, samples, spec.fields.height),
       fmt::format("use {} ranks or fewer", samples * possible.back()));
}

/// What the survey found, for the reader of the notes.
void describe(std::vector<Source> const& sources, std::vector<SurveyedFiles> const& found,
              std::vector<std::string>& notes)
{
  for (auto& rule : kind_rules())
    notes.push_back(rule);
  for (auto const& s : sources) {
    notes.push_back(fmt::format("{}: {}{}", s.name, s.files.path,
                                s.files.files > 1 ? fmt::format(", {} files", s.files.files) : std::string()));
    for (auto const& v : s.files.variables)
      notes.push_back(fmt::format("  {:<16} {} {:<20} {}", name_of(v.type), v.is_3d ? "3-D" : "2-D", v.name, v.why));
  }
  for (auto const& files : found)
    for (auto const& [name, why] : files.left_out)
      notes.push_back(fmt::format("  left out             {:<20} {}", name, why));
}
} // namespace

NewDeck make_new_deck(NewDeckOptions const& options)
{
  NewDeck result;
  auto const found = survey(options);
  auto const sources = sources_of(found, result.notes);
  describe(sources, found, result.notes);
  auto const& grid = sources.front().files;
  for (auto const& source : sources)
    if (source.files.calendar != grid.calendar)
      fail(source.files.path,
           fmt::format("has the calendar {}, {} has {}", name_of(source.files.calendar), grid.path,
                       name_of(grid.calendar)),
           "make a deck for files of one calendar");
  auto times = clock_of(common_times(sources), grid.path, result.notes);
  times.calendar = grid.calendar;
  auto const [training, validation] = split(times);
  bool const global = is_global(grid.longitude);
  std::string const model = suggest_model(shape_of(sources), global);

  Problems problems;
  auto const spec = read_spec(Deck::parse("model:\n" + model, "the new deck")["model"], problems);
  problems.raise();
  std::vector<int> possible;
  int const bands = choose_bands(*spec, options.ranks, std::min(training.samples(), validation.samples()), possible);
  index_t const data_ranks = options.ranks / bands;
  index_t const batch = std::clamp<index_t>(training.samples() / (20 * data_ranks), 1, 4);
  std::vector<std::string> meshes;
  for (int const b : possible)
    meshes.push_back(fmt::format("{} x {}", options.ranks / b, b));
  auto const& last = validation.ranges.front();
  index_t const steps = std::min<index_t>(10, validation.records(last) - 1);
  std::string const scaler = quoted(options.save_loc + "/scaler.json");
  auto const scaler_block = [&](char const* method) {
    return fmt::format("    scaler:\n      type: bridgescaler_transform\n      args: {{scaler_path: {}, method: {}}}\n",
                       scaler, method);
  };

  std::string& text = result.text;
  text =
      fmt::format("# Written by rossby new. {} x {} cells{}, {} states every {}.\n", spec->fields.height,
                  spec->fields.width, global ? " around the globe" : "", times.records(), format_duration(times.step));
  text += fmt::format("save_loc: {}\nseed: 42\n\ndata:\n  source:\n", quoted(options.save_loc));
  for (auto const& s : sources)
    text += source_text(s);
  text += clock_text(training) + "\nvalidation_data: # the last fifth of the times\n" + clock_text(validation);
  text += "\npreblocks:\n  per_step:\n" + scaler_block("transform") + "    concat: {type: concat}\n";
  text += "\npostblocks:\n  per_step:\n    reconstruct: {type: reconstruct}\n" + scaler_block("inverse_transform");
  text += "\nmodel:\n" + model;
  text +=
      fmt::format("\ntrainer:\n  type: gen2\n  # data x domain for {} rank{}: {}\n"
                  "  parallelism: {{data: ddp, tensor: 1, domain: {}}}\n  learning_rate: 1.0e-3\n"
                  "  weight_decay: 0.01\n  grad_max_norm: 1.0\n  train_batch_size: {} # on each data rank\n"
                  "  valid_batch_size: {}\n  epochs: 20\n  use_scheduler: true\n"
                  "  scheduler: {{scheduler_type: cosine-annealing, T_max: 20}}\n  use_ema: true\n  ema_decay: 0.99\n"
                  "  amp: false\n",
                  options.ranks, options.ranks == 1 ? "" : "s", fmt::join(meshes, ", "), bands, batch, batch);
  text += "\nloss:\n  training_loss: mse\n  validation_loss: mse\n  use_latitude_weights: true\n";
  text += "\nmetrics:\n  type: combined\n  args:\n    metrics: {rmse: {}, mae: {}, bias: {}, acc: {}}\n"
          "    use_latitude_weights: true\n";
  text +=
      fmt::format("\ninference:\n  run_mode: batch\n  save_forecast: {}\n  batch_forecast:\n"
                  "    forecast_length: {}\n    first_init_date: {}\n    last_init_date: {}\n    init_interval: {}\n"
                  "  output: {{format: netcdf, group_by: full}}\n",
                  quoted(options.save_loc + "/forecast"), format_duration(steps * times.step),
                  format_time(last.first, times.calendar),
                  format_time(last.second - steps * times.step, times.calendar), format_duration(times.step));

  auto const deck = Deck::parse(text, "the new deck");
  auto const config = RunConfig::read(deck, Purpose::check, problems);
  config.trainer.parallelism.check(options.ranks, problems);
  if (problems.errors().empty()) // files, grids and times; scalers are yet to be fitted
    DataPlan::make(deck, DataPlan::Use::geometry, spec->fields, problems);
  problems.raise();
  return result;
}

} // namespace rossby
