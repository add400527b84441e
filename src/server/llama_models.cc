// What llama-server's own API tells of models, and what hearth adds to that.
#include "server/llama.h"
#include "server/when_loaded.h"

namespace hearth::server::llama {
namespace {

std::string_view state_name(ModelCard::State state) {
  switch (state) {
    case ModelCard::State::unloaded:
      return "unloaded";
    case ModelCard::State::loading:
      return "loading";
    case ModelCard::State::ready:
      return "ready";
    case ModelCard::State::failed:
      break;
  }
  return "failed";
}

Json props_json(const ModelCard& model, const Options& options) {
  const protocol::Loaded& loaded = loaded_or_empty(model);
  return {{"default_generation_settings",
           {{"params", default_settings(options)}, {"n_ctx", loaded.context}}},
          {"total_slots", loaded.places},
          {"model_alias", model.name},
          {"model_ftype", loaded.type},
          {"model_path", model.path},
          {"modalities", {{"vision", false}, {"video", false}, {"audio", false}}},
          {"endpoint_slots", options.slots},
          {"endpoint_props", false},
          {"endpoint_metrics", options.metrics},
          {"chat_template", loaded.chat_template},
          {"chat_template_caps",
           {{"supports_tools", loaded.calls_tools}, {"supports_tool_calls", loaded.calls_tools}}},
          {"bos_token", loaded.bos},
          {"eos_token", loaded.eos},
          {"build_info", cat("hearth ", HEARTH_VERSION)},
          {"is_sleeping", model.state == ModelCard::State::unloaded}};
}

// What a request may ask of the model.
Json capabilities_json(const ModelCard& model, const Options& options) {
  Json json{{"id", model.name}, {"aliases", model.aliases}, {"state", state_name(model.state)}};
  // The rest is not known before the model was loaded once.
  if (!model.loaded) return json;
  const protocol::Loaded& loaded = *model.loaded;
  const Json none = Json::array();
  json["context"] = loaded.context;
  json["trained_context"] = loaded.trained_context;
  json["places"] = loaded.places;
  json["completion"] = loaded.writes;
  json["chat"] = loaded.writes;
  json["tool_choice"] =
      loaded.writes && loaded.calls_tools ? Json{"none", "auto", "required", "function"} : none;
  json["response_formats"] =
      loaded.writes ? Json{"text", "json_object", "json_schema", "gbnf"} : none;
  json["logprobs"] = loaded.writes;
  json["n"] = loaded.writes;
  json["embeddings"] = {{"dimensions", loaded.width}, {"pooling", loaded.pooling}};
  json["rerank"] = loaded.scores;
  json["infill"] = loaded.infills;
  json["reasoning"] = loaded.thinks;
  json["adapters"] = options.adapters.size();
  json["modalities"] = Json::array({"text"});
  return json;
}

}  // namespace

Answerable<Plan> props(const Call& call, Server& server) {
  const auto model = chosen_model(call, server.models);
  if (!model) return tl::unexpected<Problem>(model.error());
  return when_loaded(*model, [&options = server.options](const ModelCard& loaded) {
    return props_json(loaded, options);
  });
}

Answerable<Plan> slots(const Call& call, Server& server) {
  if (!server.options.slots) {
    return refuse(Problem::Kind::unsupported,
                  "this server does not show its slots: start it without --no-slots");
  }
  const auto model = chosen_model(call, server.models);
  if (!model) return tl::unexpected<Problem>(model.error());
  const std::vector<protocol::Place>& places = model->status.places;
  Json list = Json::array();
  bool is_full = true;
  for (const protocol::Place& place : places) {
    is_full = is_full && place.busy;
    list.push_back({{"id", list.size()},
                    {"id_task", place.busy ? Json(place.request) : Json(-1)},
                    {"n_ctx", loaded_or_empty(*model).context},
                    {"n_past", place.held_tokens},
                    {"speculative", false},
                    {"is_processing", place.busy}});
  }
  const auto strict = call.query.find("fail_on_no_slot");
  if (strict != call.query.end() && strict->second != "0" && is_full)
    return refuse(Problem::Kind::loading, "no slot available");
  return Reply::of(list);
}

Answerable<Plan> capabilities(const Call&, Server& server) {
  Json models = Json::array();
  for (const ModelCard& model : server.models.list())
    models.push_back(capabilities_json(model, server.options));
  return Reply::of({{"object", "list"},
                    {"data", std::move(models)},
                    {"dialects", {"openai", "anthropic", "ollama", "llama"}},
                    {"version", HEARTH_VERSION}});
}

}  // namespace hearth::server::llama
