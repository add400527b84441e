#include "server/answer.h"

namespace hearth::server {

void Answer::take(const protocol::Delta& delta) {
  using Kind = protocol::Delta::Kind;
  tokens.insert(tokens.end(), delta.tokens.begin(), delta.tokens.end());
  switch (delta.kind) {
    case Kind::content:
      content += delta.text;
      chances.insert(chances.end(), delta.chances.begin(), delta.chances.end());
      return;
    case Kind::reasoning:
      reasoning += delta.text;
      return;
    case Kind::call_begin:
      calls.push_back({"", delta.text, ""});
      return;
    case Kind::call_arguments:
      if (!calls.empty()) calls.back().arguments += delta.text;
      return;
    case Kind::call_end:
      if (!calls.empty()) calls.back().id = delta.text;
      return;
    case Kind::call_discard:
      if (!calls.empty()) calls.pop_back();
      return;
  }
}

std::string call_id(std::string_view answer_id, size_t choice, size_t call) {
  // FNV-1a: ids must differ, not be secret.
  uint64_t hash = 0xCBF29CE484222325;
  for (const char c : cat(answer_id, "/", choice, "/", call))
    hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001B3;
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz0123456789";
  std::string id;
  for (int i = 0; i < 9; ++i, hash /= kLetters.size()) id += kLetters[hash % kLetters.size()];
  return id;
}

std::string text_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string sse(const Json& data, std::string_view name) {
  if (name.empty()) return cat("data: ", text_of(data), "\n\n");
  return cat("event: ", name, "\ndata: ", text_of(data), "\n\n");
}

}  // namespace hearth::server
