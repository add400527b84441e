# Compiler settings that every target shares.
add_library(hearth_options INTERFACE)
target_include_directories(hearth_options INTERFACE ${PROJECT_SOURCE_DIR}/src)
target_compile_options(hearth_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast
  -Wnon-virtual-dtor -Woverloaded-virtual -Werror
  # The order and rounding of float operations is part of the answer: never let a compiler fuse or
  # reorder them on its own. Kernels ask for FMA by name.
  -ffp-contract=off)

# What was computed by one build is never taken for the work of another (src/os/system.h).
target_link_options(hearth_options INTERFACE LINKER:--build-id=sha1)

if(HEARTH_SANITIZE)
  target_compile_options(hearth_options INTERFACE
    -fsanitize=${HEARTH_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(hearth_options INTERFACE -fsanitize=${HEARTH_SANITIZE})
endif()
if(HEARTH_FUZZ)
  target_compile_options(hearth_options INTERFACE -fsanitize=fuzzer-no-link)
endif()

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()
