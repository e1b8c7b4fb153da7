#include <rossby/data/dataset.hpp>

#include "field_reader.hpp"
#include "level_interpolation.hpp"

#include "data/plan.hpp"
#include "data/solar.hpp"
#include <rossby/core/error.hpp>
#include <rossby/core/log.hpp>
#include <rossby/fields.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace rossby {

namespace {

/// Solar fields kept, bytes.
constexpr std::size_t solar_cache_bytes = std::size_t{64} << 20;

bool fills(TransformChain const& chain)
{
  return std::any_of(chain.begin(), chain.end(),
                     [](TransformStep const& s) { return s.kind == TransformStep::Kind::fill; });
}

std::size_t count_not_finite(double const* values, std::size_t n)
{
  return static_cast<std::size_t>(std::count_if(values, values + n, [](double x) { return !std::isfinite(x); }));
}

} // namespace

struct Dataset::Impl {
  DataPlan plan;
  Box box;
  std::vector<Time> initial_times;
  std::map<std::pair<int, int>, std::unique_ptr<FieldReader>> readers; ///< by source and group
  std::map<int, SolarIrradiance> irradiance;                           ///< by source
  std::map<std::pair<int, Time>, std::vector<double>> solar;           ///< by source and end of window
  std::map<std::string, std::vector<float>> fixed;                     ///< normalised static fields by key
  std::vector<double> field;                                           ///< [level][cell] of the variable at hand
  std::vector<double> surface;                                         ///< pressure that levels were last made of
  std::string surface_of;                                              ///< its key, or empty
  Time surface_at = 0;

  Impl(DataPlan p, Box b) : plan(std::move(p)), box(b), initial_times(plan.config.initial_times())
  {
    // A deck without preblocks, and a plan made before its scalers exist.
    auto& t = plan.transforms;
    t.input_initial.resize(static_cast<std::size_t>(plan.schema.input_channels()));
    t.input_step.resize(t.input_initial.size());
    t.target_initial.resize(static_cast<std::size_t>(plan.schema.target_channels()));
    t.target_step.resize(t.target_initial.size());
  }

  /// Files are looked for when they are first read: a missing one stands in nobody else's way.
  FieldReader& reader_of(SchemaEntry const& e)
  {
    auto& reader = readers[{e.source, e.group}];
    auto const& source = plan.config.sources[static_cast<std::size_t>(e.source)];
    if (!reader)
      reader = std::make_unique<FieldReader>(source, source.groups[static_cast<std::size_t>(e.group)]);
    return *reader;
  }

  std::size_t cells() const { return static_cast<std::size_t>(box.cells()); }

  std::vector<double> const& solar_field(int source, Time end)
  {
    auto const it = solar.find({source, end});
    if (it != solar.end())
      return it->second;
    if (!solar.empty() && solar.size() >= solar_cache_bytes / (sizeof(double) * std::max<std::size_t>(cells(), 1)))
      solar.erase(solar.begin());
    auto const& config = plan.config.sources[static_cast<std::size_t>(source)].solar;
    if (!config.irradiance_path.empty() && irradiance.count(source) == 0)
      irradiance[source] = SolarIrradiance(config.irradiance_path);
    return solar[{source, end}] = insolation(end, plan.config.timestep, config.integration_steps, irradiance[source],
                                             plan.grid.latitude, plan.grid.longitude, box, plan.config.calendar);
  }

  /// Fills `field` with what files have, on the model's grid; returns the name of one.
  std::string read_files(SchemaEntry const& e, Time t)
  {
    auto const regridded = plan.regridded.find(e.key);
    return reader_of(e).read(e, t, box, plan.grid, field,
                             regridded == plan.regridded.end() ? nullptr : regridded->second.get());
  }

  /// The same, on the model's levels.
  std::string read_interpolated(LevelInterpolation const& levels, Time t)
  {
    auto const& p = levels.pressure;
    if (surface_of != p.key || surface_at != t) { // variables of one time follow each other
      surface_of.clear();
      std::string const file = read(p, t);
      auto const bad = std::count_if(field.begin(), field.end(), [](double x) { return !(x > 0) || std::isinf(x); });
      if (bad > 0)
        fail(fmt::format("{}, variable {}", file, p.in_files()),
             fmt::format("{} of {} values at {} are no pressures above zero, so where levels lie is not known", bad,
                         field.size(), time_name(p, t)),
             fmt::format("repair the file, or name the pressure at the ground, in Pa: {}", levels.pressure_key));
      surface = field;
      surface_of = p.key;
      surface_at = t;
    }
    std::string file = read_files(levels.in_files, t);
    levels.apply(surface, field);
    return file;
  }

