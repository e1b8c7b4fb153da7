#include "torch_container.hpp"

#include "unpickler.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace rossby::io {

namespace {
/// A pickle of a checkpoint has some hundred bytes for each tensor.
constexpr std::uint64_t most_pickle = std::uint64_t{1} << 26;

bool ends_with(std::string const& text, std::string const& end)
{
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

std::uint64_t bytes_of(InputFile const& file, Storage const& s)
{
  std::uint64_t const width = size_of(s.type);
  if (s.elements > file.size() / width)
    file.damaged(fmt::format("its storage '{}' of {} elements is larger than the file", s.key, s.elements));
  return s.elements * width;
}

std::string const magic("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19\x2e", 15); // an integer of ten bytes
} // namespace

int read_torch_archive(InputFile const& file, PickleTree& tree, std::vector<ZipMember>& members)
{
  std::map<std::string, ZipMember> by_name;
  std::string folder;
  bool found = false;
  for (auto& m : read_zip_directory(file)) {
    if (ends_with(m.name, "/data.pkl")) {
      if (found)
        file.damaged("it holds two pickles");
      found = true;
      folder = m.name.substr(0, m.name.size() - 8);
    }
    by_name.emplace(m.name, std::move(m));
  }
  if (!found)
    file.refuse("is a ZIP archive, but not of torch.save: it has no data.pkl",
                "give a file of weights; a model of torch.jit or a spreadsheet is another thing");
  if (auto const order = by_name.find(folder + "byteorder");
      order != by_name.end() &&
      file.read(order->second.offset, std::min<std::uint64_t>(order->second.size, 16)) != "little")
    file.refuse("was written on a machine with another order of bytes",
                "load it with PyTorch on a machine with little-endian numbers and save it again");

  auto const& pickle = by_name.at(folder + "data.pkl");
  if (pickle.size > most_pickle)
    file.refuse(
        fmt::format("its list of contents (a pickle) takes {} MiB, which no checkpoint does", pickle.size >> 20));
  verify_member(file, pickle);
  ByteStream stream(file, pickle.offset, pickle.offset + pickle.size);
  int const root = unpickle(stream, tree);

  for (auto& s : tree.storages) {
    auto const m = by_name.find(folder + "data/" + s.key);
    s.bytes = bytes_of(file, s);
    if (m == by_name.end() && s.bytes > 0)
      file.damaged(fmt::format("its storage '{}' is missing", s.key));
    ZipMember const member = m == by_name.end() ? ZipMember{} : m->second;
    if (member.size != s.bytes)
      file.damaged(fmt::format("its storage '{}' should have {} bytes and has {}", s.key, s.bytes, member.size));
    s.offset = member.offset;
    members.push_back(member);
  }
  return root;
}

bool is_old_torch(InputFile const& file) { return file.size() >= magic.size() && file.read(0, magic.size()) == magic; }

int read_old_torch(InputFile const& file, PickleTree& tree)
{
  ByteStream stream(file, magic.size(), std::min(file.size(), magic.size() + most_pickle));
  PickleTree about;
  int const version = unpickle(stream, about), system = unpickle(stream, about);
  if (PickledValue(about, version).integer() != 1001)
    file.refuse("has an unknown version of torch's format from before 1.6");
  auto const order = PickledValue(about, system).find("little_endian");
  if (!order || order->integer() != 1)
    file.refuse("was written on a machine with another order of bytes",
                "load it with PyTorch on a machine with little-endian numbers and save it again");
  int const root = unpickle(stream, tree), keys = unpickle(stream, tree);
  std::uint64_t at = stream.position();
  for (auto const& key : PickledValue(tree, keys).items()) {
    auto const found = key.text() ? tree.storage_of_key.find(*key.text()) : tree.storage_of_key.end();
    if (found == tree.storage_of_key.end())
      file.damaged("it lists a storage that no tensor has");
    auto& s = tree.storages[static_cast<std::size_t>(found->second)];
    s.bytes = bytes_of(file, s);
    if (!file.holds(at, 8) || little<std::uint64_t>(file.read(at, 8).data()) != s.elements)
      file.damaged(fmt::format("its storage '{}' does not begin with its length", s.key));
    if (!file.holds(at + 8, s.bytes))
      file.damaged(fmt::format("its storage '{}' of {} bytes reaches beyond its end", s.key, s.bytes));
    s.offset = at + 8;
    at = s.offset + s.bytes;
  }
  for (auto const& s : tree.storages)
    if (s.offset == 0)
      file.damaged(fmt::format("its storage '{}' is missing", s.key));
  return root;
}

} // namespace rossby::io
