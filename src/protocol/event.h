// What an engine worker tells the server.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "protocol/request.h"

namespace hearth::protocol {

// The model is ready.
struct Loaded {
  std::string architecture{};
  std::string description{};  // of the model, for people: "llama 1.2B Q4_K_M"
  std::string type{};         // of the file: "Q4_K_M"
  uint64_t parameters = 0;
  uint64_t file_bytes = 0;
  uint64_t memory_bytes = 0;  // of keys, values and states of all places, when they are full
  uint64_t vocabulary = 0;    // tokens
  uint64_t trained_context = 0;
  uint64_t context = 0;
  uint64_t places = 0;
  uint64_t width = 0;        // floats of an embedding
  bool writes = true;        // false: an encoder, which gives embeddings only
  bool scores = false;       // it can rerank
  bool infills = false;      // it knows how the middle of a text is asked for
  bool thinks = false;       // its replies can hold reasoning
  bool calls_tools = false;  // its template and replies know tools
  std::string pooling{};
  std::string chat_template{};
  std::string bos{};  // texts of these tokens; "" when there is none
  std::string eos{};
  std::vector<std::string> adapters{};
  std::vector<std::string> warnings{};
  std::vector<std::string> sandbox{};  // what the worker may not do, a word each
  Json metadata = Json::object();      // keys of the file with their values; long lists left out
};

// A request for an answer was taken in.
struct Started {
  uint64_t prompt_tokens = 0;
  uint64_t dropped_messages = 0;  // the oldest, with Overflow::drop_oldest
};

// How far the prompt is read.
struct Reading {
  uint64_t total = 0;
  uint64_t remembered = 0;
  uint64_t done = 0;
  double seconds = 0;  // since reading began
};

// A token with what its chance was, as the model saw it before sampling.
struct Chance {
  int32_t token = 0;
  float log_probability = 0;
  std::string bytes{};
  std::vector<Chance> others{};  // the most likely ones; of these no more others
};

// A piece of the answer.
struct Delta {
  enum class Kind { content, reasoning, call_begin, call_arguments, call_end, call_discard };
  Kind kind = Kind::content;
  uint64_t call = 0;  // which one, for the kinds of calls
  // Goes on with the text or the JSON of arguments. call_begin: the tool's name; call_end: the id
  // that the model gave, or ""; call_discard: nothing, the call was none.
  std::string text{};
  std::vector<Chance> chances{};  // of the tokens, if they were asked for
  std::vector<int32_t> tokens{};  // chosen since the last piece
  double seconds = 0;             // since the first token was chosen
};

enum class Finish {
  end,        // the model ended its answer
  stop,       // a stop string came
  length,     // max_tokens
  context,    // no room left
  cancelled,  // by a Cancel
};

// The last event of an answer.
struct Finished {
  Finish finish = Finish::end;
  std::string stop{};  // the stop string that came
  uint64_t prompt_tokens = 0;
  uint64_t remembered_tokens = 0;  // of the prompt, read for an earlier answer
  uint64_t answer_tokens = 0;
  uint64_t reasoning_tokens = 0;  // of these
  uint64_t calls = 0;             // of tools
  bool malformed = false;         // a part of the answer did not follow the format, and is content
  double waited_seconds = 0;
  double prompt_seconds = 0;
  double answer_seconds = 0;
  std::vector<int32_t> prompt{};  // its tokens, with Generate::show_prompt
};

// The last event of a request that failed.
struct Failed {
  enum class Reason {
    bad_request,  // what was asked for makes no sense
    too_long,     // the prompt, for the context
    busy,         // the queue is full
    unsupported,  // this model cannot do that
    broken,       // the model's file, or our own code
  };
  Reason reason = Reason::broken;
  std::string message{};
  uint64_t prompt_tokens = 0;  // with too_long
  uint64_t context = 0;
};

struct Embedded {
  std::vector<std::string> vectors{};  // each [width] floats of 4 bytes, little endian, in base64
  std::vector<uint64_t> tokens{};      // of each input
};

struct Ranked {
  std::vector<double> scores{};  // of each document
  uint64_t tokens = 0;           // of all
};

struct Tokens {
  std::vector<int32_t> tokens{};
  std::vector<std::string> pieces{};  // the bytes of each
};

struct Text {
  std::string text{};
  uint64_t tokens = 0;
};

struct Place {
  bool busy = false;
  uint64_t request = 0;
  uint64_t held_tokens = 0;
};

struct Status {
  uint64_t waiting = 0;
  std::vector<Place> places{};
  uint64_t prefix_bytes = 0;  // remembered beside the places
  uint64_t prefix_file_bytes = 0;
  uint64_t prefix_hits = 0;  // prompts of which something was remembered
  uint64_t prefix_misses = 0;
  uint64_t prefix_tokens = 0;  // that were not read again
  uint64_t prompt_tokens = 0;  // that were read
  uint64_t answer_tokens = 0;
  double prompt_seconds = 0;
  double answer_seconds = 0;
  uint64_t resident_bytes = 0;
};

using Tell = std::variant<Loaded, Started, Reading, Delta, Finished, Failed, Embedded, Ranked,
                          Tokens, Text, Status>;

// `id` is that of the request; 0 for Loaded, Status, and a Failed load.
struct Event {
  uint64_t id = 0;
  Tell tell;
};

[[nodiscard]] std::string encode(const Event& event);
// bad_file: not such a message. The worker reads strangers' files: what it says is checked.
[[nodiscard]] Result<Event> decode_event(std::string_view message);

}  // namespace hearth::protocol
