#pragma once
/// \file
/// Private to src/io: the whitelist. A pickle may name these functions and classes of Python's and no others, and what
/// happens when it "calls" one is written here; nothing of Python's is ever called.

#include "unpickler.hpp"

namespace rossby::io {

/// The node of a global. \throws Error that names one that is not in the list.
int find_global(NodeMaker const&, std::string const& module, std::string const& name);
/// What a global makes of a tuple of arguments.
int call_global(NodeMaker const&, int global, int arguments);
/// BUILD: gives an object its state.
void set_state(NodeMaker const&, int object, int state);
/// The storage that a persistent id stands for.
int find_storage(NodeMaker const&, int id);

} // namespace rossby::io
