// A file that somebody else opened, read and written by position: for whoever may not open files.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace hearth::os {

// Bytes of a regular file; an error for anything else, which has no positions to rely on.
[[nodiscard]] Result<uint64_t> file_bytes(int fd, std::string_view name);

// Fills `out` from position `at`; bad_file when the file ends before.
[[nodiscard]] Result<void> read_at(int fd, uint64_t at, std::span<std::byte> out,
                                   std::string_view name);

// A full disk or a limit on file sizes is an error (the latter where SIGXFSZ is ignored).
[[nodiscard]] Result<void> write_at(int fd, uint64_t at, Bytes bytes, std::string_view name);

// Cuts the file, or makes it longer without using space.
[[nodiscard]] Result<void> set_file_bytes(int fd, uint64_t bytes, std::string_view name);

// Takes the file for one who opened it, without waiting; false when another opening has it. Copies
// of a descriptor, in other processes too, are the same opening: whoever hands one to a process
// gives it one of its own. Ends with unlock_file(), or when the last copy is closed.
[[nodiscard]] Result<bool> try_lock_file(int fd, std::string_view name);
void unlock_file(int fd);

}  // namespace hearth::os
