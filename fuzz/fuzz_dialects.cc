// Requests in the dialects of the server: each ends with a problem in one readable line, or with a
// plan that can be carried out, whatever a model then says.
//
// Input: requests, 0xFE where one ends. The first byte of each chooses a route, the second what the
// model says, the rest is the body. The answer to request N has the id "N", so that a later one can
// refer to it.
#include <memory>
#include <string>
#include <vector>

#include "base/text.h"
#include "base/utf8.h"
#include "fuzz.h"
#include "server/api.h"

namespace hearth::fuzz {
namespace {

using protocol::Delta;
using protocol::Tell;
using server::Answerable;
using server::Json;
using server::text_of;

class NoModels final : public server::Models {
 public:
  [[nodiscard]] std::vector<server::ModelCard> list() const override { return {}; }
  [[nodiscard]] std::optional<server::ModelCard> find(std::string_view) const override {
    return std::nullopt;
  }
  void keep(std::string_view, double) override {}
  void load(std::string_view) override {}
  void unload(std::string_view) override {}
};

// A dialect is fuzzed once its routes are here.
std::vector<server::Route> all_routes() {
  std::vector<server::Route> all = server::anthropic_routes();
  for (server::Route& route : server::responses_routes()) all.push_back(std::move(route));
  return all;
}

std::vector<Tell> answer(uint8_t choice, std::string_view body) {
  std::vector<Tell> tells{protocol::Started{body.size(), 0}, protocol::Reading{9, 3, 9}};
  for (size_t i = 0; i < body.size() && i < 24; ++i) {
    const auto bits = static_cast<uint8_t>(static_cast<uint8_t>(body[i]) ^ choice);
    Delta delta;
    delta.kind = static_cast<Delta::Kind>(bits % 6);
    delta.text = body.substr(i, bits / 6);
    if (bits % 5 == 0) delta.chances = {{1, -0.5f, delta.text, {{2, -2.0f, "x", {}}}}};
    tells.emplace_back(std::move(delta));
  }
  protocol::Finished finished;
  finished.finish = static_cast<protocol::Finish>(choice % 5);
  finished.prompt_tokens = 9;
  finished.remembered_tokens = choice;  // a worker that miscounts does no harm
  tells.emplace_back(std::move(finished));
  return tells;
}

void check_stream(std::string_view stream) {
  require(is_valid_utf8(stream), "a stream is UTF-8");
  while (!stream.empty()) {
    const size_t end = stream.find("\n\n");
    require(end != stream.npos, "an event ends with an empty line");
    const std::string_view event = stream.substr(0, end);
    stream.remove_prefix(end + 2);
    if (event.front() == ':') continue;
    const size_t data = event.find("data: ");
    require(data != event.npos, "an event has data");
    require(Json::accept(event.substr(data + 6)), "data of events is JSON");
  }
}

void check_answer(server::AnswerPlan& plan, uint64_t number, uint8_t choice,
                  std::string_view body) {
  const std::string sent = encode(protocol::Request{1, plan.request.generate});
  require(protocol::decode_request(sent).has_value(), "the worker reads what it is asked");
  server::AnswerFacts facts;
  facts.id = std::to_string(number);
  facts.model = "m";
  plan.format->open(std::move(facts));
  const std::vector<Tell> tells = answer(choice, body);
  if (plan.request.stream) {
    std::string stream = plan.format->keep_alive();
    for (const Tell& tell : tells) stream += plan.format->event(0, tell);
    stream += choice & 0x80 ? plan.format->problem({.message = "broken"}) : plan.format->close();
    return check_stream(stream);
  }
  server::Answer whole;
  for (const Tell& tell : tells) {
    if (const auto* delta = std::get_if<Delta>(&tell)) whole.take(*delta);
    if (const auto* finished = std::get_if<protocol::Finished>(&tell)) whole.finished = *finished;
  }
  require(Json::accept(text_of(plan.format->whole({&whole, 1}))), "an answer is JSON");
}

void check_plan(server::Plan& plan, uint64_t number, uint8_t choice, std::string_view body) {
  if (auto* wanted = std::get_if<server::AnswerPlan>(&plan))
    return check_answer(*wanted, number, choice, body);
  if (auto* asked = std::get_if<server::AskPlan>(&plan)) {
    const std::string sent = encode(protocol::Request{1, asked->ask});
    require(protocol::decode_request(sent).has_value(), "the worker reads what it is asked");
    (void)asked->shape(protocol::Text{"text", 3}, {});
    return;
  }
  const auto& reply = std::get<server::Reply>(plan);
  if (reply.type == "application/json") require(Json::accept(reply.body), "a reply is JSON");
}

void check(std::string_view input) {
  NoModels models;
  const server::Options options;
  server::Server server{options, models};
  const std::vector<server::Route> routes = all_routes();
  uint64_t number = 0;
  for (const std::string_view request : split(input, '\xFE')) {
    if (request.size() < 2) continue;
    const server::Route& route = routes[static_cast<uint8_t>(request[0]) % routes.size()];
    const auto choice = static_cast<uint8_t>(request[1]);
    const std::string_view text = request.substr(2);
    server::Call call;
    call.method = route.method;
    call.path = route.pattern;
    call.captures = {cat("resp_", choice % 4)};
    call.query = {{"order", "asc"}, {"after", std::string(text)}};
    if (route.method == "POST") {
      auto body = protocol::parse_json(text, server::kMaxBodyDepth);
      if (!body) continue;
      call.body = *std::move(body);
    }
    auto plan = route.handler(call, server);
    if (plan) {
      check_plan(*plan, number++, choice, text);
    } else {
      require_message({ErrorCode::bad_usage, plan.error().message});
      require(Json::accept(text_of(problem_json(route.dialect, plan.error()))),
              "a problem is JSON");
    }
  }
}

}  // namespace
}  // namespace hearth::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  hearth::fuzz::check({reinterpret_cast<const char*>(data), size});
  return 0;
}
