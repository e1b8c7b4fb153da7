#include "data/preprocess.hpp"

#include "blocks.hpp"
#include "field_reader.hpp"

#include "data/deck_blocks.hpp"
#include "data/plan.hpp"
#include <rossby/core/error.hpp>
#include <rossby/core/log.hpp>
#include <rossby/data/dataset.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

namespace rossby {

namespace {

/// One scaler to fit: an entry as input or as target.
struct Fit {
  std::string path;
  Slice slice;
  SchemaEntry const* entry;
  bool spatial;
  std::vector<TransformChain> before;    ///< preblocks ahead of the scaler, by level
  std::vector<ColumnStatistics> columns; ///< by level, or by cell
  Scaler::Kind kind;
};

std::vector<Fit> plan_fits(std::vector<PrePostBlock> const& blocks, ChannelSchema const& schema, index_t cells)
{
  std::vector<Fit> fits;
  ScalerCache cache;
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    if (blocks[b].type != PrePostBlock::Type::scaler)
      continue;
    for (Slice const slice : {Slice::input, Slice::target})
      for (auto const& e : slice == Slice::input ? schema.input : schema.target) {
        if (!blocks[b].covers(e.key) || !(slice == Slice::input ? blocks[b].on_input : blocks[b].on_target))
          continue;
        for (std::size_t earlier = 0; earlier < b; ++earlier)
          if (blocks[earlier].type == PrePostBlock::Type::scaler && blocks[earlier].covers(e.key))
            fail(blocks[b].deck_key, fmt::format("{} is scaled twice, first by {}", e.key, blocks[earlier].deck_key),
                 "keep one scaler for each variable");
        bool const spatial = blocks[b].spatial(e.key);
        fits.push_back({blocks[b].scaler_path, slice, &e, spatial, chains_of(blocks, b, e, slice, true, cells, cache),
                        std::vector<ColumnStatistics>(static_cast<std::size_t>(spatial ? cells : e.n_levels())),
                        blocks[b].scaler_kind.value_or(Scaler::Kind::standard)});
      }
  }
  return fits;
}

/// Adds the field of one time.
void add(Fit& fit, Dataset& dataset, Time t)
{
  auto field = dataset.raw(*fit.entry, t);
  Box const& box = dataset.box();
  auto const cells = static_cast<std::size_t>(box.cells());
  for (std::size_t k = 0; k < fit.before.size(); ++k) {
    double* const level = field.values.data() + k * cells;
    apply(fit.before[k], level, box, box.cols());
    auto const bad = std::count_if(level, level + cells, [](double x) { return !std::isfinite(x); });
    if (bad > 0)
      fail(fmt::format("{}, variable {}", field.file, fit.entry->in_files()),
           fmt::format("{} of {} values at {} are missing or not finite", bad, cells,
                       format_time(t, dataset.plan().config.calendar)),
           "repair the file, or fill them with a fill_values preblock ahead of the scaler");
    if (fit.spatial) {
      for (std::size_t i = 0; i < cells; ++i)
        fit.columns[i].add(level[i]);
      continue;
    }
    // The moments of a field in two passes, then one merge: a running mean over millions of values would lose digits.
    Moments m{static_cast<double>(cells)};
    for (std::size_t i = 0; i < cells; ++i)
      m.mean += level[i] / m.count;
    for (std::size_t i = 0; i < cells; ++i)
      m.m2 += (level[i] - m.mean) * (level[i] - m.mean);
    fit.columns[k].merge({m, *std::min_element(level, level + cells), *std::max_element(level, level + cells)});
  }
}

/// The moments of all ranks together, merged in rank order.
void merge_ranks(Fit& fit, Communicator const& world)
{
  std::vector<double> mine;
  for (auto const& m : fit.columns)
    mine.insert(mine.end(), {m.moments.count, m.moments.mean, m.moments.m2, m.minimum, m.maximum});
  auto const all = world.all_gather(mine);
  std::size_t const n = mine.size();
  for (std::size_t i = 0; i < fit.columns.size(); ++i) {
    ColumnStatistics total;
    for (std::size_t r = 0; r * n < all.size(); ++r) {
      double const* const m = all.data() + r * n + 5 * i;
      total.merge({{m[0], m[1], m[2]}, m[3], m[4]});
    }
    fit.columns[i] = total;
  }
}

Scaler scaler_from(Fit const& fit)
{
  Scaler s;
  s.kind = fit.kind;
  if (fit.entry->is_3d && !fit.spatial) {
    s.levels = fit.entry->levels;
    s.level_units = fit.entry->vertical.units;
  }
  for (auto const& m : fit.columns) {
    s.count = std::max(s.count, m.moments.count);
    if (fit.kind == Scaler::Kind::minmax) {
      s.minimum.push_back(m.minimum);
      s.maximum.push_back(m.maximum);
    } else {
      s.mean.push_back(m.moments.mean);
      s.variance.push_back(m.moments.m2 / m.moments.count);
    }
  }
  return s;
}

double deviation(ColumnStatistics const& c) { return std::sqrt(c.moments.m2 / c.moments.count); }

void report(Fit const& fit, PreprocessReport& out)
{
  std::string const type = fit.slice == Slice::input ? "input" : "target";
  if (fit.spatial) {
    PreprocessReport::Row row{type, fit.entry->key, 0, 0, 0};
    for (auto const& m : fit.columns) {
      row.mean += m.moments.mean / static_cast<double>(fit.columns.size());
      row.deviation += deviation(m) / static_cast<double>(fit.columns.size());
    }
    out.rows.push_back(row);
    return;
  }
  for (std::size_t i = 0; i < fit.columns.size(); ++i) {
    auto const& m = fit.columns[i];
    out.rows.push_back({type, fit.entry->key, fit.entry->levels[i], m.moments.mean, deviation(m)});
  }
}

/// Scaler files that postblocks name, those of training and of forecasts.
std::set<std::string> scalers_of_postblocks(Deck const& deck)
{
  std::set<std::string> paths;
  for (bool const for_inference : {false, true})
    for (auto const& args : block_arguments(deck_blocks(deck, "postblocks", for_inference)))
      if (args["scaler_path"].is_scalar())
        paths.insert(args["scaler_path"].as<std::string>());
  return paths;
}
} // namespace

