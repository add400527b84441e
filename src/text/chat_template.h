// The chat template of a model: how its makers write conversations, as a program in the file.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/civil_time.h"
#include "base/result.h"
#include "gguf/value.h"
#include "text/chat_format.h"
#include "text/jinja.h"
#include "text/special_splitter.h"
#include "text/vocab.h"

namespace hearth::text {

// tokenizer.chat_template; nullopt when there is none.
[[nodiscard]] std::optional<std::string_view> chat_template_of(const gguf::Metadata& metadata);

// A template together with the names of a model's tokens. Refers to the vocabulary.
class ChatTemplate {
 public:
  // The errors of jinja::Template::parse. Without a vocabulary the tokens have no names.
  [[nodiscard]] static Result<ChatTemplate> create(std::string_view source, const Vocab* vocab);

  // The prompt that a JSON object with `messages` gives. What it does not name is as transformers
  // has it: tools and documents none, add_generation_prompt false, bos_token and eos_token those
  // of the vocabulary.
  [[nodiscard]] Result<std::string> render(std::string_view variables, const CivilTime& now) const;

  // The same in pieces: names of control tokens that stand in a value come back as words. A
  // template that refuses a system message gets its text in front of the user's first.
  [[nodiscard]] Result<std::vector<Piece>> render_pieces(std::string_view variables,
                                                         const CivilTime& now) const;

  // The pieces of the prompt for the next answer.
  [[nodiscard]] Result<std::vector<Piece>> render(std::span<const Turn> turns,
                                                  const CivilTime& now) const;

 private:
  ChatTemplate(jinja::Template parsed, const Vocab* vocab);

  // The bytes of the control token's name that `text` begins with; 0 for none.
  [[nodiscard]] size_t control_at_front(std::string_view text) const;
  [[nodiscard]] std::string guarded(std::string_view text) const;
  [[nodiscard]] std::vector<Piece> pieces_of(std::string_view text) const;

  jinja::Template template_;
  std::string defaults_;  // JSON
  const Vocab* vocab_;
  std::optional<SpecialSplitter> specials_;
  std::string begin_;  // the text of the token that the tokenizer puts in front by itself
};

}  // namespace hearth::text
