#pragma once
/// \file
/// Private to src/io: between a chunk's elements and the numbers of a box.

#include "zarr_array.hpp"

namespace rossby::io {

/// Elements of a chunk as they lie in memory become numbers: `n` of them, `stride` elements apart, from element
/// `first`.
using TakeRun = void (*)(char const* chunk, index_t first, index_t stride, double* to, index_t n);

/// Brings the part of the box [start, start + count) that lies in the chunk at `place` of the grid of chunks to
/// `values`, the box's numbers, row-major. `chunk` null: the array's fill value.
void copy_from_chunk(ZarrArray const&, Shape const& place, char const* chunk, Shape const& start, Shape const& count,
                     double* values);
/// Turns the byte order of a chunk's elements to this machine's.
void to_native_order(ZarrArray const&, char* chunk);

} // namespace rossby::io
