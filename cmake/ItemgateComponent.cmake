# itemgate_component(<folder> SOURCES … [TESTS …] [LIVE_TESTS …] [USES <folder> …] [LIBRARIES <target> …])
#
# The folder src/<folder> as one static library, and its unit tests, when tests are built, as one program; those that
# start real servers as another, labelled "live". USES names other folders of src/; tools/layers.txt must allow each.
# LIBRARIES are third-party and seen by this folder only.
include_guard()

file(STRINGS "${PROJECT_SOURCE_DIR}/tools/layers.txt" itemgate_layers REGEX "^[a-z]")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tools/layers.txt")

function(itemgate_check_layers folder)
  foreach(layer IN LISTS itemgate_layers)
    if(layer MATCHES "^${folder}:(.*)$")
      string(REPLACE " " ";" allowed "${CMAKE_MATCH_1}")
      foreach(used IN LISTS ARGN)
        if(NOT used IN_LIST allowed)
          message(FATAL_ERROR "src/${folder} may not use src/${used}: see tools/layers.txt")
        endif()
      endforeach()
      return()
    endif()
  endforeach()
  message(FATAL_ERROR "src/${folder} has no line in tools/layers.txt")
endfunction()

function(itemgate_target_name folder result)
  string(REPLACE "/" "_" name "itemgate_${folder}")
  set(${result} ${name} PARENT_SCOPE)
endfunction()

function(itemgate_test_program name target)
  add_executable(${name} ${ARGN})
  target_link_libraries(${name} PRIVATE ${target} itemgate_testing itemgate_warnings GTest::gmock GTest::gtest_main)
endfunction()

function(itemgate_component folder)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "" "" "SOURCES;TESTS;LIVE_TESTS;USES;LIBRARIES")
  itemgate_check_layers(${folder} ${ARG_USES})
  itemgate_target_name(${folder} target)

  add_library(${target} STATIC ${ARG_SOURCES})
  target_link_libraries(${target} PUBLIC itemgate_headers PRIVATE itemgate_warnings ${ARG_LIBRARIES})
  foreach(used IN LISTS ARG_USES)
    itemgate_target_name(${used} used_target)
    target_link_libraries(${target} PUBLIC ${used_target})
  endforeach()

  if(ARG_TESTS AND ITEMGATE_TESTS)
    itemgate_test_program(${target}_test ${target} ${ARG_TESTS})
    add_test(NAME unit.${folder} COMMAND ${target}_test --gtest_brief=1)
    set_tests_properties(unit.${folder} PROPERTIES LABELS unit TIMEOUT 300)
  endif()
  if(ARG_LIVE_TESTS AND ITEMGATE_TESTS)
    itemgate_test_program(${target}_live_test ${target} ${ARG_LIVE_TESTS})
    add_test(NAME live.${folder} COMMAND ${target}_live_test --gtest_brief=1)
    set_tests_properties(live.${folder} PROPERTIES LABELS live TIMEOUT 300)
  endif()
endfunction()
