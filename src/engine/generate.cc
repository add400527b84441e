#include "engine/generate.h"

#include "os/system.h"
#include "sample/stop.h"
#include "text/stream_decoder.h"

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

class Answer {
 public:
  Answer(Session& session, sample::Sampler& sampler, const GenerateOptions& options,
         const TextSink& sink)
      : session_(session),
        sampler_(sampler),
        options_(options),
        sink_(sink),
        decoder_(*session.model().tokenizer()),
        stop_(options.stops),
        logits_(session.logits()) {}

  // One token: chosen, shown, computed. True while the answer goes on.
  Result<bool> step(GenerateResult& result) {
    const auto finish = [&](FinishReason reason) {
      result.finish = reason;
      return false;
    };
    if (os::interrupted()) return finish(FinishReason::interrupted);
    if (result.answer_tokens >= options_.max_tokens) return finish(FinishReason::length);
    HEARTH_TRY(const text::Token token, sampler_.sample(logits_, session_.tokens()));
    if (!options_.ignore_eos && session_.model().tokenizer()->vocab().is_end_of_generation(token)) {
      return finish(FinishReason::end);
    }
    ++result.answer_tokens;
    HEARTH_CHECK(show(stop_.push(decoder_.push(token))));
    if (stop_.stopped()) return finish(FinishReason::stop_string);
    if (session_.room() == 0) return finish(FinishReason::context);
    const Result<std::span<float>> decoded = session_.decode(std::span(&token, 1));
    if (!decoded && decoded.error().code == ErrorCode::interrupted)
      return finish(FinishReason::interrupted);
    if (!decoded) return tl::unexpected<Error>(decoded.error());
    logits_ = *decoded;
    return true;
  }

  Result<void> end() { return show(stop_.push(decoder_.finish()) + stop_.finish()); }

 private:
  Result<void> show(std::string_view text) { return text.empty() ? Result<void>{} : sink_(text); }

  Session& session_;
  sample::Sampler& sampler_;
  const GenerateOptions& options_;
  const TextSink& sink_;
  text::StreamDecoder decoder_;
  sample::StopMatcher stop_;
  std::span<float> logits_;  // behind the session's last token
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
