#pragma once
/// \file
/// Private to src/data: the fields of one group of variables at any time, through files that stay open.

#include "field_file.hpp"
#include "file_set.hpp"

#include <rossby/data/schema.hpp>

#include <list>
#include <memory>
#include <string>
#include <vector>

namespace rossby {

class FieldReader {
public:
  FieldReader(SourceConfig const&, FieldGroup const&);

  /// The values of an entry's levels over a box at a time (static fields: at any time), level by level, row-major.
  /// \returns the file they came from.
  std::string const& read(SchemaEntry const&, Time, Box const&, Grid const&, std::vector<double>& out);
  /// The first file of the group.
  FieldFile& first() { return open(files_.first()); }

private:
  FieldFile& open(std::string const& path);
  /// The file and the index of the record for time `t` under the source's temporal mode.
  std::pair<FieldFile*, index_t> find(Time t, std::string const& variable);
  void expect_grid(FieldFile&, std::string const& variable, Grid const&);

  SourceConfig const* source_;
  FieldGroup const* group_;
  FileSet files_;
  std::list<std::unique_ptr<FieldFile>> open_; ///< latest used first
  std::vector<std::string> checked_;           ///< "file variable" whose grid has been compared
};

/// \throws Error when a variable lies on another grid; one without coordinates need only have the grid's size.
void expect_same_grid(FieldFile&, std::string const& variable, Grid const&);

} // namespace rossby
