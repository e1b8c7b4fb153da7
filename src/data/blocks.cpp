#include "blocks.hpp"

#include "core/suggest.hpp"
#include "wet_mask.hpp"

#include "data/block_types.hpp"

#include <rossby/core/log.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace rossby {

namespace {

bool contains(std::vector<std::string> const& list, std::string const& word)
{
  return std::find(list.begin(), list.end(), word) != list.end();
}

/// Full keys, prefixes ("ERA5/prognostic") and short names to full keys; an empty list means all.
std::vector<std::string> resolve(std::vector<std::string> const& names, std::vector<std::string> const& all,
                                 DeckNode const& where)
{
  if (names.empty())
    return all;
  std::vector<std::string> keys;
  for (auto const& name : names) {
    bool found = false;
    for (auto const& key : all)
      if (key == name || key.rfind(name + "/", 0) == 0 || key.substr(key.rfind('/') + 1) == name) {
        found = true;
        if (!contains(keys, key))
          keys.push_back(key);
      }
    if (!found) {
      std::string const near = nearest(name, all);
      where.reject(fmt::format("{} is not a variable of the data", name),
                   near.empty() ? fmt::format("variables are: {}", join(all)) : fmt::format("did you mean {}?", near));
    }
  }
  return keys;
}

std::vector<std::string> keys_of(ChannelSchema const& schema, bool input, bool target)
{
  std::vector<std::string> keys;
  for (auto const* list : {input ? &schema.input : nullptr, target ? &schema.target : nullptr})
    if (list)
      for (auto const& e : *list)
        if (!contains(keys, e.key))
          keys.push_back(e.key);
  return keys;
}

double base_of(DeckNode const& args)
{
  auto const base = args.get("base", std::string("e"));
  if (base == "e")
    return 2.718281828459045;
  if (base == "2" || base == "10" || base == "2.0" || base == "10.0")
    return base[0] == '2' ? 2 : 10;
  args["base"].reject(fmt::format("'{}' is none of e, 2, 10", base));
}

double search_of(DeckNode const& rule)
{
  auto const text = rule.get("search", std::string("nan"));
  if (text == "nan" || text == "NaN" || text == ".nan" || text == "NAN")
    return std::nan("");
  return rule.require<double>("search");
}

FillRule read_rule(DeckNode const& node)
{
  static std::map<std::string, FillRule::Op> const ops{
      {"==", FillRule::Op::equal},      {"!=", FillRule::Op::not_equal}, {"<", FillRule::Op::less},
      {"<=", FillRule::Op::less_equal}, {">", FillRule::Op::greater},    {">=", FillRule::Op::greater_equal}};
  FillRule rule;
  rule.search = search_of(node);
  auto const op = node.get("op", std::string("=="));
  auto const it = ops.find(op);
  if (it == ops.end())
    node["op"].reject(fmt::format("'{}' is not a comparison", op), "use ==, !=, <, <=, > or >=");
  rule.op = it->second;
  rule.fill = node.require<double>("fill");
  return rule;
}

/// `variables`, `spatial_variables`, `data_types`.
void read_coverage(DeckNode const& args, ChannelSchema const& schema, bool output, PrePostBlock& block)
{
  if (!output && args.has("data_types")) {
    auto const types = args["data_types"].as<std::vector<std::string>>();
    block.on_input = contains(types, "input");
    block.on_target = contains(types, "target");
    for (auto const& t : types)
      if (t != "input" && t != "target")
        args["data_types"].reject(fmt::format("'{}' is neither input nor target", t));
  }
  auto const all = keys_of(schema, !output && block.on_input, output || block.on_target);
  auto const names = args.get("variables", std::vector<std::string>{});
  if (args.has("spatial_variables"))
    block.spatial_keys =
        resolve(args["spatial_variables"].as<std::vector<std::string>>(), all, args["spatial_variables"]);
  block.present_only = output && names.empty();
  block.keys = resolve(names, all, args["variables"]);
  for (auto const& key : block.spatial_keys)
    if (!contains(block.keys, key))
      block.keys.push_back(key);
}

void read_scaler(DeckNode const& args, bool output, PrePostBlock& block)
{
  block.type = PrePostBlock::Type::scaler;
  block.scaler_path = args.require<std::string>("scaler_path");
  auto const method = args.get("method", std::string(output ? "inverse_transform" : "transform"));
  if (method != "transform" && method != "inverse_transform")
    args["method"].reject(fmt::format("'{}' is neither transform nor inverse_transform", method));
  block.inverse = method == "inverse_transform";
  auto const kind = args.get("scaler_type", std::string());
  if (kind == "standard")
    block.scaler_kind = Scaler::Kind::standard;
  else if (kind == "minmax")
    block.scaler_kind = Scaler::Kind::minmax;
  else if (!kind.empty())
    args["scaler_type"].reject(fmt::format("'{}' is not supported", kind), "use standard or minmax");
  if (args.has("scaler_params") && args["scaler_params"].get("channels_last", false))
    args["scaler_params"]["channels_last"].reject("true mixes up levels", "set it to false");
}

void read_normalizer(DeckNode const& args, PrePostBlock& block)
{
  block.type = PrePostBlock::Type::normalizer;
  block.mean_path = args.require<std::string>("mean_path");
  block.std_path = args.require<std::string>("std_path");
  block.levels = args.get("levels", std::vector<int>{});
}

[[noreturn]] void reject_type(DeckNode const& node, std::string const& type, std::vector<std::string> const& supported,
                              std::vector<std::string> const& known)
{
  if (contains(known, type))
    node["type"].reject(fmt::format("{} is a block of CREDIT that is not supported", type),
                        fmt::format("supported are: {}", join(supported)));
  std::string const near = nearest(type, supported);
  node["type"].reject(fmt::format("'{}' is not a known block", type),
                      near.empty() ? fmt::format("supported are: {}", join(supported))
                                   : fmt::format("did you mean {}?", near));
}

/// The step types that pre- and postblocks share. False when `type` is none of them.
bool read_step(std::string const& type, DeckNode const& args, TransformStep& step)
{
  if (type == "log_transform" || type == "exp_transform") {
    step.kind = type[0] == 'l' ? TransformStep::Kind::log : TransformStep::Kind::exp;
    step.base = base_of(args);
    step.eps = args.get("eps", 1e-8);
    if (!(step.eps > 0))
      args["eps"].reject("must be positive");
  } else if (type == "sqrt_transform")
    step.kind = TransformStep::Kind::sqrt;
  else if (type == "square_transform")
    step.kind = TransformStep::Kind::square;
  else if (type == "fill_values") {
    step.kind = TransformStep::Kind::fill;
    for (auto const& rule : args["rules"].items())
      step.rules.push_back(read_rule(rule));
    if (step.rules.empty())
      args["rules"].reject("names no rule", "for instance rules: [{search: nan, op: ==, fill: 0}]");
  } else
    return false;
  return true;
}

std::vector<std::string> const& preblock_types()
{
  static std::vector<std::string> const types{
      "bridgescaler_transform", "era5_normalizer", "log_transform", "sqrt_transform", "fill_values",
      "hybrid_level_interp",    "regrid",          "rename",        "concat",         "to_device"};
  return types;
}

std::vector<std::string> const& known_preblock_types()
{
  static std::vector<std::string> const types{"semilagrangian_advection"};
  return types;
}

std::optional<PrePostBlock> read_preblock(DeckNode const& node, ChannelSchema const& schema, bool initial_only)
{
  auto const type = node.require<std::string>("type");
  auto const args = node["args"];
  PrePostBlock block;
  block.deck_key = node.path();
  block.initial_only = initial_only;
  if (type == "to_device" || type == "concat" || type == "regrid" || type == "rename") {
    args.mark_read(); // where fields live, how channels are joined, what grid they come from and what files call them
                      // is the loader's business
    return std::nullopt;
  }
  if (type == "hybrid_level_interp") // the loader's as well, which reads its arguments
    return std::nullopt;
  if (type == "bridgescaler_transform") {
    read_scaler(args, false, block);
    if (block.inverse)
      args["method"].reject("inverse_transform belongs to postblocks", "use transform");
  } else if (type == "era5_normalizer") {
    read_normalizer(args, block);
  } else if (!read_step(type, args, block.step))
    reject_type(node, type, preblock_types(), known_preblock_types());
  read_coverage(args, schema, false, block);
  return block;
}

/// tracer_fixer: bounds by variable.
void read_bounds(DeckNode const& args, ChannelSchema const& schema, PrePostBlock& block)
{
  auto const names = args["tracer_vars"].as<std::vector<std::string>>();
  auto const bounds = [&](char const* key, double fallback) {
    auto const node = args[key];
    std::vector<double> values(names.size(), fallback);
    if (node.is_list())
      values = node.as<std::vector<double>>();
    else if (node.exists())
      values.assign(names.size(), node.as<double>());
    if (values.size() != names.size())
      node.reject(fmt::format("has {} values for {} tracer_vars", values.size(), names.size()));
    return values;
  };
  double const infinity = std::numeric_limits<double>::infinity();
  auto const low = bounds("tracer_thres", -infinity), high = bounds("tracer_thres_max", infinity);
  auto const all = keys_of(schema, false, true);
  for (std::size_t i = 0; i < names.size(); ++i)
    for (auto const& key : resolve({names[i]}, all, args["tracer_vars"])) {
      TransformStep step;
      step.kind = TransformStep::Kind::clamp;
      step.low = low[i], step.high = high[i];
      if (!(step.low < step.high))
        args.reject(fmt::format("the bounds of {} are [{}, {}]", key, step.low, step.high));
      block.steps[key] = step;
      block.keys.push_back(key);
    }
}

} // namespace

