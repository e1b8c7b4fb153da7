# Installs the library, the program, the headers and a package that find_package(Rossby) finds.
include(CMakePackageConfigHelpers)
set(ROSSBY_CMAKE_DIR "${CMAKE_INSTALL_LIBDIR}/cmake/Rossby")
install(TARGETS rossby_library rossby_program EXPORT RossbyTargets
        RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}" LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}"
        ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/rossby" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(EXPORT RossbyTargets NAMESPACE Rossby:: DESTINATION "${ROSSBY_CMAKE_DIR}")
configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/RossbyConfig.cmake.in"
                              "${PROJECT_BINARY_DIR}/RossbyConfig.cmake" INSTALL_DESTINATION "${ROSSBY_CMAKE_DIR}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/RossbyConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/RossbyConfig.cmake" "${PROJECT_BINARY_DIR}/RossbyConfigVersion.cmake"
              "${CMAKE_CURRENT_LIST_DIR}/KokkosCompat.cmake" "${CMAKE_CURRENT_LIST_DIR}/RossbyDependencies.cmake"
              "${CMAKE_CURRENT_LIST_DIR}/FindNCCL.cmake"
        DESTINATION "${ROSSBY_CMAKE_DIR}")
