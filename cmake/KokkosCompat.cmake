# Finds Kokkos and Kokkos Kernels, from Debian's 3.4.1 (inside Trilinos) to 5.x, and gives both the same two
# targets: Kokkos::kokkos and Kokkos::kokkoskernels. Refuses what would compile and be ten times too slow.
if(NOT DEFINED CMAKE_CXX_EXTENSIONS)
  set(CMAKE_CXX_EXTENSIONS OFF) # Kokkos forces the cache entry when nobody has chosen
endif()
rossby_find(Kokkos 3.4 CONFIG)
if(TARGET trilinos_kokkoscore)
  # Debian's export names an include directory that does not exist, and a stray -D as a link item.
  set_target_properties(
    Kokkos::kokkos
    PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${Kokkos_INCLUDE_DIRS}"
               INTERFACE_LINK_LIBRARIES "trilinos_kokkosalgorithms;trilinos_kokkoscontainers;trilinos_kokkoscore")
endif()
rossby_find(KokkosKernels CONFIG) # Debian's has no version file: ask for none
if(TARGET trilinos_kokkoskernels AND NOT TARGET Kokkos::kokkoskernels)
  add_library(Kokkos::kokkoskernels INTERFACE IMPORTED GLOBAL)
  set_target_properties(Kokkos::kokkoskernels PROPERTIES INTERFACE_LINK_LIBRARIES
                                                         "trilinos_kokkoskernels;Kokkos::kokkos")
endif()

# Matrix products go through Kokkos Kernels. Where it was built without the vendor's BLAS it compiles loops of its own
# in its place, and says nothing.
if(NOT ROSSBY_INSTALLED)
  find_file(KOKKOSKERNELS_CONFIG_HEADER KokkosKernels_config.h
            HINTS "${KokkosKernels_DIR}/../../../include" ${KokkosKernels_INCLUDE_DIRS} PATH_SUFFIXES trilinos)
  mark_as_advanced(KOKKOSKERNELS_CONFIG_HEADER)
  set(rossby_blas "")
  if(KOKKOSKERNELS_CONFIG_HEADER)
    file(STRINGS "${KOKKOSKERNELS_CONFIG_HEADER}" rossby_blas REGEX "^ *#define KOKKOSKERNELS_ENABLE_TPL_[A-Z]*BLAS")
  endif()
  if(Kokkos_ENABLE_CUDA AND NOT rossby_blas MATCHES "TPL_CUBLAS")
    message(FATAL_ERROR "This Kokkos computes with CUDA, and this Kokkos Kernels (${KokkosKernels_DIR}) was built "
                        "without cuBLAS: matrix products would be ten times slower. Build Kokkos Kernels with "
                        "-DKokkosKernels_ENABLE_TPL_CUBLAS=ON (scripts/setup_kokkos.sh cuda does; Spack: "
                        "kokkos-kernels+cublas).")
  elseif(Kokkos_ENABLE_HIP AND NOT rossby_blas MATCHES "TPL_ROCBLAS")
    message(FATAL_ERROR "This Kokkos computes with HIP, and this Kokkos Kernels (${KokkosKernels_DIR}) was built "
                        "without rocBLAS: matrix products would be ten times slower. Build Kokkos Kernels with "
                        "-DKokkosKernels_ENABLE_TPL_ROCBLAS=ON (scripts/setup_kokkos.sh hip does; Spack: "
                        "kokkos-kernels+rocblas).")
  elseif(Kokkos_ENABLE_SYCL)
    message(WARNING "Kokkos Kernels has no vendor's matrix product for SYCL: its own is compiled, which is slower.")
  elseif(NOT rossby_blas)
    message(WARNING "This Kokkos Kernels (${KokkosKernels_DIR}) was built without a BLAS: matrix products will be "
                    "some twenty times slower. Build it with -DKokkosKernels_ENABLE_TPL_BLAS=ON.")
  endif()
endif()
