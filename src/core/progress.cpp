#include "core/progress.hpp"

#include <rossby/core/log.hpp>

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>

namespace rossby {

namespace {
constexpr double redraw_interval = 0.1; // seconds
constexpr int bar_width = 20;           // characters

double steady_seconds()
{
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

Progress::Surroundings real_surroundings(bool speaks)
{
  Progress::Surroundings s;
  s.now = steady_seconds;
  s.terminal = speaks && logging::current()->standard() && isatty(STDERR_FILENO);
  s.draw = [](std::string const& text) {
    std::fprintf(stderr, "\r\033[K%s", text.c_str()); // to the line's start, and clear it
    std::fflush(stderr);
  };
  if (speaks)
    s.report = [](std::string const& text) { logging::info(text); };
  else
    s.report = [](std::string const&) {};
  return s;
}
} // namespace

std::string format_clock(double seconds)
{
  auto const s = static_cast<std::int64_t>(std::max(0.0, std::round(seconds)));
  if (s >= 3600)
    return fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
  return fmt::format("{}:{:02}", s / 60, s % 60);
}

Progress::Progress(std::string title, std::int64_t total, bool speaks)
    : Progress(std::move(title), total, real_surroundings(speaks))
{
}

Progress::Progress(std::string title, std::int64_t total, Surroundings around)
    : title_(std::move(title)), total_(total), around_(std::move(around))
{
  begin_ = around_.now();
  drawn_at_ = begin_ - redraw_interval;
  redraw(true);
}

Progress::~Progress()
{
  if (drawn_ && !finished_)
    around_.draw(""); // an exception is on its way: leave a clean line for its message
}

void Progress::step(std::int64_t samples, double loss)
{
  ++steps_;
  samples_ += samples;
  loss_ = loss;
  redraw(steps_ == total_);
}

double Progress::samples_per_second() const
{
  double const elapsed = around_.now() - begin_;
  return elapsed > 0 ? static_cast<double>(samples_) / elapsed : 0;
}

std::string Progress::line() const
{
  std::string text = title_;
  if (total_ > 0) {
    auto const filled = static_cast<std::size_t>(std::min<std::int64_t>(bar_width, bar_width * steps_ / total_));
    text +=
        fmt::format("  [{}{}]  {}/{}", std::string(filled, '#'), std::string(bar_width - filled, '.'), steps_, total_);
  } else {
    text += fmt::format("  {}", steps_);
  }
  if (!std::isnan(loss_))
    text += fmt::format("  loss {:.4g}", loss_);
  if (samples_ > 0)
    text += fmt::format("  {:.3g} samples/s", samples_per_second());
  if (steps_ > 0 && total_ > 0) {
    double const elapsed = around_.now() - begin_;
    text += fmt::format("  {} left", format_clock(elapsed / static_cast<double>(steps_) *
                                                  static_cast<double>(std::max<std::int64_t>(0, total_ - steps_))));
  }
  return text;
}

void Progress::redraw(bool always)
{
  if (!around_.terminal)
    return;
  double const now = around_.now();
  if (!always && now - drawn_at_ < redraw_interval)
    return;
  around_.draw(line());
  drawn_at_ = now;
  drawn_ = true;
}

void Progress::finish(std::string const& summary)
{
  if (finished_)
    return;
  finished_ = true;
  if (drawn_)
    around_.draw("");
  std::string text = fmt::format("{}  {} steps  {}", title_, steps_, format_clock(around_.now() - begin_));
  if (samples_ > 0)
    text += fmt::format("  {:.3g} samples/s", samples_per_second());
  if (!summary.empty())
    text += "  " + summary;
  around_.report(text);
}

} // namespace rossby
