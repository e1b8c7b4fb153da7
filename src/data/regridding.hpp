#pragma once
/// \file
/// Private to src/data: fields of another grid than the model's, brought to it by a file of weights (ESMF's format).

#include "field_file.hpp"

#include <rossby/core/deck.hpp>
#include <rossby/data/schema.hpp>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace rossby {

/// y = W x, where x is a field in its file's order (rows, or columns, turned round if the deck says so).
class Regridding {
public:
  /// Reads the weights. `first_longitude`: of the grid that the model sees. \throws Error.
  Regridding(std::string const& file, bool flip_rows, bool flip_columns, double first_longitude);

  /// The grid that the weights lead to, as the model sees it.
  Grid const& grid() const { return target_.grid; }

  /// What a box of that grid takes of a source whose axes lie so.
  class Part {
  public:
    Part(Regridding const&, Box const&, Orientation const& source, std::pair<index_t, index_t> source_shape);
    /// The source's cells that are needed, as the model would see them: whole rows.
    Box const& source_box() const { return source_box_; }
    /// [levels][cells of source_box()] to [levels][cells of the box], in place.
    void apply(std::vector<double>& values) const;

  private:
    std::size_t cells_;
    Box source_box_;
    std::vector<std::size_t> start_, source_; ///< by cell of the box; positions in source_box_
    std::vector<double> weight_;
  };

private:
  std::string file_;
  bool flip_rows_, flip_columns_;
  Orientation target_;
  std::size_t sources_ = 0;
  std::vector<std::size_t> start_, source_; ///< by cell in the file's order
  std::vector<double> weight_;
};

/// The `regrid` preblocks of a deck, by key of variable. All must lead to one grid.
std::map<std::string, std::shared_ptr<Regridding const>> read_regriddings(DeckNode const& preblocks, DataConfig const&,
                                                                          ChannelSchema const&, Problems&);

} // namespace rossby
