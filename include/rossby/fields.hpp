#pragma once
/// \file
/// Fields: those of a deck's files, and those that a program brings itself in place of them.

#include <rossby/core/box.hpp>
#include <rossby/data/dataset.hpp>
#include <rossby/data/grid.hpp>
#include <rossby/data/schema.hpp>
#include <rossby/data/time.hpp>

#include <vector>

namespace rossby {

/// Asked for every variable before the deck's files are. One call at a time, though not always from one thread: batches
/// are read ahead in the background.
class FieldSource {
public:
  virtual ~FieldSource() = default;
  /// The levels of a variable at a time (a static one: at any) over the cells of `box` of the deck's grid, in physical
  /// units, [level][row][column]; gaps are NaN. False: this variable at this time is in the files.
  virtual bool read(SchemaEntry const&, Time, Box const&, std::vector<double>& values) = 0;
};

} // namespace rossby
