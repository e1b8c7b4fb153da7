// Zarr stores in folders. Four maps lead from a box to its numbers: the chunks that it meets, a chunk's file and place
// in it (key, and the index of a shard), the file's bytes to the chunk's (codecs), and the part of the chunk that lies
// in the box. Chunks come through a cache whose threads decode several at a time, those that are likely to be next too;
// no lock of a library is held meanwhile. Each array's own metadata count, never the copy of all that "consolidated"
// stores have: that is old where a writer has appended and not renewed it.
#include "array_body.hpp"
#include "chunk_cache.hpp"
#include "chunk_copy.hpp"
#include "little_endian.hpp"
#include "read_ahead.hpp"
#include "store_folder.hpp"
#include "zarr_metadata.hpp"

#include "core/base64.hpp"
#include <rossby/core/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <map>

namespace rossby::io {

using nlohmann::json;

namespace {
/// Metadata of one array or group; attributes may be long, a store's are not.
constexpr std::uint64_t most_metadata_bytes = std::uint64_t{64} << 20;
/// Chunks of one read: each is a file to look for.
constexpr index_t most_chunks = index_t{1} << 20;
constexpr std::uint64_t absent_chunk = ~std::uint64_t{0};

/// The number of a place in a grid, row-major, and back.
index_t number_of(Shape const& place, Shape const& grid)
{
  index_t n = 0;
  for (std::size_t d = 0; d < place.size(); ++d)
    n = n * grid[d] + place[d];
  return n;
}

Shape place_of(index_t number, Shape const& grid)
{
  Shape place(grid.size());
  for (std::size_t d = grid.size(); d-- > 0;) {
    place[d] = number % grid[d];
    number /= grid[d];
  }
  return place;
}

std::uint64_t next_store()
{
  static std::atomic<std::uint64_t> next{0};
  return ++next;
}

class ZarrBody : public ArrayBody {
public:
  explicit ZarrBody(std::string const& path) : folder_(path), cache_(ChunkCache::shared()), store_(next_store())
  {
    list_arrays();
    check_dimensions();
  }
  ~ZarrBody() override { cache_->forget(store_); }
  ZarrBody(ZarrBody const&) = delete;
  ZarrBody& operator=(ZarrBody const&) = delete;

  std::vector<ArrayInfo> const& arrays() const override { return infos_; }

  std::optional<index_t> dimension(std::string const& name) const override
  {
    for (auto const& a : infos_)
      for (std::size_t d = 0; d < a.dimensions.size(); ++d)
        if (a.dimensions[d] == name)
          return a.shape[d];
    return std::nullopt;
  }

  std::optional<std::string> text(int array, std::string const& name) const override
  {
    auto const& value = attribute(array, name);
    if (value.is_string())
      return value.get<std::string>();
    if (array != of_file && value.is_null() && name == "units" && of(array).type.seconds > 0)
      return "seconds since 1970-01-01 00:00:00";
    return std::nullopt;
  }

  std::vector<double> numbers(int array, std::string const& name) const override
  {
    auto const& value = attribute(array, name);
    if (name == "_FillValue" && array != of_file) {
      if (value.is_string())
        return fill_in_text(of(array), value.get<std::string>());
      if (value.is_null() && of(array).missing)
        return {*of(array).missing};
    }
    std::vector<double> result;
    auto const add = [&](json const& x) {
      if (x.is_number())
        result.push_back(x.get<double>());
      else if (x.is_boolean())
        result.push_back(x.get<bool>() ? 1 : 0);
    };
    if (value.is_array())
      for (auto const& x : value)
        add(x);
    else
      add(value);
    return result;
  }

  std::optional<double> fill(int) const override { return std::nullopt; }

  void read(int array, Shape const& start, Shape const& count, double* values) const override
  {
    Boxes const boxes(of(array), start, count);
    if (boxes.total > most_chunks)
      fail(where(array), fmt::format("more than {} chunks are to be read at once", most_chunks),
           "its metadata may be damaged; or write it again with larger chunks");
    if (start.size() > 2)
      for (auto const& next : read_ahead_.note(array, start, count))
        if (of(next.array).info.dimensions[0] == of(array).info.dimensions[0] &&
            next.start[0] + next.count[0] <= of(array).info.shape[0])
          prefetch(next);
    index_t ahead = 1; // the first is decoded by this thread
    for (index_t k = 0; k < boxes.total; ++k) {
      for (ahead = std::max(ahead, k + 1); ahead < boxes.total && prefetch_one(array, boxes.place(ahead)); ++ahead) {
      }
      Shape const place = boxes.place(k);
      auto const chunk = cache_->get(key(array, place), of(array).bytes(), [&] { return load(array, place); });
      copy_from_chunk(of(array), place, chunk ? chunk->data.get() : nullptr, start, count, values);
    }
  }

private:
  /// The chunks that a box meets, one after the other.
  struct Boxes {
    Shape first, grid;
    index_t total = 1;

