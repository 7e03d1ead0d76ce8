# What is installed, for other projects: find_package(itemgate COMPONENTS redlock), then link itemgate::redlock.
include_guard()
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(itemgate_package_folder "${CMAKE_INSTALL_LIBDIR}/cmake/itemgate")

install(TARGETS itemgate_headers itemgate_warnings itemgate_base itemgate_obs itemgate_net itemgate_redis
    itemgate_lock_redlock
  EXPORT itemgate-redlock ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT redlock)
install(EXPORT itemgate-redlock NAMESPACE itemgate:: DESTINATION "${itemgate_package_folder}" COMPONENT redlock)
install(FILES include/itemgate/error.h include/itemgate/redlock.h
  DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/itemgate" COMPONENT redlock)

write_basic_package_version_file("${PROJECT_BINARY_DIR}/itemgate-config-version.cmake" COMPATIBILITY SameMinorVersion)
install(FILES cmake/itemgate-config.cmake "${PROJECT_BINARY_DIR}/itemgate-config-version.cmake"
  DESTINATION "${itemgate_package_folder}" COMPONENT redlock)
