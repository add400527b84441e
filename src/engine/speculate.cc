#include "engine/speculate.h"

#include <algorithm>

namespace hearth::engine {

NgramIndex::NgramIndex() : heads_(kHeads, 0) {}

size_t NgramIndex::slot_of(const text::Token* last) {
  uint64_t hash = 0;
  for (size_t i = 0; i < kShortest; ++i) {
    hash = (hash ^ static_cast<uint32_t>(*(last - i))) * 0x9E3779B97F4A7C15;
  }
  return hash >> 50;
}

void NgramIndex::append(std::span<const text::Token> text) {
  for (size_t end = before_.size(); end < text.size(); ++end) {
    before_.push_back(0);
    if (end + 1 < kShortest) continue;
    uint32_t& head = heads_[slot_of(text.data() + end)];
    before_[end] = head;
    head = static_cast<uint32_t>(end);
  }
}

void NgramIndex::guess(std::span<const text::Token> text, size_t most,
                       std::vector<text::Token>& guesses) {
  append(text);
  if (text.size() <= kShortest) return;
  const size_t last = text.size() - 1;
  size_t best = 0;
  size_t best_length = kShortest - 1;
  size_t end = before_[last];
  for (size_t i = 0; i < kCandidates && end != 0; ++i, end = before_[end]) {
    size_t length = 0;
    const size_t longest = std::min(kLongest, end + 1);
    while (length < longest && text[end - length] == text[last - length]) ++length;
    if (length > best_length) {
      best = end;
      best_length = length;
    }
    if (length == kLongest) break;
  }
  if (best == 0) return;
  // A text that repeats itself without end matches just before its end: what would follow is then
  // among the guesses themselves.
  const size_t period = last - best;
  for (size_t i = 0; i < most; ++i) {
    guesses.push_back(i < period ? text[best + 1 + i] : guesses[guesses.size() - period]);
  }
}

size_t GuessControl::next() {
  if (pause_ == 0) return length_;
  --pause_;
  return 0;
}

void GuessControl::report(size_t guessed, size_t accepted) {
  if (guessed == 0) return;
  if (accepted == 0) {
    length_ = std::clamp(kFirst, least_, most_);
    pause_ = std::min(kLongestPause, (size_t{1} << std::min<size_t>(failures_, 16)) - 1);
    ++failures_;
    return;
  }
  failures_ = 0;
  const size_t wanted =
      accepted == guessed ? 2 * std::max(guessed, length_) : std::max(accepted + 1, kFirst);
  length_ = std::clamp(wanted, least_, most_);
}

Speculator::Speculator(const SpeculationOptions& options, size_t n_vocab)
    : options_(options),
      n_vocab_(n_vocab),
      control_(std::clamp<size_t>(options.least, 1, kMaxGuesses),
               std::clamp<size_t>(options.most, 1, kMaxGuesses)) {
  guesses_.reserve(kMaxGuesses);
}

Result<std::span<const text::Token>> Speculator::guess(std::span<const text::Token> text,
                                                       size_t room) {
  guesses_.clear();
  const size_t most = std::min({room, options_.most, kMaxGuesses});
  if (options_.kind == SpeculationOptions::Kind::off || most == 0 || most < options_.least) {
    return guesses_;
  }
  if (options_.kind == SpeculationOptions::Kind::ngram) {
    index_.guess(text, most, guesses_);
    // Only where something was found is there a pause to count.
    if (!guesses_.empty()) guesses_.resize(std::min(guesses_.size(), control_.next()));
  } else if (const size_t count = std::min(most, control_.next()); count > 0) {
    HEARTH_CHECK(ask_draft(text, count));
  }
  if (guesses_.size() < options_.least) guesses_.clear();
  return guesses_;
}

Result<void> Speculator::ask_draft(std::span<const text::Token> text, size_t count) {
  Session& draft = *options_.draft;
  const auto held = draft.tokens();
  const auto same = std::mismatch(held.begin(), held.end(), text.begin(), text.end());
  // The last token is computed in any case: its logits are the first guess.
  draft.rewind(std::min(static_cast<size_t>(same.first - held.begin()), text.size() - 1));
  auto missing = text.subspan(draft.tokens().size());
  if (missing.size() > draft.runtime()->together()) {
    HEARTH_CHECK(draft.advance(missing.first(missing.size() - 1)));
    missing = missing.last(1);
  }
  const size_t n_vocab = draft.model().config().n_vocab;
  while (guesses_.size() < count) {
    if (missing.size() > draft.room()) return {};
    HEARTH_TRY(const std::span<float> logits, draft.decode(missing));
    const auto last = logits.last(n_vocab);
    const auto best =
        static_cast<size_t>(std::max_element(last.begin(), last.end()) - last.begin());
    if (best >= n_vocab_) return {};  // padding that the model does not have
    guesses_.push_back(static_cast<text::Token>(best));
    missing = std::span(guesses_).last(1);
  }
  return {};
}

Result<void> check_same_vocabulary(const text::Vocab& model, const text::Vocab& draft) {
  const auto shared = static_cast<text::Token>(std::min(model.size(), draft.size()));
  for (text::Token token = 0; token < shared; ++token) {
    if (model.text(token) == draft.text(token)) continue;
    return fail(ErrorCode::bad_usage, "the draft model has another vocabulary (token ", token,
                " is '", printable(draft.text(token)), "' there, '", printable(model.text(token)),
                "' in the model): choose one of the same family");
  }
  if (model.bos() == draft.bos() && model.eos() == draft.eos()) return {};
  return fail(ErrorCode::bad_usage, "the draft model begins or ends texts with other tokens than ",
              "the model: choose one of the same family");
}

}  // namespace hearth::engine
