#pragma once
/// \file
/// The netCDF files of forecasts: CF-1.11 conventions.

#include "data/plan.hpp"
#include "io/hdf5.hpp"
#include "io/netcdf.hpp"
#include "train/config.hpp"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace rossby {

class Dataset;

/// An output variable as files have it.
struct ForecastVariable {
  std::string name, key;
  bool is_3d = false;
  std::vector<double> levels;    ///< of those written
  std::vector<index_t> channels; ///< their output channels
  EncodingConfig encoding;
  std::map<std::string, std::string> attributes;            ///< units, long_name, ...
  std::map<std::string, std::string> level_attributes = {}; ///< of the vertical coordinate
};

/// What the deck asks to write: all output variables, or those and the levels it names. Attributes come from the
/// deck's metadata file, or else from the data file at `time`. Short names, with the source in front where two sources
/// share one. The levels' units and direction are those of the data.
std::vector<ForecastVariable> forecast_variables(OutputConfig const&, Dataset&, Time time);

/// True for a whole file of the same forecast. A file of the final name is always whole, unless it was damaged since.
bool is_written(std::string const& path, std::string const& fingerprint);

/// One file, written by the ranks that share a sample, each its tile: the first rank lays the file out, then each fills
/// in its tile on its own through parallel HDF5. What is compressed, summed or cut into chunks can't be written by
/// several ranks on their own; the first rank then writes for all, one variable of one time after the other. No rank
/// waits for one that can't write: all calls are collective, and throw on all ranks when one fails. A file of the final
/// name is always whole.
class ForecastWriter {
public:
  struct Place {
    Grid const& grid;
    Box tile;
    Communicator const& ranks;
    Calendar calendar = Calendar::standard;
  };
  /// `source` is for people; `fingerprint` is the same only for the same forecast ("": not told).
  ForecastWriter(std::string const& path, std::vector<ForecastVariable> const&, Place, Time initial,
                 std::vector<Time> const& valid, std::string const& source, std::string const& fingerprint = {});
  ~ForecastWriter();
  ForecastWriter(ForecastWriter const&) = delete;
  ForecastWriter& operator=(ForecastWriter const&) = delete;
  /// `physical`: [cells of the tile, output channels] of the next valid time.
  void write(std::vector<double> const& physical);
  void close();

private:
  template <class F> void together(F&&);
  void write_variable(ForecastVariable const&, Box const&, std::vector<double> const& values);
  /// The values of all tiles at one rank, nothing at the others.
  std::vector<double> of_all_tiles(index_t levels, std::vector<double> const& tile_values, int root) const;
  void write_chunks(std::vector<double> const& physical, std::size_t channels);

  std::string path_;
  std::vector<ForecastVariable> const& variables_;
  Box tile_;
  std::vector<Box> tiles_; ///< of all ranks
  index_t height_, width_;
  Communicator ranks_;
  std::unique_ptr<io::NetcdfWriter> whole_; ///< of the first rank when it writes for all
  std::unique_ptr<io::Hdf5File> shared_;    ///< when each writes for itself
  bool failed_ = false, closed_ = false;
  bool zarr_ = false; ///< a store, by its name: each rank writes chunks of its own
  index_t next_ = 0;
};

} // namespace rossby
