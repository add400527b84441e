// The metadata of the file that is made: keys with values, in the order in which they came.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "gguf/writer.h"

namespace hearth::convert {

using KeyValue =
    std::variant<uint32_t, float, bool, std::string, std::vector<std::string>, std::vector<float>,
                 std::vector<int32_t>, std::vector<bool>, std::vector<uint8_t>>;

class Keys {
 public:
  // Takes the place of an earlier value.
  void set(std::string_view key, KeyValue value);
  void set_text(std::string_view key, std::string_view value) { set(key, std::string(value)); }
  // nullptr when there is none.
  [[nodiscard]] const KeyValue* find(std::string_view key) const;
  void write(gguf::Writer& writer) const;

 private:
  std::vector<std::pair<std::string, KeyValue>> entries_;
};

}  // namespace hearth::convert