bool PrePostBlock::covers(std::string const& key) const { return contains(keys, key); }
bool PrePostBlock::spatial(std::string const& key) const { return contains(spatial_keys, key); }

std::vector<PrePostBlock> read_preblocks(DeckNode const& node, ChannelSchema const& schema, Problems& problems)
{
  std::vector<PrePostBlock> blocks;
  bool named = false;     // some block has named variables
  bool on_levels = false; // some block has changed levels
  if (!node.exists())
    return blocks;
  for (auto const& [phase, entries] : node.entries())
    if (phase != "ic_only" && phase != "per_step") {
      entries.mark_read();
      problems.error(entries.path(), "is not a phase of preblocks",
                     "put blocks under per_step, or ic_only for the first step alone");
    }
  for (char const* phase : {"ic_only", "per_step"}) {
    bool concat_seen = false;
    for (auto const& [name, entry] : node[phase].entries()) {
      try {
        if (concat_seen)
          entry.reject("comes after concat", "concat must be the last block");
        auto const type = entry.get("type", std::string());
        if (named && type == "rename")
          entry.reject("comes after blocks that name variables",
                       "put rename first, and give the blocks after it the new names");
        named = named || (type != "rename" && type != "to_device");
        if (!blocks.empty() && (type == "regrid" || type == "hybrid_level_interp"))
          entry.reject("comes after blocks that change values",
                       fmt::format("put {} first: it acts on fields as files have them", type));
        if (on_levels && type == "regrid")
          entry.reject("comes after hybrid_level_interp", "put regrid first: levels are changed on the model's grid");
        on_levels = on_levels || type == "hybrid_level_interp";
        if (auto block = read_preblock(entry, schema, phase[0] == 'i'))
          blocks.push_back(std::move(*block));
        concat_seen = type == "concat";
      } catch (Error const& e) {
        entry.mark_read();
        problems.add(e);
      }
    }
  }
  return blocks;
}