    Boxes(ZarrArray const& a, Shape const& start, Shape const& count)
    {
      for (std::size_t d = 0; d < start.size(); ++d) {
        first.push_back(start[d] / a.chunk[d]);
        grid.push_back((start[d] + count[d] - 1) / a.chunk[d] + 1 - first[d]);
        total *= grid[d];
      }
    }
    Shape place(index_t k) const
    {
      Shape at = place_of(k, grid);
      for (std::size_t d = 0; d < at.size(); ++d)
        at[d] += first[d];
      return at;
    }
  };

  ZarrArray const& of(int array) const { return arrays_[static_cast<std::size_t>(array)]; }

  json const& attribute(int array, std::string const& name) const
  {
    return ZarrMetadata::member(array == of_file ? attributes_ : of(array).attributes, name);
  }

  std::string where(int array, std::string const& file_key = {}) const
  {
    return fmt::format("{}, variable {}{}{}", folder_.path(), of(array).info.name, file_key.empty() ? "" : ", chunk ",
                       file_key);
  }

  /// xarray's forms of a fill value that JSON has no number for.
  static std::vector<double> fill_in_text(ZarrArray const& a, std::string const& text)
  {
    if (text == "NaN" || text == "Infinity" || text == "-Infinity")
      return {text == "NaN" ? std::nan("") : text[0] == '-' ? -HUGE_VAL : HUGE_VAL};
    bool const is_float = a.type.stored == StoredType::float32 || a.type.stored == StoredType::float64;
    auto const bytes = decode_base64(text);
    if (!is_float || !bytes || bytes->size() != 8)
      return {};
    auto const bits = little<std::uint64_t>(bytes->data());
    double x = 0;
    std::memcpy(&x, &bits, sizeof x);
    return {x};
  }

  ChunkCache::Key key(int array, Shape const& place) const
  {
    Shape grid;
    for (std::size_t d = 0; d < place.size(); ++d)
      grid.push_back(std::max<index_t>(1, (of(array).info.shape[d] - 1) / of(array).chunk[d] + 1));
    return {store_, array, number_of(place, grid)};
  }

  void prefetch(ReadAhead::Read const& next) const
  {
    Boxes const boxes(of(next.array), next.start, next.count);
    for (index_t k = 0; k < boxes.total && prefetch_one(next.array, boxes.place(k)); ++k) {
    }
  }

  bool prefetch_one(int array, Shape const& place) const
  {
    return of(array).refusal.empty() &&
           cache_->prefetch(key(array, place), of(array).bytes(), [this, array, place] { return load(array, place); });
  }

  std::unique_ptr<InputFile> open(ZarrArray const& a, std::string const& file_key) const
  {
    return folder_.file(a.info.name + "/" + file_key);
  }

  /// Reads and decodes a chunk.
  ChunkCache::Chunk load(int array, Shape const& place) const
  {
    auto const& a = of(array);
    if (!a.refusal.empty())
      fail(where(array), a.refusal, "write it again with another type or compressor (blosc, zstd, zlib, gzip, lz4)");
    Shape file = place, within = place;
    for (std::size_t d = 0; d < place.size(); ++d) {
      file[d] = place[d] / a.per_file[d];
      within[d] = place[d] % a.per_file[d];
    }
    std::string const file_key = a.key(file);
    auto const in = open(a, file_key);
    if (!in)
      return nullptr;
    std::uint64_t begin = 0, size = in->size();
    if (a.sharded) {
      auto const index = shard_index(array, file, *in);
      auto const* const entry = index->data.get() + 16 * number_of(within, a.per_file);
      begin = little<std::uint64_t>(entry), size = little<std::uint64_t>(entry + 8);
      if (begin == absent_chunk && size == absent_chunk)
        return nullptr;
    }
    try {
      // What can't be decoded to one chunk is not read: no codec makes much more of it than it is given.
      if (!in->holds(begin, size))
        throw CodecError("its shard's index points outside of the file");
      if (size > 2 * a.bytes() + 65536)
        throw CodecError(fmt::format("it has {} bytes, too many for a chunk of {}", size, a.bytes()));
      Bytes encoded(static_cast<std::size_t>(size));
      in->read(begin, encoded.data.get(), encoded.size);
      Bytes chunk = decode(a.codecs, std::move(encoded), a.bytes());
      to_native_order(a, chunk.data.get());
      return std::make_shared<Bytes const>(std::move(chunk));
    } catch (CodecError const& e) {
      fail(where(array, file_key), fmt::format("is damaged: {}", e.what()), "use another copy of the store");
    }
  }

