#pragma once
/// \file
/// The `loss:` block at work: one number for the whole batch, whatever the ranks and tiles.

#include "ops/loss.hpp"
#include "train/config.hpp"
#include <rossby/autograd/tape.hpp>
#include <rossby/comm/communicator.hpp>
#include <rossby/data/schema.hpp>
#include <rossby/dist/tiling.hpp>

#include <memory>
#include <string>
#include <vector>

namespace rossby {

class SpectrumLoss;

/// Weights by row of the global grid, of mean 1: cos(latitude) / mean(cos(latitude)), or ones when not wanted.
/// `file` (may be empty) is a netCDF file whose `latitude` replaces that of the grid.
std::vector<double> latitude_weights(bool wanted, std::vector<double> const& latitude, std::string const& file,
                                     std::string const& where);
/// The weights of a tile's cells, as float64 on the device.
Array cell_weights(std::vector<double> const& by_row, Box const& tile);

/// True for a field that a postblock adds: its key names no type of the data block.
bool is_computed(SchemaEntry const&);

/// `count` output channels without names, for fields that come without a data block.
std::vector<SchemaEntry> unnamed_variables(int count);

/// What the loss is taken over.
struct LossDomain {
  std::vector<SchemaEntry> variables; ///< of the output, and those that postblocks add where they are scored
  std::vector<double> latitude;       ///< degrees, by row of the global grid
  index_t width = 1;                  ///< columns of the global grid
  Box tile;                           ///< this rank's part
  Tiling tiling{};                    ///< of all ranks that share a sample: for spectra of whole rows
  Communicator ranks{};               ///< these ranks
};

/// loss = sum over channels of weight[c] * (sum over samples and cells of w(row) l(target - prediction)) / (samples *
/// cells). Flat form: on normalised values, weight = variable weight / channels. Base form: on physical values, weight
/// = w_v / (variables * levels of v).
/// Flat form in training: + spectral_lambda_reg times the mean over channels and wavenumbers of how spectra along
/// latitude circles differ (src/train/spectrum_loss.hpp).
class Loss {
public:
  enum class Use { training, validation };
  Loss(LossConfig const&, Use, LossDomain const&);

  /// True when sums() wants physical units.
  bool physical() const { return physical_; }

  /// This rank's part of the sums, float64 [terms()]. `prediction` and `target` are [samples, rows, columns, C] on
  /// the tile, in physical units if physical(); the first `samples` count.
  Var sums(Context&, Var const& prediction, Array const& target, index_t samples) const;
  /// How many numbers that are: one for each channel, and those that compare spectra.
  index_t terms() const;
  /// d loss / d sums, times `factor`: what the backward pass starts from on every rank.
  Array seed(Exec const&, index_t global_samples, double factor = 1) const;

  struct Value {
    double total = 0;
    std::vector<double> by_variable; ///< the variable's own mean, before variable weights
  };
  /// From sums that have been added up over all ranks.
  Value value(std::vector<double> const& global_sums, index_t global_samples) const;

private:
  void set_flat_weights(LossConfig const&, std::vector<SchemaEntry> const&);
  void set_base_weights(LossConfig const&, std::vector<SchemaEntry> const&);

  bool physical_;
  double cells_;
  std::vector<std::pair<int, int>> variables_; ///< first channel and number of channels
  std::vector<double> weight_;                 ///< by channel
  ops::ErrorTerms terms_;
  std::shared_ptr<SpectrumLoss const> spectra_; ///< null: none are compared
  double power_ = 0, spectral_ = 0;             ///< weights of what it gives, over channels and wavenumbers
};

} // namespace rossby
