// What the parameters of tools may be, for formats that write values without quotes.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace hearth::text {

class ReplyTools {
 public:
  // Kinds of JSON values, for sets of them; 0 is any.
  enum Type : unsigned {
    string = 1,
    number = 2,
    integer = 4,
    boolean = 8,
    null = 16,
    object = 32,
    array = 64,
  };

  ReplyTools() = default;
  // A JSON list of tools as in the OpenAI API; what is none of that is left out.
  [[nodiscard]] static ReplyTools read(std::string_view json);

  [[nodiscard]] bool empty() const { return tools_.empty(); }
  [[nodiscard]] bool knows(std::string_view tool) const;
  // By the JSON schema of the tool: type, enum, const, anyOf, oneOf, nullable. 0 when nothing is
  // known.
  [[nodiscard]] unsigned types_of(std::string_view tool, std::string_view parameter) const;

 private:
  using Parameters = std::map<std::string, unsigned, std::less<>>;
  std::map<std::string, Parameters, std::less<>> tools_;
};

}  // namespace hearth::text
