#pragma once
/// \file
/// "Did you mean": the nearest of the words that would have been accepted.

#include <string>
#include <vector>

namespace rossby {

/// Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`.
int edit_distance(std::string const& a, std::string const& b);
/// The candidate nearest to `word`, or an empty string when none is near enough to be meant.
std::string nearest(std::string const& word, std::vector<std::string> const& candidates);
/// "a, b, c"
std::string join(std::vector<std::string> const& words, std::string const& separator = ", ");
/// What stands between the separators, empty pieces included.
std::vector<std::string> split(std::string const& text, char separator);

} // namespace rossby
