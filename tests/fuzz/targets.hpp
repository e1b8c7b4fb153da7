#pragma once
// Readers of files that anybody may have written, each given bytes of any kind. A reader may accept them or throw
// rossby::Error; anything else is a fault of its own.

#include <memory>
#include <string>
#include <vector>

namespace rossby::fuzz {

class Target {
public:
  virtual ~Target() = default;
  /// Sound inputs to begin with.
  virtual std::vector<std::string> seeds() = 0;
  /// Reads all that the input holds. Throws what the reader throws.
  virtual void read(std::string const& input) = 0;
};

/// netcdf, zarr, codecs, torch, safetensors, scaler or deck; null for another name. Files go into `folder`.
std::unique_ptr<Target> make_target(std::string const& name, std::string const& folder);

/// Reads an input; true unless what comes out is neither a result nor an Error, which is told on standard error.
bool survives(Target&, std::string const& input);

} // namespace rossby::fuzz
