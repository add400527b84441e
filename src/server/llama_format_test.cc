// Answers in llama-server's own API, and what it tells of models.
#include "server/llama_format.h"

#include "server/llama.h"
#include "server/test_dialects.h"

namespace hearth::server {
namespace {

using llama::Format;
using protocol::Delta;
using protocol::Finish;
using protocol::Finished;

constexpr std::string_view kTimings =
    R"({"cache_n":2,"prompt_n":8,"prompt_ms":1000.0,"prompt_per_token_ms":125.0,)"
    R"("prompt_per_second":8.0,"predicted_n":4,"predicted_ms":2000.0,)"
    R"("predicted_per_token_ms":500.0,"predicted_per_second":2.0})";

Finished finished(Finish finish = Finish::length) {
  return {.finish = finish,
          .prompt_tokens = 10,
          .remembered_tokens = 2,
          .answer_tokens = 4,
          .prompt_seconds = 1,
          .answer_seconds = 2};
}

Format format(Format::Choice choice = {}) {
  choice.settings = {{"n_predict", 4}, {"seed", 1}};
  choice.prompt = "Once";
  Format format(std::move(choice));
  AnswerFacts facts;
  facts.model = "tiny";
  format.open(std::move(facts));
  return format;
}

std::string last(std::string_view content, std::string_view stop, std::string_view word = "",
                 std::string_view new_line = "false", std::string_view truncated = "false") {
  return cat(R"({"index":0,"content":")", content, R"(","tokens":[],"id_slot":-1,"stop":true,)",
             R"("model":"tiny","tokens_predicted":4,"tokens_evaluated":10,)",
             R"("generation_settings":{"n_predict":4,"seed":1},"prompt":"Once",)",
             R"("has_new_line":)", new_line, R"(,"truncated":)", truncated, R"(,"stop_type":")",
             stop, R"(","stopping_word":")", word, R"(","tokens_cached":2,"timings":)", kTimings,
             "}");
}

std::string stream(Format format, const std::vector<protocol::Tell>& tells) {
  std::string text;
  for (const protocol::Tell& tell : tells) text += format.event(0, tell);
  return text + format.close();
}

TEST(LlamaFormatTest, StreamsPiecesAndALastRecord) {
  EXPECT_EQ(stream(format(), {protocol::Started{10, 0}, protocol::Reading{10, 2, 10, 1},
                              Delta{.text = " a\n", .tokens = {5, 6}},
                              Delta{.text = "", .tokens = {7}}, finished()}),
            cat(R"(data: {"index":0,"content":" a\n","tokens":[5,6],"stop":false,"id_slot":-1,)",
                R"("tokens_predicted":2,"tokens_evaluated":10})", "\n\n",
                R"(data: {"index":0,"content":"","tokens":[7],"stop":false,"id_slot":-1,)",
                R"("tokens_predicted":3,"tokens_evaluated":10})",
                "\n\ndata: ", last("", "limit", "", "true"), "\n\n"));
}

TEST(LlamaFormatTest, TellsProgressAndTimingsOnRequest) {
  const std::string text =
      stream(format({.timings = true, .progress = true}),
             {protocol::Started{10, 0}, protocol::Reading{10, 2, 6, 0.5},
              protocol::Reading{10, 2, 10, 1}, Delta{.text = "a", .tokens = {5}, .seconds = 0.25}});
  EXPECT_EQ(
      text,
      cat(R"(data: {"index":0,"content":"","tokens":[],"stop":false,"id_slot":-1,)",
          R"("tokens_predicted":0,"tokens_evaluated":10,"timings":{"cache_n":2,"prompt_n":8,)",
          R"("prompt_ms":500.0,"prompt_per_token_ms":62.5,"prompt_per_second":16.0,)",
          R"("predicted_n":0,"predicted_ms":0.0,"predicted_per_token_ms":0.0,)",
          R"("predicted_per_second":0.0},)",
          R"("prompt_progress":{"total":10,"cache":2,"processed":6,"time_ms":500}})", "\n\n",
          R"(data: {"index":0,"content":"","tokens":[],"stop":false,"id_slot":-1,)",
          R"("tokens_predicted":0,"tokens_evaluated":10,"timings":{"cache_n":2,"prompt_n":8,)",
          R"("prompt_ms":1000.0,"prompt_per_token_ms":125.0,"prompt_per_second":8.0,)",
          R"("predicted_n":0,"predicted_ms":0.0,"predicted_per_token_ms":0.0,)",
          R"("predicted_per_second":0.0},)",
          R"("prompt_progress":{"total":10,"cache":2,"processed":10,"time_ms":1000}})", "\n\n",
          R"(data: {"index":0,"content":"a","tokens":[5],"stop":false,"id_slot":-1,)",
          R"("tokens_predicted":1,"tokens_evaluated":10,"timings":{"cache_n":2,"prompt_n":8,)",
          R"("prompt_ms":1000.0,"prompt_per_token_ms":125.0,"prompt_per_second":8.0,)",
          R"("predicted_n":1,"predicted_ms":250.0,"predicted_per_token_ms":250.0,)",
          R"("predicted_per_second":4.0}})", "\n\n"));
}

