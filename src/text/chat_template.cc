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

Result<std::string> ChatTemplate::render_turns(std::span<const Turn> turns,
                                               const CivilTime& now) const {
  nlohmann::json messages = nlohmann::json::array();
  for (const Turn& turn : turns) {
    messages.push_back({{"role", name_of(turn.role)}, {"content", guarded(turn.content)}});
    // Most templates leave out what was thought for earlier answers.
    if (!turn.reasoning.empty()) messages.back()["reasoning_content"] = guarded(turn.reasoning);
  }
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
