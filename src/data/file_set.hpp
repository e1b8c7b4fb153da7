#pragma once
/// \file
/// Private to src/data: the files that a path template stands for.

#include <rossby/data/time.hpp>

#include <string>
#include <vector>

namespace rossby {

/// Files found by a template such as "era5/%Y/fields_%Y%m.nc". strftime codes and user globs match what is there; the
/// finest code says how long a file's period is. A template without codes must match one file, which covers all times.
class FileSet {
public:
  FileSet() = default;
  /// \throws Error at `deck_key` when nothing matches, or two files cover the same period.
  FileSet(std::string const& path_template, std::string deck_key);

  /// The file whose period holds `t`. \throws Error that says what the files cover.
  std::string const& file_for(Time t) const;
  std::string const& first() const { return files_.front().path; }
  /// Files before that of `t`, nearest first, then none: for holding the last value.
  std::vector<std::string> at_or_before(Time t) const;

private:
  struct File {
    Time begin, end; ///< [begin, end)
    std::string path;
  };
  std::string template_, deck_key_;
  std::vector<File> files_;
};

} // namespace rossby
