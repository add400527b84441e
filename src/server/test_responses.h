// A client of the routes of responses, for tests.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "server/responses.h"
#include "server/test_models.h"

namespace hearth::server {

inline constexpr std::string_view kTools = R"("tools": [
  {"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}},
  {"type": "function", "name": "g", "parameters": null},
  {"type": "custom", "name": "patch", "description": "Edits.",
   "format": {"type": "grammar", "syntax": "lark", "definition": "start: X"}},
  {"type": "namespace", "name": "mcp__git", "description": "Git", "tools": [
    {"type": "function", "name": "log", "parameters": {}}]},
  {"type": "web_search"}])";

class ResponsesTest : public testing::Test {
 protected:
  // What the request of these members becomes.
  AnswerRequest ask(std::string_view members) {
    auto plan = server_.post("/v1/responses", json_of(cat("{", members, "}")));
    if (!plan || !std::holds_alternative<AnswerPlan>(*plan)) {
      ADD_FAILURE() << (plan ? "no answer" : plan.error().message);
      return {};
    }
    format_ = std::move(std::get<AnswerPlan>(*plan).format);
    format_->open(test_facts());
    return std::move(std::get<AnswerPlan>(*plan).request);
  }
  Json variables(std::string_view members) {
    const AnswerRequest asked = ask(members);
    const auto* prompt = std::get_if<protocol::ChatPrompt>(&asked.generate.prompt);
    return prompt == nullptr ? Json() : prompt->variables;
  }
  Json messages(std::string_view input) { return variables(cat("\"input\": ", input))["messages"]; }
  std::string problem_field(std::string_view members) {
    return field_of(server_.post("/v1/responses", json_of(cat("{", members, "}"))));
  }
  // Of one more member beside an input.
  std::string problem_with(std::string_view member) {
    return problem_field(cat(R"("input": "x", )", member));
  }
  Json whole(const std::vector<protocol::Tell>& tells) {
    const Answer answer = answer_of(tells);
    return format_->whole({&answer, 1});
  }
  // A response of this text, kept under this id.
  void keep(std::string_view id, std::string_view members, std::string_view text) {
    (void)ask(members);
    AnswerFacts facts = test_facts();
    facts.id = id;
    format_->open(std::move(facts));
    (void)whole({protocol::Delta{protocol::Delta::Kind::content, 0, std::string(text), {}, {}},
                 protocol::Finished{}});
  }
  Answerable<Plan> kept(std::string_view method, std::string_view pattern, std::string id,
                        std::map<std::string, std::string> query = {}) {
    Call call;
    call.captures = {std::move(id)};
    call.query = std::move(query);
    return server_.call(method, pattern, std::move(call));
  }
  static Json reply(const Answerable<Plan>& plan) {
    if (!plan || !std::holds_alternative<Reply>(*plan)) {
      ADD_FAILURE() << (plan ? "no reply" : plan.error().message);
      return {};
    }
    return json_of(std::get<Reply>(*plan).body);
  }

  TestServer server_{responses_routes()};
  std::unique_ptr<AnswerFormat> format_;
};

}  // namespace hearth::server
