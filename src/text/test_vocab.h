// Vocabularies for tests: metadata made by hand, and the ones that come with the source tree.
#pragma once

#include <cstring>
#include <deque>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "base/utf8.h"
#include "gguf/reader.h"
#include "gguf/value.h"
#include "text/tokenizer_bpe.h"
#include "text/vocab.h"

namespace hearth::text {

// Metadata that owns its bytes. Setting a key again replaces it.
class TestMetadata {
 public:
  void text(std::string_view key, std::string_view value) {
    gguf::Value made;
    made.type = gguf::ValueType::string;
    made.text = keep(std::string(value));
    set(key, made);
  }
  void flag(std::string_view key, bool value) {
    scalar(key, gguf::ValueType::boolean, value ? 1 : 0);
  }
  void u32(std::string_view key, uint32_t value) { scalar(key, gguf::ValueType::u32, value); }
  void scalar(std::string_view key, gguf::ValueType type, uint64_t bits) {
    gguf::Value made;
    made.type = type;
    made.bits = bits;
    set(key, made);
  }
  void texts(std::string_view key, const std::vector<std::string>& values) {
    std::string bytes;
    for (const std::string& value : values) {
      const uint64_t length = value.size();
      bytes.append(reinterpret_cast<const char*>(&length), sizeof length);
      bytes.append(value);
    }
    array(key, gguf::ValueType::string, values.size(), bytes);
  }
  void floats(std::string_view key, const std::vector<float>& values) {
    numbers(key, gguf::ValueType::f32, values);
  }
  void bytes(std::string_view key, const std::string& value) {
    array(key, gguf::ValueType::u8, value.size(), value);
  }
  void ints(std::string_view key, const std::vector<int32_t>& values) {
    numbers(key, gguf::ValueType::i32, values);
  }
  void erase(std::string_view key) {
    std::erase_if(values_, [&](const auto& entry) { return entry.first == key; });
  }

  // Refers to this object, which must stay alive and unchanged.
  [[nodiscard]] gguf::Metadata metadata() const {
    gguf::Metadata made;
    for (const auto& [key, value] : values_) made.add(key, value);
    return made;
  }

