// Requests in llama-server's own API.
#include "server/llama.h"

#include "server/test_dialects.h"

namespace hearth::server {
namespace {

using protocol::Form;
using protocol::Generate;
using protocol::PlainPrompt;

Json ask(Json more = Json::object()) {
  Json body{{"prompt", "Once"}};
  body.update(more);
  return body;
}

class LlamaTest : public testing::Test {
 protected:
  Dialects server{llama_routes()};

  PlainPrompt prompt(const Json& json) {
    return std::get<PlainPrompt>(server.request("/completion", {{"prompt", json}}).generate.prompt);
  }
  std::string bad_field(const Json& more) { return server.bad("/completion", ask(more)).field; }
  sample::SamplingParams sampling(const Json& more) {
    return server.request("/completion", ask(more)).generate.sampling;
  }
};

TEST_F(LlamaTest, PromptsAreTextsTokensOrBoth) {
  using Tokens = std::vector<int32_t>;
  EXPECT_EQ(prompt("a"), (PlainPrompt{"a"}));
  EXPECT_EQ(prompt({1, 2}), (PlainPrompt{Tokens{1, 2}}));
  EXPECT_EQ(prompt({1, 2, "a", 3}), (PlainPrompt{Tokens{1, 2}, "a", Tokens{3}}));
  EXPECT_EQ(prompt({{"prompt_string", "a"}}), PlainPrompt{"a"});
  EXPECT_EQ(prompt(Json::array({"a"})), PlainPrompt{"a"});
  EXPECT_EQ(prompt(Json::array({Json::array({1, 2})})), (PlainPrompt{Tokens{1, 2}}));
  const auto field = [&](const Json& json) {
    return server.bad("/completion", {{"prompt", json}}).field;
  };
  for (const Json& wrong : {Json(), Json(5), Json::array(), Json::object(), Json{"a", "b"},
                            Json::array({Json::array({1}), "a"})})
    EXPECT_EQ(field(wrong), "prompt") << text_of(wrong);
  EXPECT_EQ(field({1, -1}), "prompt[1]");
  EXPECT_EQ(field({1, uint64_t{1} << 31}), "prompt[1]");
  EXPECT_EQ(field({1, 0.5}), "prompt[1]");
  EXPECT_EQ(field({{"prompt_string", "a"}, {"multimodal_data", {"x"}}}), "prompt.multimodal_data");
}

TEST_F(LlamaTest, SettingsBecomeARequest) {
  server.options.adapters = {"a.gguf", "b.gguf"};
  server.options.max_tokens = 7;
  const AnswerRequest request =
      server.request("/completion", ask({{"n_predict", 5},
                                         {"seed", 3},
                                         {"temperature", 0.5},
                                         {"stop", {"x", ""}},
                                         {"n_probs", 4},
                                         {"grammar", "root ::= \"a\""},
                                         {"logit_bias", {{5, 1.5}, {"ab", false}}},
                                         {"ignore_eos", true},
                                         {"cache_prompt", false},
                                         {"lora", {{{"id", 1}, {"scale", 0.5}}}},
                                         {"n_cmpl", 2},
                                         {"stream", true},
                                         {"id_slot", 0},
                                         {"n_keep", -1},
                                         {"dry_base", 1.75},
                                         {"speculative.n_max", 3}}));
  const Generate& generate = request.generate;
  EXPECT_EQ(request.model, "tiny");
  EXPECT_TRUE(request.stream);
  EXPECT_EQ(request.choices, 2u);
  EXPECT_EQ(request.seed, 3u);
  EXPECT_EQ(generate.max_tokens, 5u);
  EXPECT_EQ(generate.sampling.temperature, 0.5f);
  EXPECT_EQ(generate.stops, std::vector<std::string>{"x"});
  EXPECT_EQ(generate.chances, 4u);
  EXPECT_EQ(generate.form.kind, Form::Kind::gbnf);
  EXPECT_EQ(generate.form.text, "root ::= \"a\"");
  ASSERT_EQ(generate.logit_bias.size(), 2u);
  EXPECT_EQ(std::get<int32_t>(generate.logit_bias[0].token), 5);
  EXPECT_EQ(generate.logit_bias[0].bias, 1.5f);
  EXPECT_EQ(std::get<std::string>(generate.logit_bias[1].token), "ab");
  EXPECT_EQ(generate.logit_bias[1].bias, -1e9f);
  EXPECT_TRUE(generate.ignore_eos);
  EXPECT_FALSE(generate.reuse);
  EXPECT_FALSE(generate.take_apart);
  ASSERT_EQ(generate.adapters->size(), 2u);
  EXPECT_EQ(generate.adapters->at(0).scale, 0);
  EXPECT_EQ(generate.adapters->at(1).scale, 0.5f);
  EXPECT_EQ(request.ignored,
            (std::vector<std::string>{"dry_base", "id_slot", "n_keep", "speculative.n_max"}));
  EXPECT_EQ(server.request("/completion", ask()).generate.max_tokens, 7u);
  for (const Json& random : {Json(-1), Json(0xFFFFFFFF)})
    EXPECT_FALSE(server.request("/completion", ask({{"seed", random}})).seed.has_value());
  EXPECT_EQ(
      server.request("/completions", ask({{"json_schema", Json::object()}})).generate.form.text,
      "{}");
}

TEST_F(LlamaTest, BiasesHaveManyForms) {
  const auto biases =
      server
          .request("/completion",
                   ask({{"logit_bias",
                         {{"12", -1}, {"word", 2}, {"12345678901", 1}, {"-3", 1}, {"7", false}}}}))
          .generate.logit_bias;
  ASSERT_EQ(biases.size(), 5u);
  EXPECT_EQ(std::get<int32_t>(biases[0].token), 12);
  EXPECT_EQ(std::get<std::string>(biases[1].token), "word");
  EXPECT_EQ(std::get<std::string>(biases[2].token), "12345678901");
  EXPECT_EQ(std::get<std::string>(biases[3].token), "-3");
  EXPECT_EQ(biases[4].bias, -1e9f);
  EXPECT_EQ(bad_field({{"logit_bias", "x"}}), "logit_bias");
  EXPECT_EQ(bad_field({{"logit_bias", {{"5", true}}}}), "logit_bias.5");
  EXPECT_EQ(bad_field({{"logit_bias", {{"5", 1e10}}}}), "logit_bias.5");
  for (const Json& pair :
       {Json{-1, 1}, Json{uint64_t{1} << 31, 1}, Json{0.5, 1}, Json{5, "x"}, Json::array({5}),
        Json(5), Json{5, std::numeric_limits<double>::infinity()}})
    EXPECT_EQ(bad_field({{"logit_bias", Json::array({pair})}}), "logit_bias[0]") << text_of(pair);
}

TEST_F(LlamaTest, NumbersOutOfRangeAreNamed) {
  struct Range {
    const char* name;
    double least;
    double most;
    bool whole;
  };
  const Range ranges[] = {{"n_predict", -2, INT32_MAX, true},
                          {"max_tokens", -2, INT32_MAX, true},
                          {"temperature", 0, 100, false},
                          {"top_k", -1, INT32_MAX, true},
                          {"top_p", 0, 1, false},
                          {"min_p", 0, 1, false},
                          {"repeat_last_n", -1, INT32_MAX, true},
                          {"repeat_penalty", 0.001, 100, false},
                          {"presence_penalty", -100, 100, false},
                          {"frequency_penalty", -100, 100, false},
                          {"n_probs", 0, 100, true},
                          {"logprobs", 0, 100, true},
                          {"n_cmpl", 1, 128, true},
                          {"n", 1, 128, true},
                          {"id_slot", -1, INT32_MAX, true},
                          {"n_keep", -1, INT32_MAX, true},
                          {"n_indent", -1, INT32_MAX, true},
                          {"t_max_predict_ms", -1, INT32_MAX, true},
                          // Samplers that must be off.
                          {"mirostat", 0, 0, false},
                          {"dry_multiplier", 0, 0, false},
                          {"xtc_probability", 0, 0, false},
                          {"dynatemp_range", 0, 0, false},
                          {"min_keep", 0, 0, false},
                          {"typical_p", 1, 1e9, false},
                          {"top_n_sigma", -1e9, 0, false},
                          {"adaptive_target", -1e9, -1e-9, false}};
  for (const Range& range : ranges) {
    for (const Json& value : not_in(range.least, range.most, range.whole))
      EXPECT_EQ(bad_field({{range.name, value}}), range.name) << text_of(value);
  }
  for (const Json& value : {Json("1"), Json(0.5)}) EXPECT_EQ(bad_field({{"seed", value}}), "seed");
  const std::string message = server.bad("/completion", ask({{"mirostat", 2}})).message;
  EXPECT_EQ(message, "'mirostat' must be 0: this sampler does not exist here");
}

TEST_F(LlamaTest, MembersOfOtherTypesAreNamed) {
  const std::vector<std::pair<std::string, std::vector<Json>>> cases = {
      {"model", {5}},
      {"stream", {1}},
      {"stop", {5, {1}}},
      {"grammar", {5}},
      {"json_schema", {5, "x"}},
      {"ignore_eos", {1}},
      {"cache_prompt", {"x"}},
      {"return_tokens", {1}},
      {"timings_per_token", {1}},
      {"return_progress", {1}},
      {"response_fields", {5, {5}}},
      {"samplers", {5, {"top_p", "top_k"}, {"top_k", "top_k"}, {"unknown"}}},
      {"lora",
       {5, {5}, {Json::object()}, {{{"id", 0}}}, {{{"id", -1}}}, {{{"id", uint64_t{1} << 63}}}}}};
  for (const auto& [name, values] : cases) {
    for (const Json& value : values) {
      const std::string field = bad_field({{name, value}});
      EXPECT_TRUE(starts_with(field, name)) << name << ": " << text_of(value) << ": " << field;
    }
  }
  EXPECT_EQ(bad_field({{"grammar", "root ::= \"a\""}, {"json_schema", true}}), "json_schema");
  EXPECT_EQ(bad_field({{"post_sampling_probs", true}, {"n_probs", 1}}), "post_sampling_probs");
  server.options.adapters = {"a.gguf"};
  EXPECT_EQ(bad_field({{"lora", {{{"id", 1}, {"scale", 1}}}}}), "lora[0].id");
  EXPECT_EQ(bad_field({{"lora", {{{"id", 0}, {"scale", 1e300}}}}}), "lora[0].scale");
}

TEST_F(LlamaTest, SamplersThatAreLeftOutAreOff) {
  const Json given{
      {"temperature", 0.5}, {"top_k", 5}, {"top_p", 0.5}, {"min_p", 0.5}, {"repeat_penalty", 2}};
  Json some = given;
  some["samplers"] = {"dry", "top_k", "min_p"};
  const sample::SamplingParams params = sampling(some);
  EXPECT_EQ(params.top_k, 5);
  EXPECT_EQ(params.min_p, 0.5f);
  EXPECT_EQ(params.top_p, 1);
  EXPECT_EQ(params.temperature, 1);
  EXPECT_EQ(params.repeat_penalty, 1);
  Json all = given;
  all["samplers"] = {"penalties", "dry",   "top_n_sigma", "top_k",      "typ_p",
                     "top_p",     "min_p", "xtc",         "temperature"};
  EXPECT_EQ(sampling(all).temperature, 0.5f);
  EXPECT_EQ(sampling(all).repeat_penalty, 2);
  // As editors send it.
  const AnswerRequest request =
      server.request("/completion", ask({{"samplers", {"top_k", "top_p", "infill"}}}));
  EXPECT_EQ(request.ignored, std::vector<std::string>{"samplers"});
  EXPECT_EQ(request.generate.sampling.temperature, 1);
}

TEST_F(LlamaTest, InfillHasFilesAround) {
  const AnswerRequest request = server.request(
      "/infill", {{"input_prefix", "a"},
                  {"input_suffix", "b"},
                  {"prompt", "m"},
                  {"input_extra", {{{"filename", "f"}, {"text", "t"}}, {{"text", "u"}}}},
                  {"n_predict", 3}});
  const auto& infill = std::get<protocol::InfillPrompt>(request.generate.prompt);
  EXPECT_EQ(infill.prefix, "a");
  EXPECT_EQ(infill.suffix, "b");
  EXPECT_EQ(infill.middle, "m");
  const std::vector<std::pair<std::string, std::string>> files = {{"f", "t"}, {"tmp", "u"}};
  EXPECT_EQ(infill.files, files);
  EXPECT_EQ(server.bad("/infill", {{"input_prefix", "a"}}).field, "input_suffix");
  const std::vector<std::pair<Json, std::string>> wrong = {
      {Json::object(), ".text"},
      {{{"filename", "ok"}}, ".text"},
      {{{"filename", 123}, {"text", "abc"}}, ".filename"},
      {{{"filename", "a"}, {"text", 456}}, ".text"},
      {"x", ""}};
  for (const auto& [file, field] : wrong) {
    EXPECT_EQ(server
                  .bad("/infill", {{"input_prefix", "a"},
                                   {"input_suffix", "b"},
                                   {"input_extra", Json::array({file})}})
                  .field,
              "input_extra[0]" + field);
  }
}

TEST_F(LlamaTest, OnlyOneModelAnswersToAnyName) {
  EXPECT_EQ(server.bad("/completion", ask({{"model", "gpt"}})).kind, Problem::Kind::not_found);
  EXPECT_EQ(server.request("/completion", ask({{"model", "bert:latest"}})).model, "bert:latest");
  server.models.cards.pop_back();
  const AnswerRequest request = server.request("/completion", ask({{"model", "gpt"}}));
  EXPECT_EQ(request.model, "tiny");
  EXPECT_EQ(request.ignored, std::vector<std::string>{"model"});
}

TEST_F(LlamaTest, TextsBecomeTokensAndBack) {
  const AskPlan plain = server.good<AskPlan>("/tokenize", {{"content", "a"}});
  const auto& ask = std::get<protocol::Tokenize>(plain.ask);
  EXPECT_EQ(ask.text, "a");
  EXPECT_FALSE(ask.add_special);
  EXPECT_TRUE(ask.parse_special);
  const protocol::Tokens tokens{{7, 8}, {"\u00e1", "\xC3"}};
  EXPECT_EQ(plain.shape(tokens, llama_card())->dump(), R"({"tokens":[7,8]})");
  EXPECT_FALSE(plain.shape(protocol::Text{}, llama_card()).has_value());
  const AskPlan pieces = server.good<AskPlan>(
      "/tokenize", {{"content", "a"}, {"with_pieces", true}, {"add_special", true}});
  EXPECT_EQ(pieces.shape(tokens, llama_card())->dump(),
            R"({"tokens":[{"id":7,"piece":"á"},{"id":8,"piece":[195]}]})");
  const AskPlan back = server.good<AskPlan>("/detokenize", {{"tokens", {7, 8}}});
  EXPECT_EQ(std::get<protocol::Detokenize>(back.ask).tokens, (std::vector<int32_t>{7, 8}));
  EXPECT_EQ(back.shape(protocol::Text{"a", 2}, llama_card())->dump(), R"({"content":"a"})");
  EXPECT_EQ(server.bad("/tokenize", Json::object()).field, "content");
  EXPECT_EQ(server.bad("/tokenize", {{"content", 5}}).field, "content");
  EXPECT_EQ(server.bad("/detokenize", {{"tokens", {1, "a"}}}).field, "tokens[1]");
  EXPECT_EQ(server.bad("/detokenize", {{"tokens", "a"}}).field, "tokens");
}

TEST_F(LlamaTest, ConversationsBecomePrompts) {
  const Json body{{"messages", {{{"role", "user"}, {"content", "Hi"}}}},
                  {"chat_template_kwargs", {{"enable_thinking", false}, {"messages", 5}}},
                  {"add_generation_prompt", false},
                  {"temperature", 1}};
  const AskPlan plan = server.good<AskPlan>("/apply-template", body);
  const auto& prompt = std::get<protocol::ChatPrompt>(std::get<protocol::Render>(plan.ask).prompt);
  EXPECT_EQ(prompt.variables.dump(),
            R"({"enable_thinking":false,"messages":[{"role":"user","content":"Hi"}],)"
            R"("add_generation_prompt":false})");
  EXPECT_EQ(plan.ignored, std::vector<std::string>{"temperature"});
  EXPECT_EQ(plan.shape(protocol::Text{"<user>Hi", 4}, llama_card())->dump(),
            R"({"prompt":"<user>Hi"})");
  const AskPlan count = server.good<AskPlan>("/v1/chat/completions/input_tokens", body);
  EXPECT_EQ(count.shape(protocol::Text{"<user>Hi", 4}, llama_card())->dump(),
            R"({"input_tokens":4,"object":"response.input_tokens"})");
  EXPECT_EQ(server.bad("/apply-template", Json::object()).field, "messages");
  EXPECT_EQ(server.bad("/apply-template", {{"messages", {5}}}).field, "messages[0]");
}

TEST_F(LlamaTest, EmbeddingsAreListsOfLists) {
  const AskPlan plan =
      server.good<AskPlan>("/embeddings", {{"input", {"a", {1, 2}}}, {"embd_normalize", -1}});
  const auto& ask = std::get<protocol::Embed>(plan.ask);
  EXPECT_EQ(ask.inputs.size(), 2u);
  EXPECT_FALSE(ask.normalize);
  EXPECT_FALSE(ask.truncate);
  EXPECT_EQ(
      plan.shape(protocol::Embedded{{vector_of({1, 0.5}), vector_of({-2})}, {1, 2}}, llama_card())
          ->dump(),
      R"([{"index":0,"embedding":[[1.0,0.5]]},{"index":1,"embedding":[[-2.0]]}])");
  const AskPlan one = server.good<AskPlan>("/embedding", {{"content", {1, 2}}});
  EXPECT_EQ(std::get<protocol::Embed>(one.ask).inputs.size(), 1u);
  EXPECT_EQ(server.bad("/embedding", Json::object()).field, "content");
  EXPECT_EQ(server.bad("/embedding", {{"content", {"a", 5}}}).field, "content[1]");
  EXPECT_EQ(server.bad("/embedding", {{"content", "a"}, {"embd_normalize", 0}}).field,
            "embd_normalize");
}

}  // namespace
}  // namespace hearth::server
