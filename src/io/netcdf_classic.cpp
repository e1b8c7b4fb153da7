#include "netcdf_classic.hpp"

#include "input_file.hpp"

#include <rossby/core/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <utility>
#include <vector>

namespace rossby::io {

namespace {

/// Walks the header of a classic file (CDF-1, CDF-2 with 64-bit offsets, CDF-5 with 64-bit sizes), as laid out in "The
/// NetCDF Classic Format Specification" of Unidata's documentation.
class ClassicHeader {
public:
  ClassicHeader(InputFile const& in, int version) : in_(in), version_(version) {}

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
      std::uint64_t const rank = size();
      if (rank > most_dimensions)
        throw Malformed{};
      for (std::uint64_t i = 0; i < rank; ++i) {
        std::uint64_t const id = size();
        if (id >= dims.size())
          throw Malformed{};
        if (dims[id] == 0 && i == 0)
          record = true;
        else
          elements = times(elements, dims[id]);
      }
      attributes();
      std::uint64_t const bytes = times(elements, bytes_of(integer()));
      size(); // vsize: wrong for large variables by design of the format, so computed instead
      std::uint64_t const begin = version_ == 1 ? integer() : long_integer();
      if (record) {
        record_begin = std::min(record_begin, begin);
        record_bytes = plus(record_bytes, (bytes + 3) / 4 * 4);
        record_padding = (4 - bytes % 4) % 4;
        ++record_variables;
      } else {
        end = std::max(end, plus(begin, bytes));
      }
    }
    if (record_variables == 1) // the only record variable is not padded
      record_bytes -= std::exchange(record_padding, 0);
    if (record_variables > 0 && records > 0 && !streaming)
      end = std::max(end, plus(record_begin, times(records, record_bytes)) - record_padding);
    return end;
  }

  struct Malformed {};

private:
  static constexpr std::uint64_t most_dimensions = 1024; // of a variable: NC_MAX_VAR_DIMS, for which readers have room
  // No file has as many bytes as a quarter of this: sums and products beyond it are not numbers of bytes.
  static constexpr std::uint64_t most = ~std::uint64_t{0} / 4;
  static std::uint64_t plus(std::uint64_t a, std::uint64_t b)
  {
    if (a > most || b > most)
      throw Malformed{};
    return a + b;
  }
  static std::uint64_t times(std::uint64_t a, std::uint64_t b)
  {
    if (b > 0 && a > most / b)
      throw Malformed{};
    return a * b;
  }

  std::uint32_t integer()
  {
    if (next_ < piece_begin_ || next_ + 4 > piece_begin_ + piece_.size()) { // headers are read in pieces
      if (!in_.holds(next_, 4))
        throw Malformed{};
      piece_begin_ = next_;
      piece_ = in_.read(next_, static_cast<std::size_t>(std::min<std::uint64_t>(in_.size() - next_, 1u << 16)));
    }
    auto const* const b = reinterpret_cast<unsigned char const*>(piece_.data()) + (next_ - piece_begin_);
    next_ += 4;
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
    if (!in_.holds(next_, bytes))
      throw Malformed{};
    next_ += (bytes + 3) / 4 * 4;
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
      skip(times(size(), width));
    }
  }
  static std::uint64_t bytes_of(std::uint32_t type)
  {
    static constexpr std::uint64_t bytes[] = {0, 1, 1, 2, 4, 4, 8, 1, 2, 4, 8, 8};
    if (type == 0 || type > 11)
      throw Malformed{};
    return bytes[type];
  }

  InputFile const& in_;
  int version_;
  std::uint64_t next_ = 4; ///< after the magic number
  std::string piece_;      ///< of the file, from piece_begin_ on
  std::uint64_t piece_begin_ = 0;
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
  InputFile const in(file);
  if (in.size() == 0)
    fail(file, "is empty (0 bytes)", "copy or make the file again");
  unsigned char magic[8] = {};
  in.read(0, magic, static_cast<std::size_t>(std::min<std::uint64_t>(in.size(), sizeof magic)));
  if (std::memcmp(magic, "\211HDF\r\n\032\n", 8) == 0)
    return;
  int const version = magic[3];
  if (std::memcmp(magic, "CDF", 3) != 0 || (version != 1 && version != 2 && version != 5))
    fail(file, "is not a netCDF file (its first bytes are neither those of netCDF nor of HDF5)",
         "give a netCDF file or a Zarr store; GRIB data must be converted first");
  std::uint64_t expected = 0;
  try {
    expected = ClassicHeader(in, version).file_size();
  } catch (ClassicHeader::Malformed const&) {
    fail(file, "its netCDF header is damaged or cut short", "copy or make the file again");
  }
  if (in.size() < expected)
    fail(file, fmt::format("is cut short: {} bytes of {}", in.size(), expected), "copy or make the file again");
}

} // namespace rossby::io
