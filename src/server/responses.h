// OpenAI's Responses API.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "server/answer.h"
#include "server/api.h"
#include "server/fields.h"
#include "server/response_store.h"
#include "server/turns.h"

namespace hearth::server {

// What a function was before it became one that a template can show.
struct ToolOrigin {
  std::string name;
  std::string space{};  // the namespace that it stands in; "" for none
  bool custom = false;  // its input is plain text, the only argument of the function
};
using ToolOrigins = std::map<std::string, ToolOrigin, std::less<>>;  // by names of functions

// `tools`, `tool_choice` and `parallel_tool_calls`. Problems of this and the next go to `fields`.
[[nodiscard]] ToolOrigins read_response_tools(Fields& fields, protocol::ChatPrompt& prompt,
                                              protocol::ToolUse& use);
// The name under which a template knows a function of a namespace.
[[nodiscard]] std::string name_in_space(std::string_view space, std::string_view name);

// `input`: a text or items; those that it refers to come from `store`. Gives the items.
[[nodiscard]] Json read_response_input(Fields& fields, ResponseStore& store, Turns& turns);
// Items of earlier requests and responses. A problem when something that they refer to is gone.
[[nodiscard]] std::optional<Problem> read_kept_items(const Json& items, ResponseStore& store,
                                                     Turns& turns);

struct ResponseSetup {
  Json echo = Json::object();  // members of the request that its response repeats
  ToolOrigins tools{};
  bool summary = false;                    // reasoning is told as its own summary
  std::shared_ptr<ResponseStore> store{};  // null: it is not kept
  Json input = Json::array();              // for the store
  std::string previous{};
};
// Writes answers as responses and their events.
[[nodiscard]] std::unique_ptr<AnswerFormat> response_format(ResponseSetup setup);

// Routes around a store; responses_routes() has one of the usual size.
[[nodiscard]] std::vector<Route> responses_routes(std::shared_ptr<ResponseStore> store);
// Those of them that serve what is kept.
[[nodiscard]] std::vector<Route> kept_responses_routes(std::shared_ptr<ResponseStore> store);

}  // namespace hearth::server
