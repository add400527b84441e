// Requests in Ollama's native API, and what it tells of models.
#include "server/ollama.h"

#include "server/test_dialects.h"

namespace hearth::server {
namespace {

using protocol::ChatPrompt;
using protocol::Form;
using protocol::Generate;
using protocol::Overflow;

Json talk(Json more = Json::object()) {
  Json body{{"model", "tiny"}, {"messages", {{{"role", "user"}, {"content", "Hi"}}}}};
  body.update(more);
  return body;
}

Json ask(Json more = Json::object()) {
  Json body{{"model", "tiny"}, {"prompt", "Hi"}};
  body.update(more);
  return body;
}

const ChatPrompt& chat_prompt(const AnswerRequest& request) {
  return std::get<ChatPrompt>(request.generate.prompt);
}

class OllamaTest : public testing::Test {
 protected:
  Dialects server{ollama_routes()};
};

TEST_F(OllamaTest, ChatTakesMessagesAsOllamaWritesThem) {
  const AnswerRequest request = server.request(
      "/api/chat",
      {{"model", "tiny:latest"},
       {"messages",
        {{{"role", "User"}, {"content", "Weather?"}, {"images", Json::array()}},
         {{"role", "assistant"},
          {"thinking", "hm"},
          {"tool_calls", {{{"function", {{"name", "f"}, {"arguments", {{"x", 1}}}}}}}}},
         {{"role", "tool"}, {"content", "rain"}, {"tool_name", "f"}, {"tool_call_id", "c1"}}}},
       {"tools", {{{"type", "function"}, {"function", {{"name", "f"}}}}}}});
  EXPECT_EQ(request.model, "tiny");
  EXPECT_TRUE(request.stream);
  EXPECT_TRUE(request.generate.take_apart);
  EXPECT_EQ(request.generate.overflow, Overflow::drop_oldest);
  const ChatPrompt& prompt = chat_prompt(request);
  EXPECT_FALSE(prompt.continue_last);
  EXPECT_EQ(prompt.variables["messages"].dump(),
            R"([{"role":"user","content":"Weather?"},)"
            R"({"role":"assistant","content":"",)"
            R"("tool_calls":[{"type":"function","function":{"name":"f","arguments":"{\"x\":1}"}}],)"
            R"("reasoning_content":"hm"},)"
            R"({"role":"tool","content":"rain","name":"f","tool_call_id":"c1"}])");
  EXPECT_EQ(prompt.variables["tools"].size(), 1u);
  EXPECT_EQ(prompt.variables["enable_thinking"], true);
  EXPECT_EQ(request.ignored, std::vector<std::string>{});
}

TEST_F(OllamaTest, ChatGoesOnWithAnAnswerThatTheClientBegan) {
  const AnswerRequest request =
      server.request("/api/chat", talk({{"messages",
                                         {{{"role", "user"}, {"content", "Hi"}},
                                          {{"role", "assistant"}, {"content", "Hello, I"}}}}}));
  EXPECT_TRUE(chat_prompt(request).continue_last);
}

TEST_F(OllamaTest, ProblemsNameTheMessage) {
  const auto field = [&](const Json& message) {
    return server.bad("/api/chat", talk({{"messages", {message}}})).field;
  };
  EXPECT_EQ(field({{"role", "user"}, {"content", "x"}, {"images", {"aaaa"}}}),
            "messages[0].images");
  EXPECT_EQ(field({{"role", "king"}, {"content", "x"}}), "messages[0].role");
  EXPECT_EQ(field({{"content", "x"}}), "messages[0].role");
  EXPECT_EQ(field({{"role", "user"}, {"content", 5}}), "messages[0].content");
  EXPECT_EQ(field({{"role", "assistant"}, {"content", "x"}, {"thinking", 5}}),
            "messages[0].reasoning_content");
  EXPECT_EQ(field("x"), "messages[0]");
  EXPECT_EQ(server.bad("/api/chat", talk({{"messages", "x"}})).field, "messages");
  EXPECT_EQ(server.bad("/api/chat", "x").kind, Problem::Kind::bad_request);
}

