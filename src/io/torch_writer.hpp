#pragma once
/// \file
/// Files that `torch.load` reads, with weights_only=True too: plain values and contiguous tensors.
///
/// All ranks that write one build the same TorchWriter; then the first lays the file out, each fills in boxes of
/// tensors on its own, and the first seals it with the checksums of all members. None of this is collective.

#include "io/hdf5.hpp"
#include <rossby/core/dtype.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace rossby::io {

class TorchWriter {
public:
  /// `folder` is the name of the archive's one folder; torch gives it the file's name without its ending. Sizes from
  /// `zip64_from` on are told by ZIP64 records; less than the default is for tests.
  explicit TorchWriter(std::string const& folder, std::uint64_t zip64_from = 0xffffffffu);
  ~TorchWriter();
  TorchWriter(TorchWriter&&) noexcept;
  TorchWriter& operator=(TorchWriter&&) noexcept;

  // What to save, in order: one value, which may be a dict of others (a key, its value, a key, ...) or a list.
  void none();
  void boolean(bool);
  void integer(std::int64_t);
  void real(double);
  void text(std::string const&);
  void begin_dict();
  void begin_ordered_dict(); ///< Python's OrderedDict, which a state_dict is
  void end_dict();
  void begin_list();
  void end_list();
  void begin_tuple();
  void end_tuple();
  /// Returns its number. float64 or float32.
  int tensor(DType, Shape const&);

  /// The file's length. Like all that follows, once every value has been given.
  std::uint64_t bytes() const;
  /// Creates the file, with everything but numbers and checksums.
  void lay_out(std::string const& path) const;
  /// Boxes that don't overlap, with all their values ordered by position in the tensor.
  void fill(std::string const& path, int tensor, std::vector<double> const& values,
            std::vector<Hyperslab> const& boxes) const;
  /// Of the members whose number is `part` modulo `parts`; 0 for the others. When all are filled.
  std::vector<std::uint32_t> checksums(std::string const& path, int part = 0, int parts = 1) const;
  void seal(std::string const& path, std::vector<std::uint32_t> const& checksums) const;

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

} // namespace rossby::io
