// Requests for answers.
#include <algorithm>

#include "base/utf8.h"
#include "engine/answer_grammar.h"
#include "grammar/gbnf.h"
#include "grammar/json_schema.h"
#include "grammar/regex.h"
#include "worker/forced_call.h"
#include "worker/host.h"

namespace hearth::worker {
namespace {

constexpr size_t kGrammarsKept = 64;
constexpr float kNever = -1e9f;  // a bias of this or less

Result<grammar::Rules> rules_of(const protocol::Form& form) {
  switch (form.kind) {
    case protocol::Form::Kind::gbnf:
      return grammar::parse_gbnf(form.text);
    case protocol::Form::Kind::json_schema:
      return grammar::parse_json_schema(form.text);
    case protocol::Form::Kind::regex: {
      HEARTH_TRY(grammar::Expression expression, grammar::parse_regex(form.text));
      return grammar::Rules{{{"root", std::move(expression)}}, 0};
    }
    case protocol::Form::Kind::json_object:
    case protocol::Form::Kind::any:
      break;
  }
  return grammar::any_json_object();
}

Result<std::shared_ptr<const grammar::Grammar>> compile(const grammar::Rules& rules) {
  HEARTH_TRY(grammar::Grammar compiled, grammar::Grammar::compile(rules));
  return std::make_shared<const grammar::Grammar>(std::move(compiled));
}

}  // namespace

Result<std::shared_ptr<const grammar::Grammar>> Host::grammar_of(const protocol::Form& form) {
  const std::string key = cat(static_cast<int>(form.kind), ":", form.text);
  if (const auto found = grammars_.find(key); found != grammars_.end()) return found->second;
  HEARTH_TRY(const grammar::Rules rules, rules_of(form));
  HEARTH_TRY(auto compiled, compile(rules));
  if (grammars_.size() >= kGrammarsKept) grammars_.clear();
  grammars_[key] = compiled;
  return compiled;
}

Result<engine::Adapters> Host::adapters_of(
    const std::vector<protocol::AdapterScale>& scales) const {
  engine::Adapters adapters;
  for (const protocol::AdapterScale& each : scales) {
    if (each.id >= adapter_files_.size()) {
      return fail(ErrorCode::bad_usage, "there is no adapter ", each.id, ": the model has ",
                  adapter_files_.size());
    }
    if (each.scale != 0) adapters.push_back({&adapter_files_[each.id]->adapter(), each.scale});
  }
  return adapters;
}

Result<std::vector<engine::LogitBias>> Host::biases_of(
    const std::vector<protocol::LogitBias>& biases) {
  std::vector<engine::LogitBias> all;
  for (const protocol::LogitBias& each : biases) {
    const float bias = each.bias <= kNever ? -INFINITY : each.bias;
    if (const auto* const text = std::get_if<std::string>(&each.token)) {
      const auto tokens =
          model_->tokenizer()->encode(*text, {.add_special = false, .parse_special = true});
      for (const text::Token token : tokens) all.push_back({token, bias});
      continue;
    }
    const int32_t token = std::get<int32_t>(each.token);
    HEARTH_CHECK(engine::check_tokens(*model_, {&token, 1}));
    all.push_back({token, bias});
  }
  return all;
}

// What the answer must be: its form, or a call of a tool.
Result<void> Host::add_constraint(protocol::Generate& generate, AnswerJob::Parts& parts,
                                  engine::Job& job) {
  std::shared_ptr<const grammar::Grammar> compiled;
  auto* const chat = std::get_if<protocol::ChatPrompt>(&generate.prompt);
  const bool forced = generate.tools.choice == protocol::ToolUse::Choice::required;
  if (forced && chat != nullptr && chat->variables.contains("tools")) {
    HEARTH_TRY(ForcedCall call,
               force_call(chat->variables["tools"], generate.tools, *reply_format_));
    HEARTH_TRY(compiled, compile(call.rules));
    parts.format = call.format;
    parts.opening = call.opening;
  } else if (generate.form.kind != protocol::Form::Kind::any) {
    HEARTH_TRY(compiled, grammar_of(generate.form));
  }
  if (compiled == nullptr) return {};
  if (trie_ == nullptr) trie_ = engine::token_trie(*model_->tokenizer());
  job.constraint = engine::constrain(std::move(compiled), trie_, model_->tokenizer()->vocab());
  return {};
}

Result<engine::Job> Host::job_of(protocol::Generate& generate, AnswerJob::Parts& parts,
                                 protocol::Started& started) {
  HEARTH_CHECK(sample::check(generate.sampling));
  auto* const chat = std::get_if<protocol::ChatPrompt>(&generate.prompt);
  if (chat != nullptr && generate.tools.choice == protocol::ToolUse::Choice::none)
    chat->variables.erase("tools");
  const size_t answer = static_cast<size_t>(
      std::min<uint64_t>(generate.max_tokens.value_or(context() / 4), context() / 4));
  HEARTH_TRY(
      MadePrompt prompt,
      prompts_->make(generate.prompt, context() - std::max<size_t>(answer, 1), generate.overflow));
  engine::Job job;
  if (generate.take_apart) parts.format = reply_format_;
  parts.prompt_end = prompt.end;
  parts.chances = generate.chances.has_value();
  parts.reasoning_tokens = generate.reasoning_tokens;
  parts.reasoning_end = reply_format_->reasoning_close;
  if (chat != nullptr && chat->variables.contains("tools"))
    parts.tools = text::ReplyTools::read(chat->variables["tools"].dump());
  HEARTH_CHECK(add_constraint(generate, parts, job));
  job.prompt = std::move(prompt.tokens);
  if (generate.show_prompt) parts.prompt = job.prompt;
  job.sampling = generate.sampling;
  job.client = generate.client;
  job.reuse = generate.reuse;
  job.generate.max_tokens =
      static_cast<size_t>(std::min<uint64_t>(generate.max_tokens.value_or(SIZE_MAX), SIZE_MAX));
  job.generate.stops = std::move(generate.stops);
  job.generate.ignore_eos = generate.ignore_eos;
  if (parts.format != nullptr) job.generate.shown = marks_;
  HEARTH_TRY(job.generate.logit_bias, biases_of(generate.logit_bias));
  if (generate.chances) job.generate.chances = *generate.chances;
  if (generate.adapters) {
    HEARTH_TRY(job.adapters, adapters_of(*generate.adapters));
  }
  started = {.prompt_tokens = job.prompt.size(), .dropped_messages = prompt.dropped};
  return job;
}

Result<void> Host::handle(uint64_t id, protocol::Generate& generate) {
  if (scheduler_ == nullptr)
    return fail(ErrorCode::unsupported, "this model gives embeddings only, it writes no text");
  AnswerJob::Parts parts;
  protocol::Started started;
  HEARTH_TRY(engine::Job job, job_of(generate, parts, started));
  if (job.prompt.size() >= context()) {
    tell(id, protocol::Failed{
                 .reason = protocol::Failed::Reason::too_long,
                 .message = cat("the request has ", job.prompt.size(),
                                " tokens, which exceeds the available context size of ", context(),
                                ": shorten it, or start the server with a ", "larger context (-c)"),
                 .prompt_tokens = job.prompt.size(),
                 .context = context()});
    return {};
  }
  auto answering =
      std::make_unique<AnswerJob>(*model_->tokenizer(), std::move(parts),
                                  [this, id](protocol::Tell event) { tell(id, std::move(event)); });
  AnswerJob* const answer = answering.get();
  job.generate.steering = answer;
  job.sink = [answer](std::string_view text) { return answer->take(text); };
  job.done = [this, id, answer](const Result<engine::GenerateResult>& result) {
    if (result) {
      totals_.prompt_tokens += result->prompt_tokens - result->remembered_tokens;
      totals_.answer_tokens += result->answer_tokens;
      totals_.prompt_seconds += result->prompt_seconds;
      totals_.answer_seconds += result->answer_seconds;
    }
    answer->finish(result, result ? result->stop : "");
    answering_.erase(id);
  };
  const Result<engine::Scheduler::JobId> scheduled = scheduler_->submit(std::move(job));
  if (!scheduled && scheduled.error().code == ErrorCode::too_large) {
    tell(id, protocol::Failed{.reason = protocol::Failed::Reason::busy,
                              .message = scheduled.error().message});
    return {};
  }
  if (!scheduled) return tl::unexpected<Error>(scheduled.error());
  answering_[id] = {std::move(answering), *scheduled};
  tell(id, started);
  return {};
}

Result<void> Host::handle(uint64_t, protocol::Cancel& cancel) {
  const auto found = answering_.find(cancel.id);
  if (found != answering_.end()) scheduler_->cancel(found->second.scheduled);
  std::erase_if(embedding_, [&](const EmbedWork& work) {
    if (work.id != cancel.id) return false;
    tell(work.id, protocol::Finished{.finish = protocol::Finish::cancelled});
    return true;
  });
  return {};
}

}  // namespace hearth::worker
