#pragma once
/// \file
/// Private to src/io: an open HDF5 file and what the bodies of Hdf5File share.

#include "io/hdf5.hpp"
#include "io/lock.hpp"
#include <rossby/core/error.hpp>

#include <fmt/format.h>
#include <hdf5.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

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
  Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
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

/// Where a link that was not followed leads: HDF5's callback for links to other files has no other way to tell.
inline std::string& foreign_file()
{
  thread_local std::string name;
  return name;
}

/// Called for each external link, wherever it is met (behind a soft link, too). A file from elsewhere may name any file
/// of this machine; what a checkpoint or an input holds is in it.
inline herr_t follow_no_link(char const*, char const*, char const* file, char const*, unsigned*, hid_t, void*)
{
  foreign_file() = file;
  return -1;
}

/// Access to links and objects that stays within the file.
inline hid_t within_the_file()
{
  static hid_t const list = [] {
    hid_t const made = H5Pcreate(H5P_DATASET_ACCESS); // a kind of link access
    H5Pset_elink_cb(made, follow_no_link, nullptr);
    return made;
  }();
  return list;
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

  /// What has failed because of a link to another file is refused for that.
  void refuse_foreign(std::string const& name) const
  {
    if (std::string const other = std::exchange(foreign_file(), {}); !other.empty())
      fail(at(name), fmt::format("is a link to another file ('{}')", other),
           "copy what it leads to into this file: h5copy, or h5repack --merge");
  }

  Handle open_dataset(std::string const& name) const
  {
    if (!exists(name))
      fail(at(name), "no such dataset", "see what the file holds with: h5ls -r " + path);
    Handle data(H5Dopen2(file, absolute(name).c_str(), within_the_file()), H5Dclose);
    if (!data.ok()) {
      refuse_foreign(name);
      damaged(name, "can't be opened as a dataset");
    }
    Handle const how(H5Dget_create_plist(data), H5Pclose);
    if (H5Pget_external_count(how) > 0 || H5Pget_layout(how) == H5D_VIRTUAL)
      fail(at(name), "keeps its values in other files", "write them into this one, with h5repack");
    return data;
  }

  Handle open_object(std::string const& name) const
  {
    if (!exists(name))
      fail(at(name), "no such dataset or group");
    hid_t const id = H5Oopen(file, absolute(name).c_str(), within_the_file());
    if (id < 0) {
      refuse_foreign(name);
      damaged(name, "can't be opened");
    }
    return Handle(id, H5Oclose);
  }

  /// H5Lexists fails on a path whose upper groups are missing, so each level is asked for. What can't be told is an
  /// error: a damaged file must not look like one that lacks something.
  bool exists(std::string const& name) const
  {
    std::string const full = absolute(name);
    if (full == "/")
      return true;
    for (std::size_t end = full.find('/', 1);; end = full.find('/', end + 1)) {
      std::string const part = full.substr(0, end);
      htri_t const found = H5Lexists(file, part.c_str(), within_the_file());
      if (found < 0) {
        refuse_foreign(part);
        damaged(part, "can't be looked for");
      }
      if (found == 0)
        return false;
      if (end == std::string::npos)
        return true;
      Handle const above(H5Oopen(file, part.c_str(), within_the_file()), H5Oclose);
      if (!above.ok()) {
        refuse_foreign(part);
        damaged(part, "can't be opened");
      }
      if (H5Iget_type(above) != H5I_GROUP)
        return false;
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
