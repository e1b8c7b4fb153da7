#include "data/plan.hpp"

#include "data/deck_blocks.hpp"

#include "field_reader.hpp"
#include "level_interpolation.hpp"
#include "regridding.hpp"
#include "renaming.hpp"

#include <rossby/core/log.hpp>
#include <rossby/data/dataset.hpp>
#include <rossby/fields.hpp>
#include <rossby/models/field_shape.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>

namespace rossby {

namespace {

void check_grid(DataConfig const& config, Grid const& grid, FieldShape const& model, Problems& problems)
{
  auto const compare = [&](char const* key, index_t has, index_t data, char const* what) {
    if (has != data)
      problems.error(fmt::format("model.{}", key), fmt::format("is {}, but the data have {} {}", has, data, what),
                     fmt::format("set it to {}", data));
  };
  compare("image_height", model.height, grid.height(), "latitudes");
  compare("image_width", model.width, grid.width(), "longitudes");
  for (auto const& source : config.sources) {
    auto const& own = source.solar.latitude;
    if (own.empty())
      continue;
    bool same = own.size() == grid.latitude.size() && source.solar.longitude.size() == grid.longitude.size();
    for (std::size_t i = 0; same && i < own.size(); ++i)
      same = std::fabs(own[i] - grid.latitude[i]) < 2e-3;
    if (!same)
      problems.error(source.deck_key, "lat_spec and lon_spec describe another grid than that of the files",
                     "leave them out: the solar source takes the grid of the other sources");
  }
}

/// Learns from the first file of each group what the levels are: their unit, so that all files are matched in one, and
/// what forecasts say of them. Files that can't be read say nothing here.
void describe_levels(DataConfig const& config, ChannelSchema& schema)
{
  std::map<int, std::string> units; // of the deck's numbers, by source
  std::map<std::pair<int, int>, FieldReader> readers;
  for (auto* const list : {&schema.input, &schema.target})
    for (auto& entry : *list) {
      auto const& source = config.sources[static_cast<std::size_t>(entry.source)];
      if (!entry.is_3d || source.kind != SourceConfig::Kind::local || !entry.vertical.values.empty())
        continue;
      auto const known = units.emplace(entry.source, source.level_units).first;
      try {
        auto const& group = source.groups[static_cast<std::size_t>(entry.group)];
        auto& reader = readers.try_emplace({entry.source, entry.group}, source, group).first->second;
        auto axis = reader.first().levels(entry.in_files());
        known->second = match_levels(axis, entry.levels, {known->second, source.nearest_levels}, entry.key, "").units;
        axis.units = known->second;
        axis.values = entry.levels;
        entry.vertical = axis;
      } catch (Error const&) {
      }
    }
}

/// Looks for every variable at the first and the last time of the clock; reads no values.
void probe(DataPlan const& plan, Problems& problems)
{
  Dataset data(plan, Box{});
  auto const clock = plan.config.clock();
  for (auto const* list : {&plan.schema.input, &plan.schema.target})
    for (auto const& entry : *list)
      for (Time const t : {clock.front(), clock.back()}) {
        try {
          data.raw(entry, t);
        } catch (Error const& e) {
          problems.add(e);
        }
      }
}

/// A range too short for one sample.
void expect_samples(DataConfig const& c, Problems& problems)
{
  if (!c.initial_times().empty())
    return;
  problems.error(
      c.deck_key,
      fmt::format("no sample fits: history_len {} and forecast_len {} with steps of {} need more than {} to {}",
                  c.history_len, c.forecast_len, format_duration(c.timestep),
                  format_time(c.ranges.front().first, c.calendar), format_time(c.ranges.front().second, c.calendar)),
      "widen the dates or shorten the forecast");
}

DataConfig read_config(Deck const& deck, DataPlan::Use use, Problems& problems)
{
  DataConfig const training = DataConfig::read(deck["data"], problems);
  if (use == DataPlan::Use::validation) {
    auto node = deck["validation_data"];
    if (!node.exists() && deck["data_valid"].exists()) {
      node = deck["data_valid"];
      logging::warning_once("data_valid: an older name of validation_data");
    }
    return node.exists() ? DataConfig::read(node, problems, &training) : training;
  }
  if (use == DataPlan::Use::forecast)
    if (auto const node = deck["inference"]["data"]; node.exists())
      return DataConfig::read(node, problems, &training, DataConfig::Dates::optional);
  return training;
}

} // namespace

DataPlan DataPlan::make(Deck const& deck, Use use, FieldShape const& model, Problems& problems,
                        std::shared_ptr<FieldSource> own, Probe how)
{
  DataPlan plan;
  plan.own = std::move(own);
  Problems found; // files are opened only for a block that reads well
  plan.config = read_config(deck, use, found);
  if (found.errors().empty() && use != Use::forecast)
    expect_samples(plan.config, found);
  bool const readable = found.errors().empty();
  problems.add(found);
  if (!readable)
    return plan;
  auto const attempt = [&](auto&& f) {
    try {
      f();
      return true;
    } catch (Error const& e) {
      problems.add(e);
      return false;
    }
  };
  auto const preblocks = deck_blocks(deck, "preblocks", use == Use::forecast);
  bool const has_schema = attempt([&] {
    plan.schema = ChannelSchema::make(plan.config);
    rename_variables(preblocks, plan.schema, problems);
    describe_levels(plan.config, plan.schema);
    plan.interpolated = read_level_interpolations(preblocks, plan.schema, problems);
    plan.schema.check(model, problems);
  });
  bool const has_grid = has_schema && attempt([&] {
                          plan.regridded = read_regriddings(preblocks, plan.config, plan.schema, problems);
                          plan.grid =
                              plan.regridded.empty() ? Grid::read(plan.config) : plan.regridded.begin()->second->grid();
                          check_grid(plan.config, plan.grid, model, problems);
                        });
  if (has_grid && use != Use::forecast && how == Probe::ends) // forecasts begin elsewhere in the deck
    attempt([&] { probe(plan, problems); });
  if (has_schema && use != Use::geometry)
    attempt([&] {
      Grid any; // blocks are judged without files, too
      for (index_t r = 0; r < model.height; ++r)
        any.latitude.push_back(90 - (static_cast<double>(r) + 0.5) * 180 / static_cast<double>(model.height));
      for (index_t c = 0; c < model.width; ++c)
        any.longitude.push_back(static_cast<double>(c) * 360 / static_cast<double>(model.width));
      plan.transforms = Transforms::read(deck, plan.schema, has_grid ? plan.grid : any, use == Use::forecast, problems);
    });
  return plan;
}

} // namespace rossby
