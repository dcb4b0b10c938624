# libcloister: all layers in one shared library, with what programs need to find
# it by `find_package(cloister)` or pkg-config.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

add_library(cloister_library SHARED ${CMAKE_SOURCE_DIR}/cmake/library.cpp)
add_library(cloister::cloister ALIAS cloister_library)
set_target_properties(cloister_library PROPERTIES
  OUTPUT_NAME cloister EXPORT_NAME cloister
  VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
  LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib)
target_link_libraries(cloister_library PRIVATE
  "$<LINK_LIBRARY:WHOLE_ARCHIVE,cloister_runtime>" cloister_caf)
target_include_directories(cloister_library INTERFACE
  $<BUILD_INTERFACE:${CLOISTER_PUBLIC_DIR}>
  $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_compile_features(cloister_library INTERFACE cxx_std_20)
# Boost's headers are in ours; CAF's are in <cloister/caf.hpp> alone.
target_link_libraries(cloister_library INTERFACE Boost::boost)

install(TARGETS cloister_library EXPORT cloister
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS cloister RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY ${CLOISTER_PUBLIC_DIR}/cloister
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT cloister NAMESPACE cloister::
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/cloister)

configure_package_config_file(${CMAKE_SOURCE_DIR}/cmake/cloister-config.cmake.in
  ${CMAKE_BINARY_DIR}/cloister-config.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/cloister)
write_basic_package_version_file(
  ${CMAKE_BINARY_DIR}/cloister-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/cloister-config.cmake
  ${CMAKE_BINARY_DIR}/cloister-config-version.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/cloister)
foreach(package IN ITEMS cloister cloister-caf)
  configure_file(${CMAKE_SOURCE_DIR}/cmake/${package}.pc.in
    ${CMAKE_BINARY_DIR}/${package}.pc @ONLY)
endforeach()
install(FILES ${CMAKE_BINARY_DIR}/cloister.pc ${CMAKE_BINARY_DIR}/cloister-caf.pc
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
