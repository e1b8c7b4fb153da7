#include "core/host_waits.hpp"

#include <rossby/core/pool.hpp>

#include <mutex>

namespace rossby {

namespace {
std::mutex guard;
std::map<std::string, std::uint64_t>& counts()
{
  static std::map<std::string, std::uint64_t> by_label;
  return by_label;
}
} // namespace

void wait_for(Exec const& exec, char const* label)
{
  {
    std::lock_guard<std::mutex> const lock(guard);
    ++counts()[label];
  }
  fence(exec, label);
  Pool::host_has_waited();
}

std::map<std::string, std::uint64_t> host_waits()
{
  std::lock_guard<std::mutex> const lock(guard);
  return counts();
}

} // namespace rossby
