#include <rossby/core/log.hpp>

#include <cstdio>
#include <mutex>
#include <set>

namespace rossby::log {

namespace {
struct State {
  std::mutex mutex; // the reader thread of the data loader warns too
  int rank = 0;
  std::set<std::string> said;
};
State& state()
{
  static State s;
  return s;
}
void write(std::FILE* to, char const* prefix, std::string const& message)
{
  std::fprintf(to, "%s%s\n", prefix, message.c_str());
  std::fflush(to);
}
} // namespace

void set_rank(int rank) { state().rank = rank; }

void info(std::string const& message)
{
  std::lock_guard<std::mutex> const lock(state().mutex);
  if (state().rank == 0)
    write(stdout, "", message);
}

void warning(std::string const& message)
{
  std::lock_guard<std::mutex> const lock(state().mutex);
  if (state().rank == 0)
    write(stderr, "warning: ", message);
}

void warning_once(std::string const& message)
{
  {
    std::lock_guard<std::mutex> const lock(state().mutex);
    if (!state().said.insert(message).second)
      return;
  }
  warning(message);
}

void error(std::string const& message)
{
  std::lock_guard<std::mutex> const lock(state().mutex);
  std::string const prefix = state().rank == 0 ? "error: " : "error (rank " + std::to_string(state().rank) + "): ";
  write(stderr, prefix.c_str(), message);
}

} // namespace rossby::log
