// Takes the reply of a model apart while it comes: reasoning, answer, calls of tools. Never fails:
// what does not follow the format is given back as text, with a flag.
//
// Every text is passed on at once, but for what may become a mark, blanks that may turn out to
// stand around a block, and the values of calls whose format has to be translated to JSON. How a
// reply is cut into pieces changes nothing. Work is linear in the length of the reply.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/reply.h"
#include "text/reply_calls.h"
#include "text/reply_format.h"
#include "text/reply_tools.h"

namespace hearth::text {

class ReplyParser {
 public:
  // A longer call is none.
  static constexpr size_t kMaxCallBytes = size_t{4} << 20;
  // More blanks in a row belong to the text.
  static constexpr size_t kMaxBlanks = size_t{64} << 10;

  // `prompt_end`: the prompt, or its last 100 bytes, which may have opened a block already. The
  // format must outlive the parser, as those of reply_format.h do.
  ReplyParser(const ReplyFormat& format, std::string_view prompt_end, ReplyTools tools = {});
  ReplyParser(const ReplyParser&) = delete;
  ReplyParser& operator=(const ReplyParser&) = delete;

  // The next piece of the reply; what is known by it is added to `events`.
  void feed(std::string_view piece, std::vector<ReplyEvent>& events);

  // Whether what comes next is a part of the reasoning.
  [[nodiscard]] bool in_reasoning() const { return state_ == State::reasoning; }

  // The reply has ended. The parser is of no use afterwards.
  [[nodiscard]] Reply finish(std::vector<ReplyEvent>& events);

 private:
  enum class State : uint8_t { text, reasoning, head, calls };
  enum class Mark : uint8_t { reasoning_open, reasoning_close, dropped, head, calls, call };

  // Text of one kind, without the blanks at its ends.
  struct Stream {
    std::string text{};
    std::string blanks{};  // behind it; part of it when more follows
    bool wide = false;     // the blanks have become too many to wait for what follows
  };

  void add_mark(std::string_view text, Mark mark);
  void see_prompt(std::string_view prompt_end);
  void run(bool end);
  bool step(bool end);
  bool read_text(bool end);
  bool read_reasoning(bool end);
  bool read_head(bool end);
  bool read_calls(bool end);
  bool begins_bare_call();
  void pass(Mark mark, size_t length);
  void open_calls(CallOpening opening, size_t begin, std::string_view name = {});
  void open_reasoning();
  void put(ReplyEvent::Kind kind, std::string_view text);
  [[nodiscard]] std::string_view rest() const { return std::string_view(reply_.raw).substr(at_); }

  const ReplyFormat& format_;
  ReplyTools tools_;
  std::vector<std::string_view> marks_;
  std::vector<Mark> kinds_;  // of marks_
  State state_ = State::text;
  Reply reply_;
  size_t at_ = 0;  // in reply_.raw: what comes before is understood
  Stream content_;
  Stream reasoning_;
  CallLog log_;
  std::unique_ptr<CallReader> reader_;
  bool tentative_ = false;  // block: it may as well be text
  size_t good_ = 0;         // in a block: what comes before is in calls, or is its opening
  size_t block_ = 0;        // where the block or head begins
  std::vector<ReplyEvent>* events_ = nullptr;
  size_t fed_ = 0;  // events of earlier pieces
};

}  // namespace hearth::text
