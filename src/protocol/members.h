// The members of each message by name, once for writing and reading: members(message, visit) calls
// visit(name, member) for each, and visit.bytes(name, member) for those that may be no UTF-8.
#pragma once

#include <array>
#include <string_view>

#include "protocol/event.h"
#include "protocol/request.h"

namespace hearth::protocol {

// Names of the values of an enumeration, in order.
constexpr auto names_of(Form::Kind) {
  return std::to_array<std::string_view>({"any", "gbnf", "regex", "json_schema", "json_object"});
}
constexpr auto names_of(ToolUse::Choice) {
  return std::to_array<std::string_view>({"automatic", "none", "required"});
}
constexpr auto names_of(Overflow) {
  return std::to_array<std::string_view>({"refuse", "drop_oldest"});
}
constexpr auto names_of(Delta::Kind) {
  return std::to_array<std::string_view>(
      {"content", "reasoning", "call_begin", "call_arguments", "call_end", "call_discard"});
}
constexpr auto names_of(Finish) {
  return std::to_array<std::string_view>({"end", "stop", "length", "context", "cancelled"});
}
constexpr auto names_of(Failed::Reason) {
  return std::to_array<std::string_view>(
      {"bad_request", "too_long", "busy", "unsupported", "broken"});
}

// Names of the alternatives of a variant, in order.
constexpr auto names_of(const Prompt*) {
  return std::to_array<std::string_view>({"plain", "chat", "infill"});
}
constexpr auto names_of(const Ask*) {
  return std::to_array<std::string_view>(
      {"generate", "embed", "rerank", "tokenize", "detokenize", "render", "cancel"});
}
constexpr auto names_of(const Tell*) {
  return std::to_array<std::string_view>({"loaded", "started", "reading", "delta", "finished",
                                          "failed", "embedded", "ranked", "tokens", "text",
                                          "status"});
}

// `M` is a message or a constant one.
template <class M, class T>
concept Is = std::same_as<std::remove_const_t<M>, T>;

template <class V>
void members(Is<ChatPrompt> auto& m, V& visit) {
  visit("variables", m.variables);
  visit("continue_last", m.continue_last);
  visit("before", m.before);
}

template <class V>
void members(Is<InfillPrompt> auto& m, V& visit) {
  visit("prefix", m.prefix);
  visit("suffix", m.suffix);
  visit("files", m.files);
  visit("middle", m.middle);
}

template <class V>
void members(Is<Form> auto& m, V& visit) {
  visit("kind", m.kind);
  visit("text", m.text);
}

template <class V>
void members(Is<ToolUse> auto& m, V& visit) {
  visit("choice", m.choice);
  visit("only", m.only);
  visit("parallel", m.parallel);
}

template <class V>
void members(Is<LogitBias> auto& m, V& visit) {
  visit("token", m.token);
  visit("bias", m.bias);
}

template <class V>
void members(Is<AdapterScale> auto& m, V& visit) {
  visit("id", m.id);
  visit("scale", m.scale);
}

template <class V>
void members(Is<sample::SamplingParams> auto& m, V& visit) {
  visit("temperature", m.temperature);
  visit("top_k", m.top_k);
  visit("top_p", m.top_p);
  visit("min_p", m.min_p);
  visit("penalty_window", m.penalty_window);
  visit("repeat_penalty", m.repeat_penalty);
  visit("presence_penalty", m.presence_penalty);
  visit("frequency_penalty", m.frequency_penalty);
  visit("seed", m.seed);
}

template <class V>
void members(Is<Generate> auto& m, V& visit) {
  visit("prompt", m.prompt);
  visit("sampling", m.sampling);
  visit("logit_bias", m.logit_bias);
  visit("max_tokens", m.max_tokens);
  visit("stops", m.stops);
  visit("ignore_eos", m.ignore_eos);
  visit("form", m.form);
  visit("tools", m.tools);
  visit("take_apart", m.take_apart);
  visit("reasoning_tokens", m.reasoning_tokens);
  visit("chances", m.chances);
  visit("show_prompt", m.show_prompt);
  visit("reuse", m.reuse);
  visit("overflow", m.overflow);
  visit("adapters", m.adapters);
  visit("client", m.client);
}

template <class V>
void members(Is<Embed> auto& m, V& visit) {
  visit("inputs", m.inputs);
  visit("pooling", m.pooling);
  visit("normalize", m.normalize);
  visit("truncate", m.truncate);
}

template <class V>
void members(Is<Rerank> auto& m, V& visit) {
  visit("query", m.query);
  visit("documents", m.documents);
}

template <class V>
void members(Is<Tokenize> auto& m, V& visit) {
  visit("text", m.text);
  visit("add_special", m.add_special);
  visit("parse_special", m.parse_special);
}

template <class V>
void members(Is<Detokenize> auto& m, V& visit) {
  visit("tokens", m.tokens);
}

template <class V>
void members(Is<Render> auto& m, V& visit) {
  visit("prompt", m.prompt);
}

template <class V>
void members(Is<Cancel> auto& m, V& visit) {
  visit("id", m.id);
}

template <class V>
void members(Is<Request> auto& m, V& visit) {
  visit("id", m.id);
  visit("ask", m.ask);
}

template <class V>
void members(Is<Load::Adapter> auto& m, V& visit) {
  visit("name", m.name);
  visit("file", m.file);
  visit("scale", m.scale);
}

template <class V>
void members(Is<Load> auto& m, V& visit) {
  visit("name", m.name);
  visit("files", m.files);
  visit("adapters", m.adapters);
  visit("context", m.context);
  visit("threads", m.threads);
  visit("prompt_chunk", m.prompt_chunk);
  visit("kv_type", m.kv_type);
  visit("places", m.places);
  visit("queue", m.queue);
  visit("chat_template", m.chat_template);
  visit("pooling", m.pooling);
  visit("prefix_bytes", m.prefix_bytes);
  visit("prefix_file", m.prefix_file);
  visit("prefix_file_bytes", m.prefix_file_bytes);
  visit("memory_bytes", m.memory_bytes);
  visit("model_fingerprint", m.model_fingerprint);
}

template <class V>
void members(Is<Loaded> auto& m, V& visit) {
  visit("architecture", m.architecture);
  visit("description", m.description);
  visit("type", m.type);
  visit("parameters", m.parameters);
  visit("file_bytes", m.file_bytes);
  visit("memory_bytes", m.memory_bytes);
  visit("vocabulary", m.vocabulary);
  visit("trained_context", m.trained_context);
  visit("context", m.context);
  visit("places", m.places);
  visit("width", m.width);
  visit("writes", m.writes);
  visit("scores", m.scores);
  visit("infills", m.infills);
  visit("thinks", m.thinks);
  visit("calls_tools", m.calls_tools);
  visit("pooling", m.pooling);
  visit.bytes("chat_template", m.chat_template);
  visit.bytes("bos", m.bos);
  visit.bytes("eos", m.eos);
  visit("adapters", m.adapters);
  visit.bytes("warnings", m.warnings);
  visit("sandbox", m.sandbox);
  visit("metadata", m.metadata);
}

template <class V>
void members(Is<Started> auto& m, V& visit) {
  visit("prompt_tokens", m.prompt_tokens);
  visit("dropped_messages", m.dropped_messages);
}

template <class V>
void members(Is<Reading> auto& m, V& visit) {
  visit("total", m.total);
  visit("remembered", m.remembered);
  visit("done", m.done);
  visit("seconds", m.seconds);
}

template <class V>
void members(Is<Chance> auto& m, V& visit) {
  visit("token", m.token);
  visit("log_probability", m.log_probability);
  visit.bytes("bytes", m.bytes);
  visit("others", m.others);
}

template <class V>
void members(Is<Delta> auto& m, V& visit) {
  visit("kind", m.kind);
  visit("call", m.call);
  visit("text", m.text);
  visit("chances", m.chances);
  visit("tokens", m.tokens);
  visit("seconds", m.seconds);
}

template <class V>
void members(Is<Finished> auto& m, V& visit) {
  visit("finish", m.finish);
  visit("stop", m.stop);
  visit("prompt_tokens", m.prompt_tokens);
  visit("remembered_tokens", m.remembered_tokens);
  visit("answer_tokens", m.answer_tokens);
  visit("reasoning_tokens", m.reasoning_tokens);
  visit("calls", m.calls);
  visit("malformed", m.malformed);
  visit("waited_seconds", m.waited_seconds);
  visit("prompt_seconds", m.prompt_seconds);
  visit("answer_seconds", m.answer_seconds);
  visit("prompt", m.prompt);
}

template <class V>
void members(Is<Failed> auto& m, V& visit) {
  visit("reason", m.reason);
  visit("message", m.message);
  visit("prompt_tokens", m.prompt_tokens);
  visit("context", m.context);
}

template <class V>
void members(Is<Embedded> auto& m, V& visit) {
  visit("vectors", m.vectors);
  visit("tokens", m.tokens);
}

template <class V>
void members(Is<Ranked> auto& m, V& visit) {
  visit("scores", m.scores);
  visit("tokens", m.tokens);
}

template <class V>
void members(Is<Tokens> auto& m, V& visit) {
  visit("tokens", m.tokens);
  visit.bytes("pieces", m.pieces);
}

template <class V>
void members(Is<Text> auto& m, V& visit) {
  visit.bytes("text", m.text);
  visit("tokens", m.tokens);
}

template <class V>
void members(Is<Place> auto& m, V& visit) {
  visit("busy", m.busy);
  visit("request", m.request);
  visit("held_tokens", m.held_tokens);
}

template <class V>
void members(Is<Status> auto& m, V& visit) {
  visit("waiting", m.waiting);
  visit("places", m.places);
  visit("prefix_bytes", m.prefix_bytes);
  visit("prefix_file_bytes", m.prefix_file_bytes);
  visit("prefix_hits", m.prefix_hits);
  visit("prefix_misses", m.prefix_misses);
  visit("prefix_tokens", m.prefix_tokens);
  visit("prompt_tokens", m.prompt_tokens);
  visit("answer_tokens", m.answer_tokens);
  visit("prompt_seconds", m.prompt_seconds);
  visit("answer_seconds", m.answer_seconds);
  visit("resident_bytes", m.resident_bytes);
}

template <class V>
void members(Is<Event> auto& m, V& visit) {
  visit("id", m.id);
  visit("tell", m.tell);
}

}  // namespace hearth::protocol
