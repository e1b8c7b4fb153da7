#pragma once
/// \file
/// The netCDF files of forecasts: CF-1.11 conventions.

#include <rossby/data/dataset.hpp>
#include <rossby/io/netcdf.hpp>
#include <rossby/train/config.hpp>

#include <map>
#include <string>
#include <vector>

namespace rossby {

/// An output variable as files have it.
struct ForecastVariable {
  std::string name, key;
  bool is_3d = false;
  std::vector<double> levels;    ///< of those written
  std::vector<index_t> channels; ///< their output channels
  EncodingConfig encoding;
  std::map<std::string, std::string> attributes; ///< units, long_name, ...
};

/// What the deck asks to write: all output variables, or those and the levels it names. Attributes come from the
/// deck's metadata file, or else from the data file at `time`. Short names, with the source in front where two sources
/// share one.
std::vector<ForecastVariable> forecast_variables(OutputConfig const&, Dataset&, Time time);

/// One file. Ranks that share a sample write it together, each its tile.
class ForecastWriter {
public:
  struct Place {
    Grid const& grid;
    Box tile;
    Communicator const& ranks;
  };
  ForecastWriter(std::string const& path, std::vector<ForecastVariable> const&, Place, Time initial,
                 std::vector<Time> const& valid, std::string const& source);
  /// `physical`: [cells of the tile, output channels] of the next valid time.
  void write(std::vector<double> const& physical);
  void close() { file_.close(); }

private:
  std::vector<ForecastVariable> const& variables_;
  Box tile_;
  io::NetcdfWriter file_;
  index_t next_ = 0;
};

} // namespace rossby
