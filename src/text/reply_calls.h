// Readers of blocks of tool calls, one for each syntax. Internal to ReplyParser.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/reply.h"
#include "text/reply_format.h"
#include "text/reply_tools.h"

namespace hearth::text {

// Where readers put what they find.
class CallLog {
 public:
  // More calls in one reply are not believed.
  static constexpr size_t kMaxCalls = 512;
  static constexpr size_t kMaxNameBytes = 256;

  explicit CallLog(std::vector<ToolCall>& calls) : calls_(calls) {}
  void report_to(std::vector<ReplyEvent>& events) { events_ = &events; }

  // False for what is no name, and when there are too many calls.
  [[nodiscard]] bool begin(std::string_view name);
  void arguments(std::string_view piece);
  // `behind`: where the call ends in the reply. False when the arguments are no JSON object; the
  // call is still open then.
  [[nodiscard]] bool end(std::string_view id, size_t behind);
  void discard();

  [[nodiscard]] bool open() const { return open_; }
  // Where the last call ended.
  [[nodiscard]] size_t behind() const { return behind_; }

 private:
  void report(ReplyEvent::Kind kind, std::string_view text);

  std::vector<ToolCall>& calls_;
  std::vector<ReplyEvent>* events_ = nullptr;
  bool open_ = false;
  size_t behind_ = 0;
};

class CallReader {
 public:
  enum class Status { more, done, bad };

  virtual ~CallReader() = default;
  // Reads on at `at` in the text of the reply and moves it behind what it has understood; `end`
  // says that nothing comes behind `text`, then it is done or bad. With bad, `at` is the first byte
  // that may begin something else.
  [[nodiscard]] virtual Status read(std::string_view text, size_t& at, bool end, CallLog& log) = 0;
};

// How a block was opened: by calls_open, by call_open, by a head that names the tool, or by the
// brace of its JSON.
enum class CallOpening { calls, call, named, brace };

struct CallContext {
  const ReplyFormat& format;
  const ReplyTools& tools;
  CallOpening opening = CallOpening::call;
  std::string name{};  // with CallOpening::named
};

[[nodiscard]] std::unique_ptr<CallReader> make_json_reader(const CallContext& context);
[[nodiscard]] std::unique_ptr<CallReader> make_named_reader(const CallContext& context);
[[nodiscard]] std::unique_ptr<CallReader> make_tag_reader(const CallContext& context);
[[nodiscard]] std::unique_ptr<CallReader> make_literal_reader(const CallContext& context);

// One of these, by the format's syntax.
[[nodiscard]] std::unique_ptr<CallReader> make_call_reader(const CallContext& context);

// Behind a value: blanks, and the mark that closes. Without a mark it is done at once, and when the
// reply ends here it is done too, for often the token that closes also ends the reply.
[[nodiscard]] CallReader::Status read_close(std::string_view mark, std::string_view text,
                                            size_t& at, bool end);

// Between the calls of a block: behind calls_open, or behind a call. `opened` says that another
// call begins.
[[nodiscard]] CallReader::Status read_between(const CallContext& context, std::string_view text,
                                              size_t& at, bool end, bool any, bool& opened);

}  // namespace hearth::text
