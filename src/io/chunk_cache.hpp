#pragma once
/// \file
/// Private to src/io: decoded chunks of Zarr stores, kept within a bound and made by several threads.

#include "zarr_codecs.hpp"

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <tuple>
#include <vector>

namespace rossby::io {

/// Chunks by (store, array, number). What was used last is kept, up to a number of bytes; the chunk at hand is kept
/// whatever its size. A chunk may be asked for ahead, and is then made by one of the cache's threads; those not yet
/// used are never more than the bound either. Safe for several threads.
class ChunkCache {
public:
  using Chunk = std::shared_ptr<Bytes const>; ///< null: it is not in the store
  using Make = std::function<Chunk()>;
  struct Key {
    std::uint64_t store = 0;
    int array = 0;
    index_t chunk = 0;
    bool operator<(Key const& o) const { return std::tie(store, array, chunk) < std::tie(o.store, o.array, o.chunk); }
  };

  ChunkCache(std::size_t most_bytes, int threads) : most_bytes_(most_bytes), most_threads_(threads) {}
  ~ChunkCache();
  ChunkCache(ChunkCache const&) = delete;
  ChunkCache& operator=(ChunkCache const&) = delete;

  /// One cache for all stores that are open; it goes with the last of them. Its bound is ROSSBY_CHUNK_CACHE in MiB, 512
  /// by default.
  static std::shared_ptr<ChunkCache> shared();

  /// The chunk, made here unless it is there or under way. What `make` throws, is thrown.
  Chunk get(Key const&, std::size_t bytes, Make const&);
  /// Has it made; false when there is no room before chunks that were asked for ahead have been used.
  bool prefetch(Key const&, std::size_t bytes, Make);
  /// Ends all work for a store and drops its chunks.
  void forget(std::uint64_t store);
  std::size_t bytes() const;

private:
  struct Entry {
    enum class State { queued, under_way, done } state = State::queued;
    Key key;
    std::size_t bytes = 0;
    bool wanted = false; ///< asked for ahead and not used yet
    Make make;
    Chunk chunk;
    std::exception_ptr error;
  };
  using Entries = std::list<std::shared_ptr<Entry>>;

  std::shared_ptr<Entry> add(Key const&, std::size_t bytes);
  void remove(Entries::iterator);
  /// Drops what was not used for longest until `more` bytes fit, or nothing is left to drop; false then.
  bool make_room(std::size_t more, bool wanted_too);
  void run(std::unique_lock<std::mutex>&, Entry&, Make const&);
  void work();

  std::size_t most_bytes_;
  int most_threads_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_:
  Entries entries_; ///< latest used first
  std::map<Key, Entries::iterator> places_;
  std::deque<std::shared_ptr<Entry>> queue_;
  std::vector<std::thread> threads_;
  std::size_t bytes_ = 0;
  bool stop_ = false;
};

} // namespace rossby::io
