// From parsed blocks and scaler files to one chain of steps per channel.
#include "blocks.hpp"

#include "core/suggest.hpp"
#include "data/deck_blocks.hpp"
#include "data/levels.hpp"
#include "io/array_reader.hpp"
#include <rossby/core/log.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace rossby {

namespace {

/// (x - mean) / deviation, or back.
void set_affine(double mean, double deviation, bool inverse, double& scale, double& offset)
{
  scale = inverse ? deviation : 1 / deviation;
  offset = inverse ? mean : -mean / deviation;
}

/// Columns that say of which levels they are must be those of the entry, in its order.
void expect_levels(LevelAxis const& columns, SchemaEntry const& entry, std::string const& where)
{
  std::string const fix = "fit the scaler again for this deck: rossby preprocess DECK";
  auto const found = match_levels(columns, entry.levels, {entry.vertical.units, false},
                                  fmt::format("{}, scaler of {}", where, entry.key), fix);
  for (std::size_t k = 0; k < found.positions.size(); ++k)
    if (found.positions[k] != static_cast<index_t>(k))
      fail(where, fmt::format("holds the levels of {} in another order than the deck", entry.key), fix);
}

/// True for 0, 1, 2 ... and 1, 2, 3 ...: numbers of levels rather than levels.
bool counts(std::vector<double> const& values)
{
  for (std::size_t k = 0; k < values.size(); ++k)
    if (values[k] != values[0] + static_cast<double>(k))
      return false;
  return values.empty() || values[0] == 0 || values[0] == 1;
}

/// Columns of the entry's levels in a file of one value for each level; empty: all, in their order.
std::vector<index_t> columns_by_level(io::ArrayReader const& file, SchemaEntry const& entry)
{
  auto const& v = file.variable(entry.variable);
  if (!entry.is_3d || v.dimensions.size() != 1 || !file.has(v.dimensions[0]) ||
      file.variable(v.dimensions[0]).dimensions != v.dimensions)
    return {};
  LevelAxis axis;
  axis.name = v.dimensions[0];
  axis.values = file.read(axis.name);
  axis.units = file.text(axis.name, "units").value_or("");
  if (counts(axis.values) && !counts(entry.levels))
    return {};
  return match_levels(axis, entry.levels, {entry.vertical.units, false},
                      fmt::format("{}, variable {}", file.file(), entry.variable),
                      "name files with the means and deviations of the deck's levels, or choose columns: args.levels")
      .positions;
}

TransformStep affine_step(Scaler const& s, bool spatial, int level, bool inverse, index_t cells, double floor,
                          std::string const& where, SchemaEntry const& entry)
{
  auto const expected = spatial ? static_cast<std::size_t>(cells) : static_cast<std::size_t>(entry.n_levels());
  if (s.columns() != expected)
    fail(where,
         fmt::format("has {} columns for {}, which has {} {}", s.columns(), entry.key, expected,
                     spatial ? "grid cells" : "levels"),
         "fit the scaler again for this deck: rossby preprocess DECK");
  if (!s.levels.empty() && entry.is_3d && !spatial)
    expect_levels({s.levels, s.level_units, {}, {}, {}, false}, entry, where);
  if (spatial && entry.n_levels() != 1)
    fail(where, fmt::format("{} has {} levels", entry.key, entry.n_levels()), "spatial_variables have one level");
  auto const deviation = [&](std::size_t i) {
    double const d = s.width(i);
    if (!(d > 0) && floor == 0)
      fail(where, fmt::format("{} does not vary in column {}, so it can't be normalised", entry.key, i),
           "leave this constant field out of the block's variables");
    return std::max(d, floor);
  };
  TransformStep step;
  if (!spatial) {
    auto const i = static_cast<std::size_t>(level);
    set_affine(s.origin(i), deviation(i), inverse, step.scale, step.offset);
    return step;
  }
  step.cell_scale.resize(expected);
  step.cell_offset.resize(expected);
  for (std::size_t i = 0; i < expected; ++i)
    set_affine(s.origin(i), deviation(i), inverse, step.cell_scale[i], step.cell_offset[i]);
  return step;
}

} // namespace

ScalerFile const& ScalerCache::file(std::string const& path)
{
  auto it = files_.find(path);
  if (it == files_.end())
    it = files_.emplace(path, ScalerFile::load(path)).first;
  return it->second;
}

