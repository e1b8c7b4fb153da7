#include "io/zarr_writer.hpp"

#include "zarr_codecs.hpp"

#include "io/replace.hpp"
#include <rossby/core/error.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <map>
#include <unistd.h>

namespace rossby::io {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

namespace {
[[noreturn]] void refuse(std::string const& path, std::string const& what, int code)
{
  fail(path, fmt::format("{} ({})", what, std::strerror(code)),
       "check that the disk has room and that you may write to the folder");
}

struct Number {
  char const* dtype;
  std::size_t width;
};

Number number_of(NetcdfType type)
{
  switch (type) {
  case NetcdfType::float64:
    return {"<f8", 8};
  case NetcdfType::float32:
    return {"<f4", 4};
  case NetcdfType::int64:
    return {"<i8", 8};
  case NetcdfType::int32:
    return {"<i4", 4};
  case NetcdfType::int16:
    return {"<i2", 2};
  case NetcdfType::int8:
    break;
  }
  return {"|i1", 1};
}

template <class T> void put(std::vector<double> const& values, char* to)
{
  for (std::size_t i = 0; i < values.size(); ++i) {
    auto const x = static_cast<T>(values[i]);
    std::memcpy(to + i * sizeof(T), &x, sizeof(T));
  }
}

/// Little-endian elements.
Bytes elements_of(std::vector<double> const& values, NetcdfType type)
{
  std::size_t const width = number_of(type).width;
  Bytes bytes(values.size() * width);
  switch (type) {
  case NetcdfType::float64:
    put<double>(values, bytes.data.get());
    break;
  case NetcdfType::float32:
    put<float>(values, bytes.data.get());
    break;
  case NetcdfType::int64:
    put<std::int64_t>(values, bytes.data.get());
    break;
  case NetcdfType::int32:
    put<std::int32_t>(values, bytes.data.get());
    break;
  case NetcdfType::int16:
    put<std::int16_t>(values, bytes.data.get());
    break;
  case NetcdfType::int8:
    put<std::int8_t>(values, bytes.data.get());
  }
  std::uint16_t const one = 1;
  unsigned char low = 0;
  std::memcpy(&low, &one, 1);
  if (low == 0)
    for (std::size_t i = 0; i < values.size(); ++i)
      std::reverse(bytes.data.get() + i * width, bytes.data.get() + (i + 1) * width);
  return bytes;
}

Json compressor_of(NetcdfEncoding const& e)
{
  if (e.chunks.empty() || !can_compress())
    return nullptr;
  if (e.deflate > 0)
    return {{"id", "zlib"}, {"level", e.deflate}};
  return {{"id", "blosc"}, {"cname", "lz4"}, {"clevel", 5}, {"shuffle", 1}, {"blocksize", 0}};
}

/// A new file of these bytes, on the disk.
void write_file(fs::path const& path, char const* bytes, std::size_t count)
{
  int const handle = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (handle < 0)
    refuse(path.string(), "can't be written", errno);
  int code = 0;
  while (count > 0 && code == 0) {
    auto const n = ::write(handle, bytes, std::min(count, std::size_t{1} << 30));
    if (n < 0 && errno != EINTR)
      code = errno;
    else if (n > 0)
      bytes += n, count -= static_cast<std::size_t>(n);
  }
  if (code == 0 && ::fsync(handle) != 0)
    code = errno;
  if (::close(handle) != 0 && code == 0)
    code = errno;
  if (code != 0)
    refuse(path.string(), "can't be written", code);
}

void sync_folder(fs::path const& path)
{
  int const handle = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (handle >= 0) { // some file systems can't sync folders
    ::fsync(handle);
    ::close(handle);
  }
}
} // namespace

struct ZarrWriter::Impl {
  struct Variable {
    NetcdfType type;
    std::vector<std::string> dimensions;
    NetcdfEncoding encoding;
    Json attributes = Json::object();
  };
  std::string path;
  fs::path folder;
  std::map<std::string, index_t> dimensions;
  std::vector<std::pair<std::string, Variable>> variables;
  Json attributes = Json::object();
  bool closed = false;

