#pragma once
/// \file
/// Fields of a deck's data at given times, as the model wants them, for the cells of one tile.

#include <rossby/core/box.hpp>
#include <rossby/data/schema.hpp>
#include <rossby/data/time.hpp>

#include <memory>
#include <string>
#include <vector>

namespace rossby {

struct DataPlan; // of a Session

/// Reads fields through file handles that stay open. One thread at a time; no message passing and no kernels, so a
/// background thread may use it. Layout of every result: [rows, columns, channel] of `box`. Missing or non-finite
/// values that no fill_values preblock replaces are refused with file, variable, time and count.
class Dataset {
public:
  Dataset(DataPlan const&, Box box);
  ~Dataset();
  Dataset(Dataset&&) noexcept;

  DataPlan const& plan() const;
  Box const& box() const;
  /// Samples in the clock's ranges and their initial times.
  index_t size() const;
  Time initial_time(index_t sample) const;

  /// Normalised input of the model for the state at `t`: channels * frames, variable c and frame f at c * frames + f,
  /// frame f being the time t - (frames - 1 - f) steps.
  std::vector<float> input(Time t);
  /// Normalised dynamic forcing at `t` (newest frame only), channels in the order of ChannelSchema::forcing().
  std::vector<float> forcing(Time t);
  /// Truth at `t` by output channel. `initial`: as the target of a sample's first step.
  struct Target {
    std::vector<float> normalised, physical;
  };
  Target target(Time t, bool initial);
  /// One variable as its file holds it, in physical units, gaps being NaN: [level][row][column].
  struct Field {
    std::vector<double> values;
    std::string file;
  };
  Field raw(SchemaEntry const&, Time t);

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

} // namespace rossby