namespace {
std::vector<std::string> postblock_types()
{
  std::vector<std::string> types{"reconstruct",      "bridgescaler_transform", "era5_normalizer",   "exp_transform",
                                 "square_transform", "tracer_fixer",           "flatten_to_tensor", "wet_mask_samudra"};
  types.insert(types.end(), coupled_block_types().begin(), coupled_block_types().end());
  return types;
}

std::vector<std::string> const& known_postblock_types()
{
  static std::vector<std::string> const types{"semilagrangian_advection", "skebs"};
  return types;
}

/// flatten_to_tensor: the named fields, normalised once more, are what a flat loss compares.
void read_flatten(DeckNode const& args, ChannelSchema const& schema, PrePostBlock& block)
{
  block.flatten = true;
  if (auto const to = args.get("out_key", std::string("y_pred")); to != "y_pred")
    args["out_key"].reject(fmt::format("'{}' is not offered", to), "use y_pred, which a flat loss compares");
  if (args.has("scaler_path")) {
    read_scaler(args, false, block);
    if (block.inverse)
      args["method"].reject("inverse_transform belongs to bridgescaler_transform", "use transform");
    read_coverage(args, schema, true, block);
  } else if (args.has("mean_path")) {
    read_normalizer(args, block);
    read_coverage(args, schema, true, block);
  } else {
    args.mark_read();
  }
}
} // namespace

