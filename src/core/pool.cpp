#include <rossby/core/pool.hpp>

#include <rossby/core/environment.hpp>
#include <rossby/core/error.hpp>
#include <rossby/core/kokkos_compat.hpp>

#include <fmt/format.h>

#include <utility>

namespace rossby {

namespace {
constexpr std::size_t granule = 512;
}

Pool::~Pool()
{
  staging_.merge(staged_); // whoever ends the pool has waited for its instance
  free_unused();
}

void Pool::trim()
{
  std::lock_guard<std::mutex> const lock(mutex_);
  free_unused();
}

void Pool::free_unused()
{
  for (auto const& [bytes, pointer] : free_)
    Kokkos::kokkos_free<MemorySpace>(pointer);
  free_.clear();
  for (auto const& [bytes, pointer] : staging_)
    Kokkos::kokkos_free<PinnedSpace>(pointer);
  staging_.clear();
}

void* Pool::stage(std::size_t bytes)
{
  bytes = (bytes + granule - 1) / granule * granule;
  std::lock_guard<std::mutex> const lock(mutex_);
  auto found = staging_.lower_bound(bytes);
  if (found == staging_.end())
    found = staging_.emplace(bytes, Kokkos::kokkos_malloc<PinnedSpace>("rossby::core::staging", bytes));
  staged_bytes_ += found->first;
  return staged_.insert(staging_.extract(found))->second;
}

std::size_t Pool::staged_bytes() const
{
  std::lock_guard<std::mutex> const lock(mutex_);
  return staged_bytes_;
}

std::shared_ptr<void> Pool::allocate(std::size_t bytes)
{
  bytes = (bytes + granule - 1) / granule * granule;
  if (bytes == 0)
    bytes = granule;
  void* pointer = nullptr;
  std::lock_guard<std::mutex> const lock(mutex_);
  // A block up to a quarter too large is worth taking: fresh pages cost more than the waste.
  auto const found = free_.lower_bound(bytes);
  if (found != free_.end() && found->first <= bytes + bytes / 4) {
    bytes = found->first;
    pointer = found->second;
    free_.erase(found);
  } else {
    auto const ask = [&] { return Kokkos::kokkos_malloc<MemorySpace>("rossby::core::pool", bytes); };
    try {
      pointer = ask();
    } catch (std::exception const&) {
      free_unused(); // what lies unused may be what is missing
      try {
        pointer = ask();
      } catch (std::exception const&) {
        fail("memory",
             fmt::format("{} MiB asked for with {} MiB in use: out of device memory", bytes >> 20, in_use_ >> 20),
             "a smaller trainer.train_batch_size, trainer.activation_checkpoint: true, or more ranks");
      }
    }
  }
  in_use_ += bytes;
  peak_ = in_use_ > peak_ ? in_use_ : peak_;
  return {pointer, [self = shared_from_this(), bytes](void* p) { self->give_back(p, bytes); }};
}

void Pool::give_back(void* pointer, std::size_t bytes)
{
  std::lock_guard<std::mutex> const lock(mutex_);
  in_use_ -= bytes;
  free_.emplace(bytes, pointer);
}

std::size_t Pool::bytes_in_use() const
{
  std::lock_guard<std::mutex> const lock(mutex_);
  return in_use_;
}

std::size_t Pool::peak_bytes() const
{
  std::lock_guard<std::mutex> const lock(mutex_);
  return peak_;
}

void Pool::reset_peak()
{
  std::lock_guard<std::mutex> const lock(mutex_);
  peak_ = in_use_;
}

namespace {
std::shared_ptr<Pool>& of_this_thread()
{
  thread_local std::shared_ptr<Pool> pool;
  return pool;
}
} // namespace

Pool::Scope::Scope(std::shared_ptr<Pool> pool) : before_(std::exchange(of_this_thread(), std::move(pool))) {}
Pool::Scope::~Scope() { of_this_thread() = std::move(before_); }

void Pool::host_has_waited()
{
  if (!of_this_thread() && !Environment::exists())
    return;
  Pool& pool = current();
  std::lock_guard<std::mutex> const lock(pool.mutex_);
  pool.staging_.merge(pool.staged_);
  pool.staged_bytes_ = 0;
}

Pool& Pool::current()
{
  auto const& pool = of_this_thread();
  return pool ? *pool : *Environment::current().pool();
}

} // namespace rossby
