# A module is a folder of src/: its .cc files become the library hearth_<name>, its *_test.cc files
# the test program test_<name>. What it may link is what src/layers.txt lets it include.
include(GoogleTest OPTIONAL)

file(STRINGS ${PROJECT_SOURCE_DIR}/src/layers.txt HEARTH_LAYERS REGEX "^[a-z]+:")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/layers.txt)

function(hearth_layers_of name out)
  foreach(line IN LISTS HEARTH_LAYERS)
    if(line MATCHES "^${name}:(.*)$")
      string(STRIP "${CMAKE_MATCH_1}" dependencies)
      string(REGEX REPLACE "[ ]+" ";" dependencies "${dependencies}")
      list(TRANSFORM dependencies PREPEND hearth_)
      set(${out} ${dependencies} PARENT_SCOPE)
      return()
    endif()
  endforeach()
  message(FATAL_ERROR "src/layers.txt has no line for module ${name}")
endfunction()

function(hearth_module name)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*.cc)
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "(_test|/main)\\.cc$")
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  hearth_layers_of(${name} dependencies)
  add_library(hearth_${name} STATIC ${sources})
  target_link_libraries(hearth_${name} PUBLIC hearth_options ${dependencies} tl::expected)
  if(HEARTH_TESTS AND tests)
    # Random weights (bench/) feed the tests of what computes with them.
    hearth_test(test_${name} SOURCES ${tests} LIBRARIES hearth_${name} hearth_random_model)
  endif()
endfunction()

# A GoogleTest program; each of its cases becomes a ctest case.
function(hearth_test name)
  cmake_parse_arguments(arg "" "" "SOURCES;LIBRARIES" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_include_directories(${name} SYSTEM PRIVATE ${RAPIDCHECK_INCLUDE})
  target_link_libraries(${name} PRIVATE ${arg_LIBRARIES} GTest::gtest_main GTest::gmock
                        ${RAPIDCHECK_LIBRARY})
  target_compile_definitions(${name} PRIVATE HEARTH_SOURCE_DIR="${PROJECT_SOURCE_DIR}"
                             HEARTH_PROGRAM="$<TARGET_FILE:hearth>")
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST PROPERTIES TIMEOUT 600
                       SKIP_REGULAR_EXPRESSION "\\[  SKIPPED \\]")
endfunction()
