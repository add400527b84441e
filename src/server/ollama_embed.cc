// Embeddings in Ollama's native API.
#include <numeric>

#include "server/ollama.h"
#include "server/prompt_fields.h"
#include "server/vectors.h"
#include "server/when_loaded.h"

namespace hearth::server::ollama {
namespace {

// What both kinds of requests begin with.
struct Begun {
  ModelCard model;
  std::string name;  // as the client wrote it
  std::optional<double> keep_alive;
};

Answerable<Begun> begin(Fields& fields, Server& server) {
  Begun begun;
  begun.name = fields.text("model", kMaxName).value_or("");
  if (fields.problem()) return tl::unexpected<Problem>(*fields.problem());
  auto model = find_model(server.models, begun.name);
  if (!model) return tl::unexpected<Problem>(std::move(model).error());
  begun.model = *std::move(model);
  begun.keep_alive = read_keep_alive(fields);
  read_context(fields, begun.model, server.options);
  return begun;
}

// Either asks for the embeddings, or says `empty` after loading the model.
Answerable<Plan> end(Fields& fields, const Begun& begun, Server& server, AskPlan plan,
                     const Json& empty) {
  if (fields.problem()) return tl::unexpected<Problem>(*fields.problem());
  if (begun.keep_alive) server.models.keep(begun.model.name, *begun.keep_alive);
  if (std::get<protocol::Embed>(plan.ask).inputs.empty())
    return after_loading(begun.model.name, [empty](const ModelCard&) { return empty; });
  plan.model = begun.model.name;
  plan.ignored = fields.ignored();
  return plan;
}

const protocol::Embedded* embedded_of(const protocol::Tell& tell) {
  return std::get_if<protocol::Embedded>(&tell);
}

tl::unexpected<Problem> no_embeddings() {
  return refuse(Problem::Kind::failed, "the worker sent something else than embeddings");
}

Answerable<Json> embed_json(const std::string& name, std::optional<uint64_t> dimensions,
                            const protocol::Tell& tell) {
  const protocol::Embedded* embedded = embedded_of(tell);
  if (embedded == nullptr) return no_embeddings();
  Json vectors = Json::array();
  for (const std::string& vector : embedded->vectors) {
    auto floats = floats_of(vector, dimensions);
    if (!floats) return tl::unexpected<Problem>(std::move(floats).error());
    vectors.push_back(*std::move(floats));
  }
  const uint64_t tokens =
      std::accumulate(embedded->tokens.begin(), embedded->tokens.end(), uint64_t{0});
  return Json{{"model", name}, {"embeddings", std::move(vectors)}, {"prompt_eval_count", tokens}};
}

}  // namespace

Answerable<Plan> embed(const Call& call, Server& server) {
  Fields fields(call.body);
  auto begun = begin(fields, server);
  if (!begun) return tl::unexpected<Problem>(std::move(begun).error());
  AskPlan plan;
  protocol::Embed ask;
  const std::vector<std::string> texts = fields.texts("input", kMaxInputs);
  // A single empty text stands for none.
  if (texts.size() != 1 || !texts[0].empty()) ask.inputs.assign(texts.begin(), texts.end());
  ask.truncate = fields.boolean("truncate").value_or(true);
  plan.ask = std::move(ask);
  const auto given = fields.integer("dimensions", 0, INT32_MAX);
  const std::optional<uint64_t> dimensions =
      given && *given > 0 ? std::optional(static_cast<uint64_t>(*given)) : std::nullopt;
  const ModelCard& model = begun->model;
  if (dimensions && model.loaded && *dimensions > model.loaded->width) {
    fields.fail("dimensions",
                cat("is ", *dimensions, ", but the model's embeddings have ", model.loaded->width));
  }
  plan.shape = [name = begun->name, dimensions](const protocol::Tell& tell, const ModelCard&) {
    return embed_json(name, dimensions, tell);
  };
  return end(fields, *begun, server, std::move(plan),
             {{"model", begun->name}, {"embeddings", Json::array()}});
}

Answerable<Plan> embed_one(const Call& call, Server& server) {
  Fields fields(call.body);
  auto begun = begin(fields, server);
  if (!begun) return tl::unexpected<Problem>(std::move(begun).error());
  AskPlan plan;
  protocol::Embed ask;
  if (std::string prompt = fields.text("prompt").value_or(""); !prompt.empty())
    ask.inputs.emplace_back(std::move(prompt));
  ask.truncate = true;
  plan.ask = std::move(ask);
  plan.shape = [](const protocol::Tell& tell, const ModelCard&) -> Answerable<Json> {
    const protocol::Embedded* embedded = embedded_of(tell);
    if (embedded == nullptr || embedded->vectors.empty()) return no_embeddings();
    auto floats = floats_of(embedded->vectors.front());
    if (!floats) return tl::unexpected<Problem>(std::move(floats).error());
    return Json{{"embedding", *std::move(floats)}};
  };
  return end(fields, *begun, server, std::move(plan), {{"embedding", Json::array()}});
}

}  // namespace hearth::server::ollama
