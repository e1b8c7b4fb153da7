#pragma once
/// \file
/// Private to src/io: what a pickle builds. Values are nodes of one list and name each other by number, so that values
/// that share parts cost nothing, and that no depth of nesting can overflow the stack when they go.

#include "io/tensor_file.hpp"

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

namespace rossby::io {

/// The numbers of a tensor or of an older file's several tensors.
struct Storage {
  ElementType type = ElementType::float32;
  std::string key; ///< its name within the file
  std::uint64_t elements = 0;
  std::uint64_t offset = 0, bytes = 0; ///< in the file, once it has been found there
};

struct PickleNode {
  /// Values first; then what only the making of values needs.
  enum class Kind { none, boolean, integer, real, text, bytes, list, tuple, dict, tensor, other, global, storage };
  Kind kind = Kind::none;
  std::int64_t integer = 0; ///< also: number of a tensor, storage or global
  double real = 0;
  std::string text;
  std::vector<int> items; ///< of a dict: key, value, key, value, ...
};

struct PickleTree {
  std::vector<PickleNode> nodes;
  std::vector<StoredTensor> tensors;
  std::vector<Storage> storages;
  std::unordered_map<std::string, int> storage_of_key;

  /// The value of a text key of a dict, or -1.
  int find(int dict, std::string const& key) const;
};

} // namespace rossby::io
