#pragma once
/// \file
/// Private to src/train: postblocks that couple channels or cells, as operations on the tape.

#include "data/postblocks.hpp"
#include <rossby/autograd/tape.hpp>
#include <rossby/comm/communicator.hpp>
#include <rossby/dist/tiling.hpp>

#include <memory>

namespace rossby {

/// Where a postblock works.
struct PostblockPlace {
  Communicator ranks; ///< that share a sample, each with its tile
  Tiling tiling;
  Box tile() const { return tiling.box(ranks.rank()); }
};

class Postblock {
public:
  virtual ~Postblock() = default;
  /// The fields after the block. y: [samples, cells, channels] of the tile; x: the step's input in physical units,
  /// [samples, cells, input channels] (see data/postblocks.hpp). Collective over the ranks of the place, and so is the
  /// backward pass. Gradients flow to y alone.
  virtual Var apply(Context&, Var const& y, Array const& x) const = 0;
  /// True for what computes further channels and leaves the others as they are: done to truths, too.
  virtual bool only_adds() const { return false; }
};

/// The block at work. Collective over the ranks of the place.
std::unique_ptr<Postblock> make_postblock(CoupledBlock const&, PostblockPlace const&);

std::unique_ptr<Postblock> make_mass_fixer(MassFixer const&, std::string const& deck_key, PostblockPlace const&);
std::unique_ptr<Postblock> make_humidity_fixer(HumidityFixer const&, std::string const& deck_key,
                                               PostblockPlace const&);
std::unique_ptr<Postblock> make_water_fixer(WaterFixer const&, std::string const& deck_key, PostblockPlace const&);
std::unique_ptr<Postblock> make_energy_fixer(EnergyFixer const&, std::string const& deck_key, PostblockPlace const&);
std::unique_ptr<Postblock> make_wind_filter(WindFilter const&, PostblockPlace const&);
std::unique_ptr<Postblock> make_diagnostic(SeaLevelPressure const&);
std::unique_ptr<Postblock> make_diagnostic(GeopotentialDiagnostic const&);
std::unique_ptr<Postblock> make_interpolation(PressureInterpolation const&);
std::unique_ptr<Postblock> make_interpolation(HybridInterpolation const&);

} // namespace rossby
