#include "server/problem.h"

namespace hearth::server {
namespace {

struct Names {
  int status;
  std::string_view openai;     // error.type of OpenAI and llama-server
  std::string_view anthropic;  // error.type of Anthropic
};

Names names_of(Problem::Kind kind) {
  switch (kind) {
    case Problem::Kind::bad_request:
      return {400, "invalid_request_error", "invalid_request_error"};
    case Problem::Kind::too_long:
      return {400, "exceed_context_size_error", "invalid_request_error"};
    case Problem::Kind::unauthorized:
      return {401, "authentication_error", "authentication_error"};
    case Problem::Kind::forbidden:
      return {403, "permission_error", "permission_error"};
    case Problem::Kind::not_found:
      return {404, "not_found_error", "not_found_error"};
    case Problem::Kind::bad_method:
      return {405, "invalid_request_error", "invalid_request_error"};
    case Problem::Kind::too_large:
      return {413, "invalid_request_error", "request_too_large"};
    case Problem::Kind::too_slow:
      return {408, "invalid_request_error", "invalid_request_error"};
    case Problem::Kind::busy:
      return {429, "rate_limit_error", "rate_limit_error"};
    case Problem::Kind::loading:
      return {503, "unavailable_error", "overloaded_error"};
    case Problem::Kind::unsupported:
      return {501, "not_supported_error", "invalid_request_error"};
    case Problem::Kind::failed:
      break;
  }
  return {500, "server_error", "api_error"};
}

// OpenAI's `code`, a word that programs compare.
Json code_of(const Problem& problem) {
  switch (problem.kind) {
    case Problem::Kind::too_long:
      return "context_length_exceeded";
    case Problem::Kind::unauthorized:
      return "invalid_api_key";
    case Problem::Kind::not_found:
      return problem.field == "model" ? Json("model_not_found") : Json();
    case Problem::Kind::busy:
      return "rate_limit_exceeded";
    default:
      return nullptr;
  }
}

}  // namespace

int status_of(Problem::Kind kind) { return names_of(kind).status; }

Problem problem_of(const protocol::Failed& failed) {
  Problem problem{
      .message = failed.message, .prompt_tokens = failed.prompt_tokens, .context = failed.context};
  switch (failed.reason) {
    case protocol::Failed::Reason::bad_request:
      problem.kind = Problem::Kind::bad_request;
      break;
    case protocol::Failed::Reason::too_long:
      problem.kind = Problem::Kind::too_long;
      break;
    case protocol::Failed::Reason::busy:
      problem.kind = Problem::Kind::busy;
      problem.retry_seconds = 1;
      break;
    case protocol::Failed::Reason::unsupported:
      problem.kind = Problem::Kind::unsupported;
      break;
    case protocol::Failed::Reason::broken:
      problem.kind = Problem::Kind::failed;
      break;
  }
  return problem;
}

Json problem_json(Dialect dialect, const Problem& problem) {
  const Names names = names_of(problem.kind);
  if (dialect == Dialect::ollama) return {{"error", problem.message}};
  if (dialect == Dialect::anthropic) {
    // Clients look for these words to make a conversation shorter.
    const std::string message = problem.kind == Problem::Kind::too_long
                                    ? cat("prompt is too long: ", problem.prompt_tokens,
                                          " tokens > ", problem.context, " maximum")
                                    : problem.message;
    return {{"type", "error"}, {"error", {{"type", names.anthropic}, {"message", message}}}};
  }
  Json error{{"message", problem.message},
             {"type", names.openai},
             {"param", problem.field.empty() ? Json() : Json(problem.field)},
             {"code", dialect == Dialect::llama ? Json(names.status) : code_of(problem)}};
  if (problem.kind == Problem::Kind::too_long) {
    error["n_prompt_tokens"] = problem.prompt_tokens;
    error["n_ctx"] = problem.context;
  }
  return {{"error", std::move(error)}};
}

}  // namespace hearth::server
