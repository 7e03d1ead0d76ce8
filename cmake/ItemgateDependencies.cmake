# Third-party libraries, all from Debian 12; docs/dependencies.md says what each is for. Found here, linked by one
# component each.
include_guard()

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(OpenSSL 3.0 REQUIRED COMPONENTS Crypto SSL)
find_package(Boost 1.81 REQUIRED)  # headers: Asio, Beast, Unordered
find_package(ZLIB REQUIRED)
find_package(fmt 9 REQUIRED)
find_package(CLI11 2.1 REQUIRED)
find_package(double-conversion REQUIRED)
find_package(spdlog 1.10 REQUIRED)
find_package(tomlplusplus 3.3 REQUIRED)
find_package(simdjson 3.0 REQUIRED)
find_package(prometheus-cpp REQUIRED)
pkg_check_modules(libsystemd REQUIRED IMPORTED_TARGET libsystemd)
# Not called "zstd": RocksDB looks for its own dependency under that name, and would take these variables for its result.
pkg_check_modules(libzstd REQUIRED IMPORTED_TARGET libzstd)
add_library(PkgConfig::zstd ALIAS PkgConfig::libzstd)
pkg_check_modules(xxhash REQUIRED IMPORTED_TARGET libxxhash)
find_package(RocksDB 7.8 REQUIRED)
if(ITEMGATE_TESTS)
  find_package(GTest 1.12 REQUIRED)
endif()

find_program(ITEMGATE_CCACHE ccache)
if(ITEMGATE_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${ITEMGATE_CCACHE})
endif()
find_program(ITEMGATE_MOLD mold)
if(ITEMGATE_MOLD)
  add_link_options(-fuse-ld=mold)
endif()
