// Well-formed files whose content makes no sense as a llama model.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>

#include "gguf/test_bytes.h"
#include "hostile.h"

namespace hearth::hostile {
namespace {

using gguf::Raw;
using gguf::RawFile;
using gguf::ValueType;
using testing::AnyOf;
using testing::HasSubstr;

constexpr uint64_t kWidth = 32;
constexpr uint64_t kHidden = 64;
constexpr uint64_t kVocab = 8;
constexpr size_t kContentLimit = size_t{1} << 24;

struct Key {
  ValueType type;
  Raw value;
};

struct Tensor {
  std::vector<uint64_t> dims;
  DType type = DType::F32;
  float fill = 0.125f;
  bool is_alias = false;  // lies where the tensor before it does
};

// A llama model of one layer that is good until it is changed.
class TinyLlama {
 public:
  TinyLlama() {
    text("general.architecture", "llama");
    u32("llama.block_count", 1).u32("llama.embedding_length", kWidth);
    u32("llama.feed_forward_length", kHidden).u32("llama.context_length", 16);
    u32("llama.attention.head_count", 4).u32("llama.attention.head_count_kv", 2);
    text("tokenizer.ggml.model", "llama");
    vocabulary(kVocab);
    tensors["token_embd.weight"] = {{kWidth, kVocab}};
    tensors["output_norm.weight"] = {{kWidth}};
    tensors["blk.0.attn_norm.weight"] = {{kWidth}};
    tensors["blk.0.ffn_norm.weight"] = {{kWidth}};
    tensors["blk.0.attn_q.weight"] = {{kWidth, kWidth}};
    tensors["blk.0.attn_k.weight"] = {{kWidth, kWidth / 2}};
    tensors["blk.0.attn_v.weight"] = {{kWidth, kWidth / 2}};
    tensors["blk.0.attn_output.weight"] = {{kWidth, kWidth}};
    tensors["blk.0.ffn_gate.weight"] = {{kWidth, kHidden}};
    tensors["blk.0.ffn_up.weight"] = {{kWidth, kHidden}};
    tensors["blk.0.ffn_down.weight"] = {{kHidden, kWidth}};
  }

  TinyLlama& u32(const std::string& key, uint32_t value) {
    return set(key, ValueType::u32, Raw().u32(value));
  }
  TinyLlama& u64(const std::string& key, uint64_t value) {
    return set(key, ValueType::u64, Raw().u64(value));
  }
  TinyLlama& f64(const std::string& key, double value) {
    return set(key, ValueType::f64, Raw().put(value));
  }
  TinyLlama& text(const std::string& key, std::string_view value) {
    return set(key, ValueType::string, Raw().text(value));
  }
  TinyLlama& set(const std::string& key, ValueType type, const Raw& value) {
    keys[key] = {type, value};
    return *this;
  }
  void vocabulary(uint64_t size) {
    Raw texts;
    for (uint64_t i = 0; i < size; ++i) texts.text(i == 0 ? "<unk>" : cat("t", i));
    set("tokenizer.ggml.tokens", ValueType::array,
        gguf::raw_array(ValueType::string, size, texts.bytes()));
  }

  [[nodiscard]] std::string bytes() const {
    RawFile file;
    for (const auto& [key, value] : keys) file.key(key, value.type, value.value);
    uint64_t last = 0;
    for (const auto& [name, tensor] : tensors) {
      if (!tensor.is_alias) last = file.data.size();
      file.tensor(name, tensor.dims, tensor.type, last);
      if (tensor.is_alias) continue;
      file.data += content(tensor);
      file.data.append((32 - file.data.size() % 32) % 32, '\0');
    }
    return file.bytes();
  }

  std::map<std::string, Key> keys;
  std::map<std::string, Tensor> tensors;

