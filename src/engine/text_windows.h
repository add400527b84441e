// A text cut into windows of one size, as measurements of models on texts take it: each is computed
// by itself, without what stands before it.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "engine/session.h"

namespace hearth::engine {

enum class WindowScoring {
  // As llama-perplexity does it: the text begins with BOS, each window's first token is replaced by
  // BOS, and only the tokens of its second half but the last are scored, so that each has context.
  second_half,
  // Every token is scored: the input of a window of n tokens is BOS and its first n - 1.
  every_token,
};

// Input and targets of one window: position i of `input` predicts targets[i]; scored from `first`
// to `end`.
struct TextWindow {
  std::vector<text::Token> input;
  std::vector<text::Token> targets;
  size_t first = 0;
  size_t end = 0;
};

class TextWindows {
 public:
  // Whole windows of `size` tokens, `most` at most, of a text with BOS in front for second_half and
  // without for every_token. The tokens must outlive it. An error without a single window, or when
  // its size is none.
  [[nodiscard]] static Result<TextWindows> cut(const LoadedModel& model,
                                               std::span<const text::Token> tokens, size_t size,
                                               size_t most, WindowScoring scoring);

  [[nodiscard]] size_t count() const { return count_; }
  [[nodiscard]] size_t size() const { return size_; }
  // How many tokens of a window are scored.
  [[nodiscard]] size_t scored() const;
  [[nodiscard]] TextWindow window(size_t index) const;

 private:
  TextWindows() = default;
  std::span<const text::Token> tokens_;
  std::optional<text::Token> bos_;
  size_t size_ = 0;
  size_t count_ = 0;
  WindowScoring scoring_ = WindowScoring::second_half;
};

// Computes a window in the session, which forgets what was there, and hands over the logits of the
// positions that are scored, as Session::advance_with_logits() does: sink(first position, count,
// logits [count][n_vocab]).
[[nodiscard]] Result<void> compute_scored(Session& session, const TextWindow& window,
                                          const Session::LogitsSink& sink);

}  // namespace hearth::engine
