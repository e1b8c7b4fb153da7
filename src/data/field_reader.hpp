#pragma once
/// \file
/// Private to src/data: the fields of one group of variables at any time, through files that stay open.

#include "field_file.hpp"
#include "file_set.hpp"
#include "regridding.hpp"

#include <rossby/data/schema.hpp>

#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace rossby {

class FieldReader {
public:
  FieldReader(SourceConfig const&, FieldGroup const&);

  /// The values of an entry's levels over a box at a time (static fields: at any time), level by level, row-major.
  /// \returns the file they came from.
  /// With `regridding` the box is of the grid that it leads to, and the files may be on any.
  std::string const& read(SchemaEntry const&, Time, Box const&, Grid const&, std::vector<double>& out,
                          Regridding const* regridding = nullptr);
  /// For the message about missing values in what read() gives: the attributes that make them so.
  std::string why_missing(SchemaEntry const&, Time, Box const&, Grid const&);
  /// The first file of the group.
  FieldFile& first() { return open(files_.first()); }
  /// Throws where a dynamic variable has no record for a time; reads the times of one or two files.
  void expect_time(Time t, std::string const& variable) { find(t, variable); }

private:
  /// A record of a file.
  struct Place {
    FieldFile* file = nullptr;
    index_t index = 0;
  };
  /// All that a read takes, with everything checked.
  struct Found {
    Place place;
    std::vector<index_t> levels;
    Orientation orientation;
  };

  FieldFile& open(std::string const& path);
  /// The record for time `t` under the source's temporal mode.
  Place find(Time t, std::string const& variable);
  Place find_exact(Time t);
  Place find_held(Time t, std::string const& variable);
  Place find_in_cycle(Time t, std::string const& variable);
  Place find_static(SchemaEntry const&);
  /// `of_another_grid`: the variable will be regridded.
  Found locate(SchemaEntry const&, Time, Grid const&, bool of_another_grid);
  Regridding::Part const& part_of(Regridding const&, Box const&, Orientation const&, std::string const& variable);

  SourceConfig const* source_;
  FieldGroup const* group_;
  FileSet files_;
  std::list<std::unique_ptr<FieldFile>> open_;    ///< latest used first
  std::vector<std::string> checked_;              ///< "file variable" of static fields known to have one value
  std::map<std::string, Regridding::Part> parts_; ///< by variable, box and how its source lies
};

/// How a variable lies, its grid compared with that of the run. \throws Error when it lies on another grid; or when it
/// has no coordinates and neither the deck (`rules`) nor the other fields tell how it lies.
Orientation orientation_on(FieldFile&, std::string const& variable, Grid const&, FieldGroup::Orientation rules,
                           std::string const& deck_key);

} // namespace rossby
