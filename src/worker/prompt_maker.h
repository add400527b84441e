// Prompts as tokens: conversations are written by the model's template, middles of texts by its
// marks.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/loader.h"
#include "protocol/request.h"
#include "text/chat_template.h"

namespace hearth::worker {

struct MadePrompt {
  std::vector<text::Token> tokens;
  std::string end;       // the marks that it ends with, which may have opened reasoning
  uint64_t dropped = 0;  // messages, the oldest, that did not fit
};

class PromptMaker {
 public:
  // `chat_template`: instead of the model's; a template, or the name of a format (chatml, llama3,
  // ...). The model must have a tokenizer, and outlive this.
  PromptMaker(const engine::LoadedModel& model, std::string_view chat_template);

  // Why the template is not used, one line; "" while it is, or when there is none.
  [[nodiscard]] const std::string& trouble() const { return trouble_; }
  // The template's source; "" when there is none.
  [[nodiscard]] const std::string& source() const { return source_; }
  [[nodiscard]] bool infills() const { return infill_.has_value(); }

  // At most `most` tokens are wanted: with Overflow::drop_oldest old messages, or the beginning of
  // a plain text, are left out where there are more. Errors: bad_usage for what no prompt can be
  // made of, unsupported for an infill that the model has no marks for, those of the template.
  [[nodiscard]] Result<MadePrompt> make(const protocol::Prompt& prompt, size_t most,
                                        protocol::Overflow overflow) const;

 private:
  struct InfillMarks {
    text::Token prefix;
    text::Token suffix;
    text::Token middle;
  };

  void find_infill_marks();
  [[nodiscard]] Result<std::vector<text::Piece>> render(const protocol::Json& variables) const;
  [[nodiscard]] std::vector<text::Token> encode(const std::vector<text::Piece>& pieces) const;
  [[nodiscard]] Result<MadePrompt> make_chat(const protocol::ChatPrompt& chat) const;
  [[nodiscard]] Result<MadePrompt> make_fitting(const protocol::ChatPrompt& chat,
                                                size_t most) const;
  [[nodiscard]] Result<std::vector<text::Token>> make_plain(
      const protocol::PlainPrompt& parts) const;
  [[nodiscard]] Result<std::vector<text::Token>> make_infill(
      const protocol::InfillPrompt& infill) const;

  const engine::LoadedModel& model_;
  const text::Tokenizer& tokenizer_;
  text::ChatFormat format_;  // where there is no template
  std::string source_;
  std::optional<text::ChatTemplate> template_;
  bool object_arguments_ = true;  // the template wants arguments of calls as objects, not as text
  std::string trouble_;
  std::optional<InfillMarks> infill_;
};

}  // namespace hearth::worker
