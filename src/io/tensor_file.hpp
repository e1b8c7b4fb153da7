#pragma once
/// \file
/// Files of tensors that other programs write: PyTorch's (`torch.save`, both containers) and safetensors. Read without
/// Python: a pickle is a program, and this reader knows only the few instructions that build plain values and tensors;
/// whatever else a file asks for ends the reading with its name, and is never run.
///
/// Every number that a file states is checked before memory is taken for it: sizes against the file's own, nesting,
/// counts of values. Each failure is an Error whose `where` is the file.

#include "io/hdf5.hpp"
#include <rossby/core/array.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace rossby::io {

/// As files store elements.
enum class ElementType { float64, float32, float16, bfloat16, int64, int32, int16, int8, uint8, boolean };
std::size_t size_of(ElementType);
std::string name_of(ElementType);
bool is_floating(ElementType);

/// A view of a storage; sizes, strides and offset count elements.
struct StoredTensor {
  ElementType type = ElementType::float32;
  Shape shape, strides;
  index_t offset = 0;
  int storage = -1; ///< number within its file
};

struct PickleTree;

/// A plain value of Python's, as a file holds it; a handle that must not outlive its file. Lists, tuples and dicts keep
/// the order of the file; OrderedDict is a dict.
class PickledValue {
public:
  enum class Kind {
    none,
    boolean,
    integer,
    real,
    text,
    bytes,
    list,
    tuple,
    dict,
    tensor,
    other ///< known, but of no use here: a device, an integer of more than 64 bits
  };

  PickledValue(PickleTree const& tree, int node) : tree_(&tree), node_(node) {}
  Kind kind() const;
  bool is(Kind k) const { return kind() == k; }
  /// An integer or a boolean; nothing for other kinds.
  std::optional<std::int64_t> integer() const;
  /// A real, an integer or a boolean; nothing for other kinds.
  std::optional<double> number() const;
  /// Null for what is not text.
  std::string const* text() const;
  /// Null for what is not a tensor.
  StoredTensor const* tensor() const;

  /// Of a list or tuple; empty for other kinds.
  std::vector<PickledValue> items() const;
  /// Of a dict; empty for other kinds.
  std::vector<std::pair<PickledValue, PickledValue>> entries() const;
  /// The value of a key of a dict; nothing where there is none, or where this is not a dict.
  std::optional<PickledValue> find(std::string const& key) const;

private:
  PickleTree const* tree_;
  int node_;
};

/// A file open for reading, until destroyed. All functions may be called by several threads.
class TensorFile {
public:
  /// Tells the format by the first bytes, never by the name. \throws Error when the file is missing, damaged, of none
  /// of the formats, or asks for more than plain values and tensors.
  explicit TensorFile(std::string path);
  ~TensorFile();
  TensorFile(TensorFile&&) noexcept;
  TensorFile& operator=(TensorFile&&) noexcept;

  /// True for what begins like one of the formats; false for what can't be read.
  static bool is_one(std::string const& path) noexcept;

  std::string const& path() const;
  /// "torch", "torch (before 1.6)" or "safetensors".
  std::string const& format() const;
  /// What was saved; of a safetensors file a dict of tensors by name.
  PickledValue root() const;

  /// Row-major values. They are exact but for integers beyond 2^53.
  std::vector<double> read(StoredTensor const&) const;
  /// Of boxes that don't overlap: all their values, ordered by position in the tensor. Reads little more of the file
  /// than the boxes take.
  std::vector<double> read_boxes(StoredTensor const&, std::vector<Hyperslab> const& boxes) const;

  /// Compares the bytes of storages with their checksums, where the format has them. Several readers may divide the
  /// work: this one takes those whose number is `part` modulo `parts`. \throws Error naming what is damaged.
  void verify(int part = 0, int parts = 1) const;

  struct Impl;

private:
  std::unique_ptr<Impl> impl_;
};

} // namespace rossby::io