std::optional<Scaler> ScalerCache::from_netcdf(PrePostBlock const& block, SchemaEntry const& entry)
{
  io::ArrayReader const mean(block.mean_path), deviation(block.std_path);
  if (!mean.has(entry.variable) && !deviation.has(entry.variable))
    return std::nullopt;
  Scaler s;
  s.mean = mean.read(entry.variable);
  s.variance = deviation.read(entry.variable);
  for (double& x : s.variance)
    x *= x;
  if (block.levels.empty())
    for (auto const& [file, list] : {std::make_pair(&mean, &s.mean), std::make_pair(&deviation, &s.variance)}) {
      std::vector<double> picked;
      for (index_t const column : columns_by_level(*file, entry))
        picked.push_back((*list)[static_cast<std::size_t>(column)]);
      if (!picked.empty())
        *list = picked;
    }
  if (entry.is_3d && !block.levels.empty())
    for (auto* const list : {&s.mean, &s.variance}) {
      std::vector<double> picked;
      for (int const level : block.levels) {
        if (level < 1 || level > static_cast<int>(list->size()))
          fail(fmt::format("{}.args.levels", block.deck_key),
               fmt::format("level {} is not in 1 ... {}", level, list->size()));
        picked.push_back((*list)[static_cast<std::size_t>(level - 1)]);
      }
      *list = picked;
    }
  return s;
}

std::vector<TransformChain> chains_of(std::vector<PrePostBlock> const& blocks, std::size_t count,
                                      SchemaEntry const& entry, Slice slice, bool initial, index_t cells,
                                      ScalerCache& cache)
{
  // CREDIT's floor under a standard deviation; its scalers have none.
  constexpr double least_deviation = 1e-12;
  std::vector<TransformChain> chains(static_cast<std::size_t>(entry.n_levels()));
  std::string const slice_name = slice == Slice::input ? "input" : "target";
  for (std::size_t b = 0; b < count; ++b) {
    PrePostBlock const& block = blocks[b];
    if (!block.covers(entry.key) || !(slice == Slice::input ? block.on_input : block.on_target) ||
        (block.initial_only && !initial))
      continue;
    std::optional<Scaler> from_netcdf;
    Scaler const* scaler = nullptr;
    std::string where;
    if (block.type == PrePostBlock::Type::scaler) {
      ScalerFile const& file = cache.file(block.scaler_path);
      if (block.present_only && !file.has(slice_name, entry.key))
        continue;
      scaler = &file.get(slice_name, entry.key);
      where = block.scaler_path;
      if (block.scaler_kind && *block.scaler_kind != scaler->kind)
        fail(block.deck_key + ".args.scaler_type",
             fmt::format("is {}, but {} holds a {} scaler for {}", name_of(*block.scaler_kind), block.scaler_path,
                         name_of(scaler->kind), entry.key),
             "fit it again with rossby preprocess, or name its own type");
    } else if (block.type == PrePostBlock::Type::normalizer) {
      from_netcdf = cache.from_netcdf(block, entry);
      if (!from_netcdf)
        continue;
      scaler = &*from_netcdf;
      where = block.mean_path;
    }
    for (int k = 0; k < entry.n_levels(); ++k) {
      auto& chain = chains[static_cast<std::size_t>(k)];
      if (scaler)
        chain.push_back(affine_step(*scaler, block.spatial(entry.key), k, block.inverse, cells,
                                    from_netcdf ? least_deviation : 0.0, where, entry));
      else {
        auto const own = block.steps.find(entry.key);
        chain.push_back(own == block.steps.end() ? block.step : own->second);
      }
    }
  }
  return chains;
}

