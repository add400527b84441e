#include "base/thread_pool.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <vector>

namespace hearth {
namespace {

TEST(ThreadPool, CallsEveryChunkExactlyOnce) {
  for (size_t threads = 1; threads <= 8; ++threads) {
    ThreadPool pool(threads);
    ASSERT_EQ(pool.size(), threads);
    for (const size_t chunks : {0u, 1u, 2u, 3u, 7u, 8u, 9u, 64u, 1000u}) {
      std::vector<int> calls(chunks, 0);  // not atomic: a chunk run twice at once is a race
      std::vector<std::atomic<int>> at_once(threads);
      pool.run(chunks, [&](size_t chunk, size_t thread) {
        ASSERT_LT(chunk, chunks);
        ASSERT_LT(thread, threads);
        EXPECT_EQ(at_once[thread].fetch_add(1), 0) << "two calls with the same thread index";
        ++calls[chunk];
        at_once[thread].fetch_sub(1);
      });
      EXPECT_TRUE(std::all_of(calls.begin(), calls.end(), [](int n) { return n == 1; }))
          << threads << " threads, " << chunks << " chunks";
    }
  }
}

TEST(ThreadPool, ThousandsOfTinyRegions) {
  for (const size_t threads : {2u, 3u, 8u}) {
    ThreadPool pool(threads);
    std::vector<uint64_t> sums(5);  // plain memory: what a region wrote, the next one reads
    const uint64_t regions = 5000;
    for (uint64_t region = 0; region < regions; ++region) {
      pool.run(sums.size(), [&](size_t chunk, size_t) {
        // Chunks of different length, so that workers get some of them, and some come late.
        std::atomic<uint64_t> work{0};
        while (work.fetch_add(1) < region * (chunk + 1) % 97) {
        }
        sums[chunk] += region + chunk;
      });
    }
    for (size_t i = 0; i < sums.size(); ++i) {
      EXPECT_EQ(sums[i], regions * (regions - 1) / 2 + regions * i);
    }
  }
}

// The body lies on the stack of run(): a worker that came late must not call one that is gone.
TEST(ThreadPool, BodiesOfDifferentRegionsDoNotMix) {
  ThreadPool pool(4);
  for (int region = 0; region < 4000; ++region) {
    std::array<int, 3> seen{};
    const size_t chunks = static_cast<size_t>(region) % 4;
    if (region % 2 == 0) {
      pool.run(chunks, [&seen, region](size_t chunk, size_t) { seen[chunk] = region; });
    } else {
      pool.run(chunks, [&seen, region](size_t chunk, size_t) { seen[chunk] = -region; });
    }
    const int expected = region % 2 == 0 ? region : -region;
    for (size_t i = 0; i < seen.size(); ++i) ASSERT_EQ(seen[i], i < chunks ? expected : 0);
  }
}

TEST(ThreadPool, SleepersWakeUp) {
  ThreadPool pool(4);
  for (int round = 0; round < 20; ++round) {
    // Long enough for the workers to give up spinning, without asking any clock.
    std::atomic<uint64_t> idle{0};
    while (idle.fetch_add(1) < 100'000) {
    }
    std::atomic<int> sum{0};
    pool.run(100, [&](size_t chunk, size_t) { sum += static_cast<int>(chunk); });
    ASSERT_EQ(sum.load(), 4950);
  }
}

TEST(ThreadPool, ManyPoolsComeAndGo) {
  for (int i = 0; i < 200; ++i) {
    ThreadPool pool(1 + static_cast<size_t>(i) % 4);
    std::atomic<int> calls{0};
    if (i % 3 != 0) pool.run(3, [&](size_t, size_t) { ++calls; });
    EXPECT_EQ(calls.load(), i % 3 != 0 ? 3 : 0);
  }
}

TEST(ThreadPool, OneThreadRunsInOrderOnTheCaller) {
  for (const size_t threads : {0u, 1u}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.size(), 1u);
    std::vector<size_t> order;
    pool.run(5, [&](size_t chunk, size_t thread) {
      EXPECT_EQ(thread, 0u);
      order.push_back(chunk);
    });
    EXPECT_EQ(order, (std::vector<size_t>{0, 1, 2, 3, 4}));
  }
}

// A thread keeps its index for the whole region, so that per-thread scratch memory is its own.
TEST(ThreadPool, ThreadIndexBelongsToOneThread) {
  ThreadPool pool(4);
  std::array<std::set<std::thread::id>, 4> seen;
  for (int region = 0; region < 200; ++region) {
    pool.run(16, [&](size_t, size_t thread) { seen[thread].insert(std::this_thread::get_id()); });
  }
  EXPECT_EQ(seen[0], std::set<std::thread::id>{std::this_thread::get_id()});
  for (const auto& ids : seen) EXPECT_LE(ids.size(), 1u);
}

// Sanitizers need more room themselves than such a process has.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HEARTH_HAS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HEARTH_HAS_SANITIZER 1
#endif
#endif

#ifndef HEARTH_HAS_SANITIZER
// Runs in a process of its own, where there is no room for the stacks of so many threads.
void run_where_threads_are_refused() {
  constexpr rlim_t kRoom = rlim_t{1} << 30;
  const rlimit limit{kRoom, kRoom};
  ::setrlimit(RLIMIT_AS, &limit);
  ThreadPool pool(500);
  std::atomic<int> calls{0};
  pool.run(1000, [&](size_t, size_t) { ++calls; });
  std::fprintf(stderr, "a pool of %s, %d calls\n", pool.size() < 500 ? "fewer" : "all",
               calls.load());
  std::_Exit(0);
}

TEST(ThreadPoolDeathTest, ASystemThatRefusesThreadsMakesASmallerPool) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(run_where_threads_are_refused(), testing::ExitedWithCode(0), "fewer, 1000 calls");
}
#endif

}  // namespace
}  // namespace hearth
