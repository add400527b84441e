#include "engine/generate.h"

#include <algorithm>

#include "engine/answer.h"
#include "os/system.h"

namespace hearth::engine {

std::string_view name_of(FinishReason reason) {
  switch (reason) {
    case FinishReason::end:
      return "end";
    case FinishReason::stop_string:
      return "stop";
    case FinishReason::length:
      return "length";
    case FinishReason::context:
      return "context";
    case FinishReason::interrupted:
      return "interrupted";
  }
  return "?";
}

namespace {

// Prefill. An interruption is a way to finish, not an error.
Result<bool> read_prompt(Session& session, std::span<const text::Token> prompt,
                         const Session::Progress& progress) {
  if (prompt.empty())
    return fail(ErrorCode::internal, "an empty prompt: there is nothing to go on from");
  const Result<void> advanced = session.advance(prompt, progress);
  if (advanced) return true;
  if (advanced.error().code == ErrorCode::interrupted) return false;
  return tl::unexpected<Error>(advanced.error());
}

// The tokens of the session are certain up to `certain_`; behind them stand guesses, whose logits
// are there already.
class Answer {
 public:
  Answer(Session& session, sample::Sampler& sampler, const GenerateOptions& options,
         const TextSink& sink)
      : session_(session),
        options_(options),
        writer_(*session.model().tokenizer(), sampler, options, sink),
        speculator_(options.speculation, session.model().config().n_vocab),
        certain_(session.tokens().size()),
        first_guess_(certain_),
        text_(session.tokens().begin(), session.tokens().end()),
        logits_(session.logits()) {}
  ~Answer() { session_.rewind(certain_); }
  Answer(const Answer&) = delete;
  Answer& operator=(const Answer&) = delete;

  // One token: chosen, shown, computed. True while the answer goes on.
  Result<bool> step(GenerateResult& result) {
    const auto finish = [&](FinishReason reason) {
      result.finish = reason;
      return false;
    };
    if (os::interrupted()) return finish(FinishReason::interrupted);
    // Without guesses the sampler would see the same: these logits, and what is certain by now.
    const size_t n_vocab = session_.model().config().n_vocab;
    HEARTH_TRY(const std::optional<text::Token> chosen,
               writer_.next(logits_.first(n_vocab), session_.tokens().first(certain_)));
    result.answer_tokens = writer_.tokens();
    if (!chosen) return finish(writer_.finish());
    const text::Token token = *chosen;
    if (certain_ == session_.context()) return finish(FinishReason::context);
    if (certain_ < session_.tokens().size() && session_.tokens()[certain_] == token) {
      ++certain_;
      text_.push_back(token);
      ++result.accepted_tokens;
      logits_ = logits_.subspan(n_vocab);
      return true;
    }
    const Result<void> computed = compute(token, result);
    if (!computed && computed.error().code == ErrorCode::interrupted)
      return finish(FinishReason::interrupted);
    if (!computed) return tl::unexpected<Error>(computed.error());
    return true;
  }

  Result<void> end() {
    HEARTH_CHECK(take_back_guesses());
    const size_t held = session_.tokens().size();
    if (held < certain_ && !os::interrupted())
      HEARTH_CHECK(session_.decode(std::span(text_).subspan(held, certain_ - held)));
    return writer_.end();
  }

 private:
  // Computes a token that is certain and, behind it, guesses at what follows.
  Result<void> compute(text::Token token, GenerateResult& result) {
    speculator_.report(certain_ - first_guess_);
    HEARTH_CHECK(take_back_guesses());
    const size_t missing = certain_ - session_.tokens().size();
    const size_t room =
        std::min({session_.room() - missing - 1, session_.runtime()->together() - missing - 1,
                  options_.max_tokens - result.answer_tokens});
    run_.assign(text_.end() - static_cast<std::ptrdiff_t>(missing), text_.end());
    text_.push_back(token);
    HEARTH_TRY(const auto guesses, speculator_.guess(text_, room));
    run_.push_back(token);
    run_.insert(run_.end(), guesses.begin(), guesses.end());
    HEARTH_TRY(logits_, session_.decode(run_));
    logits_ = logits_.subspan(missing * session_.model().config().n_vocab);
    result.guessed_tokens += guesses.size();
    first_guess_ = ++certain_;
    return {};
  }

  // Leaves what is certain, but for a few tokens at its end if the session cannot go back to there:
  // fewer than are computed together.
  Result<void> take_back_guesses() {
    session_.rewind(certain_);
    const std::span<const text::Token> text(text_.data(), certain_);
    while (certain_ - session_.tokens().size() >= session_.runtime()->together()) {
      const auto missing = text.subspan(session_.tokens().size());
      HEARTH_CHECK(session_.decode(missing.first(session_.runtime()->together())));
    }
    return {};
  }

  Session& session_;
  const GenerateOptions& options_;
  AnswerWriter writer_;
  Speculator speculator_;
  size_t certain_;                 // tokens of the session
  size_t first_guess_;             // what was certain_ when the guesses were made
  std::vector<text::Token> text_;  // the certain ones, and the one to be computed
  std::vector<text::Token> run_;   // computed together
  std::span<float> logits_;        // behind the last certain token, and behind each guess
};

}  // namespace

Result<GenerateResult> generate(Session& session, sample::Sampler& sampler,
                                std::span<const text::Token> prompt, const GenerateOptions& options,
                                const TextSink& sink, const Session::Progress& progress) {
  GenerateResult result;
  result.prompt_tokens = prompt.size();
  const double start = os::monotonic_seconds();
  HEARTH_TRY(const bool whole, read_prompt(session, prompt, progress));
  result.prompt_seconds = os::monotonic_seconds() - start;
  if (!whole) {
    result.finish = FinishReason::interrupted;
    return result;
  }
  Answer answer(session, sampler, options, sink);
  double first = 0;
  while (true) {
    HEARTH_TRY(const bool more, answer.step(result));
    if (first == 0) {
      first = os::monotonic_seconds();
      result.first_token_seconds = first - start;
    }
    if (!more) break;
  }
  HEARTH_CHECK(answer.end());
  result.answer_seconds = os::monotonic_seconds() - first;
  return result;
}

}  // namespace hearth::engine