 private:
  std::string_view keep(std::string bytes) {
    kept_.push_back(std::make_unique<std::string>(std::move(bytes)));
    return *kept_.back();
  }
  void array(std::string_view key, gguf::ValueType element, size_t count, std::string bytes) {
    gguf::Value made;
    made.type = gguf::ValueType::array;
    made.array.element = element;
    made.array.count = count;
    made.array.bytes = as_bytes(keep(std::move(bytes)));
    set(key, made);
  }
  template <class T>
  void numbers(std::string_view key, gguf::ValueType element, const std::vector<T>& values) {
    std::string bytes(values.size() * sizeof(T), '\0');
    if (!values.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
    array(key, element, values.size(), bytes);
  }
  void set(std::string_view key, const gguf::Value& value) {
    erase(key);
    values_.emplace_back(keep(std::string(key)), value);
  }

  std::deque<std::unique_ptr<std::string>> kept_;
  std::vector<std::pair<std::string_view, gguf::Value>> values_;
};

inline constexpr int32_t kNormal = 1, kUnknown = 2, kControl = 3, kUserDefined = 4, kByte = 6;

struct TestToken {
  std::string text;
  float score = 0;
  int32_t kind = kNormal;
};

inline void set_tokens(TestMetadata& metadata, const std::vector<TestToken>& tokens) {
  std::vector<std::string> texts;
  std::vector<float> scores;
  std::vector<int32_t> kinds;
  for (const TestToken& token : tokens) {
    texts.push_back(token.text);
    scores.push_back(token.score);
    kinds.push_back(token.kind);
  }
  metadata.texts("tokenizer.ggml.tokens", texts);
  metadata.floats("tokenizer.ggml.scores", scores);
  metadata.ints("tokenizer.ggml.token_type", kinds);
}

inline std::vector<TestToken> byte_token_list() {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::vector<TestToken> tokens;
  for (size_t byte = 0; byte < 256; ++byte) {
    tokens.push_back({cat("<0x", kHex[byte >> 4], kHex[byte & 15], ">"), 0, kByte});
  }
  return tokens;
}

// <unk> <s> </s>, 256 byte tokens, then `words` with falling scores from id 259 on.
inline TestMetadata spm_metadata(const std::vector<std::string>& words) {
  std::vector<TestToken> tokens = {
      {"<unk>", 0, kUnknown}, {"<s>", 0, kControl}, {"</s>", 0, kControl}};
  for (const TestToken& token : byte_token_list()) tokens.push_back(token);
  float score = 0;
  for (const std::string& word : words) tokens.push_back({word, --score, kNormal});
  TestMetadata metadata;
  metadata.text("tokenizer.ggml.model", "llama");
  set_tokens(metadata, tokens);
  return metadata;
}

// The 256 bytes as tokens 0 to 255, then one token for each merge ("a b") from 256 on, then
// control tokens.
inline TestMetadata bpe_metadata(const std::vector<std::string>& merges,
                                 const std::vector<std::string>& controls = {}) {
  std::vector<TestToken> tokens;
  for (int byte = 0; byte < 256; ++byte) {
    std::string text;
    append_utf8(text, byte_to_char(static_cast<uint8_t>(byte)));
    tokens.push_back({text, 0, kNormal});
  }
  for (const std::string& merge : merges) {
    const size_t space = merge.find(' ', 1);
    tokens.push_back({merge.substr(0, space) + merge.substr(space + 1), 0, kNormal});
  }
  for (const std::string& control : controls) tokens.push_back({control, 0, kControl});
  TestMetadata metadata;
  metadata.text("tokenizer.ggml.model", "gpt2");
  metadata.text("tokenizer.ggml.pre", "gpt-2");
  set_tokens(metadata, tokens);
  metadata.texts("tokenizer.ggml.merges", merges);
  return metadata;
}

// [UNK] [CLS] [SEP] [MASK], then `words` ("\u2581word" or "piece") from id 4 on.
inline TestMetadata wpm_metadata(const std::vector<std::string>& words) {
  std::vector<TestToken> tokens = {{"[UNK]", 0, kUnknown},
                                   {"[CLS]", 0, kControl},
                                   {"[SEP]", 0, kControl},
                                   {"[MASK]", 0, kControl}};
  for (const std::string& word : words) tokens.push_back({word, 0, kNormal});
  TestMetadata metadata;
  metadata.text("tokenizer.ggml.model", "bert");
  set_tokens(metadata, tokens);
  metadata.u32("tokenizer.ggml.unknown_token_id", 0);
  metadata.u32("tokenizer.ggml.bos_token_id", 1);
  metadata.u32("tokenizer.ggml.seperator_token_id", 2);
  metadata.u32("tokenizer.ggml.mask_token_id", 3);
  return metadata;
}

// <pad> </s> <unk>, then the tokens from id 3 on.
inline TestMetadata ugm_metadata(const std::vector<TestToken>& tokens) {
  std::vector<TestToken> all = {
      {"<pad>", 0, kControl}, {"</s>", 0, kControl}, {"<unk>", 0, kUnknown}};
  all.insert(all.end(), tokens.begin(), tokens.end());
  TestMetadata metadata;
  metadata.text("tokenizer.ggml.model", "t5");
  set_tokens(metadata, all);
  metadata.flag("tokenizer.ggml.add_space_prefix", true);
  metadata.flag("tokenizer.ggml.remove_extra_whitespaces", true);
  return metadata;
}

// The bytes of a character map with these rules, in the order of the texts they replace. Every node
// has a block of 256 units of the double array to itself.
inline std::string charsmap_bytes(const std::map<std::string, std::string>& rules) {
  std::map<std::string, uint32_t> blocks = {{"", 1}};
  for (const auto& [text, replacement] : rules) {
    for (size_t length = 1; length <= text.size(); ++length) {
      blocks.emplace(text.substr(0, length), static_cast<uint32_t>(blocks.size() + 1));
    }
  }
  std::vector<uint32_t> units((blocks.size() + 1) * 256, 0x80000000u);
  std::string replacements;
  for (const auto& [node, block] : blocks) {
    const uint32_t base = block * 256;
    const auto rule = rules.find(node);
    const auto label = node.empty() ? 0u : static_cast<unsigned char>(node.back());
    const uint32_t at =
        node.empty() ? 0 : blocks[node.substr(0, node.size() - 1)] * 256 ^ uint32_t { label };
    units[at] = label | (rule != rules.end() ? 0x100u : 0u) | (at ^ base) << 10;
    if (rule == rules.end()) continue;
    units[base] = 0x80000000u | static_cast<uint32_t>(replacements.size());
    replacements += rule->second + '\0';
  }
  if (replacements.empty()) replacements.push_back('\0');
  const auto array_bytes = static_cast<uint32_t>(units.size() * sizeof(uint32_t));
  std::string out(reinterpret_cast<const char*>(&array_bytes), sizeof array_bytes);
  out.append(reinterpret_cast<const char*>(units.data()), array_bytes);
  return out + replacements;
}

// A GGUF file in memory with its parsed content.
struct LoadedFile {
  std::string bytes;
  gguf::File file;
};

inline std::optional<std::string> read_whole(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(in), {});
}

// nullptr when there is no such file or it cannot be parsed.
inline std::unique_ptr<LoadedFile> load_gguf(const std::string& path) {
  auto bytes = read_whole(path);
  if (!bytes) return nullptr;
  auto loaded = std::make_unique<LoadedFile>();
  loaded->bytes = std::move(*bytes);
  auto parsed = gguf::parse(as_bytes(loaded->bytes));
  if (!parsed) return nullptr;
  loaded->file = *std::move(parsed);
  return loaded;
}

inline std::string bundled_model_path() {
  return HEARTH_SOURCE_DIR "/models/hearth-stories-6m-q8_0.gguf";
}
inline std::string shared_path(std::string_view name) {
  return cat(HEARTH_SOURCE_DIR "/../shared/", name);
}

}  // namespace hearth::text
