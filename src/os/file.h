// Files on disk and standard streams, with the errors of the system as values.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace hearth::os {

// The Error for an errno value: "cannot open 'x': no such file or directory".
[[nodiscard]] tl::unexpected<Error> system_error(int error_number, std::string_view what);

// A whole file as text; too_large above `max_bytes`. "-" reads standard input.
[[nodiscard]] Result<std::string> read_text(const std::string& path, uint64_t max_bytes);

// Everything that a file descriptor still holds; too_large above `max_bytes`.
[[nodiscard]] Result<std::string> read_all(int fd, uint64_t max_bytes, std::string_view name);

// Writes all of `text`; a closed pipe or a full disk is an error, not a signal.
[[nodiscard]] Result<void> write_all(int fd, Bytes bytes, std::string_view name);

[[nodiscard]] bool file_exists(const std::string& path);

// Whether two paths lead to one existing file.
[[nodiscard]] bool same_file(const std::string& a, const std::string& b);

// A file that appears under its name only when it is whole: bytes go to a temporary neighbour,
// commit() syncs and renames it. Without commit() nothing is left behind.
class FileWriter {
 public:
  [[nodiscard]] static Result<FileWriter> create(const std::string& path);
  FileWriter(FileWriter&& other) noexcept;
  FileWriter& operator=(FileWriter&&) = delete;
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;
  ~FileWriter();

  [[nodiscard]] Result<void> write(Bytes bytes);
  [[nodiscard]] Result<void> commit();

 private:
  enum class Named { from_start, at_commit };

  FileWriter(std::string path, std::string temporary, int fd, Named named)
      : path_(std::move(path)), temporary_(std::move(temporary)), fd_(fd), named_(named) {}
  std::string path_;
  std::string temporary_;
  int fd_ = -1;
  Named named_ = Named::from_start;
};

// Points standard streams that were closed by the parent at /dev/null for reading, so that no file
// of ours gets their numbers; a closed standard output stays an error for whoever writes to it.
void protect_standard_streams();

}  // namespace hearth::os
