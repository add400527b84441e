#include "worker/prompt_maker.h"

#include <algorithm>
#include <array>

#include "os/system.h"

namespace hearth::worker {
namespace {

using protocol::Json;

constexpr size_t kPromptEnd = 100;  // bytes in which a mark may open reasoning

constexpr std::array kFormats = {text::ChatFormat::chatml, text::ChatFormat::llama3,
                                 text::ChatFormat::llama2, text::ChatFormat::zephyr};

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string text_member(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

// Where there is no template, tools and their results are told as they are.
std::vector<text::Turn> turns_of(const Json& messages) {
  std::vector<text::Turn> turns;
  for (const Json& message : messages) {
    const std::string role = text_member(message, "role");
    std::string content = text_member(message, "content");
    if (const auto calls = message.find("tool_calls"); calls != message.end()) {
      for (const Json& call : *calls) content += dump(call.value("function", Json()));
    }
    const text::Role as = role == "system"      ? text::Role::system
                          : role == "assistant" ? text::Role::assistant
                                                : text::Role::user;
    if (as == text::Role::system && !turns.empty()) {
      turns.push_back({text::Role::user, std::move(content)});
    } else {
      turns.push_back({as, std::move(content), text_member(message, "reasoning_content")});
    }
  }
  return turns;
}

// Arguments of calls as objects: clients send them as text.
void open_arguments(Json& messages) {
  for (Json& message : messages) {
    const auto calls = message.find("tool_calls");
    if (calls == message.end() || !calls->is_array()) continue;
    for (Json& call : *calls) {
      Json& arguments = call["function"]["arguments"];
      if (!arguments.is_string()) continue;
      Result<Json> object = protocol::parse_json(arguments.get_ref<const std::string&>());
      if (object && object->is_object()) arguments = *std::move(object);
    }
  }
}

// A template that joins the arguments to a text fails with an object, or shows it as Python would.
bool wants_objects(const text::ChatTemplate& chat_template) {
  const auto render = [&](const Json& arguments) {
    const Json call{{"id", "abcdefghi"},
                    {"type", "function"},
                    {"function", {{"name", "f"}, {"arguments", arguments}}}};
    const Json variables{
        {"messages",
         {{{"role", "user"}, {"content", "u"}},
          {{"role", "assistant"}, {"content", ""}, {"tool_calls", Json::array({call})}}}}};
    return chat_template.render(dump(variables), CivilTime{}).value_or("");
  };
  const std::string as_object = render(Json{{"k", "v"}});
  const std::string as_text = render(R"({"k": "v"})");
  const bool text_is_good = as_text.find(R"({"k": "v"})") != as_text.npos;
  const bool object_is_good =
      as_object.find("k") != as_object.npos && as_object.find("{'k'") == as_object.npos;
  return object_is_good || !text_is_good;
}

}  // namespace

PromptMaker::PromptMaker(const engine::LoadedModel& model, std::string_view chat_template)
    : model_(model),
      tokenizer_(*model.tokenizer()),
      format_(text::chat_format_of(model.file().gguf.metadata)),
      source_(chat_template) {
  find_infill_marks();
  for (const text::ChatFormat format : kFormats) {
    if (name_of(format) != chat_template) continue;
    format_ = format;
    return;
  }
  if (source_.empty()) source_ = text::chat_template_of(model.file().gguf.metadata).value_or("");
  if (source_.empty()) return;
  auto parsed = text::ChatTemplate::create(source_, &tokenizer_.vocab());
  if (!parsed) {
    trouble_ = parsed.error().message;
    return;
  }
  template_ = *std::move(parsed);
  object_arguments_ = wants_objects(*template_);
}

void PromptMaker::find_infill_marks() {
  const gguf::Metadata& metadata = model_.file().gguf.metadata;
  const auto find = [&](std::initializer_list<const char*> keys,
                        std::initializer_list<const char*> names) -> std::optional<text::Token> {
    for (const char* const key : keys) {
      const gguf::Value* value = metadata.find(key);
      const auto id = value == nullptr ? std::nullopt : value->unsigned_integer();
      if (id && *id < tokenizer_.vocab().size()) return static_cast<text::Token>(*id);
    }
    for (const char* const name : names) {
      const auto token = tokenizer_.vocab().find(name);
      if (token && tokenizer_.is_special(*token)) return token;
    }
    return std::nullopt;
  };
  const auto prefix = find({"tokenizer.ggml.fim_pre_token_id", "tokenizer.ggml.prefix_token_id"},
                           {"<|fim_prefix|>", "<fim_prefix>", "<fim-prefix>", "<PRE>",
                            "\u2581<PRE>", "<|code_prefix|>", "<\uFF5Cfim\u2581begin\uFF5C>"});
  const auto suffix = find({"tokenizer.ggml.fim_suf_token_id", "tokenizer.ggml.suffix_token_id"},
                           {"<|fim_suffix|>", "<fim_suffix>", "<fim-suffix>", "<SUF>",
                            "\u2581<SUF>", "<|code_suffix|>", "<\uFF5Cfim\u2581hole\uFF5C>"});
  const auto middle = find({"tokenizer.ggml.fim_mid_token_id", "tokenizer.ggml.middle_token_id"},
                           {"<|fim_middle|>", "<fim_middle>", "<fim-middle>", "<MID>",
                            "\u2581<MID>", "<|code_middle|>", "<\uFF5Cfim\u2581end\uFF5C>"});
  if (prefix && suffix && middle) infill_ = InfillMarks{*prefix, *suffix, *middle};
}

Result<std::vector<text::Piece>> PromptMaker::render(const Json& variables) const {
  if (template_) return template_->render_pieces(dump(variables), os::local_time());
  return text::render(format_, turns_of(variables["messages"]));
}

std::vector<text::Token> PromptMaker::encode(const std::vector<text::Piece>& pieces) const {
  std::vector<text::Tokenizer::Piece> parts;
  for (const text::Piece& piece : pieces)
    parts.push_back({piece.text, piece.kind == text::Piece::marks});
  std::vector<text::Token> tokens = tokenizer_.encode(parts);
  const text::Vocab& vocab = tokenizer_.vocab();
  if (vocab.add_bos() && vocab.bos()) tokens.insert(tokens.begin(), *vocab.bos());
  return tokens;
}

Result<MadePrompt> PromptMaker::make_chat(const protocol::ChatPrompt& chat) const {
  Json variables = chat.variables;
  Json& messages = variables["messages"];
  if (!messages.is_array() || messages.empty())
    return fail(ErrorCode::bad_usage, "a conversation needs messages");
  std::string beginning;
  if (chat.continue_last) {
    if (text_member(messages.back(), "role") != "assistant")
      return fail(ErrorCode::bad_usage, "only a message of the assistant can be continued");
    beginning = text_member(messages.back(), "content");
    messages.erase(messages.size() - 1);
  }
  if (object_arguments_) open_arguments(messages);
  if (!variables.contains("add_generation_prompt")) variables["add_generation_prompt"] = true;
  HEARTH_TRY(std::vector<text::Piece> pieces, render(variables));
  MadePrompt made;
  if (!beginning.empty()) {
    pieces.push_back({text::Piece::words, beginning});
  } else if (!pieces.empty() && pieces.back().kind == text::Piece::marks) {
    const std::string& last = pieces.back().text;
    made.end = last.substr(last.size() - std::min(last.size(), kPromptEnd));
  }
  made.tokens = encode(pieces);
  if (!chat.before.empty()) {
    // A token that begins a text stands in front of the earlier turns.
    const text::Vocab& vocab = tokenizer_.vocab();
    if (vocab.add_bos() && vocab.bos()) made.tokens.erase(made.tokens.begin());
    made.tokens.insert(made.tokens.begin(), chat.before.begin(), chat.before.end());
  }
  return made;
}

// Leaves out messages behind those of the system, up to one of the user, as few as needed.
Result<MadePrompt> PromptMaker::make_fitting(const protocol::ChatPrompt& chat, size_t most) const {
  HEARTH_TRY(MadePrompt whole, make_chat(chat));
  if (whole.tokens.size() <= most) return whole;
  const Json& messages = chat.variables["messages"];
  size_t first = 0;
  while (first < messages.size() && text_member(messages[first], "role") == "system") ++first;
  std::vector<size_t> cuts;  // messages to go on with
  for (size_t i = first + 1; i < messages.size(); ++i) {
    if (text_member(messages[i], "role") == "user") cuts.push_back(i);
  }
  const auto cut_at = [&](size_t cut) {
    protocol::ChatPrompt shorter = chat;
    Json& kept = shorter.variables["messages"];
    kept.erase(kept.begin() + static_cast<std::ptrdiff_t>(first),
               kept.begin() + static_cast<std::ptrdiff_t>(cut));
    return make_chat(shorter);
  };
  size_t low = 0, high = cuts.size();
  while (low < high) {
    const size_t middle = (low + high) / 2;
    HEARTH_TRY(MadePrompt tried, cut_at(cuts[middle]));
    if (tried.tokens.size() <= most) {
      high = middle;
      whole = std::move(tried);
      whole.dropped = cuts[middle] - first;
    } else {
      low = middle + 1;
    }
  }
  return whole;
}

Result<std::vector<text::Token>> PromptMaker::make_plain(const protocol::PlainPrompt& parts) const {
  std::vector<text::Token> tokens;
  bool first = true;
  for (const protocol::PromptPart& part : parts) {
    if (const auto* const text = std::get_if<std::string>(&part)) {
      const auto more = tokenizer_.encode(*text, {.add_special = first, .parse_special = true});
      tokens.insert(tokens.end(), more.begin(), more.end());
    } else {
      const auto& more = std::get<std::vector<int32_t>>(part);
      tokens.insert(tokens.end(), more.begin(), more.end());
    }
    first = false;
  }
  return tokens;
}

Result<std::vector<text::Token>> PromptMaker::make_infill(
    const protocol::InfillPrompt& infill) const {
  if (!infill_) {
    return fail(
        ErrorCode::unsupported,
        "this model cannot fill in the middle of a text: its vocabulary has no marks for it");
  }
  const text::Vocab& vocab = tokenizer_.vocab();
  std::vector<text::Token> tokens;
  if (vocab.add_bos() && vocab.bos()) tokens.push_back(*vocab.bos());
  const auto append = [&](std::string_view text) {
    const auto more = tokenizer_.encode(text, {.add_special = false, .parse_special = false});
    tokens.insert(tokens.end(), more.begin(), more.end());
  };
  for (const auto& [name, text] : infill.files) append(cat(name, "\n", text, "\n"));
  tokens.push_back(infill_->prefix);
  append(infill.prefix);
  tokens.push_back(infill_->suffix);
  append(infill.suffix);
  tokens.push_back(infill_->middle);
  append(infill.middle);
  return tokens;
}

Result<MadePrompt> PromptMaker::make(const protocol::Prompt& prompt, size_t most,
                                     protocol::Overflow overflow) const {
  const bool drop = overflow == protocol::Overflow::drop_oldest;
  if (const auto* const chat = std::get_if<protocol::ChatPrompt>(&prompt))
    return drop ? make_fitting(*chat, most) : make_chat(*chat);
  MadePrompt made;
  if (const auto* const infill = std::get_if<protocol::InfillPrompt>(&prompt)) {
    HEARTH_TRY(made.tokens, make_infill(*infill));
  } else {
    HEARTH_TRY(made.tokens, make_plain(std::get<protocol::PlainPrompt>(prompt)));
  }
  if (drop && made.tokens.size() > most) {
    const auto end = made.tokens.end() - static_cast<std::ptrdiff_t>(most);
    made.tokens.erase(made.tokens.begin(), end);
  }
  return made;
}

}  // namespace hearth::worker
