#pragma once
/// \file
/// What files behind a pattern hold: which times each has, and how a path template with strftime codes names them.

#include <rossby/data/time.hpp>

#include <optional>
#include <set>
#include <string>
#include <vector>

namespace rossby {

/// What a pattern with wildcards matches on disk, sorted.
std::vector<std::string> paths_matching(std::string const& pattern);

/// gs://..., s3://..., https://... and the like.
bool is_remote(std::string const& path);
/// Refuses a remote path at `deck_key`, telling how to bring the data.
void expect_local(std::string const& path, std::string const& deck_key);

/// Records one after the other at equal distances in one file.
struct RecordRun {
  Time first = 0, last = 0;
};

struct SurveyedFile {
  std::string path;
  std::vector<RecordRun> runs; ///< in order; more than one where records are missing
  Duration step = 0;           ///< the smallest distance; 0 with fewer than two records
};

struct Survey {
  std::vector<SurveyedFile> files; ///< in the order of their times
  std::string level_coord;         ///< of the variable asked for; "" where it has none
  /// A template that names every file, and no other for its times; nothing when file names don't tell.
  std::optional<std::string> path_template;
};

/// Looks into the files that `pattern` (wildcards, no codes) matches. Where some of `years` stand in the paths, only
/// into those files; opens each once and reads its times. `variable_3d` may be empty. No file: an empty survey. \throws
/// Error at `deck_key` for files that can't be read or that hold the same times.
Survey survey_files(std::string const& pattern, std::set<int> const& years, std::string const& variable_3d,
                    std::string const& deck_key);

/// The same pattern with %Y where the year probably is, for files that are not there to be looked at.
std::string guess_template(std::string const& pattern);

/// Survey in a text and back, for other ranks.
std::string to_text(Survey const&);
Survey survey_of(std::string const& text);

} // namespace rossby
