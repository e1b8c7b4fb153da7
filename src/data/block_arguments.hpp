#pragma once
/// \file
/// Private to src/data: how blocks that couple channels or cells find the fields that their arguments name.

#include "coupled_blocks.hpp"

#include "core/suggest.hpp"

#include <fmt/format.h>

namespace rossby {

/// The entry that a key of the deck names, by its full key or its short name.
inline SchemaEntry const& find(std::vector<SchemaEntry> const& list, std::vector<SchemaEntry> const& more,
                               std::string const& name, DeckNode const& where)
{
  std::vector<std::string> keys;
  for (auto const* entries : {&list, &more})
    for (auto const& e : *entries) {
      if (e.key == name || e.variable == name)
        return e;
      keys.push_back(e.key);
    }
  auto const near = nearest(name, keys);
  where.reject(fmt::format("{} is not among the fields that this block sees", name),
               near.empty() ? "there are: " + join(keys) : fmt::format("did you mean {}?", near));
}

inline std::string source_of(SchemaEntry const& e) { return e.key.substr(0, e.key.find('/')); }
inline ChannelRange range_of(SchemaEntry const& e) { return {e.first_channel, e.n_levels()}; }

/// Reads the arguments of one block.
class Arguments {
public:
  Arguments(DeckNode args, BlockFields const& fields, Problems& problems)
      : args_(std::move(args)), fields_(fields), problems_(problems)
  {
  }
  /// Channels of the prediction that the variable at `key` has.
  ChannelRange y(std::string const& key) const
  {
    return range_of(find(fields_.schema.target, fields_.derived, args_.require<std::string>(key), args_[key]));
  }
  /// The same of a variable that has one level.
  ChannelRange surface_y(std::string const& key) const { return one_level(y(key), key); }
  /// Channels of the step's input.
  ChannelRange x(std::string const& key) const
  {
    return range_of(find(fields_.schema.input, {}, args_.require<std::string>(key), args_[key]));
  }
  ChannelRange surface_x(std::string const& key) const { return one_level(x(key), key); }

  ChannelRange same_levels(ChannelRange range, ChannelRange other, std::string const& key) const
  {
    if (range.count != other.count)
      args_[key].reject(fmt::format("has {} levels, the variables beside it {}", range.count, other.count));
    return range;
  }

  /// The entry of the prediction that the variable at `key` is.
  SchemaEntry const& entry(std::string const& key) const
  {
    return find(fields_.schema.target, fields_.derived, args_.require<std::string>(key), args_[key]);
  }
  DeckNode const& node() const { return args_; }
  Problems& problems() const { return problems_; }
  BlockFields const& fields() const { return fields_; }

private:
  ChannelRange one_level(ChannelRange range, std::string const& key) const
  {
    if (range.count != 1)
      args_[key].reject(fmt::format("has {} levels; this block takes a field of one level here", range.count));
    return range;
  }
  DeckNode args_;
  BlockFields const& fields_;
  Problems& problems_;
};

SeaLevelPressure read_sea_level_pressure(Arguments const&, BlockFields&);
GeopotentialDiagnostic read_geopotential(Arguments const&, BlockFields&);
PressureInterpolation read_pressure_interpolation(Arguments const&, BlockFields&);
HybridInterpolation read_hybrid_interpolation(Arguments const&, BlockFields&);

} // namespace rossby
