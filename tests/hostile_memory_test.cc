// Watches every allocation of the test program, and takes hostile files through hearth.
#include <gtest/gtest.h>
#include <malloc.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>

#include "engine/embedder.h"
#include "engine/session.h"
#include "hostile.h"
#include "os/file.h"
#include "sample/sampler.h"

namespace {

std::atomic<uint64_t> live_bytes{0};
std::atomic<uint64_t> peak_bytes{0};
std::atomic<uint64_t> largest_bytes{0};
std::atomic<uint64_t> bytes_at_start{0};

void raise_to(std::atomic<uint64_t>& most, uint64_t value) {
  uint64_t seen = most.load();
  while (value > seen && !most.compare_exchange_weak(seen, value)) {
  }
}

void* allocate(size_t size, size_t alignment) {
  raise_to(largest_bytes, size);  // also when it fails: asking is the mistake
  void* memory = nullptr;
  if (alignment <= alignof(std::max_align_t)) {
    memory = std::malloc(size == 0 ? 1 : size);
  } else if (::posix_memalign(&memory, alignment, size == 0 ? 1 : size) != 0) {
    memory = nullptr;
  }
  if (memory != nullptr) raise_to(peak_bytes, live_bytes += ::malloc_usable_size(memory));
  return memory;
}

void* allocate_or_throw(size_t size, size_t alignment) {
  void* memory = allocate(size, alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

void release(void* memory) {
  if (memory != nullptr) live_bytes -= ::malloc_usable_size(memory);
  std::free(memory);
}

constexpr size_t to_size(std::align_val_t alignment) { return static_cast<size_t>(alignment); }

}  // namespace

void* operator new(size_t n) { return allocate_or_throw(n, 1); }
void* operator new[](size_t n) { return allocate_or_throw(n, 1); }
void* operator new(size_t n, std::align_val_t a) { return allocate_or_throw(n, to_size(a)); }
void* operator new[](size_t n, std::align_val_t a) { return allocate_or_throw(n, to_size(a)); }
void* operator new(size_t n, const std::nothrow_t&) noexcept { return allocate(n, 1); }
void* operator new[](size_t n, const std::nothrow_t&) noexcept { return allocate(n, 1); }
void operator delete(void* p) noexcept { release(p); }
void operator delete[](void* p) noexcept { release(p); }
void operator delete(void* p, size_t) noexcept { release(p); }
void operator delete[](void* p, size_t) noexcept { release(p); }
void operator delete(void* p, std::align_val_t) noexcept { release(p); }
void operator delete[](void* p, std::align_val_t) noexcept { release(p); }
void operator delete(void* p, size_t, std::align_val_t) noexcept { release(p); }
void operator delete[](void* p, size_t, std::align_val_t) noexcept { release(p); }
void operator delete(void* p, const std::nothrow_t&) noexcept { release(p); }
void operator delete[](void* p, const std::nothrow_t&) noexcept { release(p); }

namespace hearth::hostile {

void allocations_begin() {
  largest_bytes = 0;
  bytes_at_start = live_bytes.load();
  peak_bytes = live_bytes.load();
}

Allocations allocations() { return {largest_bytes, peak_bytes - bytes_at_start}; }

namespace {

// A text of three tokens, for a model that writes none.
Result<void> run_embedder(const engine::LoadedModel& model, const engine::SessionOptions& options) {
  HEARTH_TRY(const auto embedder, engine::Embedder::open(model, options));
  const auto last = static_cast<text::Token>(model.config().n_vocab - 1);
  const engine::EmbedInput input[] = {{{0, last, 0}, 2}};
  return embedder->embed(input, [](size_t, std::span<const float>) -> Result<void> { return {}; });
}

// Two tokens; the error of whatever refuses.
Result<void> run_session(const std::string& path) {
  HEARTH_TRY(const auto model, engine::LoadedModel::load(path));
  engine::SessionOptions options;
  options.context = 8;
  options.threads = 1;
  options.prompt_chunk = 8;
  if (!model->model().weights.output.present()) return run_embedder(*model, options);
  HEARTH_TRY(const auto session, engine::Session::open(*model, options));
  const size_t n_vocab = model->config().n_vocab;
  sample::Sampler sampler({}, n_vocab);
  for (int i = 0; i < 2; ++i) {
    const text::Token token[] = {static_cast<text::Token>(n_vocab - 1)};
    HEARTH_CHECK(session->advance(token));
    HEARTH_TRY([[maybe_unused]] const text::Token next,
               sampler.sample(session->logits(), session->tokens()));
  }
  const text::Token answer[] = {0, 0};
  HEARTH_CHECK(session->decode(answer));
  return {};
}

void expect_readable(const Error& error, const std::string& what) {
  EXPECT_FALSE(error.message.empty()) << what;
  EXPECT_LT(error.message.size(), 2000u) << what;
  for (const char c : error.message) {
    const auto byte = static_cast<unsigned char>(c);
    ASSERT_TRUE(byte >= 0x20 && byte != 0x7F) << what << ": " << error.message;
  }
}

Result<void> first_error(Bytes bytes, const std::string& path) {
  HEARTH_TRY(const gguf::File file, gguf::parse(bytes));
  HEARTH_CHECK(gguf::split_count(file));
  Result<model::Model> model = model::bind(file);
  const Result<text::Tokenizer> tokenizer = text::Tokenizer::create(file.metadata);
  if (tokenizer) {
    const std::string text = "Once upon a time \xF0\x9F\x90\x89 <s>";
    for (const text::Token token : tokenizer->encode(text, {true, true})) {
      if (!tokenizer->vocab().contains(token))
        return fail(ErrorCode::internal, "encode() gave ", token, ", which is no token");
    }
  }
  if (!model) return tl::unexpected<Error>(model.error());
  if (!path.empty()) HEARTH_CHECK(run_session(path));
  if (!tokenizer) return tl::unexpected<Error>(tokenizer.error());
  return {};
}

}  // namespace

std::string put_through(Bytes bytes, const std::string& path, const std::string& what) {
  allocations_begin();
  const Result<void> result = first_error(bytes, path);
  const Allocations used = allocations();
  EXPECT_LE(used.largest, bytes.size() + kAllowance) << what;
  EXPECT_LE(used.peak, bytes.size() + kAllowance) << what;
  if (result) return {};
  EXPECT_NE(result.error().code, ErrorCode::internal) << what << ": " << result.error().message;
  expect_readable(result.error(), what);
  return result.error().message;
}

std::string put_through_file(const std::string& bytes, const std::string& what) {
  const std::string path =
      cat(testing::TempDir(), "hearth-hostile-", static_cast<int64_t>(::getpid()), ".gguf");
  std::ofstream(path, std::ios::binary).write(bytes.data(), std::ssize(bytes));
  const std::string error = put_through(as_bytes(bytes), path, what);
  ::unlink(path.c_str());
  return error;
}

namespace {

TEST(AllocationWatch, SeesTheLargestAndThePeak) {
  allocations_begin();
  {
    const auto one = std::make_unique<char[]>(1 << 20);
    const auto two = std::make_unique<char[]>(1 << 19);
  }
  {
    const auto three = std::make_unique<char[]>(1 << 20);
  }
  const Allocations seen = allocations();
  EXPECT_EQ(seen.largest, 1u << 20);
  EXPECT_GE(seen.peak, 3u << 19);
  EXPECT_LT(seen.peak, 4u << 19);
}

}  // namespace
}  // namespace hearth::hostile
