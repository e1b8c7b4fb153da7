#include <rossby/core/log.hpp>

#include <cstdio>
#include <utility>

namespace rossby {

Log::Log(int rank, Sink sink) : rank_(rank), sink_(std::move(sink)) {}

void Log::write(LogLevel level, std::string const& message)
{
  if (sink_)
    return sink_(level, message);
  std::FILE* const to = level == LogLevel::info ? stdout : stderr;
  std::string prefix = level == LogLevel::info ? "" : level == LogLevel::warning ? "warning: " : "error: ";
  if (level == LogLevel::error && rank_ != 0)
    prefix = "error (rank " + std::to_string(rank_) + "): ";
  std::fprintf(to, "%s%s\n", prefix.c_str(), message.c_str());
  std::fflush(to);
}

void Log::info(std::string const& message)
{
  std::lock_guard<std::mutex> const lock(mutex_);
  if (rank_ == 0)
    write(LogLevel::info, message);
}

void Log::warning(std::string const& message)
{
  std::lock_guard<std::mutex> const lock(mutex_);
  if (rank_ == 0)
    write(LogLevel::warning, message);
}

void Log::warning_once(std::string const& message)
{
  std::lock_guard<std::mutex> const lock(mutex_);
  if (said_.insert(message).second && rank_ == 0)
    write(LogLevel::warning, message);
}

void Log::error(std::string const& message)
{
  std::lock_guard<std::mutex> const lock(mutex_);
  write(LogLevel::error, message);
}

namespace logging {

namespace {
std::shared_ptr<Log>& of_this_thread()
{
  thread_local std::shared_ptr<Log> log = std::make_shared<Log>();
  return log;
}
} // namespace

Scope::Scope(std::shared_ptr<Log> log) : before_(std::exchange(of_this_thread(), std::move(log))) {}
Scope::~Scope() { of_this_thread() = std::move(before_); }

std::shared_ptr<Log> current() { return of_this_thread(); }

void info(std::string const& message) { current()->info(message); }
void warning(std::string const& message) { current()->warning(message); }
void warning_once(std::string const& message) { current()->warning_once(message); }
void error(std::string const& message) { current()->error(message); }

} // namespace logging
} // namespace rossby
