#include "base/thread_pool.h"

#include <system_error>

namespace hearth {
namespace {

// About 20 to 50 microseconds: longer than the gaps between the regions of a token, shorter than
// what a sleeping neighbour would notice.
constexpr int kSpins = 1000;

void pause_briefly() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Waits until `word` is no longer `old`.
template <class T>
void wait_for_change(const std::atomic<T>& word, T old) {
  for (int i = 0; i < kSpins; ++i) {
    if (word.load(std::memory_order_acquire) != old) return;
    pause_briefly();
  }
  word.wait(old, std::memory_order_acquire);
}

}  // namespace

void ThreadPool::Share::deal(size_t first, size_t end) {
  left.store(uint64_t{end} << 32 | first, std::memory_order_relaxed);
}

bool ThreadPool::Share::take_first(size_t& chunk) {
  uint64_t now = left.load(std::memory_order_relaxed);
  while ((now & 0xffffffff) < now >> 32) {
    if (!left.compare_exchange_weak(now, now + 1, std::memory_order_relaxed)) continue;
    chunk = now & 0xffffffff;
    return true;
  }
  return false;
}

bool ThreadPool::Share::take_last(size_t& chunk) {
  uint64_t now = left.load(std::memory_order_relaxed);
  while ((now & 0xffffffff) < now >> 32) {
    const uint64_t one_less = now - (uint64_t{1} << 32);
    if (!left.compare_exchange_weak(now, one_less, std::memory_order_relaxed)) continue;
    chunk = one_less >> 32;
    return true;
  }
  return false;
}

ThreadPool::ThreadPool(size_t threads) : shares_(threads > 0 ? threads : 1) {
  workers_.reserve(threads > 0 ? threads - 1 : 0);
  try {
    for (size_t i = 1; i < threads; ++i) workers_.emplace_back([this, i] { worker_loop(i); });
  } catch (const std::system_error&) {
    // No more threads for this process or user: work goes on with those that there are.
  }
}

ThreadPool::~ThreadPool() {
  stop_.store(true, std::memory_order_release);
  region_.fetch_add(1, std::memory_order_release);
  region_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::run_region(size_t chunks, Call call, const void* body) {
  call_ = call;
  body_ = body;
  for (size_t thread = 0; thread < size(); ++thread) {
    shares_[thread].deal(chunks * thread / size(), chunks * (thread + 1) / size());
  }
  const uint32_t region = region_.load(std::memory_order_relaxed) + 1;
  state_.store(static_cast<uint64_t>(region) << 32 | kOpen, std::memory_order_release);
  region_.store(region, std::memory_order_release);
  region_.notify_all();

  take_chunks(0);

  // Closed: nobody joins any more; whoever did is finishing a chunk.
  uint64_t state = state_.fetch_and(~kOpen, std::memory_order_acq_rel) & ~kOpen;
  while ((state & (kOpen - 1)) != 0) {
    wait_for_change(state_, state);
    state = state_.load(std::memory_order_acquire);
  }
}

void ThreadPool::take_chunks(size_t thread) {
  size_t chunk = 0;
  while (shares_[thread].take_first(chunk)) call_(body_, chunk, thread);
  for (size_t i = 1; i < size(); ++i) {
    Share& other = shares_[(thread + i) % size()];
    while (other.take_last(chunk)) call_(body_, chunk, thread);
  }
}

bool ThreadPool::try_join(uint32_t region) {
  uint64_t state = state_.load(std::memory_order_acquire);
  while (state >> 32 == region && (state & kOpen) != 0) {
    if (state_.compare_exchange_weak(state, state + 1, std::memory_order_acq_rel)) return true;
  }
  return false;
}

void ThreadPool::worker_loop(size_t thread) {
  uint32_t seen = 0;
  while (true) {
    wait_for_change(region_, seen);
    seen = region_.load(std::memory_order_acquire);
    if (stop_.load(std::memory_order_acquire)) return;
    if (!try_join(seen)) continue;
    take_chunks(thread);
    state_.fetch_sub(1, std::memory_order_acq_rel);
    state_.notify_one();
  }
}

}  // namespace hearth
