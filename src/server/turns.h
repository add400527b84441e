// Puts messages together as templates read them (messages.h), for dialects that write conversations
// in another way. Neighbours of the same role become one message, since many templates want roles
// to take turns.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "server/problem.h"

namespace hearth::server {

class Turns {
 public:
  void system(std::string_view text) { say("system", text); }
  void user(std::string_view text) { say("user", text); }
  // Parts of what the model said.
  void answer(std::string_view text);
  void reasoning(std::string_view text);
  // `arguments`: a JSON object as text.
  void call(std::string_view id, std::string_view name, std::string_view arguments);
  // What a call gave; it gets the name of the tool from the call.
  void result(std::string_view id, std::string_view text);

  // So far; [] when there is nothing.
  [[nodiscard]] const Json& messages() const { return messages_; }

 private:
  void say(std::string_view role, std::string_view text);
  Json& assistant();  // the last message

  Json messages_ = Json::array();
  std::map<std::string, std::string, std::less<>> names_;  // of tools, by the ids of calls
};

// An id that a client got from this server, without the prefix of its dialect: what templates see
// is the id that the model gave, or one of the form that they want.
[[nodiscard]] std::string_view bare_id(std::string_view id, std::string_view prefix);

}  // namespace hearth::server
