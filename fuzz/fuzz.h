// What the fuzz targets share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hearth::fuzz {

// A broken promise is a finding: ends the program, so that libFuzzer keeps the input.
inline void require(bool holds, const char* promise) {
  if (holds) return;
  std::fprintf(stderr, "broken promise: %s\n", promise);
  std::abort();
}

// Errors are one line of text for a person.
inline void require_message(const Error& error) {
  require(!error.message.empty(), "an error has a message");
  require(error.message.size() < 2000, "an error is short enough to read");
  for (const char c : error.message) {
    require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7F, "an error is one line of text");
  }
}

}  // namespace hearth::fuzz
