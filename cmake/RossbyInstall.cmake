# Installs the library, the program, the headers, a package that find_package(Rossby) finds, and what people start
# from: decks, tools, job scripts, examples and documentation (share/rossby).
include(CMakePackageConfigHelpers)
set(ROSSBY_CMAKE_DIR "${CMAKE_INSTALL_LIBDIR}/cmake/Rossby")
set(ROSSBY_DATA_DIR "${CMAKE_INSTALL_DATADIR}/rossby")
install(TARGETS rossby_library rossby_program EXPORT RossbyTargets
        RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}" LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}"
        ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
if(NOT ROSSBY_ENABLE_MPI)
  set(not_without_mpi PATTERN mpi.hpp EXCLUDE)
endif()
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" ${not_without_mpi})
if(ROSSBY_ENABLE_FORTRAN)
  install(TARGETS rossby_fortran EXPORT RossbyTargets LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}"
          ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
  install(FILES "${PROJECT_BINARY_DIR}/src/fortran/rossby.mod" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/rossby_fortran")
endif()
install(EXPORT RossbyTargets NAMESPACE Rossby:: DESTINATION "${ROSSBY_CMAKE_DIR}")
configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/RossbyConfig.cmake.in"
                              "${PROJECT_BINARY_DIR}/RossbyConfig.cmake" INSTALL_DESTINATION "${ROSSBY_CMAKE_DIR}"
                              PATH_VARS ROSSBY_DATA_DIR)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/RossbyConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/RossbyConfig.cmake" "${PROJECT_BINARY_DIR}/RossbyConfigVersion.cmake"
              "${CMAKE_CURRENT_LIST_DIR}/KokkosCompat.cmake" "${CMAKE_CURRENT_LIST_DIR}/RossbyDependencies.cmake"
              "${CMAKE_CURRENT_LIST_DIR}/FindNCCL.cmake"
        DESTINATION "${ROSSBY_CMAKE_DIR}")
foreach(folder IN ITEMS inputs docs examples)
  install(DIRECTORY "${PROJECT_SOURCE_DIR}/${folder}" DESTINATION "${ROSSBY_DATA_DIR}")
endforeach()
install(DIRECTORY "${PROJECT_SOURCE_DIR}/tools" DESTINATION "${ROSSBY_DATA_DIR}" USE_SOURCE_PERMISSIONS
        PATTERN "__pycache__" EXCLUDE)
install(DIRECTORY "${PROJECT_SOURCE_DIR}/scripts/hpc" DESTINATION "${ROSSBY_DATA_DIR}/scripts" USE_SOURCE_PERMISSIONS)
install(FILES "${PROJECT_SOURCE_DIR}/scripts/env.sh" DESTINATION "${ROSSBY_DATA_DIR}/scripts")
install(FILES "${PROJECT_SOURCE_DIR}/README.md" "${PROJECT_SOURCE_DIR}/CHANGELOG.md" "${PROJECT_SOURCE_DIR}/LICENSE"
        DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/rossby")