std::vector<PrePostBlock> read_postblocks(DeckNode const& node, BlockFields& fields, Problems& problems)
{
  auto const& schema = fields.schema;
  std::vector<PrePostBlock> blocks;
  for (auto const& [phase, entries] : node.entries())
    if (phase != "per_step") {
      bool const empty = entries.entries().empty();
      entries.mark_read();
      if (!empty && phase != "post_rollout")
        problems.error(entries.path(), "is not a phase of postblocks", "put blocks under per_step");
      else if (!empty) // CREDIT runs them when losses are summed and states written, and drops what they make
        problems.warning(entries.path(),
                         "is ignored: when a rollout is over its losses are taken and its states written, so that "
                         "these blocks change nothing",
                         "put blocks that shall act under per_step");
    }
  bool reconstructed = false;
  // What `reconstruct` makes of the truth is the twin: the loader derives it, so its blocks are only read.
  std::vector<std::string> twin_keys{"y", "y_target_processed"}, output_keys{"y_pred", "y_processed"};
  for (auto const& [name, entry] : node["per_step"].entries()) {
    try {
      auto const type = entry.require<std::string>("type");
      auto const args = entry["args"];
      if (type == "reconstruct") {
        args.get("detach", true); // whether gradients pass is the trainer's business: they do
        auto const from = args.get("in_key", std::string("y_pred"));
        auto const to = args.get("out_key", std::string(from == "y" ? "y_target_processed" : "y_processed"));
        (contains(twin_keys, from) ? twin_keys : output_keys).push_back(to);
        reconstructed = reconstructed || !contains(twin_keys, from);
        continue;
      }
      if (type == "wet_mask_samudra") {
        if (reconstructed)
          entry.reject("comes after reconstruct, which has copied the model's output", "put it first");
        PrePostBlock mask;
        mask.deck_key = entry.path();
        mask.on_output = read_wet_mask(args, fields);
        blocks.push_back(std::move(mask));
        continue;
      }
      auto const key = args.get("key", std::string("y_processed"));
      if (contains(twin_keys, key)) {
        args.mark_read();
        continue;
      }
      if (!contains(output_keys, key))
        args["key"].reject(fmt::format("no reconstruct block makes '{}'", key), "use y_processed");
      PrePostBlock block;
      block.deck_key = entry.path();
      if (std::any_of(blocks.begin(), blocks.end(), [](PrePostBlock const& b) { return b.flatten; }))
        entry.reject("comes after flatten_to_tensor", "flatten_to_tensor must be the last block");
      if (auto coupled = read_coupled_block(type, entry, args, fields, problems))
        block.coupled = std::make_shared<CoupledBlock const>(std::move(*coupled));
      else if (type == "flatten_to_tensor")
        read_flatten(args, schema, block);
      else if (type == "tracer_fixer")
        read_bounds(args, schema, block);
      else {
        if (type == "bridgescaler_transform") {
          read_scaler(args, true, block);
        } else if (type == "era5_normalizer") {
          read_normalizer(args, block);
          block.inverse = true;
        } else if ((type != "exp_transform" && type != "square_transform") || !read_step(type, args, block.step))
          reject_type(entry, type, postblock_types(), known_postblock_types());
        read_coverage(args, schema, true, block);
      }
      blocks.push_back(std::move(block));
    } catch (Error const& e) {
      entry.mark_read();
      problems.add(e);
    }
  }
  return blocks;
}

namespace {
void judge_types(DeckNode const& blocks, std::vector<std::string> const& supported,
                 std::vector<std::string> const& known, Problems& problems)
{
  if (!blocks.is_map())
    return;
  for (std::string const phase : {"ic_only", "per_step", "post_rollout"})
    if (blocks[phase].is_map())
      for (auto const& [name, block] : blocks[phase].entries())
        try {
          auto const type = block.require<std::string>("type");
          bool const ignored = phase == "post_rollout" && contains(known, type);
          if (!contains(supported, type) && !ignored)
            reject_type(block, type, supported, known);
        } catch (Error const& e) {
          problems.add(e);
        }
}
} // namespace

void judge_block_types(Deck const& deck, Problems& problems)
{
  for (auto const& at : {deck.root(), deck["inference"]})
    if (at.is_map()) {
      judge_types(at["preblocks"], preblock_types(), known_preblock_types(), problems);
      judge_types(at["postblocks"], postblock_types(), known_postblock_types(), problems);
    }
}

} // namespace rossby
