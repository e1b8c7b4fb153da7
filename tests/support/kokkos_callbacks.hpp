#pragma once
/// \file
/// What Kokkos tells tools, told to a test.

#include <rossby/core/kokkos_compat.hpp>

namespace rossby::test {

/// While it lives these functions hear of every kernel, copy, allocation and region of this process. (They are plain
/// functions and Kokkos knows one of each kind, so only one of these may live at a time.)
class KokkosCallbacks {
public:
  struct Functions {
    Kokkos::Tools::beginFunction kernel = nullptr;
    Kokkos::Tools::beginDeepCopyFunction copy = nullptr;
    Kokkos::Tools::allocateDataFunction allocation = nullptr;
    Kokkos::Tools::pushFunction region = nullptr;
  };

  explicit KokkosCallbacks(Functions const& f) { set(f); }
  ~KokkosCallbacks() { set({}); }
  KokkosCallbacks(KokkosCallbacks const&) = delete;
  KokkosCallbacks& operator=(KokkosCallbacks const&) = delete;

private:
  static void set(Functions const& f)
  {
    namespace tools = Kokkos::Tools::Experimental;
    tools::set_begin_parallel_for_callback(f.kernel);
    tools::set_begin_parallel_reduce_callback(f.kernel);
    tools::set_begin_parallel_scan_callback(f.kernel);
    tools::set_begin_deep_copy_callback(f.copy);
    tools::set_allocate_data_callback(f.allocation);
    tools::set_push_region_callback(f.region);
  }
};

} // namespace rossby::test
