// What Ollama's API tells of models.
#include <algorithm>
#include <cmath>

#include "base/civil_time.h"
#include "base/units.h"
#include "server/ollama.h"
#include "server/when_loaded.h"

namespace hearth::server::ollama {
namespace {

// When models leave that stay for ever: as far away as Ollama says it is, within four digits of a
// year.
constexpr double kForever = 292 * 365.25 * 86400;

std::string without_blanks(std::string text) {
  std::erase(text, ' ');
  return text;
}

const Json* find(const Json& metadata, const std::string& key) {
  const auto found = metadata.find(key);
  return found == metadata.end() ? nullptr : &*found;
}

// What a request that names nothing else gets, in the lines of a Modelfile.
std::string parameters_of(const ModelCard& model, const Options& options) {
  const sample::SamplingParams& sampling = options.sampling;
  std::vector<std::pair<std::string_view, Json>> parameters;
  if (model.loaded) parameters.emplace_back("num_ctx", model.loaded->context);
  if (options.max_tokens) parameters.emplace_back("num_predict", *options.max_tokens);
  const auto add = [&](std::string_view name, float value) {
    parameters.emplace_back(name, std::round(value * 1e6) / 1e6);
  };
  add("temperature", sampling.temperature);
  parameters.emplace_back("top_k", sampling.top_k);
  add("top_p", sampling.top_p);
  add("min_p", sampling.min_p);
  parameters.emplace_back("repeat_last_n", sampling.penalty_window);
  add("repeat_penalty", sampling.repeat_penalty);
  std::string text;
  for (const auto& [name, value] : parameters) {
    std::string line(name);
    line.resize(std::max<size_t>(line.size() + 1, 31), ' ');
    text += cat(text.empty() ? "" : "\n", line, text_of(value));
  }
  return text;
}

std::string license_of(const Json& metadata) {
  const Json* license = find(metadata, "general.license");
  return license != nullptr && license->is_string() ? license->get<std::string>() : "";
}

Json show_json(const ModelCard& model, const Options& options) {
  const protocol::Loaded& loaded = loaded_or_empty(model);
  Json info = loaded.metadata.is_object() ? loaded.metadata : Json::object();
  info.erase("general.name");
  info.erase("tokenizer.chat_template");
  if (!info.contains("general.parameter_count"))
    info["general.parameter_count"] = loaded.parameters;
  // Clients look for this word to learn that the model can fill in what is missing before it.
  const std::string mark = loaded.infills ? "{#- .Suffix -#}" : "";
  return {{"license", license_of(loaded.metadata)},
          {"modelfile", cat("FROM ", model.path, "\n")},
          {"parameters", parameters_of(model, options)},
          {"template", loaded.chat_template + mark},
          {"details", details_of(model)},
          {"model_info", std::move(info)},
          {"capabilities", capabilities_of(model)},
          {"modified_at", rfc3339(model.modified)}};
}

}  // namespace

Json details_of(const ModelCard& model) {
  const protocol::Loaded& loaded = loaded_or_empty(model);
  Json families = Json::array();
  if (!loaded.architecture.empty()) families.push_back(loaded.architecture);
  Json details{{"parent_model", ""},
               {"format", "gguf"},
               {"family", loaded.architecture},
               {"families", std::move(families)},
               {"parameter_size",
                model.loaded ? without_blanks(human_count(loaded.parameters)) : std::string()},
               {"quantization_level", loaded.type}};
  if (model.loaded) {
    details["context_length"] = loaded.context;
    details["embedding_length"] = loaded.width;
  }
  return details;
}

Json capabilities_of(const ModelCard& model) {
  const protocol::Loaded& loaded = loaded_or_empty(model);
  Json words = Json::array();
  if (!model.loaded) return words;
  if (loaded.writes) {
    words.push_back("completion");
    if (loaded.calls_tools) words.push_back("tools");
    if (loaded.infills) words.push_back("insert");
    if (loaded.thinks) words.push_back("thinking");
  }
  // Every model has embeddings here; the word is for those that were made for it.
  if (!loaded.writes || find(loaded.metadata, cat(loaded.architecture, ".pooling_type")) != nullptr)
    words.push_back("embedding");
  return words;
}

Answerable<Plan> list_models(const Call&, Server& server) {
  Json models = Json::array();
  for (const ModelCard& model : server.models.list()) {
    models.push_back({{"name", tagged(model.name)},
                      {"model", tagged(model.name)},
                      {"modified_at", rfc3339(model.modified)},
                      {"size", model.file_bytes},
                      {"digest", model.fingerprint},
                      {"details", details_of(model)},
                      {"capabilities", capabilities_of(model)}});
  }
  return Reply::of({{"models", std::move(models)}});
}

Answerable<Plan> list_running(const Call& call, Server& server) {
  Json models = Json::array();
  for (const ModelCard& model : server.models.list()) {
    if (model.state != ModelCard::State::ready) continue;
    const protocol::Loaded& loaded = loaded_or_empty(model);
    const double stays = model.unload_in_seconds < 0 ? kForever : model.unload_in_seconds;
    models.push_back(
        {{"name", tagged(model.name)},
         {"model", tagged(model.name)},
         {"size", model.file_bytes + loaded.memory_bytes},
         {"digest", model.fingerprint},
         {"details", details_of(model)},
         {"expires_at", rfc3339(call.now + static_cast<int64_t>(std::min(stays, kForever)))},
         {"size_vram", 0},
         {"context_length", loaded.context}});
  }
  return Reply::of({{"models", std::move(models)}});
}

Answerable<Plan> show_model(const Call& call, Server& server) {
  Fields fields(call.body);
  const auto model = named_model(fields, server.models);
  fields.ignore({"verbose"});  // long lists are left out in any case
  if (fields.problem()) return tl::unexpected<Problem>(*fields.problem());
  if (!model) return tl::unexpected<Problem>(model.error());
  const Say say = [&options = server.options](const ModelCard& loaded) {
    return show_json(loaded, options);
  };
  return when_loaded(*model, say, fields.ignored());
}

}  // namespace hearth::server::ollama
