#pragma once
/// \file
/// What rank 0 shows of a long loop: a bar on a terminal, one line at the end elsewhere.

#include <cstdint>
#include <functional>
#include <limits>
#include <string>

namespace rossby {

/// One line, redrawn at most ten times a second:
///   epoch 3/20  [#########...........]  43/95  loss 0.1234  31.2 samples/s  0:12 left
/// Goes to standard error, so that what is printed on purpose stays clean. On other ranks, and where standard error is
/// no terminal, it draws nothing.
class Progress {
public:
  /// `total` steps; 0 when nobody knows. `speaks`: this is the rank that reports.
  Progress(std::string title, std::int64_t total, bool speaks);
  ~Progress();
  Progress(Progress const&) = delete;
  Progress& operator=(Progress const&) = delete;

  /// One more step is done, with `samples` samples over all ranks. A loss that is NaN is not shown.
  void step(std::int64_t samples, double loss = std::numeric_limits<double>::quiet_NaN());
  /// Removes the bar and reports "title  N steps  0:31  30.6 samples/s" with `summary` at its end.
  void finish(std::string const& summary = {});

  double samples_per_second() const;

  /// Replaces terminal and clock, for tests.
  struct Surroundings {
    bool terminal = false;
    std::function<double()> now;                    ///< seconds
    std::function<void(std::string const&)> draw;   ///< the text of the bar, "" to remove it
    std::function<void(std::string const&)> report; ///< the line at the end
  };
  Progress(std::string title, std::int64_t total, Surroundings);

private:
  std::string line() const;
  void redraw(bool always);

  std::string title_;
  std::int64_t total_ = 0, steps_ = 0, samples_ = 0;
  double begin_ = 0, drawn_at_ = 0, loss_ = std::numeric_limits<double>::quiet_NaN();
  bool drawn_ = false, finished_ = false;
  Surroundings around_;
};

/// "0:07", "12:34", "3:05:09"
std::string format_clock(double seconds);

} // namespace rossby
