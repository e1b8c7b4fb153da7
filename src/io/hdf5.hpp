#pragma once
/// \file
/// HDF5 files: named datasets in global shapes, of which each rank reads or writes its box, and attributes.
///
/// Nothing outside of the file is read through it: links to other files, and datasets that keep their values in others,
/// are refused. What can't be looked for is an error, not absent.
///
/// Every call takes `io::library_lock()`, because HDF5 builds are often not thread-safe. Each failure is an Error whose
/// `where` names the file and, where there is one, the dataset.

#include <rossby/comm/communicator.hpp>
#include <rossby/core/array.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace rossby::io {

/// The part `[offset, offset + count)` of a dataset along each axis. A zero count is an empty part.
struct Hyperslab {
  Shape offset, count;
};

/// An open file. With a communicator all its ranks open the file together; creating datasets and attributes and
/// writing are then collective, with the same names, shapes and attribute values on every rank.
class Hdf5File {
public:
  static Hdf5File open_read(std::string const& path);
  static Hdf5File open_read(std::string const& path, Communicator const&);
  /// Truncates an existing file.
  static Hdf5File create(std::string const& path);
  static Hdf5File create(std::string const& path, Communicator const&);
  /// To fill datasets that are there already: each rank by itself, whatever becomes of the others. Opening and closing
  /// are collective.
  static Hdf5File open_fill(std::string const& path, Communicator const&);

  Hdf5File(Hdf5File&&) noexcept;
  Hdf5File& operator=(Hdf5File&&) noexcept;
  /// Closes without reporting errors; writers call close().
  ~Hdf5File();
  /// Flushes and closes. \throws Error when the data can't be written (a full disk shows here at the latest).
  void close();

  std::string const& path() const;

  /// True for a dataset or group of this name ("/model/layers.0.g"); leading slashes are optional everywhere.
  bool exists(std::string const& name) const;
  /// True when `name` is a group, false for a dataset; a missing one is an error.
  bool is_group(std::string const& name) const;
  /// Names of what a group holds, in alphabetical order; "/" is the root. A missing group is an error.
  std::vector<std::string> list(std::string const& group) const;

  Shape shape(std::string const& dataset) const;
  /// A dataset for read_text(), not for read().
  bool is_text(std::string const& dataset) const;
  /// float64 for 64-bit floating point and all integers, float32 for other floating point types.
  DType dtype(std::string const& dataset) const;

  /// Row-major values; of the whole dataset or of one box. Collective when the file has a communicator.
  std::vector<double> read(std::string const& dataset) const;
  std::vector<double> read(std::string const& dataset, Hyperslab const& box) const;
  /// Of boxes that don't overlap: all their values, ordered by position in the dataset.
  std::vector<double> read_boxes(std::string const& dataset, std::vector<Hyperslab> const& boxes) const;
  std::string read_text(std::string const& dataset) const;

  /// Creates a dataset, with the groups above it, and writes this rank's values: all of them, or `box` of them.
  /// Several ranks that write without a box must hold the same values; only one of them writes.
  void write(std::string const& dataset, DType, Shape const& global_shape, std::vector<double> const& values) const;
  void write(std::string const& dataset, DType, Shape const& global_shape, std::vector<double> const& values,
             Hyperslab const& box) const;
  /// A dataset whose values are to come by fill().
  void make_dataset(std::string const& dataset, DType, Shape const& shape) const;
  /// Writes boxes that don't overlap, with all their values ordered by position in the dataset (no box, no values), of
  /// a dataset of a file from open_fill(). Not collective.
  void fill(std::string const& dataset, std::vector<double> const& values, std::vector<Hyperslab> const& boxes) const;
  /// A text of any length (attributes are limited to 64 KiB).
  void write_text(std::string const& dataset, std::string const& text) const;
  void make_group(std::string const& group) const;

  // Attributes of a dataset or group ("/" for the file). Overloads share a name so that types can't be mixed up
  // silently: reading an attribute as another kind is an error.
  bool has_attribute(std::string const& object, std::string const& name) const;
  void write_attribute(std::string const& object, std::string const& name, std::string const& value) const;
  void write_attribute(std::string const& object, std::string const& name, double value) const;
  void write_attribute(std::string const& object, std::string const& name, std::int64_t value) const;
  std::string read_string_attribute(std::string const& object, std::string const& name) const;
  double read_double_attribute(std::string const& object, std::string const& name) const;
  std::int64_t read_int_attribute(std::string const& object, std::string const& name) const;

private:
  struct Impl;
  explicit Hdf5File(std::unique_ptr<Impl>);
  enum class Mode { read, create, fill };
  static Hdf5File open(std::string const& path, Communicator const* ranks, Mode);
  void put(std::string const& dataset, DType, Shape const&, std::vector<double> const&,
           std::vector<Hyperslab> const*) const;
  std::unique_ptr<Impl> impl_;
};

} // namespace rossby::io
