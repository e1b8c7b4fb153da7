#pragma once
/// \file
/// Messages to the user: the first rank of a group speaks, the others are quiet unless they report an error.

#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>

namespace rossby {

enum class LogLevel { info, warning, error };

/// Where the messages of one group of ranks go. Threads may share one.
class Log {
public:
  /// Called with one message at a time, without prefix or newline.
  using Sink = std::function<void(LogLevel, std::string const& message)>;

  /// `rank` is that of this process in its group: 0 speaks. Without a sink messages go to standard output, warnings and
  /// errors to standard error.
  explicit Log(int rank = 0, Sink sink = {});
  Log(Log const&) = delete;
  Log& operator=(Log const&) = delete;

  void info(std::string const& message);
  void warning(std::string const& message);
  /// Each text once, however often it is met.
  void warning_once(std::string const& message);
  /// From any rank.
  void error(std::string const& message);
  /// It has no sink of its own: progress bars are for people at a terminal.
  bool standard() const { return !sink_; }

private:
  void write(LogLevel, std::string const& message);

  std::mutex mutex_; // the reader thread of the data loader warns too
  int rank_;
  Sink sink_;
  std::set<std::string> said_;
};

/// To the log of this thread.
namespace logging {
/// While it lives, messages of this thread go to the given log. Scopes nest. A thread without one speaks like rank 0.
class Scope {
public:
  explicit Scope(std::shared_ptr<Log>);
  ~Scope();
  Scope(Scope const&) = delete;
  Scope& operator=(Scope const&) = delete;

private:
  std::shared_ptr<Log> before_;
};
/// The log of this thread, for handing on to another.
std::shared_ptr<Log> current();

void info(std::string const& message);
void warning(std::string const& message);
void warning_once(std::string const& message);
void error(std::string const& message);
} // namespace logging

} // namespace rossby
