#pragma once
/// \file
/// `rossby preprocess`: fits the scalers that the deck's preblocks name, from its training data. Files that postblocks
/// alone name get what belongs to targets.

#include <rossby/comm/communicator.hpp>
#include <rossby/core/deck.hpp>
#include <rossby/models/field_shape.hpp>

#include <string>
#include <vector>

namespace rossby {

struct PreprocessReport {
  struct File {
    std::string path, backup; ///< backup: what an older file is now called, or ""
  };
  struct Row {
    std::string data_type, key;
    double level = 0, mean = 0, deviation = 0;
  };
  std::vector<File> files;
  std::vector<Row> rows; ///< spatial variables: one row, averages over cells
  index_t samples = 0;
};

/// One pass over the initial times of `data`, dealt over the ranks of `world`, in float64. Collective; rank 0 writes.
PreprocessReport preprocess(Deck const&, FieldShape const&, Communicator const& world);

} // namespace rossby
