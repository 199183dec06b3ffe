# sluice_module(NAME door_http SOURCES a.cc DEPENDS sluice_wire TESTS a_test.cc TEST_DEPENDS x)
# One folder of src/ is one static library `sluice_<NAME>` and one test program `<NAME>_test`. A floor links only
# those below it, so an upward include does not link.
function(sluice_module)
  cmake_parse_arguments(M "" "NAME" "SOURCES;DEPENDS;TESTS;TEST_DEPENDS" ${ARGN})
  add_library(sluice_${M_NAME} STATIC ${M_SOURCES})
  target_include_directories(sluice_${M_NAME} PUBLIC ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include)
  target_link_libraries(sluice_${M_NAME} PUBLIC ${M_DEPENDS})
  if(M_TESTS)
    sluice_test(${M_NAME}_test SOURCES ${M_TESTS} DEPENDS sluice_${M_NAME} ${M_TEST_DEPENDS})
  endif()
endfunction()

# GoogleTest's header is a third of what most tests take to compile, so it is compiled once. ccache needs to be told
# (./dev does) that this changes nothing.
function(sluice_precompiled_gtest name)
  # Strings in the system's own headers, which a precompiled header no longer tells from ours: false positives of g++ 12.
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(${name} PRIVATE -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread)
  endif()
  if(SLUICE_SANITIZE)
    return()  # Some tests undefine a sanitizer's macro, for Asio: no header compiled with it fits them.
  endif()
  if(NOT TARGET sluice_gtest)
    file(GENERATE OUTPUT ${PROJECT_BINARY_DIR}/gtest.cc CONTENT "int main() {}\n")
    add_executable(sluice_gtest ${PROJECT_BINARY_DIR}/gtest.cc)
    set_target_properties(sluice_gtest PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
    target_compile_options(sluice_gtest PRIVATE $<$<CONFIG:Release>:-O1>)
    target_link_libraries(sluice_gtest PRIVATE GTest::gtest)
    target_precompile_headers(sluice_gtest PRIVATE <gtest/gtest.h>)
  endif()
  target_precompile_headers(${name} REUSE_FROM sluice_gtest)
endfunction()

# A GoogleTest program that ctest runs, labelled `unit`: fast, needs no network beyond loopback and no other program.
function(sluice_test name)
  if(NOT SLUICE_TESTS)
    return()
  endif()
  cmake_parse_arguments(T "" "" "SOURCES;DEPENDS" ${ARGN})
  find_package(GTest REQUIRED)
  add_executable(${name} ${T_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_compile_options(${name} PRIVATE $<$<CONFIG:Release>:-O1>)  # A fifth less to compile; what is tested stays -O3.
  target_link_libraries(${name} PRIVATE ${T_DEPENDS} GTest::gtest GTest::gtest_main)
  sluice_precompiled_gtest(${name})
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS unit TIMEOUT 600)
endfunction()