namespace {

/// Chains of a whole channel list; a problem is kept once per file and entry, and the entry passes through.
std::vector<TransformChain> all_chains(std::vector<PrePostBlock> const& blocks, std::vector<SchemaEntry> const& entries,
                                       Slice slice, bool initial, index_t cells, ScalerCache& cache, Problems& problems)
{
  std::vector<TransformChain> all;
  for (auto const& e : entries) {
    std::vector<TransformChain> chains(static_cast<std::size_t>(e.n_levels()));
    try {
      chains = chains_of(blocks, blocks.size(), e, slice, initial, cells, cache);
    } catch (Error const& error) {
      problems.add(error);
    }
    for (auto& chain : chains)
      all.push_back(simplify(std::move(chain)));
  }
  return all;
}

TransformChain without(TransformChain chain, std::vector<TransformStep::Kind> const& kinds)
{
  chain.erase(std::remove_if(
                  chain.begin(), chain.end(),
                  [&](TransformStep const& s) { return std::find(kinds.begin(), kinds.end(), s.kind) != kinds.end(); }),
              chain.end());
  return chain;
}

TransformChain then(TransformChain first, TransformChain const& second)
{
  first.insert(first.end(), second.begin(), second.end());
  return simplify(std::move(first));
}

} // namespace

Transforms Transforms::read(Deck const& deck, ChannelSchema const& schema, Grid const& grid, bool for_inference,
                            Problems& problems)
{
  auto const section = [&](char const* key) {
    auto const blocks = deck_blocks(deck, key, for_inference);
    if (blocks.path() != key)
      deck[key].mark_read(); // for training
    return blocks;
  };
  index_t const cells = grid.height() * grid.width();
  ScalerCache cache;
  auto const pre = read_preblocks(section("preblocks"), schema, problems);
  Transforms t;
  t.input_initial = all_chains(pre, schema.input, Slice::input, true, cells, cache, problems);
  t.input_step = all_chains(pre, schema.input, Slice::input, false, cells, cache, problems);
  t.target_initial = all_chains(pre, schema.target, Slice::target, true, cells, cache, problems);
  t.target_step = all_chains(pre, schema.target, Slice::target, false, cells, cache, problems);

  if (auto const node = section("postblocks"); node.exists()) {
    BlockFields fields{schema, grid};
    auto const post = read_postblocks(node, fields, problems);
    t.derived = fields.derived;
    auto const chains = [&](std::vector<PrePostBlock> const& blocks) {
      return all_chains(blocks, schema.target, Slice::target, false, cells, cache, problems);
    };
    std::vector<PrePostBlock> segment;
    auto const end_segment = [&] {
      (t.stages.empty() ? t.output : t.stages.back().after) = chains(segment);
      segment.clear();
    };
    for (auto const& block : post) {
      if (!block.on_output.empty()) {
        t.own_output.resize(block.on_output.size());
        for (std::size_t c = 0; c < block.on_output.size(); ++c)
          t.own_output[c] = then(t.own_output[c], block.on_output[c]);
      } else if (block.flatten)
        t.flatten = chains({block});
      else if (block.coupled) {
        end_segment();
        t.stages.push_back({block.coupled, {}});
      } else {
        segment.push_back(block);
      }
    }
    end_segment();
    for (auto const& e : schema.target) {
      auto const c = static_cast<std::size_t>(e.first_channel);
      auto elementwise = t.output[c];
      for (auto const& stage : t.stages)
        elementwise = then(std::move(elementwise), stage.after[c]);
      auto const back = then(without(t.target_step[c], {TransformStep::Kind::fill}),
                             without(std::move(elementwise), {TransformStep::Kind::clamp}));
      if (!back.empty() && problems.errors().empty())
        problems.warning(node.path(), fmt::format("the postblocks do not undo the preblocks of {}", e.key),
                         "give both the same blocks in reverse order; without postblocks Rossby derives them");
    }
  } else
    for (auto const& chain : t.target_step)
      t.output.push_back(simplify(inverse(chain)));

  t.physical_input.resize(static_cast<std::size_t>(schema.input_channels()));
  for (auto const& e : schema.input)
    for (int k = 0; k < e.n_levels(); ++k) {
      auto const c = static_cast<std::size_t>(e.first_channel + k);
      t.physical_input[c] = simplify(inverse(e.type == FieldType::fixed ? t.input_initial[c] : t.input_step[c]));
    }
  auto const source = schema.feedback();
  t.feedback.resize(source.size());
  for (std::size_t c = 0; c < source.size(); ++c)
    if (source[c] >= 0)
      t.feedback[c] =
          t.stages.empty() ? then(t.output[static_cast<std::size_t>(source[c])], t.input_step[c]) : t.input_step[c];
  return t;
}

} // namespace rossby
