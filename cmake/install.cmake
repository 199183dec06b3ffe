# cmake --install build/release [--prefix DIR] installs the library, its headers, its packages for find_package(sluice) and
# pkg-config, and the program if it was built.
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/sluice)
install(TARGETS sluice EXPORT sluiceTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development)
if(TARGET sluice_shared)
  install(TARGETS sluice_shared EXPORT sluiceTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT library
          NAMELINK_COMPONENT development)
endif()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/sluice DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development)
install(FILES ${PROJECT_SOURCE_DIR}/include/sluice.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development)
install(EXPORT sluiceTargets NAMESPACE sluice:: DESTINATION ${package_dir} COMPONENT development)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/sluiceConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_SOURCE_DIR}/cmake/sluiceConfig.cmake ${PROJECT_BINARY_DIR}/sluiceConfigVersion.cmake
        DESTINATION ${package_dir} COMPONENT development)

# The files say where they are by where they lie, so that any prefix will do.
function(install_pkg_config file pc_name pc_for pc_cflags pc_libs)
  file(RELATIVE_PATH pc_up /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
  string(REGEX REPLACE "/$" "" pc_up "${pc_up}")
  configure_file(${PROJECT_SOURCE_DIR}/cmake/sluice.pc.in ${PROJECT_BINARY_DIR}/${file} @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/${file} DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)
endfunction()
if(TARGET sluice_shared)
  install_pkg_config(sluice.pc sluice "for C (sluice.h)" "" "-lsluice")
endif()
install_pkg_config(sluice++.pc sluice++ "for C++20 (sluice/sluice.h)" " -pthread" "-l:libsluice.a -pthread")

if(TARGET sluice_program)
  install(TARGETS sluice_program RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT server OPTIONAL)
endif()
if(TARGET sluice_manual)
  install(DIRECTORY ${PROJECT_BINARY_DIR}/man1 DESTINATION ${CMAKE_INSTALL_MANDIR} COMPONENT server)
  install(CODE "execute_process(COMMAND \"$<TARGET_FILE:sluice_program>\" completion bash
                                OUTPUT_FILE \"${PROJECT_BINARY_DIR}/sluice.bash\" COMMAND_ERROR_IS_FATAL ANY)" COMPONENT server)
  install(FILES ${PROJECT_BINARY_DIR}/sluice.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME sluice
          COMPONENT server)
endif()
