// llama-server's own API: its routes, and what needs no model.
#include "server/llama.h"

namespace hearth::server {
namespace llama {
namespace {

tl::unexpected<Problem> not_found(std::string_view name) {
  return tl::unexpected<Problem>(Problem{.kind = Problem::Kind::not_found,
                                         .message = cat("model '", printable(name), "' not found"),
                                         .field = "model"});
}

// Speaks for the default model, which loads by itself when somebody asks for it.
Answerable<Plan> health(const Call&, Server& server) {
  const auto error = [](std::string_view message, std::string_view type, int code) {
    return Reply::of({{"error", {{"message", message}, {"type", type}, {"code", code}}}}, code);
  };
  const std::optional<ModelCard> model = server.models.find("");
  if (model && model->state == ModelCard::State::loading)
    return error("Loading model", "unavailable_error", 503);
  if (model && model->state == ModelCard::State::failed)
    return error(model->trouble, "server_error", 500);
  return Reply::of({{"status", "ok"}});
}

Answerable<Plan> adapters(const Call&, Server& server) {
  const Options& options = server.options;
  Json list = Json::array();
  for (size_t i = 0; i < options.adapters.size(); ++i) {
    const float scale = i < options.adapter_scales.size() ? options.adapter_scales[i] : 1;
    list.push_back({{"id", i}, {"path", options.adapters[i]}, {"scale", scale}});
  }
  return Reply::of(list);
}

Handler refusal(std::string_view message) {
  return [message](const Call&, Server&) -> Answerable<Plan> {
    return refuse(Problem::Kind::unsupported, message);
  };
}

}  // namespace

Answerable<ModelCard> chosen_model(const Call& call, const Models& models) {
  const auto named = call.query.find("model");
  const std::string name = named == call.query.end() ? "" : named->second;
  auto model = models.find(name);
  if (!model && models.list().size() == 1) model = models.find("");
  if (!model) return not_found(name);
  return *std::move(model);
}

Answerable<ModelCard> chosen_model(Fields& fields, const Call& call, const Models& models) {
  const auto name = fields.text("model", 1024);
  if (fields.problem()) return tl::unexpected<Problem>(*fields.problem());
  if (!name || name->empty()) return chosen_model(call, models);
  if (auto model = models.find(*name)) return *std::move(model);
  if (models.list().size() != 1) return not_found(*name);
  fields.ignore({"model"});
  return chosen_model(call, models);
}

}  // namespace llama

std::vector<Route> llama_routes() {
  constexpr Dialect kDialect = Dialect::llama;
  const auto refusal = llama::refusal;
  return {{"GET", "/health", kDialect, llama::health, true},
          {"GET", "/v1/health", kDialect, llama::health, true},
          {"GET", "/props", kDialect, llama::props},
          {"POST", "/props", kDialect,
           refusal("properties of the server are chosen when it is started")},
          {"GET", "/slots", kDialect, llama::slots},
          {"POST", "/slots/{}", kDialect,
           refusal("slots are neither saved nor erased by hand: what was read of a prompt is "
                   "remembered by itself")},
          {"GET", "/metrics", kDialect, llama::metrics},
          {"GET", "/v1/capabilities", kDialect, llama::capabilities},
          {"GET", "/lora-adapters", kDialect, llama::adapters},
          {"POST", "/lora-adapters", kDialect,
           refusal("scales of adapters are chosen when the server is started; send 'lora' in a "
                   "request to use others for it")},
          {"POST", "/completion", kDialect, llama::complete},
          {"POST", "/completions", kDialect, llama::complete},
          {"POST", "/infill", kDialect, llama::infill},
          {"POST", "/tokenize", kDialect, llama::tokenize},
          {"POST", "/detokenize", kDialect, llama::detokenize},
          {"POST", "/apply-template", kDialect, llama::apply_template},
          {"POST", "/embedding", kDialect, llama::embed},
          {"POST", "/embeddings", kDialect, llama::embed},
          {"POST", "/chat/completions/input_tokens", kDialect, llama::count_tokens},
          {"POST", "/v1/chat/completions/input_tokens", kDialect, llama::count_tokens}};
}

}  // namespace hearth::server
