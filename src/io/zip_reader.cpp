// A ZIP archive is read from its end: the end record tells where the directory is, the directory where each member's
// local header is, and the data follow that header. Sizes are taken from the directory, because writers that stream
// leave them out of local headers. Figures that don't fit into 32 bits are all ones, and stand in a ZIP64 record or in
// the extra field 0x0001 instead. (PKWARE's APPNOTE 6.3, sections 4.3 and 4.5.3.)
#include "zip_reader.hpp"

#include "crc32.hpp"
#include "little_endian.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace rossby::io {

namespace {
constexpr std::uint32_t local_mark = 0x04034b50, directory_mark = 0x02014b50, end_mark = 0x06054b50,
                        end64_mark = 0x06064b50, locator_mark = 0x07064b50;
constexpr std::uint32_t none32 = 0xffffffff;
constexpr std::uint16_t none16 = 0xffff;
constexpr std::size_t local_size = 30, entry_size = 46, end_size = 22, end64_size = 56, locator_size = 20;
/// Far beyond any checkpoint: one of CREDIT's has some hundred members with names of some ten bytes.
constexpr std::uint64_t most_members = 1u << 20, most_directory = 1u << 28;

struct Directory {
  std::uint64_t offset, size, members;
};

/// The end record: the last one that a comment reaching to the end of the file can follow.
std::uint64_t find_end(InputFile const& file)
{
  std::uint64_t const reach = std::min<std::uint64_t>(file.size(), end_size + none16);
  std::string const tail = file.read(file.size() - reach, reach);
  for (std::size_t back = end_size; back <= tail.size(); ++back) {
    char const* const p = tail.data() + (tail.size() - back);
    if (little<std::uint32_t>(p) == end_mark && little<std::uint16_t>(p + 20) == back - end_size)
      return file.size() - back;
  }
  file.damaged("its end, with the table of contents, is missing; it was not copied or written completely");
}

Directory find_directory(InputFile const& file)
{
  std::uint64_t const end = find_end(file);
  std::string const record = file.read(end, end_size);
  char const* const p = record.data();
  Directory d{little<std::uint32_t>(p + 16), little<std::uint32_t>(p + 12), little<std::uint16_t>(p + 10)};
  bool spans_disks = little<std::uint16_t>(p + 4) != 0 && little<std::uint16_t>(p + 4) != none16;
  if (end >= locator_size) {
    std::string const locator = file.read(end - locator_size, locator_size);
    if (little<std::uint32_t>(locator.data()) == locator_mark) {
      auto const at = little<std::uint64_t>(locator.data() + 8);
      if (!file.holds(at, end64_size))
        file.damaged("its ZIP64 record lies beyond its end");
      std::string const record64 = file.read(at, end64_size);
      if (little<std::uint32_t>(record64.data()) != end64_mark)
        file.damaged("its ZIP64 record is not where it should be");
      spans_disks = little<std::uint32_t>(record64.data() + 16) != 0;
      d = {little<std::uint64_t>(record64.data() + 48), little<std::uint64_t>(record64.data() + 40),
           little<std::uint64_t>(record64.data() + 32)};
    }
  }
  if (spans_disks)
    file.refuse("is one piece of an archive of several", "join the pieces first");
  if (!file.holds(d.offset, d.size) || d.offset + d.size > end)
    file.damaged("its table of contents lies beyond its end");
  if (d.members > most_members || d.size > most_directory || d.members * entry_size > d.size)
    file.damaged(fmt::format("its table of contents names {} members in {} bytes", d.members, d.size));
  return d;
}

/// Replaces figures that are all ones by those of the ZIP64 field, which holds just these, in this order.
void read_zip64(InputFile const& file, std::string const& extra, std::uint64_t& size, std::uint64_t& stored,
                std::uint64_t& header)
{
  for (std::size_t at = 0; at + 4 <= extra.size();) {
    std::size_t const id = little<std::uint16_t>(extra.data() + at), n = little<std::uint16_t>(extra.data() + at + 2);
    at += 4;
    if (at + n > extra.size())
      break;
    std::size_t next = at;
    at += n;
    if (id != 1)
      continue;
    for (auto* const figure : {&size, &stored, &header})
      if (*figure == none32 && next + 8 <= at) {
        *figure = little<std::uint64_t>(extra.data() + next);
        next += 8;
      }
    return;
  }
  if (size == none32 || stored == none32 || header == none32)
    file.damaged("a member's size is missing");
}
} // namespace

std::vector<ZipMember> read_zip_directory(InputFile const& file)
{
  auto const directory = find_directory(file);
  std::string const table = file.read(directory.offset, directory.size);
  std::vector<ZipMember> members;
  std::set<std::string> names;
  std::size_t at = 0;
  for (std::uint64_t i = 0; i < directory.members; ++i) {
    char const* const p = table.data() + at;
    if (table.size() - at < entry_size || little<std::uint32_t>(p) != directory_mark)
      file.damaged(fmt::format("entry {} of its table of contents is broken", i));
    std::size_t const name_size = little<std::uint16_t>(p + 28), extra_size = little<std::uint16_t>(p + 30),
                      comment_size = little<std::uint16_t>(p + 32);
    if (table.size() - at - entry_size < name_size + extra_size + comment_size)
      file.damaged(fmt::format("entry {} of its table of contents is broken", i));
    ZipMember m;
    m.name.assign(p + entry_size, name_size);
    m.crc = little<std::uint32_t>(p + 16);
    m.size = little<std::uint32_t>(p + 24);
    std::uint64_t stored = little<std::uint32_t>(p + 20), header = little<std::uint32_t>(p + 42);
    if (m.size == none32 || stored == none32 || header == none32)
      read_zip64(file, std::string(p + entry_size + name_size, extra_size), m.size, stored, header);
    if (little<std::uint16_t>(p + 8) & 1u)
      file.refuse(fmt::format("its member '{}' is encrypted", m.name));
    if (little<std::uint16_t>(p + 10) != 0 || stored != m.size)
      file.refuse(fmt::format("its member '{}' is compressed, which torch never does", m.name),
                  "unpack it and pack it again without compression (zip -0)");
    if (!names.insert(m.name).second)
      file.damaged(fmt::format("it has two members '{}'", m.name));

    if (!file.holds(header, local_size))
      file.damaged(fmt::format("its member '{}' lies beyond its end", m.name));
    std::string const local = file.read(header, local_size);
    if (little<std::uint32_t>(local.data()) != local_mark)
      file.damaged(fmt::format("its member '{}' is not where it should be", m.name));
    m.offset =
        header + local_size + little<std::uint16_t>(local.data() + 26) + little<std::uint16_t>(local.data() + 28);
    if (!file.holds(m.offset, m.size))
      file.damaged(fmt::format("its member '{}' of {} bytes reaches beyond its end", m.name, m.size));
    members.push_back(std::move(m));
    at += entry_size + name_size + extra_size + comment_size;
  }
  return members;
}

void verify_member(InputFile const& file, ZipMember const& member)
{
  if (member.crc == 0)
    return;
  std::string piece(std::min<std::uint64_t>(member.size, 1u << 20), '\0');
  std::uint32_t sum = 0;
  for (std::uint64_t done = 0; done < member.size; done += piece.size()) {
    piece.resize(std::min<std::uint64_t>(piece.size(), member.size - done));
    file.read(member.offset + done, piece.data(), piece.size());
    sum = crc32(sum, piece.data(), piece.size());
  }
  if (sum != member.crc)
    file.damaged(fmt::format("the checksum of its member '{}' does not match", member.name));
}

} // namespace rossby::io
