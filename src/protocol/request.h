// What the server asks an engine worker for. A worker is a process that holds one model and has no
// way to the network; a socket pair joins the two. Described in docs/formats/worker.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"
#include "protocol/json.h"
#include "sample/params.h"

namespace hearth::protocol {

// Texts, in which names of control tokens count, and tokens, one behind the other.
using PromptPart = std::variant<std::string, std::vector<int32_t>>;
using PlainPrompt = std::vector<PromptPart>;

// A conversation, which the model's template writes.
struct ChatPrompt {
  // Variables of the template: `messages` and `tools` as in OpenAI's chat completions, and anything
  // else that it may read (enable_thinking, documents, ...).
  Json variables = Json::object();
  bool continue_last = false;  // the last message is the assistant's, and the answer goes on in it
  std::vector<int32_t> before{};  // tokens of earlier turns, in front of what the template writes
};

// The middle of a text.
struct InfillPrompt {
  std::string prefix;
  std::string suffix;
  std::vector<std::pair<std::string, std::string>> files{};  // name and text of others around it
  std::string middle{};                                      // how it begins
};

using Prompt = std::variant<PlainPrompt, ChatPrompt, InfillPrompt>;

// What an answer must be.
struct Form {
  enum class Kind { any, gbnf, regex, json_schema, json_object };
  Kind kind = Kind::any;
  std::string text{};  // the grammar, expression or schema
};

// Which of the tools in ChatPrompt::variables may, or must, be called.
struct ToolUse {
  enum class Choice { automatic, none, required };
  Choice choice = Choice::automatic;
  std::string only{};    // with required: this one
  bool parallel = true;  // several in one answer
};

// What is done when the prompt and one token do not fit.
enum class Overflow { refuse, drop_oldest };

struct LogitBias {
  std::variant<int32_t, std::string> token;  // every token of a text
  float bias = 0;                            // added; -1e9 or less: never chosen
};

struct AdapterScale {
  uint32_t id = 0;  // in the order of Load::adapters
  float scale = 1;
};

// One answer.
struct Generate {
  Prompt prompt;
  sample::SamplingParams sampling{};  // checked
  std::vector<LogitBias> logit_bias{};
  std::optional<uint64_t> max_tokens{};  // none: until the model ends or the context is full
  std::vector<std::string> stops{};
  bool ignore_eos = false;
  Form form{};
  ToolUse tools{};
  // Whether reasoning and calls of tools are told apart from the answer's text.
  bool take_apart = false;
  std::optional<uint64_t> reasoning_tokens{};  // at most; then the answer begins
  std::optional<uint32_t> chances{};           // of each token, with so many others
  bool show_prompt = false;                    // its tokens come with Finished
  bool reuse = true;                           // what is remembered of the prompt need not be read
  Overflow overflow = Overflow::refuse;
  std::optional<std::vector<AdapterScale>> adapters{};  // none: as they were loaded
  uint64_t client = 0;                                  // clients get equally many places
};

struct Embed {
  std::vector<PromptPart> inputs;
  std::optional<std::string> pooling{};
  bool normalize = true;
  bool truncate = false;  // a text that is too long, rather than an error
};

// Scores how well each document answers the query.
struct Rerank {
  std::string query;
  std::vector<std::string> documents;
};

struct Tokenize {
  std::string text;
  bool add_special = false;
  bool parse_special = true;
};

struct Detokenize {
  std::vector<int32_t> tokens;
};

// The text and tokens that a prompt becomes.
struct Render {
  Prompt prompt;
};

// Ends what another request of this id asked for.
struct Cancel {
  uint64_t id = 0;
};

using Ask = std::variant<Generate, Embed, Rerank, Tokenize, Detokenize, Render, Cancel>;

// `id` is new for each, but for Cancel, which gets no answer.
struct Request {
  uint64_t id = 0;
  Ask ask;
};

// The first message. Files come as descriptors that the worker inherited: it opens none.
struct Load {
  struct Adapter {
    std::string name;
    int file = -1;
    float scale = 1;
  };
  std::string name;        // for messages
  std::vector<int> files;  // all parts of the model, in order
  std::vector<Adapter> adapters{};
  uint64_t context = 0;  // tokens of one answer with its prompt; 0: the model's, at most 4096
  uint64_t threads = 0;  // 0: every CPU
  uint64_t prompt_chunk = 512;
  std::string kv_type = "q8_0";
  uint64_t places = 4;              // answers at a time
  uint64_t queue = 64;              // requests that wait
  std::string chat_template{};      // instead of the model's
  std::string pooling{};            // of embeddings; "": the model's
  uint64_t prefix_bytes = 0;        // of memory for beginnings of prompts that no place holds
  int prefix_file = -1;             // where they outlive the worker; -1: nowhere
  uint64_t prefix_file_bytes = 0;   // of it at most
  uint64_t memory_bytes = 0;        // that keys and values may take; 0: what is free
  std::string model_fingerprint{};  // of the files, for prefix_file
};

[[nodiscard]] std::string encode(const Load& load);
[[nodiscard]] std::string encode(const Request& request);
// bad_file: not such a message.
[[nodiscard]] Result<Load> decode_load(std::string_view message);
[[nodiscard]] Result<Request> decode_request(std::string_view message);

}  // namespace hearth::protocol