TEST(LlamaFormatTest, WholeAnswersSayHowTheyEnded) {
  const auto whole = [](Finish finish, std::string stop = "") {
    Answer answer;
    answer.content = "a";
    answer.tokens = {5, 6};
    answer.finished = finished(finish);
    answer.finished.stop = std::move(stop);
    const std::vector<Answer> answers = {answer};
    return text_of(format().whole(answers));
  };
  EXPECT_EQ(whole(Finish::end), last("a", "eos"));
  EXPECT_EQ(whole(Finish::stop, "END"), last("a", "word", "END"));
  EXPECT_EQ(whole(Finish::length), last("a", "limit"));
  EXPECT_EQ(whole(Finish::context), last("a", "limit", "", "false", "true"));
}

TEST(LlamaFormatTest, ChancesTokensAndChosenMembers) {
  Answer answer;
  answer.content = "a";
  answer.tokens = {5, 6};
  answer.chances = {{5, -0.5f, "a", {{6, -1.5f, "\xC3", {}}}}};
  answer.finished = finished();
  const std::vector<Answer> answers = {answer, answer};
  const Json whole = format({.tokens = true, .chances = true}).whole(answers);
  ASSERT_EQ(whole.size(), 2u);
  EXPECT_EQ(whole[1]["index"], 1);
  EXPECT_EQ(whole[0]["tokens"].dump(), "[5,6]");
  EXPECT_EQ(text_of(whole[0]["completion_probabilities"]),
            R"([{"id":5,"token":"a","logprob":-0.5,"bytes":[97],)"
            R"("top_logprobs":[{"id":6,"token":"�","logprob":-1.5,"bytes":[195]}]}])");
  Format some = format({.members = {"content", "generation_settings/n_predict", "timings/none",
                                    "content/none", "none"}});
  EXPECT_EQ(some.whole(std::span(answers).first(1)).dump(),
            R"({"content":"a","generation_settings/n_predict":4})");
  EXPECT_EQ(some.event(0, finished()),
            "data: {\"content\":\"\",\"generation_settings/n_predict\":4}\n\n");
}

TEST(LlamaFormatTest, ProblemsInAStream) {
  EXPECT_EQ(format().problem({.kind = Problem::Kind::busy, .message = "full"}),
            "data: {\"error\":{\"message\":\"full\",\"type\":\"rate_limit_error\",\"param\":null,"
            "\"code\":429}}\n\n");
}

class LlamaModelsTest : public testing::Test {
 protected:
  Dialects server{llama_routes()};

  Reply reply(std::string_view path, std::map<std::string, std::string> query = {}) {
    Call call;
    call.query = std::move(query);
    auto plan = server.call("GET", path, std::move(call));
    if (plan && std::holds_alternative<Reply>(*plan)) return std::get<Reply>(*plan);
    ADD_FAILURE() << path << (plan ? " gave no reply" : plan.error().message);
    return {};
  }
};

TEST_F(LlamaModelsTest, HealthIsThatOfTheDefaultModel) {
  EXPECT_EQ(reply("/health").body, R"({"status":"ok"})");
  server.models.cards[0].state = ModelCard::State::unloaded;
  EXPECT_EQ(reply("/v1/health").status, 200);
  server.models.cards[0].state = ModelCard::State::loading;
  EXPECT_EQ(reply("/health").status, 503);
  EXPECT_EQ(reply("/health").body,
            R"({"error":{"message":"Loading model","type":"unavailable_error","code":503}})");
  server.models.cards[0].state = ModelCard::State::failed;
  server.models.cards[0].trouble = "no such file";
  EXPECT_EQ(reply("/health").body,
            R"({"error":{"message":"no such file","type":"server_error","code":500}})");
  for (const Route& route : server.routes)
    EXPECT_EQ(route.open, ends_with(route.pattern, "/health")) << route.pattern;
}

TEST_F(LlamaModelsTest, PropsTellTheDefaults) {
  server.options.sampling.top_k = 7;
  const Json props = server.reply("GET", "/props");
  EXPECT_EQ(props["default_generation_settings"]["n_ctx"], 4096);
  const Json& params = props["default_generation_settings"]["params"];
  EXPECT_EQ(params["top_k"], 7);
  EXPECT_EQ(params["seed"], 4294967295);
  EXPECT_EQ(params["n_predict"], -1);
  EXPECT_EQ(params["samplers"].dump(), R"(["penalties","top_k","top_p","min_p","temperature"])");
  EXPECT_EQ(props["total_slots"], 2);
  EXPECT_EQ(props["model_path"], "models/tiny.gguf");
  EXPECT_EQ(props["chat_template"], "{{ messages }}");
  EXPECT_EQ(props["bos_token"], "<s>");
  EXPECT_EQ(props["eos_token"], "</s>");
  EXPECT_EQ(props["is_sleeping"], false);
  Call other;
  other.query["model"] = "bert:latest";
  const auto later = server.call("GET", "/props", other);
  EXPECT_TRUE(later && std::holds_alternative<AskPlan>(*later));
}

