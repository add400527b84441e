// What the files of llama-server's own API share.
#pragma once

#include <string>
#include <vector>

#include "server/api.h"
#include "server/fields.h"

namespace hearth::server::llama {

// The model that a request names, in its body or as ?model=; the default one if it names none. With
// only one model any name will do, as with a llama-server: many of its clients send some other.
[[nodiscard]] Answerable<ModelCard> chosen_model(Fields& fields, const Call& call,
                                                 const Models& models);
// For requests without a body.
[[nodiscard]] Answerable<ModelCard> chosen_model(const Call& call, const Models& models);

// What llama-server calls the settings of a generation. `samplers`: those in use.
[[nodiscard]] Json settings_json(const AnswerRequest& request,
                                 const std::vector<std::string>& samplers);
// Of a request that names nothing.
[[nodiscard]] Json default_settings(const Options& options);

// POST /completion, /infill
[[nodiscard]] Answerable<Plan> complete(const Call& call, Server& server);
[[nodiscard]] Answerable<Plan> infill(const Call& call, Server& server);
// POST /tokenize, /detokenize, /apply-template, /v1/chat/completions/input_tokens, /embedding
[[nodiscard]] Answerable<Plan> tokenize(const Call& call, Server& server);
[[nodiscard]] Answerable<Plan> detokenize(const Call& call, Server& server);
[[nodiscard]] Answerable<Plan> apply_template(const Call& call, Server& server);
[[nodiscard]] Answerable<Plan> count_tokens(const Call& call, Server& server);
[[nodiscard]] Answerable<Plan> embed(const Call& call, Server& server);
// GET /props, /slots, /v1/capabilities, /metrics
[[nodiscard]] Answerable<Plan> props(const Call& call, Server& server);
[[nodiscard]] Answerable<Plan> slots(const Call& call, Server& server);
[[nodiscard]] Answerable<Plan> capabilities(const Call& call, Server& server);
[[nodiscard]] Answerable<Plan> metrics(const Call& call, Server& server);

}  // namespace hearth::server::llama
