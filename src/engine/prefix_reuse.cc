#include "engine/prefix_reuse.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "base/units.h"
#include "os/system.h"

namespace hearth::engine {
namespace {

// Seconds. Taking over holds up answers no longer than reading a piece of a prompt would.
constexpr double kTakeTurn = 0.05;
constexpr double kWriteTurn = 0.002;
constexpr double kWriteShare = 0.05;       // of the time, while others wait
constexpr size_t kTensorBeginning = 4096;  // bytes of each tensor that tell models apart

PrefixCache::Sizes sizes_of(const Session& session) {
  return {session.memory().block_bytes(), session.memory().state_bytes()};
}

// Changing a model changes one of these: keys and tokenizer, names, shapes and beginnings of
// tensors, and when the files were written.
uint64_t digest_of(const LoadedModel& model) {
  const ModelFile& file = model.file();
  Checksum sum;
  const auto add_number = [&](uint64_t number) { sum.add(std::as_bytes(std::span(&number, 1))); };
  for (const auto& part : file.parts) {
    add_number(part->bytes().size());
    add_number(static_cast<uint64_t>(part->modified()));
  }
  const Bytes head = file.parts.front()->bytes();
  sum.add(head.first(std::min<uint64_t>(head.size(), file.gguf.data_offset)));
  for (const gguf::TensorInfo& tensor : file.gguf.tensors) {
    add_number(checksum(as_bytes(tensor.name)));
    add_number(static_cast<uint64_t>(tensor.type));
    for (const uint64_t dim : tensor.dims) add_number(dim);
    add_number(checksum(tensor.data.first(std::min(tensor.data.size(), kTensorBeginning))));
  }
  return sum.value();
}

}  // namespace

std::string prefix_identity(const Session& session) {
  const Runtime& runtime = *session.runtime();
  const model::ModelConfig& config = runtime.model().config();
  const SessionOptions& options = runtime.options();
  const Kernels& kernels = runtime.kernels();
  std::string text =
      cat("model ", digest_of(runtime.model()), ", build ", os::build_id(), ", kernels ",
          kernels.name, " ", static_cast<int>(kernels.packed_form(DType::BF16)), ", precision ",
          static_cast<int>(options.precision), ", cache ", name_of(options.kv_type));
  for (const model::ActiveAdapter& active : session.adapters())
    text += cat(", adapter ", active.adapter->digest(), " ", std::bit_cast<uint32_t>(active.scale));
  // Angles of some models depend on how long a text may become.
  for (const model::RopeConfig& rope : config.ropes) {
    if (rope.long_divisors == nullptr) continue;
    const bool beyond = static_cast<double>(options.context) > rope.original_context;
    text += beyond ? ", long" : ", short";
  }
  return text;
}

PrefixReuse::PrefixReuse(const Session& alike, const PrefixOptions& options)
    : has_states_(alike.memory().state_bytes() != 0),
      adapters_(alike.adapters()),
      cache_(sizes_of(alike), options.memory_bytes) {
  const auto [block, states] = sizes_of(alike);
  if (has_states_ && block != 0) {
    const size_t blocks = (states + block - 1) / block;
    states_apart_ = std::max(blocks * kBlockPositions, kChunkPositions);
  } else {
    states_apart_ = kChunkPositions;
  }
  block_ = Buffer<std::byte>::untouched(block);
  if (options.fd < 0) return;
  const Result<void> attached = [&]() -> Result<void> {
    if (os::build_id().empty()) {
      return fail(ErrorCode::unsupported, "no prefix cache on disk: this program was linked ",
                  "without a build id, so files of another build would look like its own");
    }
    HEARTH_TRY(
        auto file,
        PrefixFile::open(options.fd, options.file_bytes,
                         {block, states, cat(prefix_identity(alike), ", ", options.fingerprint)}));
    return cache_.attach(std::move(file));
  }();
  if (!attached) open_problem_ = attached.error().message;
}

bool PrefixReuse::take_over(Session& session, std::span<const text::Token> prompt,
                            std::span<const Session* const> others) {
  const double until = os::monotonic_seconds() + kTakeTurn;
  const auto known = prompt.first(prompt.size() - 1);  // the last one's logits are needed
  if (restore(session, known, until)) return true;
  const Session* best = nullptr;
  size_t length = session.tokens().size();
  for (const Session* other : others) {
    if (has_states_ || other == &session || other->adapters() != session.adapters()) continue;
    const size_t common = common_prefix(other->tokens().first(other->prefilled()), known);
    if (common <= length) continue;
    best = other;
    length = common;
  }
  return best != nullptr && copy(session, *best, length, until);
}

// From one session to the other, as far as rings allow. True when time is up before the end.
bool PrefixReuse::copy(Session& session, const Session& other, size_t length, double until) {
  for (size_t held = session.tokens().size(); held < length; held = session.tokens().size()) {
    const size_t first = held / kBlockPositions * kBlockPositions;
    if (!other.memory().holds_block(first, other.tokens().size())) return false;
    if (os::monotonic_seconds() > until) return true;
    other.memory().save_block(first, {block_.data(), block_.size()});
    const size_t count = std::min(kBlockPositions, length - first);
    session.restore_block(first, other.tokens().subspan(first, count),
                          {block_.data(), block_.size()});
  }
  return false;
}

bool PrefixReuse::restore(Session& session, std::span<const text::Token> prompt, double until) {
  if (session.adapters() != adapters_) return false;
  const PrefixCache::Match match = cache_.find(prompt);
  const size_t held = session.tokens().size();
  const size_t length = has_states_ ? match.states_tokens : match.tokens;
  if (length <= held) return false;
  const size_t blocks = (length + kBlockPositions - 1) / kBlockPositions;
  cache_.touch(std::span(match.blocks).first(blocks), match.states);
  if (has_states_) return restore_with_states(session, prompt, match);
  for (size_t i = held / kBlockPositions; i < blocks; ++i) {
    if (os::monotonic_seconds() > until) return true;
    const Bytes block = cache_.bytes(match.blocks[i]);
    if (block.empty()) return false;
    const size_t first = i * kBlockPositions;
    session.restore_block(first, prompt.subspan(first, std::min(kBlockPositions, length - first)),
                          block);
  }
  return false;
}

// All or nothing: halfway, states and keys would be of different places.
bool PrefixReuse::restore_with_states(Session& session, std::span<const text::Token> prompt,
                                      const PrefixCache::Match& match) {
  for (size_t first = session.tokens().size() / kBlockPositions * kBlockPositions;
       first < match.states_tokens; first += kBlockPositions) {
    const Bytes block = cache_.bytes(match.blocks[first / kBlockPositions]);
    if (block.empty()) {
      session.rewind(0);
      return false;
    }
    session.restore_block(first, prompt.subspan(first, kBlockPositions), block);
  }
  const Bytes states = cache_.bytes(match.states);
  if (states.empty()) {
    session.rewind(0);
  } else {
    session.restore_states(states);
  }
  return false;
}

// The last place that another prompt like this one could go on from, the last that this one has in
// common with an earlier one, and the next of those that are always kept.
std::array<size_t, 3> PrefixReuse::stops(std::span<const text::Token> prompt, size_t held) const {
  const auto whole = [](size_t tokens) { return tokens / kBlockPositions * kBlockPositions; };
  return {whole(prompt.size() - 1), whole(cache_.find(prompt).tokens),
          (held / states_apart_ + 1) * states_apart_};
}

size_t PrefixReuse::next_piece(const Session& session, std::span<const text::Token> prompt,
                               size_t piece) const {
  const size_t held = session.tokens().size();
  size_t end = std::min(prompt.size(), held + piece);
  if (!has_states_) return end - held;
  for (const size_t stop : stops(prompt, held)) {
    if (stop > held) end = std::min(end, stop);
  }
  return end - held;
}

void PrefixReuse::keep(const Session& session, std::span<const text::Token> prompt) {
  if (session.adapters() != adapters_) return;
  const auto read = session.tokens().first(session.prefilled());
  const auto stops_before = has_states_ ? stops(prompt, read.size() - 1) : std::array<size_t, 3>{};
  const PrefixCache::Match match = cache_.find(read);
  std::vector<PrefixCache::Id> chain = match.blocks;
  if (match.tokens == read.size() && !has_states_) return cache_.touch(chain);
  size_t kept = match.tokens / kBlockPositions * kBlockPositions;
  chain.resize(kept / kBlockPositions);  // without one of which a part is known
  cache_.touch(chain);
  while (kept < read.size()) {
    const size_t count = std::min(kBlockPositions, read.size() - kept);
    if (count < kBlockPositions && (has_states_ || read.size() < prompt.size())) return;
    if (!session.memory().holds_block(kept, session.tokens().size())) return;
    const auto added = cache_.add(chain.empty() ? 0 : chain.back(), read.subspan(kept, count));
    if (added.id == 0) return;
    session.memory().save_block(kept, added.bytes);
    chain.push_back(added.id);
    kept += count;
  }
  const bool wanted = std::count(stops_before.begin(), stops_before.end(), kept) != 0;
  if (!has_states_ || !wanted || match.states_tokens == kept) return;
  const auto added = cache_.add(chain.back(), {});
  if (added.id != 0) session.memory().save_states(added.bytes);
}

bool PrefixReuse::write_some(bool busy) {
  const double start = os::monotonic_seconds();
  if (busy && start < write_again_) return true;
  const bool more = cache_.write_some(busy ? 0 : kWriteTurn);
  const double took = os::monotonic_seconds() - start;
  write_again_ = start + took / kWriteShare;
  return more;
}

}  // namespace hearth::engine