  /// Fills `field` with physical values; returns where they came from.
  std::string read(SchemaEntry const& e, Time t)
  {
    if (plan.own && plan.own->read(e, t, box, field)) {
      if (field.size() != static_cast<std::size_t>(e.n_levels()) * cells())
        fail(e.key,
             fmt::format("the program's own source gives {} values for {} levels of {} cells", field.size(),
                         e.n_levels(), cells()),
             "give [level][row][column] of the box that is asked for");
      return "the program's own source";
    }
    auto const& source = plan.config.sources[static_cast<std::size_t>(e.source)];
    if (source.kind == SourceConfig::Kind::local) {
      auto const levels = plan.interpolated.find(e.key);
      return levels == plan.interpolated.end() ? read_files(e, t) : read_interpolated(*levels->second, t);
    }
    field.clear();
    for (int const offset : source.solar.offsets) {
      auto const& values = solar_field(e.source, t + offset * plan.config.timestep);
      field.insert(field.end(), values.begin(), values.end());
    }
    return source.deck_key;
  }

  std::string time_name(SchemaEntry const& e, Time t) const
  {
    return e.type == FieldType::fixed ? std::string("any time") : format_time(t, plan.config.calendar);
  }
  bool is_whole() const { return box.rows() == plan.grid.height() && box.cols() == plan.grid.width() && cells() > 0; }

  /// " (12 equal _FillValue (-1))" of what read() has given, or nothing.
  std::string why_missing(SchemaEntry const& e, Time t)
  {
    if (plan.config.sources[static_cast<std::size_t>(e.source)].kind != SourceConfig::Kind::local)
      return {};
    try {
      auto const levels = plan.interpolated.find(e.key);
      auto const reasons =
          reader_of(e).why_missing(levels == plan.interpolated.end() ? e : levels->second->in_files, t, box, plan.grid);
      return reasons.empty() ? reasons : " (" + reasons + ")";
    } catch (Error const&) { // the program's own source has what the files lack
      return {};
    }
  }

  /// Physical to normalised, in place; every value is finite afterwards.
  void normalise(SchemaEntry const& e, std::vector<TransformChain> const& chains, Time t, std::string const& file)
  {
    auto const fail_for = [&](std::size_t bad, std::string const& what, char const* fix) {
      fail(fmt::format("{}, variable {}", file, e.in_files()),
           fmt::format("{} of {} values at {} {}", bad, field.size(), time_name(e, t), what), fix);
    };
    for (int k = 0; k < e.n_levels(); ++k) {
      auto const& chain = chains[static_cast<std::size_t>(e.first_channel + k)];
      double* const values = field.data() + static_cast<std::size_t>(k) * cells();
      if (!fills(chain) && count_not_finite(values, cells()) > 0)
        fail_for(count_not_finite(field.data(), field.size()), "are missing or not finite" + why_missing(e, t),
                 "repair the file, or fill them with a fill_values preblock");
      if (fills(chain) && is_whole() && count_not_finite(values, cells()) == cells())
        logging::warning_once(fmt::format("{}, variable {}: all values at {} are missing{}, and are filled in", file,
                                          e.in_files(), time_name(e, t), why_missing(e, t)));
      apply(chain, values, box, plan.grid.width());
      if (count_not_finite(values, cells()) > 0)
        fail_for(count_not_finite(values, cells()), "are not finite after the preblocks",
                 "check fill_values, log and sqrt transforms of this variable against its range");
    }
  }

  float clamped(double x) const
  {
    auto const& clamp = plan.config.clamp;
    return static_cast<float>(clamp ? std::clamp(x, clamp->first, clamp->second) : x);
  }

  /// Writes the levels of `field` to channels c0, c0 + stride, ... of `out` with `channels` in all.
  void scatter(std::vector<float>& out, std::size_t channels, std::size_t c0, std::size_t stride) const
  {
    std::size_t const levels = cells() > 0 ? field.size() / cells() : 0;
    for (std::size_t i = 0; i < cells(); ++i) // cell by cell, so that writes are neighbours
      for (std::size_t k = 0; k < levels; ++k)
        out[i * channels + c0 + k * stride] = clamped(field[k * cells() + i]);
  }