  Variable& find(std::string const& name)
  {
    for (auto& [other, variable] : variables)
      if (other == name)
        return variable;
    fail(path, "has no variable " + name);
  }
  Json& attributes_of(std::string const& variable) { return variable.empty() ? attributes : find(variable).attributes; }
  Shape shape_of(Variable const& v) const
  {
    Shape shape;
    for (auto const& d : v.dimensions)
      shape.push_back(dimensions.at(d));
    return shape;
  }
};

ZarrWriter::ZarrWriter(std::string path) : impl_(std::make_unique<Impl>())
{
  impl_->path = std::move(path);
  impl_->folder = unfinished_name(impl_->path);
  discard_zarr(impl_->path);
  std::error_code code;
  if (!fs::create_directory(impl_->folder, code))
    refuse(impl_->path, "can't be made", code ? code.value() : EEXIST);
}

ZarrWriter::~ZarrWriter()
{
  if (!impl_->closed)
    discard_zarr(impl_->path);
}

void ZarrWriter::dimension(std::string const& name, index_t length) { impl_->dimensions[name] = length; }

void ZarrWriter::variable(std::string const& name, NetcdfType type, std::vector<std::string> const& dimensions,
                          NetcdfEncoding const& encoding)
{
  impl_->variables.push_back({name, {type, dimensions, encoding}});
  std::error_code code;
  if (!fs::create_directory(impl_->folder / name, code))
    refuse((impl_->folder / name).string(), "can't be made", code ? code.value() : EEXIST);
}

void ZarrWriter::attribute(std::string const& variable, std::string const& name, std::string const& value)
{
  impl_->attributes_of(variable)[name] = value;
}

void ZarrWriter::attribute(std::string const& variable, std::string const& name, double value)
{
  impl_->attributes_of(variable)[name] = value;
}

void ZarrWriter::write(std::string const& variable, std::vector<double> const& values)
{
  auto const& v = impl_->find(variable);
  ROSSBY_EXPECT(v.encoding.chunks.empty() && values.size() == static_cast<std::size_t>(product(impl_->shape_of(v))));
  Bytes const bytes = elements_of(values, v.type);
  std::string key = "0";
  for (std::size_t d = 1; d < v.dimensions.size(); ++d)
    key += ".0";
  write_file(impl_->folder / variable / key, bytes.data.get(), bytes.size);
}

void ZarrWriter::close()
{
  Json all = Json::object(); // the consolidated copy
  auto const write_json = [&](std::string const& name, Json const& content) {
    std::string const text = content.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
    write_file(impl_->folder / name, text.data(), text.size());
    all[name] = content;
  };
  write_json(".zgroup", {{"zarr_format", 2}});
  write_json(".zattrs", impl_->attributes);
  for (auto const& [name, v] : impl_->variables) {
    Shape const shape = impl_->shape_of(v);
    Shape chunks = v.encoding.chunks.empty() ? shape : v.encoding.chunks;
    for (auto& n : chunks)
      n = std::max<index_t>(n, 1);
    write_json(name + "/.zarray", {{"zarr_format", 2},
                                   {"shape", shape},
                                   {"chunks", chunks},
                                   {"dtype", number_of(v.type).dtype},
                                   {"compressor", compressor_of(v.encoding)},
                                   {"fill_value", nullptr},
                                   {"order", "C"},
                                   {"filters", nullptr}});
    Json attributes = v.attributes;
    attributes["_ARRAY_DIMENSIONS"] = v.dimensions;
    write_json(name + "/.zattrs", attributes);
  }
  write_json(".zmetadata", {{"zarr_consolidated_format", 1}, {"metadata", Json(all)}});
  impl_->closed = true;
}

void write_zarr_chunk(std::string const& path, std::string const& variable, Shape const& place, NetcdfType type,
                      NetcdfEncoding const& encoding, std::vector<double> const& values)
{
  ROSSBY_EXPECT(!encoding.chunks.empty() && values.size() == static_cast<std::size_t>(product(encoding.chunks)));
  fs::path const file = fs::path(unfinished_name(path)) / variable / fmt::format("{}", fmt::join(place, "."));
  try {
    Bytes bytes = elements_of(values, type);
    if (can_compress())
      bytes = encoding.deflate > 0 ? compress(ZarrCodec::Kind::zlib, bytes, number_of(type).width, encoding.deflate)
                                   : compress(ZarrCodec::Kind::blosc, bytes, number_of(type).width, 5);
    write_file(file, bytes.data.get(), bytes.size);
  } catch (CodecError const& e) {
    fail(file.string(), e.what());
  }
}

void finish_zarr(std::string const& path)
{
  fs::path const unfinished = unfinished_name(path);
  for (auto const& entry : fs::directory_iterator(unfinished))
    if (entry.is_directory())
      sync_folder(entry.path());
  sync_folder(unfinished);
  if (::renameat2(AT_FDCWD, unfinished.c_str(), AT_FDCWD, path.c_str(), RENAME_EXCHANGE) == 0) {
    discard_zarr(path); // what was there before
  } else {
    if (fs::exists(path)) { // a file system that can't exchange names
      std::error_code code;
      fs::remove_all(path, code);
    }
    if (std::rename(unfinished.c_str(), path.c_str()) != 0)
      refuse(path, "can't be given its name", errno);
  }
  auto const parent = fs::path(path).parent_path();
  sync_folder(parent.empty() ? fs::path(".") : parent);
}

void discard_zarr(std::string const& path) noexcept
{
  std::error_code code;
  fs::remove_all(unfinished_name(path), code); // removes links, and does not follow them
}

} // namespace rossby::io
