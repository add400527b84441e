#include "os/system.h"

#include <elf.h>
#include <link.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "base/bytes.h"
#include "os/file.h"

namespace hearth::os {
namespace {

volatile std::sig_atomic_t interrupt_count = 0;
volatile std::sig_atomic_t interrupt_signal = SIGINT;
termios terminal_at_start{};  // a line editor may have changed it when the second Ctrl-C comes
bool terminal_saved = false;

void on_interrupt(int signal) {
  interrupt_count = interrupt_count + 1;
  interrupt_signal = signal;
  if (interrupt_count < 2) return;
  if (terminal_saved) ::tcsetattr(STDIN_FILENO, TCSANOW, &terminal_at_start);
  ::_exit(128 + signal);
}

void on_bus_error(int) {
  constexpr char kLine[] =
      "hearth: the model file became shorter or its disk failed while it was being read: get the "
      "file again\n";
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, kLine, sizeof kLine - 1);
  ::_exit(1);
}

// The number behind `field` ("VmHWM:", in kB) of a /proc file; 0 when it is not there.
uint64_t proc_kilobytes(const std::string& text, std::string_view field) {
  const size_t at = text.find(field);
  if (at == text.npos) return 0;
  const size_t digits = text.find_first_of("0123456789", at + field.size());
  if (digits == text.npos) return 0;
  uint64_t value = 0;
  std::from_chars(text.data() + digits, text.data() + text.size(), value);
  return value * 1024;
}

std::string proc_text(const char* path) { return read_text(path, 4u << 20).value_or(""); }

// Among notes (elf(5)): each has a header, its owner's name and a text, padded to four bytes.
std::string build_id_of(Bytes notes) {
  ByteReader reader(notes);
  while (const auto header = reader.read<ElfW(Nhdr)>()) {
    const auto padded = [](uint64_t bytes) { return (bytes + 3) / 4 * 4; };
    const auto owner = reader.take(padded(header->n_namesz));
    const auto text = reader.take(padded(header->n_descsz));
    if (!owner || !text) break;
    if (header->n_type != NT_GNU_BUILD_ID || !as_text(*owner).starts_with("GNU")) continue;
    std::string id;
    for (const std::byte byte : text->first(header->n_descsz)) {
      id += "0123456789abcdef"[static_cast<size_t>(byte >> 4)];
      id += "0123456789abcdef"[static_cast<size_t>(byte & std::byte{15})];
    }
    return id;
  }
  return "";
}

}  // namespace

double monotonic_seconds() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

int64_t unix_seconds() { return static_cast<int64_t>(std::time(nullptr)); }

CivilTime local_time() {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm here{};
  if (::localtime_r(&now, &here) == nullptr) return {};
  return {here.tm_year + 1900, here.tm_mon + 1, here.tm_mday,
          here.tm_hour,        here.tm_min,     here.tm_sec};
}

uint64_t random_seed() {
  uint64_t seed = 0;
  if (::getrandom(&seed, sizeof seed, 0) != static_cast<ssize_t>(sizeof seed)) {
    seed = static_cast<uint64_t>(std::chrono::system_clock::now().time_since_epoch().count());
  }
  return seed;
}

std::optional<std::string> environment(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return std::string(value);
}

std::string build_id() {
  std::string id;
  // Asked of what is in memory: a program may run where it can open no file.
  ::dl_iterate_phdr(
      [](dl_phdr_info* program, size_t, void* out) {
        for (size_t i = 0; i < program->dlpi_phnum; ++i) {
          const ElfW(Phdr)& part = program->dlpi_phdr[i];
          if (part.p_type != PT_NOTE) continue;
          const auto* notes = reinterpret_cast<const std::byte*>(program->dlpi_addr + part.p_vaddr);
          *static_cast<std::string*>(out) += build_id_of({notes, part.p_memsz});
        }
        return 1;  // the first is the program itself
      },
      &id);
  return id;
}

std::string program_folder() {
  char path[4096];
  const ssize_t n = ::readlink("/proc/self/exe", path, sizeof path);
  if (n <= 0 || static_cast<size_t>(n) == sizeof path) return ".";
  const std::string_view whole(path, static_cast<size_t>(n));
  return std::string(whole.substr(0, whole.rfind('/')));
}

CpuInfo cpu_info() {
  CpuInfo info;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) == 0) {
    info.usable_threads = static_cast<size_t>(std::max(CPU_COUNT(&set), 1));
  }
  const std::string text = proc_text("/proc/cpuinfo");
  const size_t at = text.find("model name");
  if (at != text.npos) {
    const size_t colon = text.find(':', at);
    const size_t end = text.find('\n', at);
    if (colon != text.npos && colon < end)
      info.model = trim(std::string_view(text).substr(colon + 1, end - colon - 1));
  }
  return info;
}

MemoryInfo memory_info() {
  const std::string text = proc_text("/proc/meminfo");
  return {proc_kilobytes(text, "MemTotal:"), proc_kilobytes(text, "MemAvailable:")};
}

ProcessMemory process_memory() {
  const std::string text = proc_text("/proc/self/status");
  return {proc_kilobytes(text, "VmHWM:"), proc_kilobytes(text, "RssAnon:"),
          proc_kilobytes(text, "RssFile:")};
}

void install_signal_handlers() {
  terminal_saved = ::tcgetattr(STDIN_FILENO, &terminal_at_start) == 0;
  struct sigaction action{};
  action.sa_handler = on_interrupt;  // no SA_RESTART: a waiting read or write ends with EINTR
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction inherited{};
    ::sigaction(signal, nullptr, &inherited);
    if (inherited.sa_handler != SIG_IGN) ::sigaction(signal, &action, nullptr);
  }
  action.sa_handler = on_bus_error;
  ::sigaction(SIGBUS, &action, nullptr);
  ignore_broken_pipes();
  action.sa_handler = SIG_IGN;
  ::sigaction(SIGXFSZ, &action, nullptr);
}

void ignore_broken_pipes() {
  struct sigaction action{};
  action.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &action, nullptr);
}

bool interrupted() { return interrupt_count != 0; }
bool interrupted_by_user() { return interrupted() && interrupt_signal == SIGINT; }
void clear_interrupted() { interrupt_count = 0; }
int interrupt_exit_code() { return 128 + interrupt_signal; }

Error become(const std::string& program, char* const* arguments) {
  ::execv(program.c_str(), arguments);
  return system_error(errno, cat("cannot start '", printable(program), "'")).value();
}

bool is_terminal(int fd) { return ::isatty(fd) == 1; }

size_t terminal_width() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

}  // namespace hearth::os
