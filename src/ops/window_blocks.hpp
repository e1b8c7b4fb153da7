#pragma once
/// \file
/// Private to src/ops. Window attention by kernels over blocks, where this machine has them.

#include "window_block.hpp"

namespace rossby::ops {

/// Element types for which there are such kernels.
template <class T> inline constexpr bool has_blocks = std::is_same<T, float>::value || std::is_same<T, bfloat16>::value;

/// False where there is none for this shape; nothing has been done then.
template <class T> bool forward_on_blocks(Exec const&, WindowTask<T> const&);
template <class T> bool backward_on_blocks(Exec const&, WindowTask<T> const&);

} // namespace rossby::ops
