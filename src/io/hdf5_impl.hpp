#pragma once
/// \file
/// Private to src/io: an open HDF5 file and what the bodies of Hdf5File share.

#include <rossby/core/error.hpp>
#include <rossby/io/hdf5.hpp>
#include <rossby/io/lock.hpp>

#include <fmt/format.h>
#include <hdf5.h>

#include <algorithm>
#include <optional>
#include <string>

namespace rossby::io {

/// An HDF5 identifier that closes itself.
class Handle {
public:
  Handle(hid_t id, herr_t (*close)(hid_t)) : id_(id), close_(close) {}
  ~Handle()
  {
    if (id_ >= 0)
      close_(id_);
  }
  Handle(Handle const&) = delete;
  Handle& operator=(Handle const&) = delete;
  operator hid_t() const { return id_; }
  bool ok() const { return id_ >= 0; }

private:
  hid_t id_;
  herr_t (*close_)(hid_t);
};

inline herr_t keep_innermost(unsigned, H5E_error2_t const* entry, void* text)
{
  if (entry->desc)
    *static_cast<std::string*>(text) = entry->desc;
  return 0;
}

/// HDF5's own words for the last failure.
inline std::string reason()
{
  std::string text;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_DOWNWARD, keep_innermost, &text);
  H5Eclear2(H5E_DEFAULT);
  return text.empty() ? "no reason given" : text;
}

/// False when the file could not be closed (a full disk).
inline bool close_file(hid_t file)
{
  if (H5Fclose(file) >= 0)
    return true;
  mark_file_stuck();
  return false;
}

inline std::string absolute(std::string const& name)
{
  return !name.empty() && name.front() == '/' ? name : "/" + name;
}

struct Hdf5File::Impl {
  std::string path;
  hid_t file = -1, transfer = H5P_DEFAULT;
  std::optional<Communicator> ranks;

  ~Impl()
  {
    auto const lock = library_lock();
    if (transfer != H5P_DEFAULT)
      H5Pclose(transfer);
    if (file >= 0)
      close_file(file);
  }

  std::string at(std::string const& name) const { return fmt::format("{}: {}", path, absolute(name)); }

  [[noreturn]] void damaged(std::string const& name, std::string const& what) const
  {
    fail(at(name), fmt::format("{} ({})", what, reason()), "the file is damaged or incomplete: write or copy it again");
  }

  Handle open_dataset(std::string const& name) const
  {
    if (!exists(name))
      fail(at(name), "no such dataset", "see what the file holds with: h5ls -r " + path);
    hid_t const id = H5Dopen2(file, absolute(name).c_str(), H5P_DEFAULT);
    if (id < 0)
      damaged(name, "can't be opened as a dataset");
    return Handle(id, H5Dclose);
  }

  Handle open_object(std::string const& name) const
  {
    hid_t const id = exists(name) ? H5Oopen(file, absolute(name).c_str(), H5P_DEFAULT) : -1;
    if (id < 0)
      fail(at(name), "no such dataset or group");
    return Handle(id, H5Oclose);
  }

  /// H5Lexists fails on a path whose upper groups are missing, so each level is asked for.
  bool exists(std::string const& name) const
  {
    std::string const full = absolute(name);
    if (full == "/")
      return true;
    for (std::size_t end = full.find('/', 1);; end = full.find('/', end + 1)) {
      if (H5Lexists(file, full.substr(0, end).c_str(), H5P_DEFAULT) <= 0) {
        H5Eclear2(H5E_DEFAULT);
        return false;
      }
      if (end == std::string::npos)
        return true;
    }
  }

  Shape shape_of(hid_t dataset) const
  {
    Handle const space(H5Dget_space(dataset), H5Sclose);
    int const rank = H5Sget_simple_extent_ndims(space);
    std::vector<hsize_t> dims(static_cast<std::size_t>(std::max(rank, 0)));
    if (rank > 0)
      H5Sget_simple_extent_dims(space, dims.data(), nullptr);
    return {dims.begin(), dims.end()};
  }
};

} // namespace rossby::io
