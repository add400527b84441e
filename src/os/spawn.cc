#include "os/spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "os/file.h"

extern char** environ;

namespace hearth::os {
namespace {

constexpr int kFirstInherited = 3;
constexpr int kOutOfTheWay = 200;  // descriptors from here on are no target

struct Actions {
  Actions() { ::posix_spawn_file_actions_init(&files); }
  ~Actions() {
    ::posix_spawn_file_actions_destroy(&files);
    for (const int copy : copies) ::close(copy);
  }
  posix_spawn_file_actions_t files{};
  std::vector<int> copies;
};

// A copy first, so that no target is overwritten before it was taken itself.
Result<void> inherit(Actions& actions, int from, int to) {
  const int copy = ::fcntl(from, F_DUPFD_CLOEXEC, kOutOfTheWay);
  if (copy < 0) return system_error(errno, "cannot pass a file on");
  actions.copies.push_back(copy);
  ::posix_spawn_file_actions_adddup2(&actions.files, copy, to);
  return {};
}

}  // namespace

Result<Child> spawn(const std::string& program, const std::vector<std::string>& arguments,
                    const std::vector<int>& files) {
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return system_error(errno, "cannot make a socket pair");
  Actions actions;
  actions.copies.push_back(ends[1]);
  Child child{.pid = -1, .channel = ends[0]};
  Result<void> inherited = inherit(actions, ends[1], kFirstInherited);
  for (size_t i = 0; inherited && i < files.size(); ++i)
    inherited = inherit(actions, files[i], kFirstInherited + 1 + static_cast<int>(i));
  posix_spawnattr_t attributes{};
  ::posix_spawnattr_init(&attributes);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  std::vector<char*> argv{const_cast<char*>(program.c_str())};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const int failed = !inherited ? EMFILE
                                : ::posix_spawn(&child.pid, program.c_str(), &actions.files,
                                                &attributes, argv.data(), environ);
  ::posix_spawnattr_destroy(&attributes);
  if (failed != 0) {
    ::close(child.channel);
    return system_error(failed, cat("cannot start '", printable(program), "'"));
  }
  ::fcntl(child.channel, F_SETFL, O_NONBLOCK);
  return child;
}

std::string end_child(int pid) {
  ::kill(pid, SIGKILL);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFSIGNALED(status)) {
    const int signal = WTERMSIG(status);
    return cat("was ended by signal ", signal, " (", ::strsignal(signal), ")");
  }
  return cat("ended with code ", WEXITSTATUS(status));
}

void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace hearth::os
