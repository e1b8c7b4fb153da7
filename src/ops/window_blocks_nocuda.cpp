#include "window_blocks.hpp"

namespace rossby::ops {

template <class T> bool forward_on_blocks(Exec const&, WindowTask<T> const&) { return false; }
template <class T> bool backward_on_blocks(Exec const&, WindowTask<T> const&) { return false; }

template bool forward_on_blocks(Exec const&, WindowTask<float> const&);
template bool forward_on_blocks(Exec const&, WindowTask<bfloat16> const&);
template bool backward_on_blocks(Exec const&, WindowTask<float> const&);
template bool backward_on_blocks(Exec const&, WindowTask<bfloat16> const&);

} // namespace rossby::ops