PreprocessReport preprocess(Deck const& deck, FieldShape const& model, Communicator const& world)
{
  Problems problems;
  DataPlan const plan = DataPlan::make(deck, DataPlan::Use::geometry, model, problems);
  auto const blocks = read_preblocks(deck["preblocks"], plan.schema, problems);
  problems.raise();
  auto fits = plan_fits(blocks, plan.schema, plan.grid.height() * plan.grid.width());
  if (fits.empty())
    fail("preblocks", "no bridgescaler_transform block names a scaler to fit",
         "add one under preblocks.per_step, or skip rossby preprocess");

  Dataset dataset(plan, Box{0, plan.grid.height(), 0, plan.grid.width()});
  PreprocessReport result;
  result.samples = dataset.size();
  for (index_t i = world.rank(); i < dataset.size(); i += world.size())
    for (auto& fit : fits) {
      bool const fixed = fit.entry->type == FieldType::fixed;
      if (!fixed || i == 0) // static fields count once
        add(fit, dataset, dataset.initial_time(i) + (fit.slice == Slice::target ? plan.config.timestep : 0));
    }

  std::map<std::string, ScalerFile> files;
  for (auto& fit : fits) {
    merge_ranks(fit, world);
    report(fit, result);
    files[fit.path].set(fit.slice == Slice::input ? "input" : "target", fit.entry->key, scaler_from(fit));
  }
  // Files that postblocks alone name: an inverse reads the targets' part of them.
  for (auto const& path : scalers_of_postblocks(deck)) {
    auto const [file, is_new] = files.try_emplace(path);
    for (auto const& fit : fits)
      if (is_new && fit.slice == Slice::target)
        file->second.set("target", fit.entry->key, scaler_from(fit));
  }
  for (auto const& [path, file] : files) {
    std::string outcome;
    bool failed = false;
    if (world.rank() == 0) {
      try {
        outcome = file.save(path);
      } catch (Error const& e) {
        failed = true;
        outcome = e.problem();
      }
    }
    world.broadcast(&failed, sizeof failed, 0);
    world.broadcast(outcome, 0);
    if (failed)
      fail(path, outcome, "check free space and permissions of the folder");
    result.files.push_back({path, outcome});
  }
  return result;
}

} // namespace rossby
