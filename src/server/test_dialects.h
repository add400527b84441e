// For tests of Ollama's and llama-server's routes: two models in memory, and requests to them.
#pragma once

#include <gtest/gtest.h>

#include <bit>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/base64.h"
#include "server/api.h"

namespace hearth::server {

// Remembers what it was told to do with its models.
class MemoryModels final : public Models {
 public:
  std::vector<ModelCard> cards{};
  std::vector<std::string> log{};

  [[nodiscard]] std::vector<ModelCard> list() const override { return cards; }
  [[nodiscard]] std::optional<ModelCard> find(std::string_view name) const override {
    if (name.empty() && !cards.empty()) return cards.front();
    for (const ModelCard& card : cards) {
      if (card.name == name) return card;
      for (const std::string& alias : card.aliases) {
        if (alias == name) return card;
      }
    }
    return std::nullopt;
  }
  void keep(std::string_view name, double seconds) override {
    log.push_back(cat("keep ", name, " ", seconds));
  }
  void load(std::string_view name) override { log.push_back(cat("load ", name)); }
  void unload(std::string_view name) override { log.push_back(cat("unload ", name)); }
};

inline ModelCard llama_card() {
  ModelCard card;
  card.name = "tiny";
  card.aliases = {"small:1b"};
  card.path = "models/tiny.gguf";
  card.file_bytes = 1000;
  card.modified = 1700000000;
  card.fingerprint = std::string(64, 'a');
  card.state = ModelCard::State::ready;
  protocol::Loaded loaded;
  loaded.architecture = "llama";
  loaded.type = "Q8_0";
  loaded.parameters = 8030261248;
  loaded.file_bytes = 1000;
  loaded.memory_bytes = 500;
  loaded.vocabulary = 100;
  loaded.trained_context = 8192;
  loaded.context = 4096;
  loaded.places = 2;
  loaded.width = 4;
  loaded.thinks = loaded.calls_tools = loaded.infills = true;
  loaded.chat_template = "{{ messages }}";
  loaded.bos = "<s>";
  loaded.eos = "</s>";
  loaded.metadata = {{"general.architecture", "llama"},
                     {"general.name", "Tiny"},
                     {"general.license", "apache-2.0"},
                     {"llama.context_length", 8192},
                     {"tokenizer.chat_template", "{{ messages }}"}};
  card.loaded = std::move(loaded);
  card.status.places = {{true, 7, 30}, {false, 0, 12}};
  return card;
}

// An encoder, not loaded yet.
inline ModelCard bert_card() {
  ModelCard card;
  card.name = "bert:latest";
  card.path = "models/bert.gguf";
  return card;
}

class Dialects {
 public:
  explicit Dialects(std::vector<Route> its) : routes(std::move(its)) {
    models.cards = {llama_card(), bert_card()};
  }

  Options options{};
  MemoryModels models{};
  std::vector<Route> routes;

  Answerable<Plan> call(std::string_view method, std::string_view pattern, Call call = {}) {
    call.method = method;
    call.now = 1800000000;
    Server server{options, models};
    for (const Route& route : routes) {
      if (route.method == method && route.pattern == pattern) return route.handler(call, server);
    }
    ADD_FAILURE() << "no route " << method << " " << pattern;
    return refuse(Problem::Kind::not_found, "no route");
  }
  Answerable<Plan> post(std::string_view pattern, const Json& body) {
    Call request;
    request.body = body;
    return call("POST", pattern, std::move(request));
  }

  // The plan that a good request becomes.
  template <class T>
  T good(std::string_view pattern, const Json& body) {
    auto plan = post(pattern, body);
    if (!plan) {
      ADD_FAILURE() << text_of(body) << ": " << plan.error().message;
      return {};
    }
    T* held = std::get_if<T>(&*plan);
    if (held == nullptr) {
      ADD_FAILURE() << text_of(body) << " became another plan";
      return {};
    }
    return std::move(*held);
  }
  AnswerRequest request(std::string_view pattern, const Json& body) {
    return good<AnswerPlan>(pattern, body).request;
  }
  Json reply(std::string_view method, std::string_view pattern, Call request = {}) {
    auto plan = call(method, pattern, std::move(request));
    if (!plan || !std::holds_alternative<Reply>(*plan)) {
      ADD_FAILURE() << pattern << " gave no reply";
      return {};
    }
    const auto json = protocol::parse_json(std::get<Reply>(*plan).body);
    EXPECT_TRUE(json.has_value());
    return json ? *json : Json();
  }
  Problem bad(std::string_view pattern, const Json& body) {
    auto plan = post(pattern, body);
    if (plan) ADD_FAILURE() << text_of(body) << " was taken";
    return plan ? Problem() : plan.error();
  }
};

// What no number from `least` to `most` is. -1, 0, 2^31 and 2^63 are among them as the range says.
inline std::vector<Json> not_in(double least, double most, bool whole) {
  std::vector<Json> wrong = {"1", true, Json::array({1}), Json::object(),
                             std::numeric_limits<double>::infinity()};
  for (const Json& number : {Json(-1), Json(0), Json(uint64_t{1} << 31), Json(uint64_t{1} << 63),
                             Json(-0x1p63), Json(1e300)}) {
    const double value = number.get<double>();
    if (value < least || value > most) wrong.push_back(number);
  }
  if (whole) wrong.emplace_back(0.5);
  return wrong;
}

// As a worker sends an embedding.
inline std::string vector_of(const std::vector<float>& floats) {
  std::string bytes;
  for (const float value : floats) {
    for (int shift = 0; shift < 32; shift += 8)
      bytes += static_cast<char>(std::bit_cast<uint32_t>(value) >> shift);
  }
  return base64(bytes);
}

}  // namespace hearth::server