 private:
  static std::string content(const Tensor& tensor) {
    uint64_t rows = 1;
    for (size_t i = 1; i < tensor.dims.size(); ++i) rows *= tensor.dims[i];
    std::string data(*row_bytes(tensor.type, tensor.dims[0]) * rows, '\0');
    EXPECT_LT(data.size(), kContentLimit);
    if (tensor.type != DType::F32) return data;
    for (size_t at = 0; at < data.size(); at += sizeof(float)) {
      std::memcpy(data.data() + at, &tensor.fill, sizeof(float));
    }
    return data;
  }
};

std::string error_of(const TinyLlama& model, const std::string& what) {
  return put_through_file(model.bytes(), what);
}

TEST(HostileLlama, TheUnchangedModelRuns) {
  EXPECT_EQ(error_of(TinyLlama(), "unchanged"), "");
  TinyLlama model;
  model.u32("llama.rope.dimension_count", 8).f64("llama.rope.freq_base", 1e4);
  model.f64("llama.attention.layer_norm_rms_epsilon", 1e-6);
  model.text("llama.rope.scaling.type", "linear").f64("llama.rope.scaling.factor", 4);
  EXPECT_EQ(error_of(model, "with all keys"), "");
}

TEST(HostileLlama, SizesOutOfRange) {
  const char* keys[] = {"llama.block_count",          "llama.embedding_length",
                        "llama.feed_forward_length",  "llama.context_length",
                        "llama.attention.head_count", "llama.attention.head_count_kv",
                        "llama.attention.key_length", "llama.attention.value_length"};
  for (const std::string key : keys) {
    for (const uint64_t size :
         {uint64_t{0}, uint64_t{1} << 31, uint64_t{1} << 40, uint64_t{1} << 63, UINT64_MAX}) {
      TinyLlama model;
      model.u64(key, size);
      EXPECT_THAT(error_of(model, cat(key, " = ", size)), HasSubstr(cat("'", key, "' is ", size)));
    }
    TinyLlama negative;
    negative.set(key, ValueType::i32, Raw().put<int32_t>(-1));
    EXPECT_THAT(error_of(negative, key), HasSubstr(key));
    TinyLlama text;
    text.text(key, "32");
    EXPECT_THAT(error_of(text, key), HasSubstr(key));
  }
}

TEST(HostileLlama, LargestAllowedSizesStillNeedTheirTensors) {
  for (const auto& [key, size] :
       {std::pair{"llama.block_count", 1024u}, std::pair{"llama.embedding_length", 1u << 20},
        std::pair{"llama.feed_forward_length", 1u << 20},
        std::pair{"llama.attention.key_length", 1u << 18}}) {
    TinyLlama model;
    model.u32(key, size);
    EXPECT_NE(error_of(model, key), "");
  }
  TinyLlama context;
  context.u32("llama.context_length", 1 << 24);
  EXPECT_EQ(error_of(context, "a long context is only a promise"), "");
}

TEST(HostileLlama, HeadsThatDoNotFit) {
  TinyLlama model;
  model.u32("llama.attention.head_count_kv", 3);
  EXPECT_THAT(error_of(model, "3 kv heads"), HasSubstr("no multiple"));
  model.u32("llama.attention.head_count_kv", 8);
  EXPECT_THAT(error_of(model, "more kv heads than heads"), HasSubstr("no multiple"));
  TinyLlama many;
  many.u32("llama.attention.head_count", 1 << 20).u32("llama.attention.head_count_kv", 1);
  EXPECT_THAT(error_of(many, "more heads than width"), HasSubstr("out of range"));
  many.u32("llama.attention.key_length", 1 << 20).u32("llama.attention.value_length", 1 << 20);
  EXPECT_THAT(error_of(many, "2^40 wide"), HasSubstr("'llama.attention.key_length' is 1048576"));
  TinyLlama uneven;
  uneven.u32("llama.attention.head_count", 6).u32("llama.attention.head_count_kv", 2);
  uneven.u32("llama.rope.dimension_count", 4);
  EXPECT_THAT(error_of(uneven, "32 / 6"), HasSubstr("attn_q"));
  TinyLlama values;
  values.u32("llama.attention.value_length", 4);
  EXPECT_THAT(error_of(values, "values of 4"), HasSubstr("attn_v"));
}

TEST(HostileLlama, Rope) {
  for (const uint64_t dims : {uint64_t{1}, uint64_t{7}, uint64_t{10}, UINT64_MAX - 1}) {
    TinyLlama model;
    model.u64("llama.rope.dimension_count", dims);
    EXPECT_THAT(error_of(model, cat(dims)), HasSubstr("'llama.rope.dimension_count'"));
  }
  TinyLlama none;
  none.u32("llama.rope.dimension_count", 0);
  EXPECT_EQ(error_of(none, "no rope"), "");
  const double bad[] = {0, -1, INFINITY, -INFINITY, NAN, 1e300};
  for (const double number : bad) {
    TinyLlama base;
    base.f64("llama.rope.freq_base", number);
    EXPECT_THAT(error_of(base, cat(number)), HasSubstr("'llama.rope.freq_base'"));
    TinyLlama factor;
    factor.text("llama.rope.scaling.type", "linear").f64("llama.rope.scaling.factor", number);
    EXPECT_THAT(error_of(factor, cat(number)), HasSubstr("'llama.rope.scaling.factor'"));
    TinyLlama old;
    old.f64("llama.rope.scale_linear", number);
    EXPECT_THAT(error_of(old, cat(number)), HasSubstr("'llama.rope.scal"));
  }
  // Small numbers that are allowed must not become something that is no number unnoticed.
  for (const double number : {1e-300, 1e30, 1e-30}) {
    TinyLlama base;
    base.f64("llama.rope.freq_base", number);
    const std::string error = error_of(base, cat(number));
    if (!error.empty()) {
      EXPECT_THAT(error, AnyOf(HasSubstr("not numbers"), HasSubstr("'llama.rope.freq_base'")));
    }
    TinyLlama factor;
    factor.text("llama.rope.scaling.type", "linear");
    factor.f64("llama.rope.scaling.factor", std::min(number, 1e9));
    (void)error_of(factor, cat(number));
  }
  TinyLlama unknown;
  unknown.text("llama.rope.scaling.type", "ya\nrn");
  EXPECT_THAT(error_of(unknown, "scaling"), HasSubstr("ya\\x0arn"));
}

TEST(HostileLlama, Epsilon) {
  for (const double eps : {-1e-5, 1.0, 1e30, double{INFINITY}, double{NAN}}) {
    TinyLlama model;
    model.f64("llama.attention.layer_norm_rms_epsilon", eps);
    EXPECT_THAT(error_of(model, cat(eps)), HasSubstr("rms_epsilon"));
  }
  TinyLlama zero;
  zero.f64("llama.attention.layer_norm_rms_epsilon", 0);
  zero.tensors["token_embd.weight"].fill = 0;  // 0 / 0 in the very first norm
  const std::string error = error_of(zero, "0 / 0");
  if (!error.empty()) {
    EXPECT_THAT(error, HasSubstr("not numbers"));
  }
}

TEST(HostileLlama, Vocabularies) {
  TinyLlama larger;
  larger.vocabulary(kVocab + 1);
  EXPECT_THAT(error_of(larger, "9 tokens for 8 rows"), HasSubstr("9 tokens"));
  TinyLlama smaller;
  smaller.vocabulary(3);
  EXPECT_EQ(error_of(smaller, "rows without a token"), "");
  TinyLlama scores;
  scores.set("tokenizer.ggml.scores", ValueType::array,
             gguf::raw_array(ValueType::f32, 1, std::string(4, '\0')));
  EXPECT_THAT(error_of(scores, "one score"), HasSubstr("tokenizer.ggml.scores"));
  TinyLlama ids;
  ids.u64("tokenizer.ggml.bos_token_id", UINT64_MAX - 1).u64("tokenizer.ggml.eos_token_id", kVocab);
  EXPECT_EQ(error_of(ids, "ids out of range are ignored"), "");
  TinyLlama kind;
  kind.u32("tokenizer.ggml.tokens", 3);
  EXPECT_THAT(error_of(kind, "tokens of the wrong type"), HasSubstr("tokenizer.ggml.tokens"));
  TinyLlama one_row;
  one_row.tensors["token_embd.weight"].dims = {kWidth, 1};
  one_row.vocabulary(1);
  EXPECT_EQ(error_of(one_row, "a vocabulary of one"), "");
}

TEST(HostileLlama, ShapesThatDisagree) {
  for (const auto& [name, tensor] : TinyLlama().tensors) {
    for (const size_t side : {0u, 1u}) {
      if (side >= tensor.dims.size()) continue;
      if (name == "token_embd.weight" && side == 1) continue;  // says how large the vocabulary is
      TinyLlama model;
      model.tensors[name].dims[side] += 32;
      EXPECT_THAT(error_of(model, name), HasSubstr(cat("'", name, "'")));
    }
    TinyLlama deeper;  // the same number of weights in the same rows, but one row is missing
    deeper.tensors[name].dims.push_back(2);
    if (name != "token_embd.weight") {
      EXPECT_THAT(error_of(deeper, name), HasSubstr(cat("'", name, "'")));
    }
    TinyLlama missing;
    missing.tensors.erase(name);
    EXPECT_THAT(error_of(missing, name), HasSubstr(cat("'", name, "'")));
  }
  TinyLlama bias;
  bias.tensors["blk.0.attn_q.bias"] = {{kWidth + 1}};
  EXPECT_THAT(error_of(bias, "bias"), HasSubstr("'blk.0.attn_q.bias'"));
  TinyLlama freqs;
  freqs.tensors["rope_freqs.weight"] = {{64}};
  EXPECT_THAT(error_of(freqs, "freqs"), HasSubstr("'rope_freqs.weight'"));
}

TEST(HostileLlama, TypesWithoutKernels) {
  for (const DType type : {DType::I8, DType::I32, DType::F64, DType::Q8_1, DType::Q8_K}) {
    for (const auto& [name, tensor] : TinyLlama().tensors) {
      TinyLlama model;
      model.tensors[name].type = type;
      const std::string error = error_of(model, name);
      EXPECT_THAT(error, HasSubstr(cat("'", name, "'")));
      EXPECT_THAT(error, HasSubstr(cat(name_of(type))));
    }
  }
}

// NVFP4 files have such tensors.
TEST(HostileLlama, ScalesOfWholeMatrices) {
  for (const float scale : {1.0f, 0.5f, 0.0f}) {
    TinyLlama model;
    model.tensors["blk.0.attn_q.scale"] = {{1}, DType::F32, scale};
    EXPECT_EQ(error_of(model, cat("scale ", scale)), "");
  }
  TinyLlama none;
  none.tensors["blk.0.attn_q.scale"] = {{1}, DType::F32, NAN};
  EXPECT_THAT(error_of(none, "no number"), HasSubstr("not numbers"));
  TinyLlama two;
  two.tensors["blk.0.attn_q.scale"] = {{2}};
  EXPECT_THAT(error_of(two, "two scales"), HasSubstr("'blk.0.attn_q.scale'"));
}

TEST(HostileLlama, WeightsThatAreNoNumbers) {
  for (const float fill : {NAN, INFINITY, -INFINITY, 3e38f}) {
    for (const auto& [name, tensor] : TinyLlama().tensors) {
      TinyLlama model;
      model.tensors[name].fill = fill;
      const std::string what = cat(name, " of ", fill);
      const std::string error = error_of(model, what);
      // Two large numbers may cancel out; what is no number at all may not go unnoticed.
      if (!error.empty()) {
        EXPECT_THAT(error, HasSubstr("not numbers")) << what;
      }
      if (std::isnan(fill)) {
        EXPECT_NE(error, "") << what;
      }
    }
  }
  TinyLlama divisors;
  divisors.tensors["rope_freqs.weight"] = {{4}, DType::F32, 0.0f};
  (void)error_of(divisors, "divisors of 0");
}

// A few kilobytes may not stand for gigabytes: every layer of this file would convert the same
// bytes.
TEST(HostileLlama, ManyTensorsOnTopOfEachOther) {
  TinyLlama model;
  model.u32("llama.block_count", 512);
  for (auto& [name, tensor] : TinyLlama().tensors) {
    if (!starts_with(name, "blk.0.")) continue;
    for (int layer = 0; layer < 512; ++layer) {
      Tensor copy = tensor;
      copy.is_alias = layer != 0;
      model.tensors[cat("blk.", layer, name.substr(5))] = copy;
    }
  }
  EXPECT_THAT(error_of(model, "aliases"), HasSubstr("on top of each other"));
}

TEST(HostileLlama, OtherKindsOfModels) {
  TinyLlama experts;
  experts.u32("llama.expert_count", 8);
  EXPECT_THAT(error_of(experts, "experts"), HasSubstr("'llama.expert_used_count'"));
  experts.u32("llama.expert_used_count", 2);
  EXPECT_EQ(error_of(experts, "experts that no layer has"), "");
  experts.u32("llama.expert_used_count", 9);
  EXPECT_THAT(error_of(experts, "more experts than there are"), HasSubstr("from 1 to 8"));
  experts.u32("llama.expert_used_count", 2).u32("llama.expert_group_count", 3);
  EXPECT_THAT(error_of(experts, "groups"), HasSubstr("'llama.expert_group_count'"));
  TinyLlama other;
  other.text("general.architecture", "ma\x1B[2Jmba");
  EXPECT_THAT(error_of(other, "architecture"), HasSubstr("'ma\\x1b[2Jmba'"));
  TinyLlama none;
  none.keys.erase("general.architecture");
  EXPECT_THAT(error_of(none, "architecture"), HasSubstr("general.architecture"));
}

}  // namespace
}  // namespace hearth::hostile
