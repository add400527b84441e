// What a dialect consists of: routes, and for each a function that turns a request into what is to
// be done. These functions are plain: they see no socket, and wait for nothing.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "server/answer.h"
#include "server/models.h"
#include "server/options.h"
#include "server/problem.h"

namespace hearth::server {

// Of bodies: parts of them go to a worker inside of a message, which may be kMaxJsonDepth deep.
inline constexpr size_t kMaxBodyDepth = 100;

// A request over HTTP, as routes see it.
struct Call {
  std::string method;
  std::string path;
  std::vector<std::string> captures{};           // what stands at each {} of the route, decoded
  std::map<std::string, std::string> query{};    // decoded
  std::map<std::string, std::string> headers{};  // names in lower case
  Json body{};                                   // null when there is none
  uint64_t client = 0;                           // who asks, for fair shares
  int64_t now = 0;                               // when it came, in seconds since 1970
};

// An answer of a model is asked for.
struct AnswerPlan {
  AnswerRequest request;
  std::unique_ptr<AnswerFormat> format;
};

// One question to a worker, and how its reply is written.
struct AskPlan {
  std::string model{};
  protocol::Ask ask;
  // From Embedded, Ranked, Tokens, Text or whatever `ask` gives.
  std::function<Answerable<Json>(const protocol::Tell& tell, const ModelCard& model)> shape;
  std::vector<std::string> ignored{};
};

// What is known at once.
struct Reply {
  int status = 200;
  std::string type = "application/json";
  std::string body{};
  std::map<std::string, std::string> headers{};
  std::vector<std::string> ignored{};

  [[nodiscard]] static Reply of(const Json& json, int status = 200) {
    return {.status = status, .body = text_of(json)};
  }
};

// What the server is, for routes.
struct Server {
  const Options& options;
  Models& models;
};

using Plan = std::variant<AnswerPlan, AskPlan, Reply>;
using Handler = std::function<Answerable<Plan>(const Call& call, Server& server)>;

struct Route {
  std::string method;   // "GET" routes also serve HEAD
  std::string pattern;  // as in /v1/models/{}; {*} takes the rest, slashes included
  Dialect dialect;      // of problems
  Handler handler;
  bool open = false;  // needs no key
};

// One file for each group.
[[nodiscard]] std::vector<Route> openai_routes();
[[nodiscard]] std::vector<Route> responses_routes();
[[nodiscard]] std::vector<Route> anthropic_routes();
[[nodiscard]] std::vector<Route> ollama_routes();
[[nodiscard]] std::vector<Route> llama_routes();

}  // namespace hearth::server
