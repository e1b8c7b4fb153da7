#include "netcdf_classic.hpp"

#include <rossby/core/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <utility>
#include <vector>

namespace rossby::io {

namespace {

/// Walks the header of a classic file (CDF-1, CDF-2 with 64-bit offsets, CDF-5 with 64-bit sizes), as laid out in "The
/// NetCDF Classic Format Specification" of Unidata's documentation.
class ClassicHeader {
public:
  ClassicHeader(std::ifstream& in, int version) : in_(in), version_(version) {}

  /// Bytes that the file must have.
  std::uint64_t file_size()
  {
    std::uint64_t const records = size();
    bool const streaming = records == (version_ == 5 ? ~std::uint64_t{0} : 0xFFFFFFFFu);
    std::vector<std::uint64_t> dims;
    for (std::uint64_t n = list(); n > 0; --n) {
      name();
      dims.push_back(size());
    }
    attributes();
    std::uint64_t end = 0, record_begin = ~std::uint64_t{0}, record_bytes = 0, record_padding = 0;
    int record_variables = 0;
    for (std::uint64_t n = list(); n > 0; --n) {
      name();
      std::uint64_t elements = 1;
      bool record = false;
      for (std::uint64_t d = size(), i = 0; i < d; ++i) {
        std::uint64_t const id = size();
        if (id >= dims.size())
          throw Malformed{};
        if (dims[id] == 0 && i == 0)
          record = true;
        else
          elements *= dims[id];
      }
      attributes();
      std::uint64_t const bytes = elements * bytes_of(integer());
      size(); // vsize: wrong for large variables by design of the format, so computed instead
      std::uint64_t const begin = version_ == 1 ? integer() : long_integer();
      if (record) {
        record_begin = std::min(record_begin, begin);
        record_bytes += (bytes + 3) / 4 * 4;
        record_padding = (4 - bytes % 4) % 4;
        ++record_variables;
      } else {
        end = std::max(end, begin + bytes);
      }
    }
    if (record_variables == 1) // the only record variable is not padded
      record_bytes -= std::exchange(record_padding, 0);
    if (record_variables > 0 && records > 0 && !streaming)
      end = std::max(end, record_begin + records * record_bytes - record_padding);
    return end;
  }

  struct Malformed {};

private:
  std::uint32_t integer()
  {
    unsigned char b[4];
    if (!in_.read(reinterpret_cast<char*>(b), 4))
      throw Malformed{};
    return std::uint32_t{b[0]} << 24 | std::uint32_t{b[1]} << 16 | std::uint32_t{b[2]} << 8 | b[3];
  }
  std::uint64_t long_integer()
  {
    std::uint64_t const high = integer();
    return high << 32 | integer();
  }
  std::uint64_t size() { return version_ == 5 ? long_integer() : integer(); }
  void skip(std::uint64_t bytes)
  {
    if (!in_.seekg(static_cast<std::streamoff>((bytes + 3) / 4 * 4), std::ios::cur))
      throw Malformed{};
  }
  void name() { skip(size()); }
  std::uint64_t list()
  {
    integer(); // tag
    return size();
  }
  void attributes()
  {
    for (std::uint64_t n = list(); n > 0; --n) {
      name();
      std::uint64_t const width = bytes_of(integer());
      skip(size() * width);
    }
  }
  static std::uint64_t bytes_of(std::uint32_t type)
  {
    static constexpr std::uint64_t bytes[] = {0, 1, 1, 2, 4, 4, 8, 1, 2, 4, 8, 8};
    if (type == 0 || type > 11)
      throw Malformed{};
    return bytes[type];
  }

  std::ifstream& in_;
  int version_;
};

} // namespace

void expect_whole_netcdf_file(std::string const& file)
{
  std::error_code code;
  if (!std::filesystem::exists(file, code))
    fail(file, "no such file");
  if (std::filesystem::is_directory(file, code))
    fail(file, "is a folder without the metadata of a Zarr store (.zgroup, .zmetadata or zarr.json)",
         "name a netCDF file or the folder of a Zarr store");
  std::ifstream in(file, std::ios::binary);
  if (!in)
    fail(file, "can't be read", "check its permissions");
  auto const bytes = std::filesystem::file_size(file, code);
  if (bytes == 0)
    fail(file, "is empty (0 bytes)", "copy or make the file again");
  unsigned char magic[8] = {};
  in.read(reinterpret_cast<char*>(magic), 8);
  if (std::memcmp(magic, "\211HDF\r\n\032\n", 8) == 0)
    return;
  int const version = magic[3];
  if (std::memcmp(magic, "CDF", 3) != 0 || (version != 1 && version != 2 && version != 5))
    fail(file, "is no netCDF file (its first bytes are neither those of netCDF nor of HDF5)",
         "give a netCDF file or a Zarr store; GRIB data must be converted first");
  in.clear();
  in.seekg(4);
  std::uint64_t expected = 0;
  try {
    expected = ClassicHeader(in, version).file_size();
  } catch (ClassicHeader::Malformed const&) {
    fail(file, "its netCDF header is damaged or cut short", "copy or make the file again");
  }
  if (bytes < expected)
    fail(file, fmt::format("is cut short: {} bytes of {}", bytes, expected), "copy or make the file again");
}

} // namespace rossby::io
