#include "array_source.hpp"

#include "credit_source.hpp"

#include "train/weights.hpp"
#include <rossby/core/error.hpp>

#include <fmt/format.h>

#include <fstream>

namespace rossby {

double Hdf5Source::number(std::string const& array) const
{
  checksum(array); // which it must have
  auto const values = read_verified(file_, array);
  if (values.size() != 1)
    fail(fmt::format("{}: {}", path(), array), fmt::format("holds {} values instead of one", values.size()));
  return values[0];
}

Hdf5Source::Hdf5Source(std::string const& path)
    : file_(io::Hdf5File::open_read(path)), contents_(read_seal(file_)), own_(is_own(file_))
{
}

std::optional<std::int64_t> Hdf5Source::checksum(std::string const& array) const
{
  if (file_.has_attribute(array, "checksum"))
    return file_.read_int_attribute(array, "checksum");
  if (own_ || sealed())
    damaged(path(), array, "has lost its checksum");
  return {};
}

void Hdf5Source::verify(int part, int) const
{
  if (part == 0 && contents_)
    expect_contents(file_, *contents_);
}

bool is_hdf5(std::string const& path)
{
  std::ifstream in(path, std::ios::binary);
  char head[8] = {};
  return in.read(head, sizeof head) && std::string(head, sizeof head) == std::string("\x89HDF\r\n\x1a\n", 8);
}

std::unique_ptr<ArraySource> open_weights(std::string const& path, Extent extent)
{
  if (is_hdf5(path))
    return std::make_unique<Hdf5Source>(path);
  return std::make_unique<CreditSource>(path, extent);
}

} // namespace rossby
