#include <rossby/core/pool.hpp>

#include <rossby/core/error.hpp>
#include <rossby/core/kokkos_compat.hpp>

#include <fmt/format.h>

namespace rossby {

namespace {
constexpr std::size_t granule = 512;
}

Pool::~Pool() { trim(); }

void Pool::trim()
{
  for (auto const& [bytes, pointer] : free_)
    Kokkos::kokkos_free<MemorySpace>(pointer);
  free_.clear();
}

std::shared_ptr<void> Pool::allocate(std::size_t bytes)
{
  bytes = (bytes + granule - 1) / granule * granule;
  if (bytes == 0)
    bytes = granule;
  void* pointer = nullptr;
  // A block up to a quarter too large is worth taking: fresh pages cost more than the waste.
  auto const found = free_.lower_bound(bytes);
  if (found != free_.end() && found->first <= bytes + bytes / 4) {
    bytes = found->first;
    pointer = found->second;
    free_.erase(found);
  } else {
    auto const ask = [&] { return Kokkos::kokkos_malloc<MemorySpace>("rossby::pool", bytes); };
    try {
      pointer = ask();
    } catch (std::exception const&) {
      trim(); // what lies unused may be what is missing
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
  in_use_ -= bytes;
  free_.emplace(bytes, pointer);
}

} // namespace rossby
