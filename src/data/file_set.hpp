#pragma once
/// \file
/// Private to src/data: the files that a path template stands for.

#include <rossby/data/time.hpp>

#include <string>
#include <vector>

namespace rossby {

/// The regular expression of the piece of a pattern (wildcards, sets of characters, text) that begins at `i`, which is
/// left on the piece's last character.
std::string regex_at(std::string const& pattern, std::size_t& i);

/// Files found by a template such as "era5/%Y/fields_%Y%m.nc". strftime codes and user globs match what is there; the
/// finest code says how long a file's period is. A template without codes must match one file, and a single file may
/// hold any time, whatever its name says.
class FileSet {
public:
  FileSet() = default;
  /// \throws Error at `deck_key` when nothing matches, or two files cover the same period.
  FileSet(std::string const& path_template, std::string deck_key, Calendar = Calendar::standard);

  /// The files in which `t` may be, likeliest first: the one whose period holds it, and the one before, for records
  /// beyond the period that a name tells (the hour that ends a year). Never empty.
  std::vector<std::string> files_for(Time t) const;
  /// True when the period of a file holds `t`.
  bool covers(Time t) const;
  /// "'state_%Y.nc' matches 3 files from 1990-01-01 00:00:00 to 1992-12-31 23:59:59"
  std::string describe() const;
  std::string const& first() const { return files_.front().path; }
  std::size_t size() const { return files_.size(); }
  /// Files that begin at or before `t`, nearest first: for holding the last value.
  std::vector<std::string> at_or_before(Time t) const;

private:
  struct File {
    Time begin, end; ///< [begin, end)
    std::string path;
  };
  std::string template_, deck_key_;
  Calendar calendar_ = Calendar::standard;
  std::vector<File> files_;
};

} // namespace rossby
