#pragma once
/// \file
/// Keys that the `model:` blocks of all architectures share, and their checks.

#include <rossby/core/deck_block.hpp>
#include <rossby/dist/sphere_padding.hpp>
#include <rossby/models/spec.hpp>

#include <string>
#include <vector>

namespace rossby {

/// image_height, frames, channels, ...
void read_fields(DeckBlock const&, FieldShape&);
void check_fields(FieldShape const&, Problems&);

/// padding_conf. Widths stay zero unless it is active, so that padded sizes are the plain ones.
void read_padding(DeckBlock const& model, SpherePadding&);
void check_padding(SpherePadding const&, FieldShape const&, Problems&);

/// Passes over what is said elsewhere in decks.
void read_ignored(DeckBlock const&);

/// Problems of single numbers; true of the whole when there was none.
class RangeCheck {
public:
  explicit RangeCheck(Problems& problems) : problems_(&problems), before_(problems.errors().size()) {}
  void at_least(char const* key, int value, int low);
  void at_least(char const* key, std::vector<int> const& values, int low);
  /// A probability of dropping something.
  void rate(char const* key, double value);
  bool passed() const { return problems_->errors().size() == before_; }

private:
  Problems* problems_;
  std::size_t before_;
};

/// Lines "key: value" of a fingerprint.
std::string fingerprint_of(std::string const& type, FieldShape const&);
std::string fingerprint_of(SpherePadding const&);
std::string list_of(std::vector<int> const&);

} // namespace rossby
