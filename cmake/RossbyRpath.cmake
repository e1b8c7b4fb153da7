# How installed programs find their libraries. Rossby's own by a path relative to the program, so that an installed
# tree can be moved; those of its dependencies by the folders that they were linked from, unless the system's loader
# looks there anyway. Distributors who want none of this set CMAKE_SKIP_INSTALL_RPATH=ON.
if(NOT DEFINED CMAKE_INSTALL_RPATH)
  file(RELATIVE_PATH rossby_bin_to_lib "${CMAKE_INSTALL_FULL_BINDIR}" "${CMAKE_INSTALL_FULL_LIBDIR}")
  if(APPLE)
    set(CMAKE_INSTALL_RPATH "@loader_path/${rossby_bin_to_lib}")
  else()
    set(CMAKE_INSTALL_RPATH "$ORIGIN/${rossby_bin_to_lib}")
  endif()
endif()
if(NOT DEFINED CMAKE_INSTALL_RPATH_USE_LINK_PATH)
  set(CMAKE_INSTALL_RPATH_USE_LINK_PATH ON)
endif()
