// How sessions of one runtime share what prompts left: from each other, and through the prefix
// cache. Only what was computed as a prompt is shared, as only that has the same bits everywhere;
// what goes on from it gives the answer that it would give alone.
//
// Models with recurrent layers can go on only where their states were kept: behind pieces of a
// prompt as far apart as keeps states from taking more room than keys and values, before the end of
// each prompt, and where a prompt was found to part from an earlier one.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/prefix_cache.h"
#include "engine/session.h"

namespace hearth::engine {

struct PrefixOptions {
  uint64_t memory_bytes = uint64_t{256} << 20;  // 0: only what sessions hold is shared
  // A file for what is to outlive the process (docs/formats/prefix_cache.md); negative: none. It is
  // not closed, and must stay open. What is written there goes through memory, which must have room
  // for it.
  int fd = -1;
  uint64_t file_bytes = 0;
  std::string fingerprint{};  // of the model, where the caller knows more of it than is seen here
};

// All that the bits of keys, values and states depend on, as a line of text: model, adapters,
// build, kernels and formats.
[[nodiscard]] std::string prefix_identity(const Session& session);

class PrefixReuse {
 public:
  // A file that cannot be used is no error: file_problem() says why. `alike` is any of the
  // sessions, with the adapters that they mostly have: what is computed with others is not kept.
  PrefixReuse(const Session& alike, const PrefixOptions& options);

  // Brings tokens of the prompt behind those that the session holds (all of them a beginning of the
  // prompt) from wherever they are known, but never its last one: from the cache, or from one of
  // the others, with the same adapters. False when nothing more is known; true when it stopped
  // after about 50 ms, to be called again.
  bool take_over(Session& session, std::span<const text::Token> prompt,
                 std::span<const Session* const> others);

  // How many tokens of the prompt to compute next, `piece` at most, so that states are met where
  // they are worth keeping.
  [[nodiscard]] size_t next_piece(const Session& session, std::span<const text::Token> prompt,
                                  size_t piece) const;

  // Keeps what is new of the prompt that the session has computed so far.
  void keep(const Session& session, std::span<const text::Token> prompt);

  // Writes to the file for about 2 ms, and while others wait (`busy`) for a small share of the
  // time. False when nothing is left to write.
  bool write_some(bool busy);

  [[nodiscard]] const PrefixCache& cache() const { return cache_; }
  [[nodiscard]] std::string_view file_problem() const {
    return open_problem_.empty() ? cache_.file_problem() : open_problem_;
  }

 private:
  bool copy(Session& session, const Session& other, size_t length, double until);
  bool restore(Session& session, std::span<const text::Token> prompt, double until);
  bool restore_with_states(Session& session, std::span<const text::Token> prompt,
                           const PrefixCache::Match& match);
  // Where states are worth keeping, as lengths of the prompt.
  [[nodiscard]] std::array<size_t, 3> stops(std::span<const text::Token> prompt, size_t held) const;

  bool has_states_;
  Adapters adapters_;
  size_t states_apart_ = 0;  // tokens
  PrefixCache cache_;
  Buffer<std::byte> block_;  // on its way from a session to another
  std::string open_problem_;
  double write_again_ = 0;  // not before, while others wait
};

}  // namespace hearth::engine
