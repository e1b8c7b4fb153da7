#pragma once
/// \file
/// CAMulator (CREDIT's camulator.py).

#include <rossby/models/pyramid/config.hpp>

namespace rossby {

struct CamulatorConfig final : PyramidConfig {
  int patch_height = 1, patch_width = 1; ///< both 1, or both larger

  std::string type() const override { return "camulator"; }
  Variant variant() const override;
  std::shared_ptr<PyramidConfig const> clone() const override { return std::make_shared<CamulatorConfig>(*this); }
  void check(Problems&) const override;
  std::string fingerprint() const override;

  /// The `model:` block of a deck.
  static std::shared_ptr<CamulatorConfig const> read(DeckBlock const&, std::string const& type);
};

} // namespace rossby
