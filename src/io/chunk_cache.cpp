#include "chunk_cache.hpp"

#include <algorithm>
#include <cstdlib>

namespace rossby::io {

namespace {
/// What an entry takes beside its chunk, which may not be in the store.
constexpr std::size_t entry_bytes = 256;
} // namespace

std::shared_ptr<ChunkCache> ChunkCache::shared()
{
  static std::mutex mutex;
  static std::weak_ptr<ChunkCache> last;
  std::lock_guard<std::mutex> const lock(mutex);
  auto cache = last.lock();
  if (!cache) {
    std::size_t mebibytes = 512;
    if (char const* const text = std::getenv("ROSSBY_CHUNK_CACHE"))
      if (long const n = std::atol(text); n > 0 && n < (1L << 30))
        mebibytes = static_cast<std::size_t>(n);
    int const threads = std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 1, 8);
    last = cache = std::make_shared<ChunkCache>(mebibytes << 20, threads);
  }
  return cache;
}

ChunkCache::~ChunkCache()
{
  {
    std::lock_guard<std::mutex> const lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  for (auto& thread : threads_)
    thread.join();
}

std::shared_ptr<ChunkCache::Entry> ChunkCache::add(Key const& key, std::size_t bytes)
{
  auto entry = std::make_shared<Entry>();
  entry->key = key;
  entry->bytes = bytes + entry_bytes;
  bytes_ += entry->bytes;
  entries_.push_front(entry);
  places_[key] = entries_.begin();
  return entry;
}

void ChunkCache::remove(Entries::iterator place)
{
  bytes_ -= (*place)->bytes;
  places_.erase((*place)->key);
  entries_.erase(place);
}

bool ChunkCache::make_room(std::size_t more, bool wanted_too)
{
  for (auto place = entries_.end(); bytes_ + more > most_bytes_ && place != entries_.begin();) {
    --place;
    if ((*place)->state == Entry::State::done && (wanted_too || !(*place)->wanted)) {
      auto const next = std::next(place);
      remove(place);
      place = next;
    }
  }
  return bytes_ + more <= most_bytes_;
}

void ChunkCache::run(std::unique_lock<std::mutex>& lock, Entry& entry, Make const& make)
{
  entry.state = Entry::State::under_way;
  lock.unlock();
  Chunk chunk;
  std::exception_ptr error;
  try {
    chunk = make();
  } catch (...) {
    error = std::current_exception();
  }
  lock.lock();
  entry.chunk = std::move(chunk);
  entry.error = error;
  entry.make = nullptr;
  entry.state = Entry::State::done;
  changed_.notify_all();
}

ChunkCache::Chunk ChunkCache::get(Key const& key, std::size_t bytes, Make const& make)
{
  std::unique_lock<std::mutex> lock(mutex_);
  std::shared_ptr<Entry> entry;
  if (auto const found = places_.find(key); found != places_.end()) {
    entries_.splice(entries_.begin(), entries_, found->second);
    entry = entries_.front();
    if (entry->state == Entry::State::queued) // sooner than a thread that is busy
      run(lock, *entry, make);
    changed_.wait(lock, [&] { return entry->state == Entry::State::done; });
  } else {
    if (!make_room(bytes + entry_bytes, false))
      make_room(bytes + entry_bytes, true);
    entry = add(key, bytes);
    run(lock, *entry, make);
  }
  entry->wanted = false;
  if (entry->error) { // the next who asks may have more luck
    if (auto const found = places_.find(key); found != places_.end() && *found->second == entry)
      remove(found->second);
    std::rethrow_exception(entry->error);
  }
  return entry->chunk;
}

bool ChunkCache::prefetch(Key const& key, std::size_t bytes, Make make)
{
  std::unique_lock<std::mutex> lock(mutex_);
  if (auto const found = places_.find(key); found != places_.end()) {
    entries_.splice(entries_.begin(), entries_, found->second);
    return true;
  }
  if (!make_room(bytes + entry_bytes, false))
    return false;
  auto const entry = add(key, bytes);
  entry->wanted = true;
  entry->make = std::move(make);
  queue_.push_back(entry);
  if (threads_.size() < std::min(queue_.size(), static_cast<std::size_t>(most_threads_)))
    threads_.emplace_back([this] { work(); });
  lock.unlock();
  changed_.notify_all();
  return true;
}

void ChunkCache::work()
{
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return stop_ || !queue_.empty(); });
    if (stop_)
      return;
    auto const entry = queue_.front();
    queue_.pop_front();
    if (entry->state == Entry::State::queued)
      run(lock, *entry, Make(entry->make));
  }
}

void ChunkCache::forget(std::uint64_t store)
{
  std::unique_lock<std::mutex> lock(mutex_);
  for (auto place = entries_.begin(); place != entries_.end();) {
    auto const next = std::next(place);
    if ((*place)->key.store == store && (*place)->state == Entry::State::queued) {
      (*place)->state = Entry::State::done; // and never begun
      remove(place);
    }
    place = next;
  }
  changed_.wait(lock, [&] {
    return std::none_of(entries_.begin(), entries_.end(),
                        [&](auto const& e) { return e->key.store == store && e->state == Entry::State::under_way; });
  });
  for (auto place = entries_.begin(); place != entries_.end();) {
    auto const next = std::next(place);
    if ((*place)->key.store == store)
      remove(place);
    place = next;
  }
}

std::size_t ChunkCache::bytes() const
{
  std::lock_guard<std::mutex> const lock(mutex_);
  return bytes_;
}

} // namespace rossby::io
