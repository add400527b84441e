// The loop that turns a prompt into a stream of text.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/session.h"
#include "engine/speculate.h"
#include "sample/chances.h"
#include "sample/sampler.h"

namespace hearth::grammar {
class Constraint;
}

namespace hearth::engine {

// A token that was chosen, with what is asked for of its chances.
struct ChosenToken {
  text::Token token = text::kNoToken;
  float log_probability = 0;
  std::vector<sample::Chance> others{};  // the most likely ones
};

// Has a say in what comes next. Called between tokens, by the thread that computes.
class Steering {
 public:
  virtual ~Steering() = default;
  // A token that comes next in any case; none: the sampler chooses.
  [[nodiscard]] virtual std::optional<text::Token> forced() = 0;
  // Whether the constraint holds for the next token.
  [[nodiscard]] virtual bool constrained() const = 0;
  // Every token of the answer, before its text is shown.
  virtual void chosen(const ChosenToken& token) = 0;
};

struct LogitBias {
  text::Token token = text::kNoToken;
  float bias = 0;  // added to its logit; minus infinity: never chosen
};

struct GenerateOptions {
  size_t max_tokens = SIZE_MAX;      // SIZE_MAX: until the model ends or the context is full
  std::vector<std::string> stops{};  // the answer ends before any of these
  bool ignore_eos = false;           // go on when the model wants to end
  std::vector<text::Token> shown{};  // control tokens that are text of the answer; ascending
  SpeculationOptions speculation{};  // changes how fast the answer comes, never the answer
  // What the answer must be, where nothing was read yet; null: anything. The answer ends where
  // nothing can follow, and not before it is whole but for the other limits.
  grammar::Constraint* constraint = nullptr;
  std::vector<LogitBias> logit_bias{};
  std::optional<size_t> chances{};  // of each token, with so many others
  Steering* steering = nullptr;
};

enum class FinishReason {
  end,          // the model ended its answer
  stop_string,  // one of the stop strings came
  length,       // max_tokens
  context,      // no room left
  interrupted,  // Ctrl-C
};
[[nodiscard]] std::string_view name_of(FinishReason reason);

struct GenerateResult {
  FinishReason finish = FinishReason::end;
  std::string stop{};  // the stop string that came
  size_t prompt_tokens = 0;
  size_t answer_tokens = 0;
  size_t remembered_tokens = 0;    // of the prompt, computed for an earlier answer
  size_t guessed_tokens = 0;       // computed before it was certain that they come
  size_t accepted_tokens = 0;      // and of these, those that came
  double prompt_seconds = 0;       // prefill
  double first_token_seconds = 0;  // from the call to the first token chosen
  double answer_seconds = 0;       // decode, from the first token to the last
};

// Receives whole characters as they come. Its error ends the answer and is returned.
using TextSink = std::function<Result<void>(std::string_view text)>;

// Computes `prompt`, which must not be empty, behind what the session holds and goes on from there.
// The session keeps the answer's tokens, so that a conversation can continue. The model must have a
// tokenizer.
[[nodiscard]] Result<GenerateResult> generate(Session& session, sample::Sampler& sampler,
                                              std::span<const text::Token> prompt,
                                              const GenerateOptions& options, const TextSink& sink,
                                              const Session::Progress& progress = {});

}  // namespace hearth::engine
