#pragma once
/// \file
/// Private to src/io: a ZIP archive whose members' names and sizes are known before it is written, so that every byte
/// has its place from the start and several ranks can fill in members side by side.

#include <cstdint>
#include <string>
#include <vector>

namespace rossby::io {

class ZipLayout {
public:
  /// Sizes from `zip64_from` on are told by ZIP64 records.
  explicit ZipLayout(std::uint64_t zip64_from) : zip64_from_(zip64_from) {}
  /// Data begin at a multiple of 64, as torch has it. Returns the member's number.
  int add(std::string name, std::uint64_t size);

  std::uint64_t offset(int member) const { return members_[static_cast<std::size_t>(member)].offset; }
  std::uint64_t size(int member) const { return members_[static_cast<std::size_t>(member)].size; }
  /// What stands before a member's data, and where.
  std::string local_header(int member, std::uint32_t crc) const;
  std::uint64_t header_offset(int member) const { return members_[static_cast<std::size_t>(member)].header; }
  /// The table of contents, given the checksums of all members, and where.
  std::string directory(std::vector<std::uint32_t> const& crcs) const;
  std::uint64_t directory_offset() const { return end_; }
  int count() const { return static_cast<int>(members_.size()); }

private:
  struct Member {
    std::string name;
    std::uint64_t size, header, offset;
  };
  bool is_large(std::uint64_t figure) const { return figure >= zip64_from_; }
  std::uint64_t zip64_from_;
  std::vector<Member> members_;
  std::uint64_t end_ = 0;
};

} // namespace rossby::io
