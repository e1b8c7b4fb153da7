#pragma once
/// \file
/// WXFormer (CREDIT's wxformer/crossformer.py) and its predecessor CrossFormer (crossformer.py).

#include <rossby/models/pyramid/config.hpp>

namespace rossby {

struct WXFormerConfig final : PyramidConfig {
  enum class Type { wxformer, crossformer } kind = Type::wxformer;
  bool upsample_v_conv = false; ///< CrossFormer: bilinear doubling and a convolution, not a transposed one

  std::string type() const override { return kind == Type::wxformer ? "wxformer" : "crossformer"; }
  Variant variant() const override;
  std::shared_ptr<PyramidConfig const> clone() const override { return std::make_shared<WXFormerConfig>(*this); }
  std::string fingerprint() const override;

  /// The `model:` block of a deck. Warns of keys that CREDIT ignores.
  static std::shared_ptr<WXFormerConfig const> read(DeckBlock const&, std::string const& type);
};

} // namespace rossby
