#pragma once
/// \file
/// The deck's preblocks and postblocks as one chain of elementwise steps per channel, so that files, host and device
/// all apply the same thing. A chain is a value: the trainer walks `output` chains on the device, with gradients.

#include <rossby/core/deck.hpp>
#include <rossby/data/schema.hpp>
#include <rossby/dist/tiling.hpp>

#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace rossby {

/// A rule of `fill_values`: replace values for which `value op search` holds.
struct FillRule {
  enum class Op { equal, not_equal, less, less_equal, greater, greater_equal } op = Op::equal;
  double search = 0; ///< NaN: replace (or with !=, keep) NaN
  double fill = 0;
};

/// One elementwise step.
struct TransformStep {
  enum class Kind {
    affine, ///< scale * x + offset
    log,    ///< log_b(x + eps) - log_b(eps)
    exp,    ///< inverse of log: b^(x + log_b(eps)) - eps
    sqrt,
    square,
    clamp, ///< into [low, high]
    fill   ///< rules in order, tested on the original value, the last that holds wins
  } kind = Kind::affine;
  double scale = 1, offset = 0;
  /// affine only: one value for each cell of the global grid, row-major, in place of scale and offset.
  std::vector<double> cell_scale, cell_offset;
  double base = 2.718281828459045, eps = 1e-8;
  double low = -std::numeric_limits<double>::infinity(), high = std::numeric_limits<double>::infinity();
  std::vector<FillRule> rules;
};

using TransformChain = std::vector<TransformStep>;

/// The value after all steps; `cell` is the global cell (row * width + column).
double apply(TransformChain const&, double value, index_t cell);
/// In place, over the cells of a box of a grid `width` columns wide, row-major.
void apply(TransformChain const&, double* values, Box const&, index_t width);
/// Steps undone in reverse order; clamp and fill have no inverse and are left out.
TransformChain inverse(TransformChain const&);
/// Neighbouring affine steps joined, identities dropped (relative tolerance 1e-12).
TransformChain simplify(TransformChain);

struct CoupledBlock; // data/postblocks.hpp
struct Grid;

/// All transforms of a run.
struct Transforms {
  /// Physical to normalised. `initial`: for the first step of a sample (phase ic_only, then per_step); `step`: later
  /// ones. By base input channel, the same for every frame.
  std::vector<TransformChain> input_initial, input_step;
  /// By output channel: physical truth to what the model's raw output is compared with.
  std::vector<TransformChain> target_initial, target_step;
  /// By output channel: what becomes of the model's output before all else (wet_mask_samudra). Empty: nothing.
  std::vector<TransformChain> own_output;
  /// By output channel: the model's raw output to physical units, clamps of tracer_fixer included; with `stages`, what
  /// comes before the first of them.
  std::vector<TransformChain> output;
  /// A postblock that couples channels or cells, and the chains that come after it, by output channel.
  struct Stage {
    std::shared_ptr<CoupledBlock const> block;
    std::vector<TransformChain> after;
  };
  std::vector<Stage> stages;
  /// Fields that postblocks add to the output; their channels follow those of the schema.
  std::vector<SchemaEntry> derived;
  /// `flatten_to_tensor`: by output channel, from physical units to what a flat loss compares. Empty: it compares the
  /// raw output.
  std::vector<TransformChain> flatten;
  /// By base input channel: the model's input back to physical units.
  std::vector<TransformChain> physical_input;
  /// By base input channel: the model's raw output (with `stages`: the physical one) to the next step's normalised
  /// input (output chain, then input_step); empty where the channel is not prognostic, and where nothing changes.
  std::vector<TransformChain> feedback;

  /// Reads `preblocks` and `postblocks`, and with `inference` those of `inference:` where the deck restates them, and
  /// the scaler files they name. Accepts chains with and without the target twin. Without `postblocks` the output chain
  /// is the inverse of the target's.
  static Transforms read(Deck const&, ChannelSchema const&, Grid const&, bool for_inference, Problems&);
};

} // namespace rossby
