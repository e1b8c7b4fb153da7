#pragma once
/// \file
/// The deck's postblocks at work: from the model's raw output to physical units, on the device, with gradients.

#include "data/plan.hpp"
#include "train/device_chain.hpp"
#include <rossby/dist/index_map.hpp>

#include <memory>
#include <vector>

namespace rossby {

class Postblock; // src/train/postblock.hpp

/// Elementwise chains, and between them the blocks that couple channels or cells (stages). Fields are [samples, rows,
/// columns, channels] on the output's tiles; behind the schema's output channels come those that stages add.
class Postblocks {
public:
  /// Collective over the ranks of `spatial`, which share every sample as tiles.
  Postblocks(DataPlan const&, Box const& input_tile, Tiling const& output, Communicator const& spatial);

  /// True when there are stages: the result then depends on the step's input and on other cells, and is what the next
  /// step starts from.
  bool has_stages() const { return !stages_.empty(); }
  /// True when a flat loss compares what flatten_to_tensor makes of the result.
  bool flattens() const { return flattens_; }
  /// Channels that stages add.
  index_t added() const { return added_; }

  /// The newest frame of a step's input in physical units, [samples, cells, input channels] on the input's tile.
  Array physical_input(Exec const&, Array const& input) const;
  /// raw: the model's output; x: physical_input() on the output's tile (unused without stages).
  Var apply(Context&, Var const& raw, Array const& x) const;
  /// What a flat loss compares, of apply()'s result.
  Var flat(Context&, Var const& physical) const;
  /// Truth in physical units with the channels that stages add: diagnostics of the truth, as of the prediction.
  Array with_added(Exec const&, Array const& truth, Array const& x) const;

private:
  struct Stage {
    std::shared_ptr<Postblock const> block;
    DeviceChains after;
  };
  index_t channels_, added_ = 0, input_channels_;
  int frames_;
  bool flattens_;
  DeviceChains first_, flat_, input_;
  std::vector<Stage> stages_;
};

/// The first `count` channels; the field itself when it has no more.
Var leading_channels(Context&, Var const& field, index_t count);

} // namespace rossby
