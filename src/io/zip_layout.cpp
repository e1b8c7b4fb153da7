#include "zip_layout.hpp"

#include "little_endian.hpp"

#include <algorithm>

namespace rossby::io {

namespace {
constexpr std::uint32_t local_mark = 0x04034b50, directory_mark = 0x02014b50, end_mark = 0x06054b50,
                        end64_mark = 0x06064b50, locator_mark = 0x07064b50, none32 = 0xffffffff;
constexpr std::uint16_t none16 = 0xffff, plain = 20, with_zip64 = 45, utf8 = 0x0800;
constexpr std::uint64_t alignment = 64;

template <class U> void put(std::string& to, std::uint64_t value) { put_little(to, static_cast<U>(value)); }

/// The extra field of figures that are too large for their places.
std::string zip64_field(std::vector<std::uint64_t> const& figures)
{
  std::string field;
  if (figures.empty())
    return field;
  put<std::uint16_t>(field, 1);
  put<std::uint16_t>(field, 8 * figures.size());
  for (auto const figure : figures)
    put<std::uint64_t>(field, figure);
  return field;
}

/// Fields from the version needed to the sizes, which both headers have.
void put_facts(std::string& to, bool large, std::uint64_t size, std::uint32_t crc)
{
  put<std::uint16_t>(to, large ? with_zip64 : plain);
  put<std::uint16_t>(to, utf8);
  put<std::uint16_t>(to, 0); // stored
  put<std::uint32_t>(to, 0); // no date
  put<std::uint32_t>(to, crc);
  for (int k = 0; k < 2; ++k) // in the archive, and unpacked
    put<std::uint32_t>(to, large ? none32 : size);
}
} // namespace

int ZipLayout::add(std::string name, std::uint64_t size)
{
  constexpr std::uint64_t fixed = 30, padding_head = 4, zip64 = 20;
  std::uint64_t const before = end_ + fixed + name.size() + (is_large(size) ? zip64 : 0) + padding_head;
  std::uint64_t const offset = (before + alignment - 1) / alignment * alignment;
  members_.push_back({std::move(name), size, end_, offset});
  end_ = offset + size;
  return count() - 1;
}

std::string ZipLayout::local_header(int member, std::uint32_t crc) const
{
  auto const& m = members_[static_cast<std::size_t>(member)];
  bool const large = is_large(m.size);
  std::string extra = large ? zip64_field({m.size, m.size}) : std::string();
  std::string header;
  put<std::uint32_t>(header, local_mark);
  put_facts(header, large, m.size, crc);
  put<std::uint16_t>(header, m.name.size());
  std::uint64_t const extra_size = m.offset - m.header - header.size() - 2 - m.name.size();
  put<std::uint16_t>(header, extra_size);
  header += m.name;
  extra += "FB"; // torch's name for padding
  put<std::uint16_t>(extra, extra_size - extra.size() - 2);
  extra.resize(extra_size, 'Z');
  return header + extra;
}

std::string ZipLayout::directory(std::vector<std::uint32_t> const& crcs) const
{
  std::string table;
  for (std::size_t i = 0; i < members_.size(); ++i) {
    auto const& m = members_[i];
    bool const large = is_large(m.size), far = is_large(m.header);
    std::vector<std::uint64_t> figures;
    if (large)
      figures = {m.size, m.size};
    if (far)
      figures.push_back(m.header);
    std::string const extra = zip64_field(figures);
    put<std::uint32_t>(table, directory_mark);
    put<std::uint16_t>(table, large || far ? with_zip64 : plain);
    put_facts(table, large, m.size, crcs[i]);
    put<std::uint16_t>(table, m.name.size());
    put<std::uint16_t>(table, extra.size());
    for (int k = 0; k < 3; ++k) // comment, disk, kind of content
      put<std::uint16_t>(table, 0);
    put<std::uint32_t>(table, 0);
    put<std::uint32_t>(table, far ? none32 : m.header);
    table += m.name + extra;
  }

  std::uint64_t const size = table.size(), count = members_.size();
  bool const large = is_large(end_) || is_large(size) || count >= none16;
  if (large) {
    std::uint64_t const at = end_ + size;
    put<std::uint32_t>(table, end64_mark);
    put<std::uint64_t>(table, 44); // bytes that follow in this record
    put<std::uint16_t>(table, with_zip64);
    put<std::uint16_t>(table, with_zip64);
    put<std::uint64_t>(table, 0); // one disk
    put<std::uint64_t>(table, count);
    put<std::uint64_t>(table, count);
    put<std::uint64_t>(table, size);
    put<std::uint64_t>(table, end_);
    put<std::uint32_t>(table, locator_mark);
    put<std::uint32_t>(table, 0);
    put<std::uint64_t>(table, at);
    put<std::uint32_t>(table, 1);
  }
  put<std::uint32_t>(table, end_mark);
  put<std::uint32_t>(table, 0);
  for (int k = 0; k < 2; ++k)
    put<std::uint16_t>(table, count >= none16 ? none16 : count);
  put<std::uint32_t>(table, large ? none32 : size);
  put<std::uint32_t>(table, large ? none32 : end_);
  put<std::uint16_t>(table, 0); // no comment
  return table;
}

} // namespace rossby::io
