#pragma once
/// \file
/// Private to src/io: the machine that a pickle is a program for, cut down to the instructions that build plain values.
/// What a global name stands for, and what "calling" it makes, is decided by a whitelist (torch_globals.hpp).

#include "byte_stream.hpp"
#include "pickle_tree.hpp"

#include <string>
#include <unordered_map>
#include <vector>

namespace rossby::io {

/// Runs one pickle from the stream's position to its STOP and returns the node of what it built. \throws Error for
/// instructions and globals that are not known, by name, and for programs that break the rules or the limits (values,
/// nesting, values within themselves).
int unpickle(ByteStream&, PickleTree&);

/// Makes nodes, within a limit on their number.
class NodeMaker {
public:
  NodeMaker(InputFile const& file, PickleTree& tree) : file_(&file), tree_(&tree) {}
  InputFile const& file() const { return *file_; }
  PickleTree& tree() const { return *tree_; }
  PickleNode& operator[](int node) const { return tree_->nodes[static_cast<std::size_t>(node)]; }

  int make(PickleNode node) const;
  int integer(std::int64_t value) const;
  int real(double value) const;
  int text(PickleNode::Kind kind, std::string value) const;
  int list(PickleNode::Kind kind, std::vector<int> items) const;

private:
  InputFile const* file_;
  PickleTree* tree_;
};

} // namespace rossby::io
