// Guessing what comes next. A run of the decode path reads all weights, for one token or for
// several; so tokens that are likely to follow are computed together with the last certain one, and
// the sampler then finds in their logits whether they were right. What is guessed, and how well,
// changes the speed of an answer and nothing else.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "engine/session.h"

namespace hearth::engine {

struct SpeculationOptions {
  enum class Kind {
    off,
    ngram,  // what followed the same tokens earlier in prompt and answer
    draft,  // what a smaller model would say
  };
  Kind kind = Kind::ngram;
  size_t most = 7;           // guesses in a run; 8 columns are one pass over the weights
  size_t least = 1;          // with fewer it is not tried
  Session* draft = nullptr;  // of the smaller model; for Kind::draft
};

inline constexpr size_t kMaxGuesses = kMaxTogether - 1;

// Where the last tokens of a text stood before: a hash chain, as in LZ77 compressors. A token costs
// constant time, and 4 bytes beside the fixed table.
class NgramIndex {
 public:
  // Shorter repetitions are not looked for: they say too little about what follows.
  static constexpr size_t kShortest = 3;

  NgramIndex();

  // Appends to `guesses` what followed the longest earlier match of the end of `text`, the latest
  // of equals, at most `most` tokens. `text` begins with that of the call before.
  void guess(std::span<const text::Token> text, size_t most, std::vector<text::Token>& guesses);

 private:
  static constexpr size_t kHeads = size_t{1} << 14;
  static constexpr size_t kCandidates = 16;  // looked at for one guess
  static constexpr size_t kLongest = 32;     // a longer match is no better

  [[nodiscard]] static size_t slot_of(const text::Token* last);
  void append(std::span<const text::Token> text);

  // Ends of n-grams: the latest of each slot, and for each end the one before it in its slot; 0 is
  // none.
  std::vector<uint32_t> heads_;
  std::vector<uint32_t> before_;
};

// How many guesses are worth making, by what became of the last ones: more after all were right,
// fewer after some were wrong, and after runs without a right one longer and longer pauses.
class GuessControl {
 public:
  GuessControl(size_t least, size_t most) : least_(least < most ? least : most), most_(most) {}

  // Guesses to make in the next run that could have some; 0 in a pause.
  [[nodiscard]] size_t next();
  void report(size_t guessed, size_t accepted);

 private:
  static constexpr size_t kFirst = 3;          // fewer would hardly be cheaper
  static constexpr size_t kLongestPause = 64;  // runs

  size_t least_;
  size_t most_;
  size_t length_ = kFirst;
  size_t failures_ = 0;  // runs in a row without a right guess
  size_t pause_ = 0;     // runs still to leave out
};

// Guesses for one answer.
class Speculator {
 public:
  // For a model of `n_vocab` tokens.
  Speculator(const SpeculationOptions& options, size_t n_vocab);

  // Guesses at what follows `text`, all of it certain and beginning with that of the call before;
  // at most `room`. Valid until the next call. Errors are those of the draft model's session.
  [[nodiscard]] Result<std::span<const text::Token>> guess(std::span<const text::Token> text,
                                                           size_t room);
  // How many of the last guesses were right.
  void report(size_t accepted) { control_.report(guesses_.size(), accepted); }

 private:
  [[nodiscard]] Result<void> ask_draft(std::span<const text::Token> text, size_t count);

  SpeculationOptions options_;
  size_t n_vocab_;
  NgramIndex index_;
  GuessControl control_;
  std::vector<text::Token> guesses_;
};

// An error that names the first token in which they differ: then one cannot guess for the other.
// One may have more tokens than the other, as padding.
[[nodiscard]] Result<void> check_same_vocabulary(const text::Vocab& model,
                                                 const text::Vocab& draft);

}  // namespace hearth::engine