TEST_F(OllamaTest, OptionsBecomeSampling) {
  server.options.max_tokens = 9;
  server.options.sampling.temperature = 0.5f;
  EXPECT_EQ(server.request("/api/chat", talk()).generate.max_tokens, 9u);
  EXPECT_EQ(server.request("/api/chat", talk()).generate.sampling.temperature, 0.5f);
  const AnswerRequest request = server.request("/api/chat", talk({{"options",
                                                                   {{"num_ctx", 4096},
                                                                    {"num_predict", 12},
                                                                    {"num_keep", 4},
                                                                    {"seed", 42},
                                                                    {"temperature", 0},
                                                                    {"top_k", 20},
                                                                    {"top_p", 0.5},
                                                                    {"min_p", 0.1},
                                                                    {"typical_p", 1.0},
                                                                    {"repeat_last_n", -1},
                                                                    {"repeat_penalty", 1.5},
                                                                    {"presence_penalty", 0.25},
                                                                    {"frequency_penalty", -0.25},
                                                                    {"stop", {"a", "", "b"}},
                                                                    {"num_gpu", 99},
                                                                    {"num_thread", 2},
                                                                    {"use_mmap", true},
                                                                    {"draft_num_predict", 4}}}}));
  const Generate& generate = request.generate;
  EXPECT_EQ(generate.max_tokens, 12u);
  EXPECT_EQ(request.seed, 42u);
  EXPECT_EQ(generate.sampling.temperature, 0);
  EXPECT_EQ(generate.sampling.top_k, 20);
  EXPECT_EQ(generate.sampling.top_p, 0.5f);
  EXPECT_EQ(generate.sampling.min_p, 0.1f);
  EXPECT_EQ(generate.sampling.penalty_window, -1);
  EXPECT_EQ(generate.sampling.repeat_penalty, 1.5f);
  EXPECT_EQ(generate.sampling.presence_penalty, 0.25f);
  EXPECT_EQ(generate.sampling.frequency_penalty, -0.25f);
  EXPECT_EQ(generate.stops, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(request.ignored, (std::vector<std::string>{
                                 "options.draft_num_predict", "options.num_ctx", "options.num_gpu",
                                 "options.num_keep", "options.num_thread", "options.use_mmap"}));
  for (const int endless : {-1, -2}) {
    EXPECT_FALSE(server.request("/api/chat", talk({{"options", {{"num_predict", endless}}}}))
                     .generate.max_tokens.has_value());
  }
}

TEST_F(OllamaTest, NumbersOutOfRangeAreNamed) {
  struct Range {
    const char* name;
    double least;
    double most;
    bool whole;
  };
  const Range ranges[] = {{"num_ctx", 0, 4096, true},
                          {"num_predict", -2, INT32_MAX, true},
                          {"num_keep", -1, INT32_MAX, true},
                          {"temperature", 0, 100, false},
                          {"top_k", -1, INT32_MAX, true},
                          {"top_p", 0, 1, false},
                          {"min_p", 0, 1, false},
                          {"typical_p", 1, 1, false},
                          {"tfs_z", 1, 1, false},
                          {"mirostat", 0, 0, false},
                          {"repeat_last_n", -1, INT32_MAX, true},
                          {"repeat_penalty", 0.001, 100, false},
                          {"presence_penalty", -100, 100, false},
                          {"frequency_penalty", -100, 100, false}};
  for (const Range& range : ranges) {
    for (const Json& value : not_in(range.least, range.most, range.whole)) {
      const Json options{{range.name, value}};
      const std::string name = cat("options.", range.name);
      EXPECT_EQ(server.bad("/api/chat", talk({{"options", options}})).field, name);
      EXPECT_EQ(server.bad("/api/generate", ask({{"options", options}})).field, name);
    }
  }
  for (const Json& value : {Json("1"), Json(0.5), Json(true)}) {
    EXPECT_EQ(server.bad("/api/chat", talk({{"options", {{"seed", value}}}})).field,
              "options.seed");
  }
  for (const Json& value : not_in(0, 20, true))
    EXPECT_EQ(server.bad("/api/chat", talk({{"top_logprobs", value}})).field, "top_logprobs");
  for (const Json& value : not_in(0, 4, true)) {
    EXPECT_EQ(
        server.bad("/api/embed", {{"model", "tiny"}, {"input", "x"}, {"dimensions", value}}).field,
        "dimensions");
  }
}

TEST_F(OllamaTest, AContextThatIsTooLargeIsRefusedWithBothNumbers) {
  const Problem problem = server.bad("/api/chat", talk({{"options", {{"num_ctx", 32768}}}}));
  EXPECT_EQ(problem.kind, Problem::Kind::bad_request);
  EXPECT_EQ(problem.message,
            "'options.num_ctx' asks for a context of 32768 tokens, but this model has 4096 here: "
            "start the server with -c 32768, or leave it out");
}

TEST_F(OllamaTest, MembersOfOtherTypesAreNamed) {
  const std::vector<std::pair<std::string, std::vector<Json>>> cases = {
      {"model", {5, Json::array()}},
      {"stream", {1, "true"}},
      {"format", {5, "yaml", true}},
      {"think", {5, "lots", Json::object()}},
      {"keep_alive", {true, "soon", "5y", "", "-", ".", "1..2s", 4e9, Json::array()}},
      {"options", {5, "x"}},
      {"tools", {5, {{{"type", "function"}}}}},
      {"logprobs", {1}},
      {"truncate", {1}},
      {"shift", {"x"}}};
  for (const auto& [name, values] : cases) {
    for (const Json& value : values) {
      const std::string field = server.bad("/api/chat", talk({{name, value}})).field;
      EXPECT_TRUE(starts_with(field, name)) << name << ": " << text_of(value) << ": " << field;
    }
  }
  for (const char* const name : {"prompt", "suffix", "system", "raw", "images", "template"})
    EXPECT_EQ(server.bad("/api/generate", ask({{name, 5}})).field, name);
  for (const char* const name : {"images", "template"})
    EXPECT_EQ(server.bad("/api/generate", ask({{name, "x"}})).field, name);
  EXPECT_EQ(server.bad("/api/generate", ask({{"context", {1, -1}}})).field, "context[1]");
  EXPECT_EQ(server.bad("/api/generate", ask({{"context", {1, 2147483648}}})).field, "context[1]");
  EXPECT_EQ(server.bad("/api/generate", ask({{"context", "x"}})).field, "context");
}

TEST_F(OllamaTest, ThinkingIsChosen) {
  const auto variables = [&](const Json& think) {
    return chat_prompt(server.request("/api/chat", talk({{"think", think}}))).variables;
  };
  EXPECT_EQ(variables(false)["enable_thinking"], false);
  EXPECT_EQ(variables(false)["thinking"], false);
  EXPECT_EQ(variables(true)["thinking"], true);
  EXPECT_FALSE(variables(true).contains("reasoning_effort"));
  EXPECT_EQ(variables("low")["reasoning_effort"], "low");
  EXPECT_EQ(variables("max")["reasoning_effort"], "high");
  EXPECT_EQ(server.request("/api/chat", talk({{"think", false}})).generate.reasoning_tokens, 0u);
  server.models.cards[0].loaded->thinks = false;
  EXPECT_EQ(server.bad("/api/chat", talk({{"think", true}})).field, "think");
  EXPECT_EQ(variables(nullptr)["enable_thinking"], true);
}

TEST_F(OllamaTest, FormatsBecomeForms) {
  const auto form = [&](const Json& format) {
    return server.request("/api/generate", ask({{"format", format}})).generate.form;
  };
  EXPECT_EQ(form("").kind, Form::Kind::any);
  EXPECT_EQ(form("json").kind, Form::Kind::json_object);
  EXPECT_EQ(form({{"type", "object"}}).kind, Form::Kind::json_schema);
  EXPECT_EQ(form({{"type", "object"}}).text, R"({"type":"object"})");
}

TEST_F(OllamaTest, GenerateWritesAConversation) {
  const AnswerRequest request = server.request(
      "/api/generate", ask({{"system", "Be brief."}, {"context", {5, 6}}, {"truncate", true}}));
  const ChatPrompt& prompt = chat_prompt(request);
  EXPECT_EQ(prompt.variables["messages"].dump(),
            R"([{"role":"system","content":"Be brief."},{"role":"user","content":"Hi"}])");
  EXPECT_EQ(prompt.before, (std::vector<int32_t>{5, 6}));
  EXPECT_TRUE(request.generate.show_prompt);
  EXPECT_TRUE(request.generate.take_apart);
  EXPECT_EQ(request.ignored, std::vector<std::string>{"truncate"});
}

TEST_F(OllamaTest, GenerateTakesPromptsAsTheyAre) {
  const AnswerRequest raw = server.request("/api/generate", ask({{"raw", true}, {"suffix", "x"}}));
  EXPECT_EQ(std::get<protocol::PlainPrompt>(raw.generate.prompt),
            protocol::PlainPrompt{std::string("Hi")});
  EXPECT_FALSE(raw.generate.take_apart);
  EXPECT_FALSE(raw.generate.show_prompt);
  EXPECT_EQ(raw.ignored, std::vector<std::string>{"suffix"});
  EXPECT_EQ(server.bad("/api/generate", ask({{"raw", true}, {"system", "x"}})).field, "system");
  EXPECT_EQ(server.bad("/api/generate", ask({{"raw", true}, {"context", {1}}})).field, "context");
  const AnswerRequest infill = server.request("/api/generate", ask({{"suffix", "end"}}));
  const auto& middle = std::get<protocol::InfillPrompt>(infill.generate.prompt);
  EXPECT_EQ(middle.prefix, "Hi");
  EXPECT_EQ(middle.suffix, "end");
}

TEST_F(OllamaTest, DurationsAreRead) {
  const std::vector<std::pair<Json, double>> cases = {
      {5, 5},        {0, 0},        {-1, -1},           {"5m", 300}, {"1h30m", 5400},
      {"1.5s", 1.5}, {"-1m", -1},   {"250ms", 0.25},    {"-1", -1},  {"0", 0},
      {"90", 90},    {"2us", 2e-6}, {"2\u00b5s", 2e-6}, {"+1s", 1}};
  for (const auto& [json, seconds] : cases) {
    const auto duration = ollama::duration_of(json);
    ASSERT_TRUE(duration.has_value()) << text_of(json);
    EXPECT_DOUBLE_EQ(*duration, seconds) << text_of(json);
  }
}

TEST_F(OllamaTest, KeepAliveTakesEffectOnlyWithAGoodRequest) {
  (void)server.request("/api/chat", talk({{"keep_alive", "10m"}}));
  EXPECT_EQ(server.models.log, std::vector<std::string>{"keep tiny 600"});
  (void)server.bad("/api/chat", talk({{"keep_alive", 0}, {"stream", 5}}));
  EXPECT_EQ(server.models.log.size(), 1u);
}

TEST_F(OllamaTest, EmptyRequestsLoadAndUnload) {
  const AskPlan plan = server.good<AskPlan>("/api/generate", {{"model", "tiny"}});
  EXPECT_EQ(plan.model, "tiny");
  EXPECT_EQ(plan.shape(protocol::Tokens{}, llama_card())->dump(),
            R"({"model":"tiny","created_at":"2027-01-15T08:00:00Z","response":"","done":true,)"
            R"("done_reason":"load"})");
  Call call;
  call.body = {{"model", "small:1b"}, {"messages", Json::array()}, {"keep_alive", 0}};
  EXPECT_EQ(server.reply("POST", "/api/chat", call).dump(),
            R"({"model":"small:1b","created_at":"2027-01-15T08:00:00Z",)"
            R"("message":{"role":"assistant","content":""},"done":true,"done_reason":"unload"})");
  EXPECT_EQ(server.models.log, (std::vector<std::string>{"keep tiny 0", "unload tiny"}));
}

TEST_F(OllamaTest, EmbedsTextsAndShortensVectors) {
  const AskPlan plan = server.good<AskPlan>("/api/embed", {{"model", "tiny"},
                                                           {"input", {"a", "b"}},
                                                           {"dimensions", 2},
                                                           {"options", {{"num_batch", 2}}}});
  const auto& ask = std::get<protocol::Embed>(plan.ask);
  EXPECT_EQ(ask.inputs.size(), 2u);
  EXPECT_TRUE(ask.truncate);
  EXPECT_EQ(plan.ignored, std::vector<std::string>{"options.num_batch"});
  const protocol::Embedded embedded{{vector_of({3, 4, 1, 1}), vector_of({0, 0, 1, 1})}, {5, 6}};
  const auto json = plan.shape(embedded, llama_card());
  ASSERT_TRUE(json.has_value());
  EXPECT_EQ(json->at("model"), "tiny");
  EXPECT_EQ(json->at("prompt_eval_count"), 11);
  EXPECT_NEAR(json->at("embeddings")[0][0].get<double>(), 0.6, 1e-6);
  EXPECT_NEAR(json->at("embeddings")[0][1].get<double>(), 0.8, 1e-6);
  EXPECT_EQ(json->at("embeddings")[1].dump(), "[0.0,0.0]");
  // What is not known before loading is checked behind it.
  const AskPlan later = server.good<AskPlan>(
      "/api/embed", {{"model", "bert"}, {"input", "a"}, {"dimensions", 5}, {"truncate", false}});
  EXPECT_FALSE(std::get<protocol::Embed>(later.ask).truncate);
  EXPECT_EQ(later.shape(embedded, llama_card()).error().field, "dimensions");
  EXPECT_FALSE(plan.shape(protocol::Embedded{{"AAA="}, {1}}, llama_card()).has_value());
  EXPECT_FALSE(plan.shape(protocol::Text{}, llama_card()).has_value());
  const AskPlan one = server.good<AskPlan>("/api/embeddings", {{"model", "tiny"}, {"prompt", "a"}});
  EXPECT_EQ(one.shape(protocol::Embedded{{vector_of({0.5, -1})}, {1}}, llama_card())->dump(),
            R"({"embedding":[0.5,-1.0]})");
  const AskPlan none = server.good<AskPlan>("/api/embed", {{"model", "tiny"}, {"input", ""}});
  EXPECT_EQ(none.shape(protocol::Tokens{}, llama_card())->dump(),
            R"({"model":"tiny","embeddings":[]})");
}

TEST_F(OllamaTest, ListsModels) {
  const Json tags = server.reply("GET", "/api/tags");
  ASSERT_EQ(tags["models"].size(), 2u);
  EXPECT_EQ(
      tags["models"][0].dump(),
      cat(R"({"name":"tiny:latest","model":"tiny:latest","modified_at":"2023-11-14T22:13:20Z",)",
          R"("size":1000,"digest":")", std::string(64, 'a'), R"(","details":{"parent_model":"",)",
          R"("format":"gguf","family":"llama","families":["llama"],"parameter_size":"8.0B",)",
          R"("quantization_level":"Q8_0","context_length":4096,"embedding_length":4},)",
          R"("capabilities":["completion","tools","insert","thinking"]})"));
  EXPECT_EQ(tags["models"][1]["name"], "bert:latest");
  EXPECT_EQ(tags["models"][1]["details"]["parameter_size"], "");
  server.models.cards[0].unload_in_seconds = 60;
  const Json running = server.reply("GET", "/api/ps");
  ASSERT_EQ(running["models"].size(), 1u);
  EXPECT_EQ(running["models"][0]["size"], 1500);
  EXPECT_EQ(running["models"][0]["size_vram"], 0);
  EXPECT_EQ(running["models"][0]["context_length"], 4096);
  EXPECT_EQ(running["models"][0]["expires_at"], "2027-01-15T08:01:00Z");
  server.models.cards[0].unload_in_seconds = -1;
  EXPECT_EQ(server.reply("GET", "/api/ps")["models"][0]["expires_at"], "2319-01-18T08:00:00Z");
}

TEST_F(OllamaTest, ShowsAModel) {
  Call call;
  call.body = {{"name", "tiny"}, {"verbose", true}};
  const Json shown = server.reply("POST", "/api/show", call);
  EXPECT_EQ(shown["license"], "apache-2.0");
  EXPECT_EQ(shown["modelfile"], "FROM models/tiny.gguf\n");
  EXPECT_EQ(shown["parameters"],
            "num_ctx                        4096\n"
            "temperature                    0.8\n"
            "top_k                          40\n"
            "top_p                          0.95\n"
            "min_p                          0.05\n"
            "repeat_last_n                  64\n"
            "repeat_penalty                 1.0");
  EXPECT_EQ(shown["template"], "{{ messages }}{#- .Suffix -#}");
  EXPECT_EQ(shown["model_info"].dump(),
            R"({"general.architecture":"llama","general.license":"apache-2.0",)"
            R"("llama.context_length":8192,"general.parameter_count":8030261248})");
  EXPECT_EQ(shown["capabilities"].size(), 4u);
  // One that was never loaded is loaded for it.
  const AskPlan plan = server.good<AskPlan>("/api/show", {{"model", "bert"}});
  EXPECT_EQ(plan.model, "bert:latest");
  ModelCard card = bert_card();
  card.loaded = protocol::Loaded{};
  card.loaded->architecture = "bert";
  card.loaded->writes = false;
  EXPECT_EQ(plan.shape(protocol::Tokens{}, card)->at("capabilities").dump(), R"(["embedding"])");
}

TEST_F(OllamaTest, SaysWhatItCannotDo) {
  EXPECT_EQ(server.bad("/api/chat", {{"model", "none"}}).kind, Problem::Kind::not_found);
  EXPECT_EQ(server.bad("/api/chat", {{"model", "none"}}).message, "model 'none' not found");
  EXPECT_EQ(server.bad("/api/show", Json::object()).field, "model");
  EXPECT_EQ(server.bad("/api/pull", {{"model", "none"}}).kind, Problem::Kind::unsupported);
  for (const char* const path : {"/api/push", "/api/create", "/api/copy", "/api/blobs/{}"})
    EXPECT_EQ(server.bad(path, Json()).kind, Problem::Kind::unsupported) << path;
  EXPECT_FALSE(server.call("DELETE", "/api/delete").has_value());
  EXPECT_FALSE(server.call("HEAD", "/api/blobs/{}").has_value());
}

TEST_F(OllamaTest, PullOfAModelThatIsHereSucceeds) {
  const Reply line = server.good<Reply>("/api/pull", {{"name", "tiny"}, {"insecure", true}});
  EXPECT_EQ(line.body, "{\"status\":\"success\"}\n");
  EXPECT_EQ(line.type, "application/x-ndjson");
  EXPECT_EQ(line.ignored, std::vector<std::string>{"insecure"});
  const Reply whole = server.good<Reply>("/api/pull", {{"model", "tiny"}, {"stream", false}});
  EXPECT_EQ(whole.body, "{\"status\":\"success\"}");
}

}  // namespace
}  // namespace hearth::server
