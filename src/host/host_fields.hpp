#pragma once
/// \file
/// Private to src/host: fields that a host program has on tiles of its own, and where a model wants them.

#include <rossby/comm/communicator.hpp>
#include <rossby/dist/index_map.hpp>
#include <rossby/dist/tiling.hpp>
#include <rossby/fields.hpp>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace rossby::host {

/// A field of a host: where its northernmost row and first column lie, and elements from one level, row and column to
/// the next.
template <class T> struct Strided {
  T* data;
  std::int64_t level, row, column;
  T& operator()(index_t k, index_t i, index_t j) const { return data[k * level + i * row + j * column]; }
};

/// Holds what was handed over until it has been used. What the host's tiles lack of the model's tiles travels by an
/// index map, once for each field: in arrive(), which all ranks call, so that read() need not communicate.
class HostFields final : public FieldSource {
public:
  bool read(SchemaEntry const&, Time, Box const&, std::vector<double>& values) override;

  /// Collective over `spatial`, which shares every sample; `model` is its tiling of the input.
  void set_tiles(Communicator const& spatial, Tiling host, Tiling const& model);
  Tiling const& tiles() const { return host_; }
  Box const& tile() const { return host_.box(spatial_.rank()); }

  /// [level][row][column] on the host's tile.
  void put(SchemaEntry const&, Time, std::vector<double> values);
  /// Brings what was put to the model's tiles. \throws Error on all ranks when they have not put the same. Collective.
  void arrive();
  /// Forgets fields of times before this one.
  void forget_before(Time);

  /// [level][cell] on the host's tile, from [cell][channel] on the model's output tile. Collective.
  std::vector<double> bring_back(Tiling const& output, std::vector<double> const& values, SchemaEntry const&);

private:
  using Key = std::pair<std::string, Time>; // static fields: time 0
  static Key key_of(SchemaEntry const& e, Time t) { return {e.key, e.type == FieldType::fixed ? 0 : t}; }

  Communicator spatial_;
  Tiling host_;
  Box model_tile_;
  std::optional<IndexMap> to_model_, to_host_;
  std::map<Key, std::vector<double>> put_, arrived_;
  std::set<Key> fixed_;
};

} // namespace rossby::host
