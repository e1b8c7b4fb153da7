# Packages: `cpack -G DEB` (or RPM, TGZ) in a build folder, best of the preset "package"; the source archive is the
# target package_source. Neither needs git.
set(CPACK_PACKAGE_NAME rossby)
set(CPACK_PACKAGE_VENDOR "The Rossby developers")
set(CPACK_PACKAGE_CONTACT "The Rossby developers <rossby@invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_PACKAGE_VERSION "${PROJECT_VERSION}")
set(CPACK_RESOURCE_FILE_LICENSE "${PROJECT_SOURCE_DIR}/LICENSE")
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON) # asks dpkg which packages own the libraries that were linked
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "python3-numpy, python3-netcdf4, python3-matplotlib, python3-yaml")
set(CPACK_DEBIAN_PACKAGE_DEPENDS libopenblas0) # with the reference BLAS products are twenty times slower
if(ROSSBY_ENABLE_MPI)
  string(APPEND CPACK_DEBIAN_PACKAGE_DEPENDS ", openmpi-bin")
endif()
set(CPACK_SOURCE_GENERATOR TGZ)
set(CPACK_SOURCE_PACKAGE_FILE_NAME "rossby-${PROJECT_VERSION}")
set(CPACK_SOURCE_IGNORE_FILES "${PROJECT_SOURCE_DIR}/(build|runs|data)/" "/\\\\.git/" "/\\\\.git$" "/__pycache__/" "\\\\.pyc$")
include(CPack)
