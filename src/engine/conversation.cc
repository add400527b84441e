#include "engine/conversation.h"

#include <algorithm>
#include <utility>

#include "os/system.h"

namespace hearth::engine {

namespace {

constexpr size_t kPromptEnd = 100;  // bytes in which a mark may open reasoning

// A turn as it is said to the model again. Calls stay in the text: nobody answers them here.
Turn turn_of(text::Reply reply) {
  if (!reply.calls.empty() || reply.content == trim(reply.raw))
    return {text::Role::assistant, std::move(reply.raw)};
  return {text::Role::assistant, std::move(reply.content), std::move(reply.reasoning)};
}

}  // namespace

Conversation::Conversation(Session& session)
    : session_(session),
      tokenizer_(*session.model().tokenizer()),
      format_(text::chat_format_of(session.model().file().gguf.metadata)) {
  const auto source = text::chat_template_of(session.model().file().gguf.metadata);
  if (!source) return;
  reply_format_ = text::reply_format_of(*source);
  const text::Vocab& vocab = tokenizer_.vocab();
  const std::vector<std::string_view> marks = reply_format_.marks();
  for (text::Token token = 0; static_cast<size_t>(token) < vocab.size(); ++token) {
    const std::string_view name = vocab.text(token);
    const bool in_mark = std::any_of(marks.begin(), marks.end(), [&](std::string_view mark) {
      return mark.find(name) != mark.npos;
    });
    const bool control = vocab.kind(token) == text::TokenKind::control;
    if (control && in_mark && !name.empty()) marks_.push_back(token);
  }
  auto parsed = text::ChatTemplate::create(*source, &tokenizer_.vocab());
  if (parsed) {
    template_ = *std::move(parsed);
  } else {
    trouble_ = parsed.error().message;
  }
}

void Conversation::set_system(std::string_view text) { system_ = text; }

void Conversation::clear() { load({}); }

void Conversation::load(std::vector<Turn> turns) {
  turns_ = std::move(turns);
  forgotten_ = 0;
}

// The model's own template writes the turns; when it fails, it is not asked again.
std::vector<text::Piece> Conversation::pieces_of(const std::vector<Turn>& turns) {
  if (template_) {
    auto pieces = template_->render(turns, os::local_time());
    if (pieces) return *std::move(pieces);
    trouble_ = pieces.error().message;
    template_.reset();
  }
  return text::render(format_, turns);
}

std::vector<text::Token> Conversation::render(size_t first_turn) {
  std::vector<Turn> turns(turns_.begin() + static_cast<std::ptrdiff_t>(first_turn), turns_.end());
  if (!system_.empty()) turns.insert(turns.begin(), {text::Role::system, system_});
  const std::vector<text::Piece> pieces = pieces_of(turns);
  prompt_end_.clear();
  if (!pieces.empty() && pieces.back().kind == text::Piece::marks) {
    const std::string& last = pieces.back().text;
    prompt_end_ = last.substr(last.size() - std::min(last.size(), kPromptEnd));
  }
  std::vector<text::Tokenizer::Piece> parts;
  for (const text::Piece& piece : pieces)
    parts.push_back({piece.text, piece.kind == text::Piece::marks});
  std::vector<text::Token> tokens = tokenizer_.encode(parts);
  const text::Vocab& vocab = tokenizer_.vocab();
  if (vocab.add_bos() && vocab.bos()) tokens.insert(tokens.begin(), *vocab.bos());
  return tokens;
}

Result<GenerateResult> Conversation::answer(sample::Sampler& sampler,
                                            const GenerateOptions& options, const ReplySink& sink) {
  // A quarter of the context is kept for the answer; whole turns are forgotten, oldest first, and
  // what is left begins with the user, as templates expect.
  const size_t most = session_.context() - session_.context() / 4;
  size_t first = 0;
  std::vector<text::Token> tokens = render(first);
  while (tokens.size() > most && first + 1 < turns_.size()) {
    do ++first;
    while (first + 1 < turns_.size() && turns_[first].role != text::Role::user);
    tokens = render(first);
  }
  forgotten_ = first;
  if (tokens.size() >= session_.context()) {
    return fail(ErrorCode::too_large, "this text has ", tokens.size(),
                " tokens, but the context holds ", session_.context(),
                " with the answer: shorten it or choose a larger context with -c");
  }
  // What the session already holds need not be computed again; the last token must be, for its
  // logits.
  const auto held = session_.tokens();
  const auto same =
      std::mismatch(held.begin(), held.end(), tokens.begin(), tokens.end()).second - tokens.begin();
  session_.rewind(std::min(static_cast<size_t>(same), tokens.size() - 1));
  const size_t keep = session_.tokens().size();
  text::ReplyParser parser(reply_format_, prompt_end_);
  std::vector<text::ReplyEvent> events;
  const auto pass_on = [&]() -> Result<void> {
    for (const text::ReplyEvent& event : std::exchange(events, {})) HEARTH_CHECK(sink(event));
    return {};
  };
  const TextSink collect = [&](std::string_view piece) -> Result<void> {
    parser.feed(piece, events);
    return pass_on();
  };
  GenerateOptions with_marks = options;
  with_marks.shown = marks_;
  Result<GenerateResult> result =
      generate(session_, sampler, std::span(tokens).subspan(keep), with_marks, collect);
  turns_.push_back(turn_of(parser.finish(events)));
  if (result) HEARTH_CHECK(pass_on());
  return result;
}

Result<GenerateResult> Conversation::say(std::string_view user_text, sample::Sampler& sampler,
                                         const GenerateOptions& options, const ReplySink& sink) {
  turns_.push_back({text::Role::user, std::string(user_text)});
  Result<GenerateResult> result = answer(sampler, options, sink);
  // A text that could not be read must not stand in the way of the next one.
  if (!result && turns_.back().role == text::Role::user) turns_.pop_back();
  return result;
}

Result<GenerateResult> Conversation::regenerate(sample::Sampler& sampler,
                                                const GenerateOptions& options,
                                                const ReplySink& sink) {
  while (!turns_.empty() && turns_.back().role == text::Role::assistant) turns_.pop_back();
  if (turns_.empty()) return fail(ErrorCode::bad_usage, "there is no answer yet to write again");
  return answer(sampler, options, sink);
}

}  // namespace hearth::engine