  /// Places and lengths of a shard's chunks.
  ChunkCache::Chunk shard_index(int array, Shape const& file, InputFile const& in) const
  {
    auto const& a = of(array);
    std::size_t const size = 16 * a.in_file() + (a.index_checked ? 4 : 0);
    auto place = file;
    for (std::size_t d = 0; d < place.size(); ++d)
      place[d] *= a.per_file[d];
    auto index_key = key(array, place); // its first chunk's, turned negative
    index_key.chunk = -1 - index_key.chunk;
    return cache_->get(index_key, size, [&] {
      std::string const file_key = a.key(file);
      if (in.size() < size)
        fail(where(array, file_key),
             fmt::format("is damaged: the index of a shard has {} bytes, the file {}", size, in.size()),
             "use another copy of the store");
      Bytes index(size);
      in.read(a.index_first ? 0 : in.size() - size, index.data.get(), size);
      if (a.index_checked && crc32c(index.data.get(), size - 4) != little<std::uint32_t>(index.data.get() + size - 4))
        fail(where(array, file_key), "is damaged: the checksum of the shard's index does not agree",
             "use another copy of the store");
      return std::make_shared<Bytes const>(std::move(index));
    });
  }

  void list_arrays()
  {
    auto const root = folder_.file("zarr.json");
    bool const third = root != nullptr;
    if (third) {
      json const node = read_json(*root, most_metadata_bytes);
      if (ZarrMetadata::member(node, "node_type") != "group")
        fail(folder_.path(), "is a single Zarr array, not a group of named ones", "name the folder above it");
      attributes_ = ZarrMetadata::member(node, "attributes");
    } else {
      if (folder_.file(".zarray"))
        fail(folder_.path(), "is a single Zarr array, not a group of named ones", "name the folder above it");
      if (auto const file = folder_.file(".zattrs"))
        attributes_ = read_json(*file, most_metadata_bytes);
    }
    for (auto const& name : folder_.entries()) {
      if (name[0] == '.')
        continue;
      auto const file = folder_.file(name + (third ? "/zarr.json" : "/.zarray"));
      if (!file)
        continue;
      std::string const here = fmt::format("{}, variable {}", folder_.path(), name);
      json const node = read_json(*file, most_metadata_bytes);
      std::optional<ZarrArray> array;
      if (third) {
        array = read_zarr_v3(name, here, node);
      } else {
        auto const attributes = folder_.file(name + "/.zattrs");
        array = read_zarr_v2(name, here, node, attributes ? read_json(*attributes, most_metadata_bytes) : json());
      }
      if (array) {
        infos_.push_back(array->info);
        arrays_.push_back(std::move(*array));
      }
    }
  }

  /// One length for each name: a writer that was stopped while it appended leaves others.
  void check_dimensions() const
  {
    std::map<std::string, ArrayInfo const*> seen;
    for (auto const& a : infos_)
      for (std::size_t d = 0; d < a.dimensions.size(); ++d) {
        auto const& name = a.dimensions[d];
        index_t const length = *dimension(name);
        seen.emplace(name, &a);
        if (a.shape[d] != length)
          fail(folder_.path(),
               fmt::format("its dimension {} has the length {} in {}, but {} in {}", name, length, seen[name]->name,
                           a.shape[d], a.name),
               "a writer may have been stopped while it appended: write the store again");
      }
  }

  StoreFolder folder_;
  json attributes_;
  std::vector<ZarrArray> arrays_;
  std::vector<ArrayInfo> infos_;
  std::shared_ptr<ChunkCache> cache_;
  std::uint64_t store_;
  mutable ReadAhead read_ahead_;
};
} // namespace

bool is_zarr(std::string const& path)
{
  std::error_code code;
  for (char const* name : {"zarr.json", ".zgroup", ".zmetadata", ".zarray"})
    if (std::filesystem::exists(std::filesystem::path(path) / name, code))
      return true;
  return false;
}

std::unique_ptr<ArrayBody> open_zarr(std::string const& path) { return std::make_unique<ZarrBody>(path); }

} // namespace rossby::io
