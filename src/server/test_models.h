// Tools for tests of dialects: models that exist only by name, and ways to call a route.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/api.h"

namespace hearth::server {

class TestModels : public Models {
 public:
  std::vector<ModelCard> cards;

  TestModels() {
    ModelCard card;
    card.name = "test";
    card.aliases = {"alias"};
    cards.push_back(std::move(card));
  }

  [[nodiscard]] std::vector<ModelCard> list() const override { return cards; }
  [[nodiscard]] std::optional<ModelCard> find(std::string_view name) const override {
    for (const ModelCard& card : cards) {
      if (name.empty() || card.name == name) return card;
      for (const std::string& alias : card.aliases) {
        if (alias == name) return card;
      }
    }
    return std::nullopt;
  }
  void keep(std::string_view name, double seconds) override {
    for (ModelCard& card : cards) {
      if (card.name == name) card.unload_in_seconds = seconds;
    }
  }
  void load(std::string_view name) override { set(name, ModelCard::State::ready); }
  void unload(std::string_view name) override { set(name, ModelCard::State::unloaded); }

 private:
  void set(std::string_view name, ModelCard::State state) {
    for (ModelCard& card : cards) {
      if (card.name == name) card.state = state;
    }
  }
};

// A dialect's routes with a server around them.
struct TestServer {
  explicit TestServer(std::vector<Route> its) : routes(std::move(its)) {}

  // The route is found by its pattern.
  Answerable<Plan> call(std::string_view method, std::string_view pattern, Call request = {}) {
    request.method = method;
    Server server{options, models};
    for (const Route& route : routes) {
      if (route.method == method && route.pattern == pattern) return route.handler(request, server);
    }
    return refuse(Problem::Kind::not_found, "no route ", method, " ", pattern);
  }
  Answerable<Plan> post(std::string_view pattern, const Json& body) {
    Call request;
    request.body = body;
    return call("POST", pattern, std::move(request));
  }

  Options options{};
  TestModels models{};
  std::vector<Route> routes;
};

inline Json json_of(std::string_view text) {
  const auto json = protocol::parse_json(text);
  EXPECT_TRUE(json.has_value()) << text;
  return json ? *json : Json();
}

// The field of the problem that a call ended with; "" when there was none.
inline std::string field_of(const Answerable<Plan>& plan) {
  return plan ? std::string() : plan.error().field;
}

// The data of all events of a stream, whose names must be their types.
inline Json events_of(std::string_view stream) {
  Json events = Json::array();
  while (!stream.empty()) {
    const size_t data = stream.find("\ndata: ");
    const size_t end = stream.find("\n\n");
    if (data == stream.npos || end == stream.npos) {
      ADD_FAILURE() << "no event: " << stream;
      return events;
    }
    events.push_back(json_of(stream.substr(data + 7, end - data - 7)));
    EXPECT_EQ(stream.substr(0, data), cat("event: ", std::string(events.back()["type"])));
    stream.remove_prefix(end + 2);
  }
  return events;
}

// A stream of one answer.
inline std::string stream_of(AnswerFormat& format, const std::vector<protocol::Tell>& tells) {
  std::string stream;
  for (const protocol::Tell& tell : tells) stream += format.event(0, tell);
  return stream + format.close();
}

// The same events as an answer that is told at once.
inline Answer answer_of(const std::vector<protocol::Tell>& tells) {
  Answer answer;
  for (const protocol::Tell& tell : tells) {
    if (const auto* delta = std::get_if<protocol::Delta>(&tell)) answer.take(*delta);
    if (const auto* finished = std::get_if<protocol::Finished>(&tell)) answer.finished = *finished;
  }
  return answer;
}

// Numbers and other things where a whole number from `least` up is wanted.
inline std::vector<Json> wrong_integers(int64_t least) {
  std::vector<Json> wrong{Json(-9223372036854775807),
                          Json(uint64_t{1} << 63),
                          Json(1e300),
                          Json(0.5),
                          Json("1"),
                          Json(true),
                          Json::array({1}),
                          Json::object()};
  if (least > -1) wrong.emplace_back(-1);
  if (least > 0) wrong.emplace_back(0);
  return wrong;
}

inline AnswerFacts test_facts() {
  AnswerFacts facts;
  facts.id = "abcdefghijklmnopqrstuvwx";
  facts.model = "test";
  facts.created = 1700000000;
  return facts;
}

}  // namespace hearth::server
