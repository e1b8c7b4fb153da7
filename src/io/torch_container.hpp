#pragma once
/// \file
/// Private to src/io: where files of torch.save keep their pickle and their numbers. Each function fills the tree,
/// finds every storage in the file, and returns the node of what was saved.

#include "pickle_tree.hpp"
#include "zip_reader.hpp"

#include <cstdint>
#include <vector>

namespace rossby::io {

/// Since torch 1.6: a ZIP archive. `members` gets the place and checksum of each storage, by its number.
int read_torch_archive(InputFile const&, PickleTree&, std::vector<ZipMember>& members);

/// Before: five pickles one after the other, then the storages.
bool is_old_torch(InputFile const&);
int read_old_torch(InputFile const&, PickleTree&);

/// The header of a safetensors file becomes a dict of tensors.
bool is_safetensors(InputFile const&);
int read_safetensors(InputFile const&, PickleTree&);

} // namespace rossby::io
