// An answer on its way from the worker to a client: what was asked, what came, and how a dialect
// writes it.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/problem.h"

namespace hearth::server {

// A request for an answer in any dialect, checked.
struct AnswerRequest {
  std::string model{};  // "" is the default one
  protocol::Generate generate;
  uint64_t choices = 1;            // answers to the one prompt
  std::optional<uint64_t> seed{};  // of the first choice, the others count on; none: a new one
  bool stream = false;
  std::vector<std::string> ignored{};  // members of the request without effect
};

// What has come of an answer.
struct Answer {
  struct Call {
    std::string id;  // as the model gave it; mostly ""
    std::string name;
    std::string arguments;  // a JSON object
  };
  std::string content;
  std::string reasoning;
  std::vector<Call> calls;
  std::vector<protocol::Chance> chances;  // of the content
  std::vector<int32_t> tokens;
  protocol::Finished finished;

  void take(const protocol::Delta& delta);
};

// What is known before the first event.
struct AnswerFacts {
  std::string id;       // 24 letters and digits, random: dialects put their prefix in front
  std::string model;    // as the client may name it again
  int64_t created = 0;  // seconds since 1970
  uint64_t choices = 1;
  protocol::Loaded loaded;
};

// Writes one request's answers in a dialect: either all at once, or event by event. Functions of a
// stream return bytes to send, "" for none; each choice gets its Started first and its Finished
// last.
class AnswerFormat {
 public:
  virtual ~AnswerFormat() = default;

  // Comes first, before anything else is called.
  virtual void open(AnswerFacts facts) { facts_ = std::move(facts); }

  [[nodiscard]] virtual Json whole(std::span<const Answer> answers) = 0;

  [[nodiscard]] virtual std::string_view stream_type() const { return "text/event-stream"; }
  // Started, Reading, Delta or Finished, of one choice.
  [[nodiscard]] virtual std::string event(size_t choice, const protocol::Tell& tell) = 0;
  // All choices have finished.
  [[nodiscard]] virtual std::string close() = 0;
  // In the middle of a stream; nothing follows.
  [[nodiscard]] virtual std::string problem(const Problem& problem) = 0;
  // So that nobody takes a long prompt for a dead connection.
  [[nodiscard]] virtual std::string keep_alive() { return ": still here\n\n"; }

 protected:
  [[nodiscard]] const AnswerFacts& facts() const { return facts_; }

 private:
  AnswerFacts facts_;
};

// The id by which a client names a call when it sends the result: 9 letters and digits, since some
// templates want exactly that.
[[nodiscard]] std::string call_id(std::string_view answer_id, size_t choice, size_t call);

// A server-sent event: "data: {...}\n\n", with "event: name" in front of it unless it has none.
[[nodiscard]] std::string sse(const Json& data, std::string_view name = "");

// JSON text; bytes that are no UTF-8 become U+FFFD.
[[nodiscard]] std::string text_of(const Json& json);

}  // namespace hearth::server
