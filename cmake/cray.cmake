# A toolchain for Cray's programming environment: its wrappers add MPI, HDF5 and netCDF of the loaded modules, for the
# loaded CPU and accelerator.
#   cmake -S . -B build/cray -DCMAKE_TOOLCHAIN_FILE=cmake/cray.cmake
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_C_COMPILER cc)
set(CMAKE_CXX_COMPILER CC)
# CrayPE links dynamically unless it is told otherwise; then no shared library can be found or made.
if("$ENV{CRAYPE_LINK_TYPE}" STREQUAL "static")
  set(CMAKE_FIND_LIBRARY_SUFFIXES .a)
  set(BUILD_SHARED_LIBS OFF CACHE BOOL "Build a shared library")
  set(CMAKE_EXE_LINKER_FLAGS_INIT -static)
endif()
