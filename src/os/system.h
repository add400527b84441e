// What the machine is, what time it is, and what the user wants right now: the doors through which
// platform facts and chance enter.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/civil_time.h"
#include "base/result.h"

namespace hearth::os {

// Seconds of a clock that only moves forward.
[[nodiscard]] double monotonic_seconds();

// Seconds since 1970, by the system's clock.
[[nodiscard]] int64_t unix_seconds();

// What the clock on the wall shows here and now.
[[nodiscard]] CivilTime local_time();

// A seed that no one can guess, from the system.
[[nodiscard]] uint64_t random_seed();

// An environment variable; nullopt when it is unset or empty.
[[nodiscard]] std::optional<std::string> environment(const char* name);

// The linker's digest of the running program, in hexadecimal: another one for every change to it.
// Empty when it was linked without.
[[nodiscard]] std::string build_id();

// The folder that holds the running program; "." when the system does not say.
[[nodiscard]] std::string program_folder();

struct CpuInfo {
  std::string model = "unknown CPU";
  size_t usable_threads = 1;  // CPUs this process may run on
};
[[nodiscard]] CpuInfo cpu_info();

struct MemoryInfo {
  uint64_t total = 0;      // bytes of RAM
  uint64_t available = 0;  // bytes that new programs can have without swapping
};
[[nodiscard]] MemoryInfo memory_info();

struct ProcessMemory {
  uint64_t peak_resident = 0;  // bytes, files included (VmHWM)
  uint64_t anonymous = 0;      // bytes that belong to no file, now (RssAnon)
  uint64_t file = 0;           // bytes of mapped files, now (RssFile)
};
[[nodiscard]] ProcessMemory process_memory();

// From here on Ctrl-C (and a request to end, or a terminal that closes) sets a flag instead of
// ending the program; a second one ends it at once. What the parent told us to ignore stays
// ignored. Writing to a closed pipe or beyond a file size limit becomes an error value, and a model
// file that shrinks or whose disk fails under the running program ends it with a line instead of a
// bare signal.
void install_signal_handlers();
// Only the part about pipes.
void ignore_broken_pipes();
[[nodiscard]] bool interrupted();
void clear_interrupted();
// By Ctrl-C, rather than by a request to end.
[[nodiscard]] bool interrupted_by_user();
// 128 and the number of the signal that interrupted last: 130 for Ctrl-C.
[[nodiscard]] int interrupt_exit_code();

// Becomes another program. Returns only with an error.
[[nodiscard]] Error become(const std::string& program, char* const* arguments);

[[nodiscard]] bool is_terminal(int fd);
// Columns of the terminal on standard error; 80 when it is none.
[[nodiscard]] size_t terminal_width();

}  // namespace hearth::os
