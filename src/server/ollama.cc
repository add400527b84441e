// Ollama's native API: its routes, and what it has for models that come and go.
#include "server/ollama.h"

namespace hearth::server {
namespace ollama {
namespace {

// A version of Ollama whose API this is: clients compare it before they use newer members.
constexpr std::string_view kVersion = "0.30.0";

constexpr std::string_view kLatest = ":latest";

Answerable<Plan> version(const Call&, Server&) { return Reply::of({{"version", kVersion}}); }

// Whether models may run elsewhere: never.
Answerable<Plan> status(const Call&, Server&) {
  return Reply::of({{"cloud", {{"disabled", true}, {"source", "config"}}}});
}

// What is here need not be fetched.
Answerable<Plan> pull(const Call& call, Server& server) {
  Fields fields(call.body);
  const bool stream = fields.boolean("stream").value_or(true);
  const auto model = named_model(fields, server.models);
  if (fields.problem()) return tl::unexpected<Problem>(*fields.problem());
  if (!model) {
    return tl::unexpected<Problem>(
        Problem{.kind = Problem::Kind::unsupported,
                .message = cat(model.error().message,
                               ", and this server fetches none: bring its GGUF file to the machine "
                               "and start the server with it"),
                .field = "model"});
  }
  Reply reply = Reply::of({{"status", "success"}});
  reply.ignored = fields.ignored();
  if (!stream) return reply;
  reply.type = "application/x-ndjson";
  reply.body += '\n';
  return reply;
}

// For what changes the models of a server, whose choice is made on its command line.
Handler refusal(std::string_view what) {
  return [what](const Call&, Server&) -> Answerable<Plan> {
    return refuse(Problem::Kind::unsupported, "this server does not ", what,
                  " models: they are chosen when it is started");
  };
}

}  // namespace

Answerable<ModelCard> find_model(const Models& models, std::string_view name) {
  if (auto found = models.find(name)) return *std::move(found);
  if (ends_with(name, kLatest)) {
    if (auto found = models.find(name.substr(0, name.size() - kLatest.size())))
      return *std::move(found);
  } else if (auto found = models.find(cat(name, kLatest))) {
    return *std::move(found);
  }
  return tl::unexpected<Problem>(Problem{.kind = Problem::Kind::not_found,
                                         .message = cat("model '", printable(name), "' not found"),
                                         .field = "model"});
}

Answerable<ModelCard> named_model(Fields& fields, const Models& models) {
  auto name = fields.text("model", kMaxName);
  if (auto older = fields.text("name", kMaxName); !name || name->empty()) name = std::move(older);
  if (!name || name->empty()) fields.fail("model", "is missing");
  if (fields.problem()) return tl::unexpected<Problem>(*fields.problem());
  return find_model(models, *name);
}

std::string tagged(std::string_view name) {
  // Behind the last '/', so that the port of a registry is not taken for a tag.
  const std::string_view last = name.substr(name.rfind('/') + 1);
  return last.find(':') == std::string_view::npos ? cat(name, kLatest) : std::string(name);
}

}  // namespace ollama

std::vector<Route> ollama_routes() {
  constexpr Dialect kDialect = Dialect::ollama;
  const auto refusal = ollama::refusal;
  return {{"GET", "/api/version", kDialect, ollama::version},
          {"GET", "/api/status", kDialect, ollama::status},
          {"GET", "/api/tags", kDialect, ollama::list_models},
          {"GET", "/api/ps", kDialect, ollama::list_running},
          {"POST", "/api/show", kDialect, ollama::show_model},
          {"POST", "/api/generate", kDialect, ollama::generate},
          {"POST", "/api/chat", kDialect, ollama::chat},
          {"POST", "/api/embed", kDialect, ollama::embed},
          {"POST", "/api/embeddings", kDialect, ollama::embed_one},
          {"POST", "/api/pull", kDialect, ollama::pull},
          {"POST", "/api/push", kDialect, refusal("push")},
          {"POST", "/api/create", kDialect, refusal("create")},
          {"POST", "/api/copy", kDialect, refusal("copy")},
          {"DELETE", "/api/delete", kDialect, refusal("delete")},
          {"HEAD", "/api/blobs/{}", kDialect, refusal("keep files of")},
          {"POST", "/api/blobs/{}", kDialect, refusal("keep files of")}};
}

}  // namespace hearth::server
