#include "text/chat_template.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "base/utf8.h"

namespace hearth::text {

std::optional<std::string_view> chat_template_of(const gguf::Metadata& metadata) {
  const gguf::Value* value = metadata.find("tokenizer.chat_template");
  if (value == nullptr || value->type != gguf::ValueType::string || value->text.empty())
    return std::nullopt;
  return value->text;
}

namespace {

// Stands behind the first character of a control token's name that somebody wrote, while the
// template works on it: no template makes this character, which Unicode says is none, nor looks for
// it.
constexpr std::string_view kGuard = "\uFDD0";

using Json = nlohmann::ordered_json;

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

template <class Change>
void for_each_text(Json& json, const Change& change) {
  if (json.is_string()) return change(json.get_ref<std::string&>());
  if (!json.is_structured()) return;
  for (Json& each : json) for_each_text(each, change);
}

// Puts the text of a system message that comes first in front of the user's, which comes next.
bool join_system_message(Json& variables) {
  const auto messages = variables.find("messages");
  if (messages == variables.end() || !messages->is_array() || messages->size() < 2) return false;
  const auto content = [&](size_t index, std::string_view role) -> std::string* {
    Json& message = (*messages)[index];
    if (!message.is_object() || message.value("role", Json()) != role) return nullptr;
    const auto found = message.find("content");
    return found != message.end() && found->is_string() ? &found->get_ref<std::string&>() : nullptr;
  };
  const std::string* const system = content(0, "system");
  std::string* const user = content(1, "user");
  if (system == nullptr || user == nullptr) return false;
  *user = cat(*system, "\n\n", *user);
  messages->erase(0);
  return true;
}

std::string text_of(const Vocab* vocab, std::optional<Token> token) {
  return vocab == nullptr || !token ? "" : std::string(vocab->text(*token));
}

}  // namespace

ChatTemplate::ChatTemplate(jinja::Template parsed, const Vocab* vocab)
    : template_(std::move(parsed)), vocab_(vocab) {
  nlohmann::json defaults{{"tools", nullptr}, {"documents", nullptr}};
  defaults["add_generation_prompt"] = false;
  defaults["bos_token"] = text_of(vocab, vocab == nullptr ? std::nullopt : vocab->bos());
  defaults["eos_token"] = text_of(vocab, vocab == nullptr ? std::nullopt : vocab->eos());
  // A vocabulary may hold bytes that are no text; they cannot be in a template either.
  defaults_ = defaults.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  if (vocab == nullptr) return;
  specials_.emplace(*vocab);
  if (vocab->add_bos()) begin_ = text_of(vocab, vocab->bos());
}

Result<ChatTemplate> ChatTemplate::create(std::string_view source, const Vocab* vocab) {
  HEARTH_TRY(jinja::Template parsed, jinja::Template::parse(source));
  return ChatTemplate(std::move(parsed), vocab);
}

Result<std::string> ChatTemplate::render(std::string_view variables, const CivilTime& now) const {
  return template_.render(variables, now, defaults_);
}

size_t ChatTemplate::control_at_front(std::string_view text) const {
  if (!specials_) return 0;
  const std::string_view front = text.substr(0, SpecialSplitter::kMaxBytes);
  const SpecialSplitter::Match match = specials_->find(*vocab_, front, 0, true);
  const bool control = match.at == 0 && vocab_->kind(match.token) == TokenKind::control;
  return control ? match.length : 0;
}

std::string ChatTemplate::guarded(std::string_view text) const {
  std::string out;
  size_t at = 0;
  while (at < text.size()) {
    // A guard that somebody wrote would look like ours.
    if (starts_with(text.substr(at), kGuard)) {
      at += kGuard.size();
      continue;
    }
    const size_t length = decode_utf8(text, at).length;
    const bool control = control_at_front(text.substr(at)) > 0;
    out += text.substr(at, length);
    if (control) out += kGuard;
    at += length;
  }
  return out;
}

std::vector<Piece> ChatTemplate::pieces_of(std::string_view text) const {
  std::vector<Piece> pieces;
  std::string marks;
  const auto end_marks = [&] {
    if (!marks.empty()) pieces.push_back({Piece::marks, std::move(marks)});
    marks.clear();
  };
  for (size_t guard = text.find(kGuard); guard != text.npos; guard = text.find(kGuard)) {
    size_t first = guard;
    while (first > 0 && (static_cast<unsigned char>(text[first - 1]) & 0xC0) == 0x80) --first;
    first -= first > 0 ? 1 : 0;
    const std::string_view lead = text.substr(first, guard - first);
    const std::string_view behind = text.substr(guard + kGuard.size());
    const std::string name = cat(lead, behind.substr(0, SpecialSplitter::kMaxBytes));
    // A template may have cut the name apart.
    const size_t length = std::max(control_at_front(name), lead.size());
    marks += text.substr(0, first);
    end_marks();
    pieces.push_back({Piece::words, name.substr(0, length)});
    text = behind.substr(length - lead.size());
  }
  marks += text;
  end_marks();
  return pieces;
}

Result<std::vector<Piece>> ChatTemplate::render_pieces(std::string_view variables,
                                                       const CivilTime& now) const {
  Json guarded_variables = Json::parse(variables, nullptr, false);
  if (!guarded_variables.is_object())
    return fail(ErrorCode::bad_usage, "the template's variables must be a JSON object");
  for_each_text(guarded_variables, [&](std::string& text) { text = guarded(text); });
  Result<std::string> text = render(dump(guarded_variables), now);
  if (!text && join_system_message(guarded_variables)) text = render(dump(guarded_variables), now);
  if (!text) return tl::unexpected<Error>(text.error());
  std::string_view whole = *text;
  // The tokenizer puts this token in front of every text, so once is enough.
  if (!begin_.empty() && starts_with(whole, begin_)) whole.remove_prefix(begin_.size());
  return pieces_of(whole);
}

Result<std::vector<Piece>> ChatTemplate::render(std::span<const Turn> turns,
                                                const CivilTime& now) const {
  Json messages = Json::array();
  for (const Turn& turn : turns) {
    messages.push_back({{"role", name_of(turn.role)}, {"content", turn.content}});
    // Most templates leave out what was thought for earlier answers.
    if (!turn.reasoning.empty()) messages.back()["reasoning_content"] = turn.reasoning;
  }
  return render_pieces(dump({{"messages", messages}, {"add_generation_prompt", true}}), now);
}

}  // namespace hearth::text
