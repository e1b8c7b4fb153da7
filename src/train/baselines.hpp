#pragma once
/// \file
/// What a forecast has to beat, fitted on the training years.

#include "data/plan.hpp"
#include <rossby/comm/communicator.hpp>

#include <array>
#include <functional>
#include <vector>

namespace rossby {

class Dataset;

/// Climatology: the mean of each calendar month over the training clock, by cell. Damped anomaly: climatology of the
/// valid time + a * (state - climatology of its time), a by channel and lead minimising the latitude-weighted squared
/// error over all pairs of training times.
class Baselines {
public:
  /// Reads the training data twice. `data` brings this rank's cells, whose latitude weights are `weight`; the ranks of
  /// `ranks` hold all cells between them. `each_time` is called after every state read, for a progress bar.
  Baselines(Dataset& data, std::vector<double> const& weight, int leads, Communicator const& ranks,
            std::function<void()> const& each_time);

  /// Climatology at `t`: [cells, output channels]. A month that the training years lack is an error.
  std::vector<float> const& climatology(Time t) const;
  double damping(int lead, std::size_t channel) const { return damping_[static_cast<std::size_t>(lead - 1)][channel]; }

private:
  std::size_t month_of(Time) const; ///< from 0

  Calendar calendar_ = Calendar::standard;
  std::array<std::vector<float>, 12> climatology_;
  std::vector<std::vector<double>> damping_; ///< [lead - 1][channel]
};

} // namespace rossby