TEST_F(LlamaModelsTest, SlotsShowPlaces) {
  EXPECT_EQ(reply("/slots").body,
            R"([{"id":0,"id_task":7,"n_ctx":4096,"n_past":30,"speculative":false,)"
            R"("is_processing":true},{"id":1,"id_task":-1,"n_ctx":4096,"n_past":12,)"
            R"("speculative":false,"is_processing":false}])");
  EXPECT_EQ(reply("/slots", {{"fail_on_no_slot", "1"}}).status, 200);
  server.models.cards[0].status.places[1].busy = true;
  Call call;
  call.query["fail_on_no_slot"] = "1";
  EXPECT_EQ(server.call("GET", "/slots", call).error().kind, Problem::Kind::loading);
  server.options.slots = false;
  EXPECT_EQ(server.call("GET", "/slots").error().kind, Problem::Kind::unsupported);
}

TEST_F(LlamaModelsTest, MetricsAreInPrometheusFormat) {
  server.models.cards.pop_back();
  protocol::Status& status = server.models.cards[0].status;
  status.prompt_tokens = 1234567890123;
  status.prompt_seconds = 0.5;
  status.waiting = 3;
  const Reply one = reply("/metrics");
  EXPECT_EQ(one.type, "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_NE(one.body.find("# HELP llamacpp:prompt_tokens_total Tokens of prompts that were read.\n"
                          "# TYPE llamacpp:prompt_tokens_total counter\n"
                          "llamacpp:prompt_tokens_total 1234567890123\n"),
            std::string::npos);
  EXPECT_NE(one.body.find("\nllamacpp:prompt_seconds_total 0.5\n"), std::string::npos);
  EXPECT_NE(one.body.find("\nllamacpp:requests_processing 1\n"), std::string::npos);
  EXPECT_NE(one.body.find("\nllamacpp:requests_deferred 3\n"), std::string::npos);
  EXPECT_NE(one.body.find("\nhearth_memory_cache_bytes 500\n"), std::string::npos);
  server.models.cards.push_back(bert_card());
  server.models.cards[1].name = "a\"b\\c\nd";
  const Reply two = reply("/metrics");
  EXPECT_NE(two.body.find("\nhearth_model_loaded{model=\"tiny\"} 1\n"
                          "hearth_model_loaded{model=\"a\\\"b\\\\c d\"} 0\n"),
            std::string::npos);
  server.options.metrics = false;
  EXPECT_EQ(server.call("GET", "/metrics").error().kind, Problem::Kind::unsupported);
}

TEST_F(LlamaModelsTest, CapabilitiesTellTheTruth) {
  server.options.adapters = {"a.gguf"};
  const Json all = server.reply("GET", "/v1/capabilities");
  EXPECT_EQ(all["data"][0].dump(),
            R"({"id":"tiny","aliases":["small:1b"],"state":"ready","context":4096,)"
            R"("trained_context":8192,"places":2,"completion":true,"chat":true,)"
            R"("tool_choice":["none","auto","required","function"],)"
            R"("response_formats":["text","json_object","json_schema","gbnf"],)"
            R"("logprobs":true,"n":true,"embeddings":{"dimensions":4,"pooling":""},)"
            R"("rerank":false,"infill":true,"reasoning":true,"adapters":1,"modalities":["text"]})");
  EXPECT_EQ(all["data"][1].dump(), R"({"id":"bert:latest","aliases":[],"state":"unloaded"})");
  server.models.cards[0].loaded->writes = false;
  EXPECT_EQ(server.reply("GET", "/v1/capabilities")["data"][0]["tool_choice"].dump(), "[]");
}

TEST_F(LlamaModelsTest, AdaptersAreThoseOfTheServer) {
  server.options.adapters = {"a.gguf", "b.gguf"};
  server.options.adapter_scales = {0.5f};
  EXPECT_EQ(reply("/lora-adapters").body,
            R"([{"id":0,"path":"a.gguf","scale":0.5},{"id":1,"path":"b.gguf","scale":1.0}])");
}

TEST_F(LlamaModelsTest, SaysWhatItCannotDo) {
  for (const char* const path : {"/props", "/slots/{}", "/lora-adapters"}) {
    const Problem problem = server.bad(path, Json::array());
    EXPECT_EQ(problem.kind, Problem::Kind::unsupported);
    EXPECT_EQ(status_of(problem.kind), 501);
  }
}

}  // namespace
}  // namespace hearth::server
