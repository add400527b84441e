# Each file of src/tensor/kernels is compiled for the instruction set in its name; the rest of the
# program stays portable and asks the CPU at start.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  set(kernels ${CMAKE_CURRENT_SOURCE_DIR}/tensor/kernels)
  # Intrinsics are C: their macros cast the old way, and GCC takes their undefined start values for
  # mistakes.
  set(quiet -Wno-old-style-cast -Wno-sign-conversion)
  set(tune znver4)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    list(APPEND quiet -Wno-uninitialized -Wno-maybe-uninitialized)
    set(tune znver3)  # GCC 12 knows no later one
  endif()
  set(avx2 -O3 -march=x86-64-v3 -mtune=znver3 ${quiet})
  set(avxvnni ${avx2} -mavxvnni)
  set(avx512 -O3 -march=x86-64-v4 -mavx512vnni -mtune=${tune} -mprefer-vector-width=512 ${quiet})
  set(avx512bf16 ${avx512} -mavx512bf16)
  foreach(level avx2 avxvnni avx512 avx512bf16)
    file(GLOB sources CONFIGURE_DEPENDS ${kernels}/*_${level}.cc)
    target_sources(hearth_tensor PRIVATE ${sources})
    set_source_files_properties(${sources} PROPERTIES COMPILE_OPTIONS "${${level}}")
  endforeach()
endif()
