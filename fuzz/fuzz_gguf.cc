// A GGUF file from a stranger, through everything that reads it before the first token.
//
// The first byte of an input chooses what stands in front of the rest, so that small inputs reach
// deep code: nothing (the input is a whole file), a header, or all that a llama model needs.
#include <cmath>
#include <memory>
#include <vector>

#include "fuzz.h"
#include "gguf/reader.h"
#include "gguf/test_bytes.h"
#include "model/registry.h"
#include "text/stream_decoder.h"
#include "text/tokenizer.h"

namespace hearth::fuzz {
namespace {

using gguf::Raw;
using gguf::RawFile;
using gguf::ValueType;

void put_strings(RawFile& file, std::string_view key, const std::vector<std::string>& texts) {
  Raw elements;
  for (const std::string& text : texts) elements.text(text);
  file.key(key, ValueType::array,
           gguf::raw_array(ValueType::string, texts.size(), elements.bytes()));
}

// The keys of a llama model of one layer, width 32.
RawFile llama_keys(std::string_view tokenizer) {
  RawFile file;
  file.key("general.architecture", ValueType::string, Raw().text("llama"));
  file.u32_key("llama.block_count", 1).u32_key("llama.embedding_length", 32);
  file.u32_key("llama.feed_forward_length", 32).u32_key("llama.context_length", 8);
  file.u32_key("llama.attention.head_count", 2);
  file.key("tokenizer.ggml.model", ValueType::string, Raw().text(tokenizer));
  return file;
}

void put_matrices(RawFile& file) {
  uint64_t offset = 0;
  const auto matrix = [&](std::string_view name, const std::vector<uint64_t>& dims) {
    file.tensor(name, dims, DType::F16, offset);
    offset += 64 * (dims.size() == 2 ? dims[1] : 1);
  };
  matrix("token_embd.weight", {32, 4});
  matrix("output_norm.weight", {32});
  for (const char* part : {"attn_norm", "ffn_norm"}) matrix(cat("blk.0.", part, ".weight"), {32});
  for (const char* part : {"attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up"}) {
    matrix(cat("blk.0.", part, ".weight"), {32, 32});
  }
  matrix("blk.0.ffn_down.weight", {32, 32});
}

enum Front : uint8_t {
  whole_file,
  header,
  llama,
  llama_spm,
  llama_bpe,
  llama_wpm,
  llama_ugm,
  kFronts
};

// What the front calls its tokenizer.
const char* tokenizer_of(Front front) {
  if (front == llama_bpe) return "gpt2";
  if (front == llama_wpm) return "bert";
  return front == llama_ugm ? "t5" : "llama";
}

// The input's own bytes follow the keys as more keys, more tensors and data; counts come from the
// input as well, since they say which of these its bytes are.
std::string make_file(Front front, uint8_t keys, uint8_t tensors, const std::string& rest) {
  RawFile file;
  if (front >= llama) file = llama_keys(tokenizer_of(front));
  if (front == llama_spm) {
    put_strings(file, "tokenizer.ggml.tokens", {"<unk>", "<s>", "</s>", "a"});
  } else if (front == llama_bpe) {
    put_strings(file, "tokenizer.ggml.tokens", {"a", "b", "ab", "c"});
    put_strings(file, "tokenizer.ggml.merges", {"a b"});
  } else if (front > llama_bpe) {
    put_strings(file, "tokenizer.ggml.tokens", {"\u2581", "a", "\u2581a", "b"});
    file.u32_key("tokenizer.ggml.unknown_token_id", 3);
  }
  if (front >= llama && (tensors & 0x80) != 0) put_matrices(file);
  file.n_keys = file.real_keys + keys;
  file.n_tensors = file.real_tensors + (tensors & 0x7F);
  if (file.real_tensors == 0) {
    file.keys.raw(rest);
  } else {
    // More keys can only stand in front of the tensors: half of the rest goes there.
    file.keys.raw(rest.substr(0, keys == 0 ? 0 : rest.size() / 2));
    file.tensors.raw(keys == 0 ? rest : rest.substr(rest.size() / 2));
    file.data.assign(64 * (4 + 3 + 7 * 32), '\x3C');
  }
  return file.bytes();
}

void use_tokenizer(const gguf::Metadata& metadata, std::string_view text) {
  const auto tokenizer = text::Tokenizer::create(metadata);
  if (!tokenizer) return require_message(tokenizer.error());
  for (const std::string& warning : tokenizer->warnings()) {
    require_message({ErrorCode::bad_file, warning});
  }
  for (const bool special : {false, true}) {
    const auto tokens = tokenizer->encode(text, {special, special});
    for (const text::Token token : tokens) {
      require(tokenizer->vocab().contains(token), "encode gives tokens of the vocabulary");
    }
    (void)tokenizer->decode(tokens, text::SpecialTokens::show);
    text::StreamDecoder stream(*tokenizer);
    for (const text::Token token : tokens) (void)stream.push(token);
    (void)stream.finish();
  }
}

void use_values(const gguf::Metadata& metadata) {
  for (const auto& [key, value] : metadata.entries()) {
    require(metadata.find(key) == &value, "a key is found");
    if (value.is_number()) (void)value.number();
    (void)value.unsigned_integer();
    if (value.type != ValueType::array) continue;
    uint64_t at = 0;
    for (uint64_t i = 0; i < value.array.count; ++i) {
      if (value.array.element == ValueType::string) {
        (void)value.array.next_string(at);
      } else {
        (void)value.array.number(i);
      }
    }
    if (value.array.element == ValueType::string)
      require(at == value.array.bytes.size(), "the strings fill their array");
  }
}

void use_tensors(const gguf::File& file, Bytes bytes) {
  for (const gguf::TensorInfo& tensor : file.tensors) {
    require(tensor.data.data() >= bytes.data() &&
                tensor.data.data() + tensor.data.size() <= bytes.data() + bytes.size(),
            "tensors lie in the file");
    require(tensor.data.size() == *row_bytes(tensor.type, tensor.dims[0]) * tensor.rows(),
            "a tensor has the size of its shape");
  }
}

}  // namespace
}  // namespace hearth::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  if (size < 3) return 0;
  const std::string rest(reinterpret_cast<const char*>(data) + 3, size - 3);
  const auto front = static_cast<fuzz::Front>(data[0] % fuzz::kFronts);
  const std::string made =
      front == fuzz::whole_file ? rest : fuzz::make_file(front, data[1], data[2], rest);
  // As in a mapped file, the data is aligned; and one byte past its end is a finding.
  const auto copy = std::make_unique<std::byte[]>(made.size());
  std::memcpy(copy.get(), made.data(), made.size());
  const Bytes bytes(copy.get(), made.size());
  auto file = gguf::parse(bytes);
  if (!file) {
    fuzz::require_message(file.error());
    return 0;
  }
  fuzz::use_values(file->metadata);
  fuzz::use_tensors(*file, bytes);
  if (const auto count = gguf::split_count(*file); !count) fuzz::require_message(count.error());
  if (const auto model = model::bind(*file); !model) {
    fuzz::require_message(model.error());
  } else {
    fuzz::require(model->weights.layers.size() == model->config.n_layers(), "all layers are bound");
    for (const model::RopeConfig& rope : model->config.ropes)
      fuzz::require(std::isfinite(rope.scale), "the scale is a number");
  }
  fuzz::use_tokenizer(file->metadata, std::string_view(rest).substr(0, 64));
  std::vector<gguf::File> parts{*file, *file};
  if (const auto joined = gguf::join(std::move(parts)); !joined)
    fuzz::require_message(joined.error());
  return 0;
}
