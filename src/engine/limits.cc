#include "engine/limits.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <utility>

#include "base/bytes.h"
#include "os/system.h"

namespace hearth::engine {
namespace {

// Larger than any cache that would flatter the reading.
constexpr size_t kBytes = size_t{256} << 20;
constexpr size_t kLine = 64;

// Sums words at every `step` bytes, so that the compiler can neither skip the reads nor wait on
// them one by one, and asks for what lies `ahead` bytes further on.
template <size_t step, size_t ahead>
uint64_t sum_words(const std::byte* data, size_t bytes) {
  uint64_t sums[8] = {};
  for (size_t i = 0; i < bytes; i += 8 * step) {
    for (size_t k = 0; k < 8; ++k) {
      if (ahead > 0 && (k * step) % kLine == 0) __builtin_prefetch(data + i + k * step + ahead);
      sums[k] += load_unaligned<uint64_t>(data + i + k * step);
    }
  }
  uint64_t total = 0;
  for (const uint64_t sum : sums) total += sum;
  return total;
}

// Which of these is the fastest differs from machine to machine, by a tenth and more: every word or
// one of each cache line, with the hardware's prefetching alone or with our own.
struct Reader {
  uint64_t (*sum)(const std::byte* data, size_t bytes);
  size_t piece_bytes;  // that a thread takes at a time
};
constexpr Reader kReaders[] = {
    {sum_words<8, 0>, 1 << 20},     {sum_words<8, 0>, 16 << 20},    {sum_words<8, 4096>, 1 << 20},
    {sum_words<8, 4096>, 16 << 20}, {sum_words<kLine, 0>, 1 << 20}, {sum_words<kLine, 0>, 16 << 20},
};

double read_once(ThreadPool& pool, const os::Pages& memory, const Reader& reader) {
  std::atomic<uint64_t> total{0};
  const double start = os::monotonic_seconds();
  pool.run(memory.size() / reader.piece_bytes, [&](size_t piece, size_t) {
    const std::byte* data = memory.data() + piece * reader.piece_bytes;
    total.fetch_add(reader.sum(data, reader.piece_bytes), std::memory_order_relaxed);
  });
  return static_cast<double>(memory.size()) / (os::monotonic_seconds() - start);
}

double multiply_once(ThreadPool& pool, IsaLevel level, Arithmetic arithmetic) {
  constexpr uint64_t kRounds = 1 << 17;  // a fraction of a millisecond
  constexpr size_t kChunksPerThread = 64;
  std::atomic<uint64_t> done{0};
  const double start = os::monotonic_seconds();
  pool.run(kChunksPerThread * pool.size(), [&](size_t, size_t) {
    done.fetch_add(run_multiply_adds(level, arithmetic, kRounds), std::memory_order_relaxed);
  });
  return static_cast<double>(done.load()) / (os::monotonic_seconds() - start);
}

}  // namespace

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

Result<LimitsMeter> LimitsMeter::create(IsaLevel level, Arithmetic arithmetic) {
  HEARTH_TRY(os::Pages memory, os::Pages::allocate(kBytes));
  std::memset(memory.data(), 1, memory.size());
  return LimitsMeter(std::move(memory), level, arithmetic);
}

LimitsMeter::LimitsMeter(os::Pages memory, IsaLevel level, Arithmetic arithmetic)
    : memory_(std::move(memory)),
      level_(level),
      arithmetic_(arithmetic),
      reads_(std::size(kReaders)) {}

void LimitsMeter::sample(ThreadPool& pool) {
  for (size_t i = 0; i < std::size(kReaders); ++i) {
    reads_[i].push_back(read_once(pool, memory_, kReaders[i]));
  }
  multiply_adds_.push_back(multiply_once(pool, level_, arithmetic_));
}

Limits LimitsMeter::limits() const {
  Limits limits;
  for (const std::vector<double>& samples : reads_) {
    limits.read = std::max(limits.read, median(samples));
  }
  limits.multiply_adds = median(multiply_adds_);
  return limits;
}

}  // namespace hearth::engine
