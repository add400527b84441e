// Texts, tokens, conversations and embeddings in llama-server's own API.
#include "base/utf8.h"
#include "server/llama.h"
#include "server/messages.h"
#include "server/prompt_fields.h"
#include "server/sampling_fields.h"
#include "server/vectors.h"

namespace hearth::server::llama {
namespace {

using Shape = std::function<Answerable<Json>(const protocol::Tell& tell)>;

tl::unexpected<Problem> wrong_reply() {
  return refuse(Problem::Kind::failed, "the worker answered another question");
}

// The question, once the request was found good.
Answerable<Plan> plan_of(Fields& fields, const Call& call, Server& server, protocol::Ask ask,
                         Shape shape) {
  const auto model = chosen_model(fields, call, server.models);
  if (fields.problem()) return tl::unexpected<Problem>(*fields.problem());
  if (!model) return tl::unexpected<Problem>(model.error());
  return AskPlan{.model = model->name,
                 .ask = std::move(ask),
                 .shape = [shape = std::move(shape)](const protocol::Tell& tell,
                                                     const ModelCard&) { return shape(tell); },
                 .ignored = fields.ignored()};
}

// A shape of one kind of reply.
template <class T>
Shape shape_of(Json (*write)(const T& told)) {
  return [write](const protocol::Tell& tell) -> Answerable<Json> {
    const T* told = std::get_if<T>(&tell);
    if (told == nullptr) return wrong_reply();
    return write(*told);
  };
}

Json tokens_json(const protocol::Tokens& tokens) { return {{"tokens", tokens.tokens}}; }

// Bytes where a piece is a part of a character.
Json pieces_json(const protocol::Tokens& tokens) {
  Json list = Json::array();
  for (size_t i = 0; i < tokens.tokens.size() && i < tokens.pieces.size(); ++i) {
    const std::string& piece = tokens.pieces[i];
    Json shown = Json::array();
    if (is_valid_utf8(piece)) {
      shown = piece;
    } else {
      for (const char byte : piece) shown.push_back(static_cast<uint8_t>(byte));
    }
    list.push_back({{"id", tokens.tokens[i]}, {"piece", std::move(shown)}});
  }
  return {{"tokens", std::move(list)}};
}

Json content_json(const protocol::Text& text) { return {{"content", text.text}}; }
Json prompt_json(const protocol::Text& text) { return {{"prompt", text.text}}; }
Json count_json(const protocol::Text& text) {
  return {{"input_tokens", text.tokens}, {"object", "response.input_tokens"}};
}

// A conversation as OpenAI's chat completions send it, without anything about the answer.
protocol::ChatPrompt read_conversation(Fields& fields) {
  protocol::ChatPrompt prompt;
  // First, so that nothing in it replaces what follows.
  if (const Json* more = fields.any("chat_template_kwargs"); more != nullptr) {
    if (more->is_object()) {
      prompt.variables = *more;
    } else {
      fields.fail("chat_template_kwargs", "must be an object");
    }
  }
  protocol::Generate nothing;
  read_tools(fields, prompt, nothing);
  if (auto effort = fields.text("reasoning_effort", 100))
    prompt.variables["reasoning_effort"] = *std::move(effort);
  const auto generation = fields.boolean("add_generation_prompt");
  if (generation) prompt.variables["add_generation_prompt"] = *generation;
  const auto go_on = fields.boolean("continue_final_message");
  fields.require("messages");
  const Json* messages = fields.any("messages");
  if (messages == nullptr) return prompt;
  auto checked = check_messages(*messages);
  if (!checked) {
    fields.fail(std::move(checked).error());
    return prompt;
  }
  // An answer that was begun is gone on with, unless the request says otherwise.
  const Json& last = checked->back();
  prompt.continue_last =
      last["role"] == "assistant" && !last.contains("tool_calls") && go_on.value_or(true);
  if (prompt.continue_last) prompt.variables.erase("add_generation_prompt");
  prompt.variables["messages"] = *std::move(checked);
  return prompt;
}

Json embeddings_json(const std::vector<std::vector<float>>& vectors) {
  Json list = Json::array();
  for (const std::vector<float>& vector : vectors)
    list.push_back({{"index", list.size()}, {"embedding", Json::array({vector})}});
  return list;
}

}  // namespace

Answerable<Plan> tokenize(const Call& call, Server& server) {
  Fields fields(call.body);
  fields.require("content");
  protocol::Tokenize ask{.text = fields.text("content").value_or("")};
  ask.add_special = fields.boolean("add_special").value_or(false);
  ask.parse_special = fields.boolean("parse_special").value_or(true);
  const bool pieces = fields.boolean("with_pieces").value_or(false);
  return plan_of(fields, call, server, std::move(ask),
                 shape_of<protocol::Tokens>(pieces ? pieces_json : tokens_json));
}

Answerable<Plan> detokenize(const Call& call, Server& server) {
  Fields fields(call.body);
  fields.require("tokens");
  protocol::Detokenize ask;
  if (const Json* given = fields.any("tokens"); given != nullptr) {
    auto tokens = check_tokens(*given, "tokens");
    if (tokens) {
      ask.tokens = *std::move(tokens);
    } else {
      fields.fail(std::move(tokens).error());
    }
  }
  return plan_of(fields, call, server, std::move(ask), shape_of<protocol::Text>(content_json));
}

Answerable<Plan> apply_template(const Call& call, Server& server) {
  Fields fields(call.body);
  protocol::Render ask{read_conversation(fields)};
  return plan_of(fields, call, server, std::move(ask), shape_of<protocol::Text>(prompt_json));
}

Answerable<Plan> count_tokens(const Call& call, Server& server) {
  Fields fields(call.body);
  protocol::Render ask{read_conversation(fields)};
  return plan_of(fields, call, server, std::move(ask), shape_of<protocol::Text>(count_json));
}

Answerable<Plan> embed(const Call& call, Server& server) {
  Fields fields(call.body);
  const char* const name = fields.has("input") ? "input" : "content";
  fields.require(name);
  protocol::Embed ask;
  if (const Json* given = fields.any(name); given != nullptr) {
    auto inputs = check_inputs(*given, name);
    if (inputs) {
      ask.inputs = *std::move(inputs);
    } else {
      fields.fail(std::move(inputs).error());
    }
  }
  const int64_t norm = fields.integer("embd_normalize", -1, INT32_MAX).value_or(2);
  if (norm != -1 && norm != 2) fields.fail("embd_normalize", "must be 2 (Euclidean) or -1 (none)");
  ask.normalize = norm == 2;
  (void)fields.choice("encoding_format", {"float"});
  const Shape shape = [](const protocol::Tell& tell) -> Answerable<Json> {
    const auto* embedded = std::get_if<protocol::Embedded>(&tell);
    if (embedded == nullptr) return wrong_reply();
    std::vector<std::vector<float>> vectors;
    for (const std::string& vector : embedded->vectors) {
      auto floats = floats_of(vector);
      if (!floats) return tl::unexpected<Problem>(std::move(floats).error());
      vectors.push_back(*std::move(floats));
    }
    return embeddings_json(vectors);
  };
  return plan_of(fields, call, server, std::move(ask), shape);
}

}  // namespace hearth::server::llama
