#include "os/sandbox.h"

#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <array>
#include <cerrno>
#include <memory>

#include "os/file.h"
#include "os/system.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HEARTH_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HEARTH_SANITIZED 1
#endif

namespace hearth::os {
namespace {

// All that computing with files that are open takes. io_uring, which does calls of its own that no
// filter sees, is not among them.
constexpr std::array kAllowed = {SCMP_SYS(read),
                                 SCMP_SYS(write),
                                 SCMP_SYS(readv),
                                 SCMP_SYS(writev),
                                 SCMP_SYS(pread64),
                                 SCMP_SYS(pwrite64),
                                 SCMP_SYS(lseek),
                                 SCMP_SYS(close),
                                 SCMP_SYS(fstat),
                                 SCMP_SYS(ftruncate),
                                 SCMP_SYS(fdatasync),
                                 SCMP_SYS(fsync),
                                 SCMP_SYS(flock),
                                 SCMP_SYS(fallocate),
                                 SCMP_SYS(poll),
                                 SCMP_SYS(ppoll),
                                 SCMP_SYS(munmap),
                                 SCMP_SYS(madvise),
                                 SCMP_SYS(mincore),
                                 SCMP_SYS(mlock),
                                 SCMP_SYS(munlock),
                                 SCMP_SYS(brk),
                                 SCMP_SYS(futex),
                                 SCMP_SYS(sched_yield),
                                 SCMP_SYS(sched_getaffinity),
                                 SCMP_SYS(sched_setaffinity),
                                 SCMP_SYS(getcpu),
                                 SCMP_SYS(clock_gettime),
                                 SCMP_SYS(clock_getres),
                                 SCMP_SYS(clock_nanosleep),
                                 SCMP_SYS(nanosleep),
                                 SCMP_SYS(gettimeofday),
                                 SCMP_SYS(time),
                                 SCMP_SYS(getrandom),
                                 SCMP_SYS(exit),
                                 SCMP_SYS(exit_group),
                                 SCMP_SYS(rt_sigaction),
                                 SCMP_SYS(rt_sigprocmask),
                                 SCMP_SYS(rt_sigreturn),
                                 SCMP_SYS(sigaltstack),
                                 SCMP_SYS(restart_syscall),
                                 SCMP_SYS(gettid),
                                 SCMP_SYS(getpid),
                                 SCMP_SYS(tgkill),
                                 SCMP_SYS(set_robust_list),
                                 SCMP_SYS(rseq),
                                 SCMP_SYS(membarrier),
                                 SCMP_SYS(getrusage),
                                 SCMP_SYS(sysinfo),
                                 SCMP_SYS(uname)};

struct Release {
  void operator()(void* filter) const { seccomp_release(filter); }
};

// That of an argument's bits in `mask` are those in `value`.
scmp_arg_cmp bits(unsigned argument, uint64_t mask, uint64_t value) {
  return {argument, SCMP_CMP_MASKED_EQ, mask, value};
}

// Adds rules until one fails; returns 0 or the error.
[[maybe_unused]] int add_rules(void* filter) {
  int failed = 0;
  const auto check = [&](int result) { failed = failed != 0 ? failed : -result; };
  const auto allow = SCMP_ACT_ALLOW;
  for (const int call : kAllowed) check(seccomp_rule_add(filter, allow, call, 0));
  // Memory, but none that is executable.
  for (const int call : {SCMP_SYS(mmap), SCMP_SYS(mprotect)}) {
    check(seccomp_rule_add(filter, allow, call, 1, bits(2, PROT_EXEC, 0)));
  }
  check(seccomp_rule_add(filter, allow, SCMP_SYS(mremap), 0));
  // Threads, but no processes. The C library asks for clone3, whose flags no filter sees, and takes
  // clone where there is none.
  check(seccomp_rule_add(filter, allow, SCMP_SYS(clone), 1, bits(0, CLONE_THREAD, CLONE_THREAD)));
  check(seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0));
  // fstat() of newer C libraries, which ask for the file that an empty path names. (No filter sees
  // paths: whether a file is there, and how large, can still be asked.)
  check(seccomp_rule_add(filter, allow, SCMP_SYS(newfstatat), 1,
                         bits(3, AT_EMPTY_PATH, AT_EMPTY_PATH)));
  return failed;
}

}  // namespace

Result<std::vector<std::string>> enter_sandbox() {
  (void)local_time();  // the zone is read from a file, once
#ifdef HEARTH_SANITIZED
  return std::vector<std::string>{};
#else
  const rlimit none{0, 0};
  if (::setrlimit(RLIMIT_CORE, &none) != 0 || ::prctl(PR_SET_DUMPABLE, 0) != 0)
    return system_error(errno, "cannot switch core dumps off");
  const std::unique_ptr<void, Release> filter(seccomp_init(SCMP_ACT_ERRNO(EPERM)));
  if (filter == nullptr) return system_error(ENOMEM, "cannot make a filter of system calls");
  int failed = add_rules(filter.get());
  if (failed == 0) failed = -seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_TSYNC, 1);
  if (failed == 0) failed = -seccomp_load(filter.get());
  if (failed != 0) return system_error(failed, "cannot filter system calls (seccomp)");
  return std::vector<std::string>{"seccomp", "no-core-dumps", "no-ptrace"};
#endif
}

}  // namespace hearth::os
