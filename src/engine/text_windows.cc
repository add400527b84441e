#include "engine/text_windows.h"

#include <algorithm>

namespace hearth::engine {

Result<TextWindows> TextWindows::cut(const LoadedModel& model, std::span<const text::Token> tokens,
                                     size_t size, size_t most, WindowScoring scoring) {
  if (size < 4) {
    return fail(ErrorCode::bad_usage, "a window of ", size,
                " tokens is too small: choose 4 or more");
  }
  TextWindows windows;
  windows.tokens_ = tokens;
  windows.size_ = size;
  windows.scoring_ = scoring;
  windows.count_ = std::min(tokens.size() / size, most);
  if (windows.count_ == 0) {
    return fail(ErrorCode::bad_usage, "the text has ", tokens.size(),
                " tokens, fewer than one window of ", size, ": give a longer text or a smaller -c");
  }
  const text::Tokenizer* tokenizer = model.tokenizer();
  if (tokenizer != nullptr && tokenizer->vocab().add_bos()) windows.bos_ = tokenizer->vocab().bos();
  return windows;
}

size_t TextWindows::scored() const {
  return scoring_ == WindowScoring::every_token ? size_ : size_ - 1 - size_ / 2;
}

TextWindow TextWindows::window(size_t index) const {
  const std::span<const text::Token> tokens = tokens_.subspan(index * size_, size_);
  TextWindow window;
  if (scoring_ == WindowScoring::every_token) {
    window.input.assign(tokens.begin(), tokens.end() - 1);
    window.input.insert(window.input.begin(), bos_.value_or(tokens[0]));
    window.targets.assign(tokens.begin(), tokens.end());
    window.end = size_;
    return window;
  }
  window.input.assign(tokens.begin(), tokens.end());
  if (bos_) window.input[0] = *bos_;
  window.targets.assign(tokens.begin() + 1, tokens.end());
  window.first = size_ / 2;
  window.end = size_ - 1;
  return window;
}

Result<void> compute_scored(Session& session, const TextWindow& window,
                            const Session::LogitsSink& sink) {
  const std::span<const text::Token> input(window.input);
  session.rewind(0);
  if (window.first != 0) HEARTH_CHECK(session.advance(input.first(window.first)));
  return session.advance_with_logits(
      input.subspan(window.first, window.end - window.first),
      [&](size_t first, size_t count, std::span<const float> logits) {
        return sink(window.first + first, count, logits);
      });
}

}  // namespace hearth::engine
