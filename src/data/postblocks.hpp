#pragma once
/// \file
/// Postblocks that couple channels or cells, parsed and with the files that they name read. (Elementwise ones are
/// chains, data/transform.hpp; what these do is in train/postblocks.hpp.)
///
/// "y" is the prediction in the order of the schema's output channels, followed by the channels that blocks add; "x" is
/// the newest frame of the step's input in physical units, in the order of the schema's input channels.

#include <rossby/core/kokkos_compat.hpp>

#include <string>
#include <variant>
#include <vector>

namespace rossby {

/// The channels of a variable, one for each level.
struct ChannelRange {
  index_t first = 0, count = 0;
};

/// Integrals over columns and over the globe.
struct Columns {
  std::vector<double> area; ///< m2, by cell of the global grid, row-major
  /// By level: the integral over pressure of f is the sum of f_k (a_k + b_k p_s). On pressure levels b is zero.
  std::vector<double> a, b;
};

/// Surface pressure, times what conserves the mass of dry air.
struct MassFixer {
  Columns columns;
  ChannelRange q, pressure;             ///< of y
  ChannelRange input_q, input_pressure; ///< of x
};

/// On pressure levels: total water q of the lower levels, 1 - q times what conserves the mass of dry air.
struct HumidityFixer {
  Columns columns;                 ///< a: weights of all levels
  std::vector<double> held, fixed; ///< weights by level of the integrals over what stays and what changes
  index_t first_fixed = 0;         ///< the first level that changes
  ChannelRange q, input_q;         ///< of y and of x
};

/// Precipitation, times what closes the budget of water.
struct WaterFixer {
  Columns columns;
  ChannelRange q, pressure, precipitation, evaporation; ///< of y; the last two in metres of water over the step
  ChannelRange input_q, input_pressure;                 ///< of x
  double seconds = 0;                                   ///< of a step
};

/// One term of a sum of fluxes.
struct Flux {
  bool of_input = false; ///< a channel of x, else of y
  index_t channel = 0;
  double factor = 1; ///< to W m-2, with its sign
};

/// Temperature, such that the energy of columns changes by the fluxes through top and surface.
struct EnergyFixer {
  Columns columns;
  std::vector<double> surface_geopotential;                        ///< by cell of the global grid
  ChannelRange T, q, u, v, pressure;                               ///< of y
  ChannelRange input_T, input_q, input_u, input_v, input_pressure; ///< of x
  std::vector<Flux> top, surface;                                  ///< both downwards
  double seconds = 0;
};

/// Fields smoothed where the wind of one level is strong.
struct WindFilter {
  index_t u = 0, v = 0;                     ///< channels of y that make the mask
  std::vector<index_t> channels;            ///< of y, that are smoothed
  double threshold = 0;                     ///< of speed, in the units that y has at this place of the chain
  double sigma_rows = 1, sigma_columns = 1; ///< of smoothing, cells
  index_t dilation_rows = 5, dilation_columns = 13;
  double falloff = 4; ///< sigma of the mask's edge along latitude, cells; twice as much along longitude
  bool preserve_amplitude = false;
};

/// Mean sea level pressure (Trenberth, Berry and Buja, "Vertical interpolation and truncation of model-coordinate
/// data", NCAR/TN-396+STR, 1993).
struct SeaLevelPressure {
  ChannelRange pressure, temperature, output; ///< of y
  index_t surface_geopotential = 0;           ///< channel of x
};

/// Geopotential of model levels.
struct GeopotentialDiagnostic {
  std::vector<double> a_half, b_half;  ///< p = a + b p_s at interfaces, one more than levels
  bool from_last = true;               ///< the last level is the lowest
  ChannelRange T, q, pressure, output; ///< of y
  index_t surface_geopotential = 0;    ///< channel of x
};

/// A variable and where its interpolated values go.
struct Interpolated {
  ChannelRange from, to;
};

/// Variables on levels of constant pressure. Coefficients are sorted by rising pressure; level k of them is level k of
/// the data, or the k-th from the end where the data are `reversed`.
struct PressureInterpolation {
  std::vector<double> a, b, pressures; ///< Pa
  bool reversed = false;
  std::vector<Interpolated> held; ///< below ground the value of the lowest level
  Interpolated T, geopotential;   ///< below ground after Trenberth et al. (1993)
  ChannelRange pressure;
  index_t surface_geopotential = 0; ///< channel of x
  double height = 150;              ///< m above ground, of the level that the surface temperature comes from
};

/// Variables of one set of hybrid levels on another, linear in ln p, end values held.
struct HybridInterpolation {
  std::vector<double> a, b; ///< of the source, rising pressure
  bool reversed = false;    ///< as above
  std::vector<double> to_a, to_b;
  std::vector<Interpolated> variables;
  ChannelRange pressure;
};

/// A postblock and the key of the deck that it comes from.
struct CoupledBlock {
  std::string deck_key;
  std::variant<MassFixer, HumidityFixer, WaterFixer, EnergyFixer, WindFilter, SeaLevelPressure, GeopotentialDiagnostic,
               PressureInterpolation, HybridInterpolation>
      what;
};

} // namespace rossby