  void read_normalised(SchemaEntry const& e, Time t, bool initial)
  {
    std::string const file = read(e, t);
    normalise(e, initial ? plan.transforms.input_initial : plan.transforms.input_step, t, file);
  }
};

Dataset::Dataset(DataPlan const& plan, Box box) : impl_(std::make_unique<Impl>(plan, box)) {}
Dataset::~Dataset() = default;
Dataset::Dataset(Dataset&&) noexcept = default;

DataPlan const& Dataset::plan() const { return impl_->plan; }
Box const& Dataset::box() const { return impl_->box; }
index_t Dataset::size() const { return static_cast<index_t>(impl_->initial_times.size()); }

Time Dataset::initial_time(index_t sample) const
{
  ROSSBY_EXPECT(sample >= 0 && sample < size());
  return impl_->initial_times[static_cast<std::size_t>(sample)];
}

std::vector<float> Dataset::input(Time t)
{
  auto& d = *impl_;
  auto const frames = static_cast<std::size_t>(d.plan.schema.n_time);
  std::size_t const channels = static_cast<std::size_t>(d.plan.schema.input_channels()) * frames;
  std::vector<float> out(d.cells() * channels);
  for (auto const& e : d.plan.schema.input)
    for (std::size_t f = 0; f < frames; ++f) {
      // Static fields don't change: read once, kept, and the same in every frame.
      auto const kept = e.type == FieldType::fixed ? d.fixed.find(e.key) : d.fixed.end();
      if (kept != d.fixed.end())
        d.field.assign(kept->second.begin(), kept->second.end());
      else
        d.read_normalised(e, t - static_cast<Duration>(frames - 1 - f) * d.plan.config.timestep, true);
      if (e.type == FieldType::fixed && kept == d.fixed.end())
        d.fixed[e.key].assign(d.field.begin(), d.field.end());
      d.scatter(out, channels, static_cast<std::size_t>(e.first_channel) * frames + f, frames);
    }
  return out;
}

std::vector<float> Dataset::forcing(Time t)
{
  auto& d = *impl_;
  std::size_t const channels = d.plan.schema.forcing().size();
  std::vector<float> out(d.cells() * channels);
  std::size_t c = 0;
  for (auto const& e : d.plan.schema.input)
    if (e.type == FieldType::dynamic_forcing) {
      d.read_normalised(e, t, false);
      d.scatter(out, channels, c, 1);
      c += static_cast<std::size_t>(e.n_levels());
    }
  return out;
}

Dataset::Field Dataset::raw(SchemaEntry const& entry, Time t)
{
  std::string const file = impl_->read(entry, t);
  return {impl_->field, file};
}

Dataset::Target Dataset::target(Time t, bool initial)
{
  auto& d = *impl_;
  auto const channels = static_cast<std::size_t>(d.plan.schema.target_channels());
  auto const& chains = initial ? d.plan.transforms.target_initial : d.plan.transforms.target_step;
  Target target;
  target.normalised.resize(d.cells() * channels);
  target.physical.resize(target.normalised.size());
  for (auto const& e : d.plan.schema.target) {
    std::string const file = d.read(e, t);
    std::vector<double> physical = d.field;
    d.normalise(e, chains, t, file);
    for (int k = 0; k < e.n_levels(); ++k) {
      auto const c = static_cast<std::size_t>(e.first_channel + k);
      if (!fills(chains[c]))
        continue;
      // The truth with its gaps filled, in physical units.
      double* const values = physical.data() + static_cast<std::size_t>(k) * d.cells();
      std::copy_n(d.field.data() + static_cast<std::size_t>(k) * d.cells(), d.cells(), values);
      apply(inverse(chains[c]), values, d.box, d.plan.grid.width());
    }
    auto const c0 = static_cast<std::size_t>(e.first_channel), levels = static_cast<std::size_t>(e.n_levels());
    for (std::size_t i = 0; i < d.cells(); ++i)
      for (std::size_t k = 0; k < levels; ++k)
        target.physical[i * channels + c0 + k] = static_cast<float>(physical[k * d.cells() + i]);
    d.scatter(target.normalised, channels, static_cast<std::size_t>(e.first_channel), 1);
  }
  return target;
}

} // namespace rossby
