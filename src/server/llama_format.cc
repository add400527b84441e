#include "server/llama_format.h"

#include <algorithm>
#include <cmath>

#include "server/chances.h"
#include "server/timings.h"

namespace hearth::server::llama {
namespace {

constexpr int kNoSlot = -1;  // places are the worker's own business

std::string_view stop_type(protocol::Finish finish) {
  switch (finish) {
    case protocol::Finish::end:
      return "eos";
    case protocol::Finish::stop:
      return "word";
    case protocol::Finish::length:
    case protocol::Finish::context:
      return "limit";
    case protocol::Finish::cancelled:
      break;
  }
  return "none";
}

bool has_new_line(std::string_view text) { return text.find('\n') != std::string_view::npos; }

// The member at a path of names between slashes; null when there is none.
const Json* at_path(const Json& json, std::string_view path) {
  const Json* found = &json;
  for (const std::string_view name : split(path, '/')) {
    if (!found->is_object()) return nullptr;
    const auto member = found->find(name);
    if (member == found->end()) return nullptr;
    found = &*member;
  }
  return found;
}

}  // namespace

Json Format::chosen(Json record) const {
  if (choice_.members.empty()) return record;
  Json some = Json::object();
  for (const std::string& path : choice_.members) {
    if (const Json* found = at_path(record, path)) some[path] = *found;
  }
  return some;
}

Json Format::piece(size_t choice, const State& state) const {
  Json json{{"index", choice},
            {"content", ""},
            {"tokens", Json::array()},
            {"stop", false},
            {"id_slot", kNoSlot},
            {"tokens_predicted", state.so_far.answer_tokens},
            {"tokens_evaluated", state.so_far.prompt_tokens}};
  if (choice_.timings) json["timings"] = timings_json(state.so_far);
  return json;
}

Json Format::last(size_t choice, const protocol::Finished& finished, std::string_view content,
                  bool new_line) const {
  return {{"index", choice},
          {"content", content},
          {"tokens", Json::array()},
          {"id_slot", kNoSlot},
          {"stop", true},
          {"model", facts().model},
          {"tokens_predicted", finished.answer_tokens},
          {"tokens_evaluated", finished.prompt_tokens},
          {"generation_settings", choice_.settings},
          {"prompt", choice_.prompt},
          {"has_new_line", new_line},
          {"truncated", finished.finish == protocol::Finish::context},
          {"stop_type", stop_type(finished.finish)},
          {"stopping_word", finished.stop},
          {"tokens_cached", finished.remembered_tokens},
          {"timings", timings_json(finished)}};
}

Json Format::whole(std::span<const Answer> answers) {
  Json list = Json::array();
  for (const Answer& answer : answers) {
    Json json = last(list.size(), answer.finished, answer.content, has_new_line(answer.content));
    if (choice_.tokens) json["tokens"] = answer.tokens;
    if (choice_.chances) json["completion_probabilities"] = chances_json(answer.chances, true);
    list.push_back(chosen(std::move(json)));
  }
  return list.size() == 1 ? list[0] : list;
}

std::string Format::event(size_t choice, const protocol::Tell& tell) {
  if (choice >= states_.size()) states_.resize(choice + 1);
  State& state = states_[choice];
  if (const auto* started = std::get_if<protocol::Started>(&tell)) {
    state.so_far.prompt_tokens = started->prompt_tokens;
    return "";
  }
  if (const auto* reading = std::get_if<protocol::Reading>(&tell)) {
    state.so_far.remembered_tokens = reading->remembered;
    state.so_far.prompt_seconds = reading->seconds;
    if (!choice_.progress) return "";
    Json json = piece(choice, state);
    json["prompt_progress"] = {
        {"total", reading->total},
        {"cache", reading->remembered},
        {"processed", reading->done},
        {"time_ms", std::llround(std::clamp(reading->seconds, 0.0, 1e9) * 1000)}};
    return sse(json);
  }
  if (const auto* delta = std::get_if<protocol::Delta>(&tell)) {
    state.so_far.answer_tokens += delta->tokens.size();
    state.so_far.answer_seconds = delta->seconds;
    state.new_line = state.new_line || has_new_line(delta->text);
    Json json = piece(choice, state);
    json["content"] = delta->text;
    json["tokens"] = delta->tokens;
    if (!delta->chances.empty())
      json["completion_probabilities"] = chances_json(delta->chances, true);
    return sse(json);
  }
  if (const auto* finished = std::get_if<protocol::Finished>(&tell))
    return sse(chosen(last(choice, *finished, "", state.new_line)));
  return "";
}

std::string Format::problem(const Problem& problem) {
  return sse(problem_json(Dialect::llama, problem));
}

}  // namespace hearth::server::llama
