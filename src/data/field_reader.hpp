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
  /// The first file of the group.
  FieldFile& first() { return open(files_.first()); }

private:
  FieldFile& open(std::string const& path);
  /// The file and the index of the record for time `t` under the source's temporal mode.
  std::pair<FieldFile*, index_t> find(Time t, std::string const& variable);
  void expect_grid(FieldFile&, std::string const& variable, Grid const&);
  Regridding::Part const& part_of(Regridding const&, Box const&, FieldFile&, std::string const& variable);

  SourceConfig const* source_;
  FieldGroup const* group_;
  FileSet files_;
  std::list<std::unique_ptr<FieldFile>> open_;    ///< latest used first
  std::vector<std::string> checked_;              ///< "file variable" whose grid has been compared
  std::map<std::string, Regridding::Part> parts_; ///< by variable, box and how its source lies
};

/// \throws Error when a variable lies on another grid; one without coordinates need only have the grid's size.
void expect_same_grid(FieldFile&, std::string const& variable, Grid const&);

} // namespace rossby
