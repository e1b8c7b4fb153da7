#include "seal.hpp"

#include "train/weights.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <sstream>

namespace rossby {

void damaged(std::string const& file, std::string const& path, std::string const& what)
{
  fail(fmt::format("{}: {}", file, path), what + ": the file is damaged",
       "use another copy, such as backup_checkpoint.h5");
}

namespace {
constexpr char const* list_name = "/contents";

void collect(io::Hdf5File const& file, std::string const& group, SealedContents& found)
{
  for (auto const& name : file.list(group)) {
    std::string const path = (group == "/" ? "" : group) + "/" + name;
    if (path == list_name)
      continue;
    if (file.is_group(path)) {
      found[path] = {};
      collect(file, path, found);
    } else {
      if (!file.has_attribute(path, "checksum"))
        damaged(file.path(), path, "it has lost its checksum");
      found[path] = file.read_int_attribute(path, "checksum");
    }
  }
}

SealedContents contents_of(io::Hdf5File const& file)
{
  SealedContents found;
  collect(file, "/", found);
  return found;
}
} // namespace

void seal(io::Hdf5File const& file)
{
  std::string list;
  for (auto const& [path, sum] : contents_of(file))
    list += sum ? fmt::format("dataset {} {}\n", path, *sum) : fmt::format("group {}\n", path);
  file.write_text(list_name, list);
  file.write_attribute(list_name, "checksum", checksum(list));
  file.write_attribute("/", "sealed", std::int64_t{1});
}

bool is_own(io::Hdf5File const& file)
{
  return file.has_attribute("/", "rossby_version") || file.has_attribute("/", "rossby_checkpoint");
}

std::optional<SealedContents> read_seal(io::Hdf5File const& file)
{
  char const* const format = "rossby_checkpoint"; // the first format had no seal
  bool const listed = file.exists(list_name),
             marked = file.has_attribute("/", "sealed") ||
                      (file.has_attribute("/", format) && file.read_int_attribute("/", format) != 1);
  if (!listed && !marked)
    return {};
  if (!listed || !marked)
    damaged(file.path(), list_name, listed ? "the file has lost the mark of its seal" : "the list of contents is gone");
  if (!file.has_attribute(list_name, "checksum"))
    damaged(file.path(), list_name, "it has lost its checksum");
  std::istringstream lines(read_text_verified(file, list_name));
  SealedContents contents;
  std::string kind, path;
  while (lines >> kind >> path) {
    auto& entry = contents[path];
    if (std::int64_t sum = 0; kind == "dataset" && lines >> sum)
      entry = sum;
  }
  return contents;
}

void expect_contents(io::Hdf5File const& file, SealedContents const& contents)
{
  auto const found = contents_of(file);
  for (auto const& [path, sum] : contents) {
    auto const there = found.find(path);
    if (there == found.end())
      damaged(file.path(), path, "is listed in the file's contents and not there");
    if (there->second != sum)
      damaged(file.path(), path, "has another checksum than the file's list of contents says");
  }
  for (auto const& [path, sum] : found)
    if (contents.count(path) == 0)
      damaged(file.path(), path, "is not in the file's list of contents");
}

namespace {
/// Of a dataset of numbers, by rows, with a bounded part of it in memory.
std::int64_t checksum_by_pieces(io::Hdf5File const& file, std::string const& path)
{
  constexpr index_t most = index_t{1} << 22;
  Shape const shape = file.shape(path);
  if (shape.empty())
    return checksum(file.read(path));
  index_t const row = std::max<index_t>(1, product(shape) / std::max<index_t>(1, shape[0]));
  index_t const rows = std::max<index_t>(1, most / row);
  std::uint64_t sum = 0;
  for (index_t begin = 0; begin < shape[0]; begin += rows) {
    io::Hyperslab box{Shape(shape.size(), 0), shape};
    box.offset[0] = begin;
    box.count[0] = std::min(rows, shape[0] - begin);
    auto const values = file.read(path, box);
    std::vector<index_t> positions(values.size());
    std::iota(positions.begin(), positions.end(), begin * row);
    sum += static_cast<std::uint64_t>(checksum(values, positions));
  }
  return static_cast<std::int64_t>(sum);
}
} // namespace

void verify_file(std::string const& path)
{
  auto const file = io::Hdf5File::open_read(path);
  if (!is_own(file))
    fail(path, "was not written by Rossby, or not to its end");
  auto const sealed = read_seal(file);
  auto const contents = sealed ? *sealed : contents_of(file);
  if (sealed)
    expect_contents(file, contents);
  for (auto const& [name, sum] : contents)
    if (sum)
      expect_checksum(path, name, file.is_text(name) ? checksum(file.read_text(name)) : checksum_by_pieces(file, name),
                      *sum);
}

} // namespace rossby
