// What the files of Ollama's native API share.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "server/api.h"
#include "server/fields.h"

namespace hearth::server::ollama {

inline constexpr size_t kMaxName = 1024;  // bytes of a model's name

// By name or alias, with or without ":latest". "" is the default one.
[[nodiscard]] Answerable<ModelCard> find_model(const Models& models, std::string_view name);
// The model that `fields` names, by "model" or, as older clients do, by "name".
[[nodiscard]] Answerable<ModelCard> named_model(Fields& fields, const Models& models);
// With a tag, as Ollama lists it: clients look for "name:latest".
[[nodiscard]] std::string tagged(std::string_view name);

// {"family": ..., "parameter_size": "8.0B", ...}
[[nodiscard]] Json details_of(const ModelCard& model);
// Words such as "completion" and "tools".
[[nodiscard]] Json capabilities_of(const ModelCard& model);

// How long something lasts in seconds; negative: for ever. A number of seconds, or "5m", "1h30m",
// "-1". None when it is no such thing, or longer than 95 years.
[[nodiscard]] std::optional<double> duration_of(const Json& json);
// `keep_alive`.
[[nodiscard]] std::optional<double> read_keep_alive(Fields& fields);

// `options`: how tokens are chosen, when an answer ends, and what belongs to Ollama's own engine.
void read_options(Fields& fields, const ModelCard& model, const Options& options,
                  AnswerRequest& request);
// `options.num_ctx`, which may be smaller than what the model has here.
void read_context(Fields& fields, const ModelCard& model, const Options& options);

// GET /api/tags, /api/ps; POST /api/show
[[nodiscard]] Answerable<Plan> list_models(const Call& call, Server& server);
[[nodiscard]] Answerable<Plan> list_running(const Call& call, Server& server);
[[nodiscard]] Answerable<Plan> show_model(const Call& call, Server& server);
// POST /api/generate, /api/chat
[[nodiscard]] Answerable<Plan> generate(const Call& call, Server& server);
[[nodiscard]] Answerable<Plan> chat(const Call& call, Server& server);
// POST /api/embed, /api/embeddings
[[nodiscard]] Answerable<Plan> embed(const Call& call, Server& server);
[[nodiscard]] Answerable<Plan> embed_one(const Call& call, Server& server);

}  // namespace hearth::server::ollama
