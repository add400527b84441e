#include "convert/keys.h"

namespace hearth::convert {
namespace {

struct KeyWriter {
  gguf::Writer& writer;
  const std::string& key;

  void operator()(uint32_t value) { writer.add_u32(key, value); }
  void operator()(float value) { writer.add_f32(key, value); }
  void operator()(bool value) { writer.add_bool(key, value); }
  void operator()(const std::string& value) { writer.add_text(key, value); }
  void operator()(const std::vector<std::string>& value) { writer.add_texts(key, value); }
  void operator()(const std::vector<float>& value) { writer.add_f32s(key, value); }
  void operator()(const std::vector<int32_t>& value) { writer.add_i32s(key, value); }
  void operator()(const std::vector<bool>& value) { writer.add_bools(key, value); }
  void operator()(const std::vector<uint8_t>& value) { writer.add_u8s(key, value); }
};

}  // namespace

void Keys::set(std::string_view key, KeyValue value) {
  for (auto& [name, old] : entries_) {
    if (name != key) continue;
    old = std::move(value);
    return;
  }
  entries_.emplace_back(key, std::move(value));
}

const KeyValue* Keys::find(std::string_view key) const {
  for (const auto& [name, value] : entries_) {
    if (name == key) return &value;
  }
  return nullptr;
}

void Keys::write(gguf::Writer& writer) const {
  for (const auto& [key, value] : entries_) std::visit(KeyWriter{writer, key}, value);
}

}  // namespace hearth::convert
