# Finds Kokkos and Kokkos Kernels, from Debian's 3.4.1 (inside Trilinos) to 5.x, and gives both the same two
# targets: Kokkos::kokkos and Kokkos::kokkoskernels.
if(NOT DEFINED CMAKE_CXX_EXTENSIONS)
  set(CMAKE_CXX_EXTENSIONS OFF) # Kokkos forces the cache entry when nobody has chosen
endif()
find_package(Kokkos 3.4 REQUIRED CONFIG)
if(TARGET trilinos_kokkoscore)
  # Debian's export names an include directory that does not exist, and a stray -D as a link item.
  set_target_properties(
    Kokkos::kokkos
    PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${Kokkos_INCLUDE_DIRS}"
               INTERFACE_LINK_LIBRARIES "trilinos_kokkosalgorithms;trilinos_kokkoscontainers;trilinos_kokkoscore")
endif()
find_package(KokkosKernels REQUIRED CONFIG) # Debian's has no version file: ask for none
if(TARGET trilinos_kokkoskernels AND NOT TARGET Kokkos::kokkoskernels)
  add_library(Kokkos::kokkoskernels INTERFACE IMPORTED GLOBAL)
  set_target_properties(Kokkos::kokkoskernels PROPERTIES INTERFACE_LINK_LIBRARIES
                                                         "trilinos_kokkoskernels;Kokkos::kokkos")
endif()
