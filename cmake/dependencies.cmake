# Everything comes from Debian 12; see scripts/install-dependencies.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json)
# Its own CMake package wants the headers of Snappy, which we do not use.
find_library(LEVELDB_LIBRARY leveldb REQUIRED)
find_package(ICU REQUIRED COMPONENTS uc i18n)
find_package(benchmark REQUIRED)
find_package(spdlog REQUIRED)
find_package(CLI11 REQUIRED)
find_package(OpenSSL REQUIRED)
pkg_check_modules(sodium REQUIRED IMPORTED_TARGET libsodium)
find_library(STEMMER_LIBRARY stemmer REQUIRED)
set(CLOISTER_CAF_ROOT "" CACHE PATH "Where an instrumented CAF was installed")
find_library(CAF_CORE_LIBRARY caf_core REQUIRED HINTS ${CLOISTER_CAF_ROOT}/lib)
find_path(CAF_INCLUDE_DIR caf/actor_system.hpp REQUIRED
  HINTS ${CLOISTER_CAF_ROOT}/include)

# CAF's headers are old C++11 and would not pass our warnings.
add_library(cloister_caf INTERFACE)
target_include_directories(cloister_caf SYSTEM INTERFACE ${CAF_INCLUDE_DIR})
target_link_libraries(cloister_caf INTERFACE ${CAF_CORE_LIBRARY} Threads::Threads)
