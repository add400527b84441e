#include "text/chat_template.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"

namespace hearth::text {

std::optional<std::string_view> chat_template_of(const gguf::Metadata& metadata) {
  const gguf::Value* value = metadata.find("tokenizer.chat_template");
  if (value == nullptr || value->type != gguf::ValueType::string || value->text.empty())
    return std::nullopt;
  return value->text;
}

namespace {

// Stands behind the first byte of a control token's name that somebody wrote, while the template
// works on it: no template makes this character, which Unicode says is none, nor looks for it.
constexpr std::string_view kGuard = "\uFDD0";

std::string text_of(const Vocab* vocab, std::optional<Token> token) {
  return vocab == nullptr || !token ? "" : std::string(vocab->text(*token));
}

}  // namespace

ChatTemplate::ChatTemplate(jinja::Template parsed, const Vocab* vocab)
    : template_(std::move(parsed)) {
  nlohmann::json defaults{{"tools", nullptr}, {"documents", nullptr}};
  defaults["add_generation_prompt"] = false;
  defaults["bos_token"] = text_of(vocab, vocab == nullptr ? std::nullopt : vocab->bos());
  defaults["eos_token"] = text_of(vocab, vocab == nullptr ? std::nullopt : vocab->eos());
  // A vocabulary may hold bytes that are no text; they cannot be in a template either.
  defaults_ = defaults.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  if (vocab == nullptr) return;
  if (vocab->add_bos()) begin_ = text_of(vocab, vocab->bos());
  for (size_t i = 0; i < vocab->size(); ++i) {
    const auto token = static_cast<Token>(i);
    if (vocab->kind(token) == TokenKind::control && vocab->text(token).size() > 1)
      controls_.emplace_back(vocab->text(token));
  }
  // The longest first, so that none is taken for the beginning of another.
  std::sort(controls_.begin(), controls_.end(), [](const std::string& a, const std::string& b) {
    return a.size() != b.size() ? a.size() > b.size() : a < b;
  });
}

Result<ChatTemplate> ChatTemplate::create(std::string_view source, const Vocab* vocab) {
  HEARTH_TRY(jinja::Template parsed, jinja::Template::parse(source));
  return ChatTemplate(std::move(parsed), vocab);
}

Result<std::string> ChatTemplate::render(std::string_view variables, const CivilTime& now) const {
  return template_.render(variables, now, defaults_);
}

std::string ChatTemplate::guarded(std::string_view text) const {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    // A guard that somebody wrote would look like ours.
    if (starts_with(text.substr(at), kGuard)) {
      at += kGuard.size();
      continue;
    }
    const std::string_view rest = text.substr(at);
    const bool control = std::any_of(controls_.begin(), controls_.end(), [&](const auto& name) {
      return name[0] == rest[0] && starts_with(rest, name);
    });
    out += text[at++];
    if (control) out += kGuard;
  }
  return out;
}

std::vector<Piece> ChatTemplate::pieces_of(std::string_view text) const {
  std::vector<Piece> pieces;
  std::string marks;
  for (size_t guard = text.find(kGuard); guard != text.npos; guard = text.find(kGuard)) {
    const std::string_view behind = text.substr(guard + kGuard.size());
    const size_t first = guard == 0 ? 0 : guard - 1;
    marks += text.substr(0, first);
    const std::string_view lead = text.substr(first, guard - first);
    const auto name = std::find_if(controls_.begin(), controls_.end(), [&](const auto& control) {
      return !lead.empty() && control[0] == lead[0] &&
             starts_with(behind, std::string_view(control).substr(1));
    });
    // A template may have cut the name apart.
    const size_t length = name == controls_.end() ? 0 : name->size() - 1;
    if (!marks.empty()) pieces.push_back({Piece::marks, std::move(marks)});
    marks.clear();
    pieces.push_back({Piece::words, cat(lead, behind.substr(0, length))});
    text = behind.substr(length);
  }
  marks += text;
  if (!marks.empty()) pieces.push_back({Piece::marks, std::move(marks)});
  return pieces;
}

Result<std::string> ChatTemplate::render_turns(std::span<const Turn> turns,
                                               const CivilTime& now) const {
  nlohmann::json messages = nlohmann::json::array();
  for (const Turn& turn : turns)
    messages.push_back({{"role", name_of(turn.role)}, {"content", guarded(turn.content)}});
  const nlohmann::json variables{{"messages", messages}, {"add_generation_prompt", true}};
  return render(variables.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace), now);
}

Result<std::vector<Piece>> ChatTemplate::render(std::span<const Turn> turns,
                                                const CivilTime& now) const {
  Result<std::string> text = render_turns(turns, now);
  const bool has_system = !turns.empty() && turns[0].role == Role::system;
  if (!text && has_system && turns.size() > 1 && turns[1].role == Role::user) {
    std::vector<Turn> joined(turns.begin() + 1, turns.end());
    joined[0].content = cat(turns[0].content, "\n\n", joined[0].content);
    text = render_turns(joined, now);
  }
  if (!text) return tl::unexpected<Error>(text.error());
  std::string_view whole = *text;
  // The tokenizer puts this token in front of every text, so once is enough.
  if (!begin_.empty() && starts_with(whole, begin_)) whole.remove_prefix(begin_.size());
  return pieces_of(whole);
}

}  // namespace hearth::text
