// A pool of threads for short parallel regions. Each thread begins with a share of consecutive
// chunks, so that what it reads is one stream; who has finished takes from the end of the others'
// shares. Idle threads spin for microseconds and then sleep, and a thread that the system has put
// aside does not hold up a region that it had not yet joined.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

namespace hearth {

class ThreadPool {
 public:
  // `threads` counts the caller, so 1 makes no thread at all. Where the system refuses more threads
  // the pool is smaller: see size().
  explicit ThreadPool(size_t threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  [[nodiscard]] size_t size() const { return workers_.size() + 1; }

  // Calls body(chunk, thread) for each chunk from 0 to chunks - 1 (below 2^32), in any order, and
  // returns when all are done; `thread` is below size() and is the same for all calls that a thread
  // makes. One region at a time, from one thread; body must not start another.
  template <class Body>
  void run(size_t chunks, const Body& body) {
    if (chunks <= 1 || workers_.empty()) {
      for (size_t chunk = 0; chunk < chunks; ++chunk) body(chunk, size_t{0});
      return;
    }
    const Call call = [](const void* target, size_t chunk, size_t thread) {
      (*static_cast<const Body*>(target))(chunk, thread);
    };
    run_region(chunks, call, &body);
  }

 private:
  using Call = void (*)(const void* body, size_t chunk, size_t thread);

  void run_region(size_t chunks, Call call, const void* body);
  void worker_loop(size_t thread);
  void take_chunks(size_t thread);
  bool try_join(uint32_t region);

  // Chunks that nobody has taken yet: the first in the lower half, the end in the upper. One word,
  // so that the owner, who takes the first, and others, who take the last, cannot cross.
  struct alignas(64) Share {
    std::atomic<uint64_t> left{0};

    void deal(size_t first, size_t end);
    bool take_first(size_t& chunk);
    bool take_last(size_t& chunk);
  };

  // The region on offer: its number in the upper half, whether it may still be joined, and how many
  // workers are in it. One word, so that joining and closing cannot cross.
  static constexpr uint64_t kOpen = 1u << 31;
  std::atomic<uint64_t> state_{0};
  std::atomic<uint32_t> region_{0};  // what sleeping workers wait on
  std::atomic<bool> stop_{false};
  std::vector<Share> shares_;  // one for each thread
  Call call_ = nullptr;
  const void* body_ = nullptr;
  std::vector<std::thread> workers_;
};

}  // namespace hearth
