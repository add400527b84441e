// Small models of random weights of every architecture, for tests: all optional blocks are there,
// sizes are uneven where a family allows it, windows are shorter than the texts.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cmath>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/rng.h"
#include "bench/random_blocks.h"
#include "engine/loader.h"
#include "gguf/writer.h"
#include "os/file.h"

namespace hearth::engine {

// A file in the making: metadata keys of an architecture, then tensors with random values.
class RandomFile {
 public:
  RandomFile(std::string_view architecture, DType type) : type_(type), prefix_(architecture) {}

  // One that is not of the architecture.
  void global_text(const std::string& name, const std::string& value) {
    writer_.add_text(name, value);
  }

  // The last value of a key counts.
  void key(std::string_view name, int value) {
    keys_[full(name)] = [value](gguf::Writer& writer, const std::string& key) {
      writer.add_u32(key, static_cast<uint32_t>(value));
    };
  }
  void key(std::string_view name, double value) {
    keys_[full(name)] = [value](gguf::Writer& writer, const std::string& key) {
      writer.add_f32(key, static_cast<float>(value));
    };
  }
  void key(std::string_view name, const char* value) {
    keys_[full(name)] = [value](gguf::Writer& writer, const std::string& key) {
      writer.add_text(key, value);
    };
  }
  void key(std::string_view name, const std::vector<int32_t>& values) {
    keys_[full(name)] = [values](gguf::Writer& writer, const std::string& key) {
      writer.add_i32s(key, values);
    };
  }

  // A matrix (or several) in the file's type where its rows allow that, with rows of length 1.
  void matrix(const std::string& name, uint64_t columns, uint64_t rows, uint64_t count = 0) {
    const DType type = row_bytes(type_, columns) ? type_ : DType::F32;
    std::vector<uint64_t> dims{columns, rows};
    if (count != 0) dims.push_back(count);
    add(name, type, dims, 1 / std::sqrt(static_cast<double>(columns)), 0);
  }
  void linear(const std::string& name, uint64_t columns, uint64_t rows, uint64_t count = 0) {
    matrix(name + ".weight", columns, rows, count);
  }
  // Floats around a value.
  void vector(const std::string& name, std::vector<uint64_t> dims, double width, double middle) {
    add(name, DType::F32, dims, width, middle);
  }
  void norm(const std::string& name, uint64_t size) { vector(name, {size}, 0.2, 1); }
  void bias(const std::string& name, uint64_t size) { vector(name, {size}, 0.2, 0); }

  void write(const std::string& path) {
    auto file = os::FileWriter::create(path);
    ASSERT_TRUE(file) << (file ? "" : file.error().message);
    const auto sink = [&](Bytes bytes) { return file->write(bytes); };
    writer_.add_text("general.architecture", prefix_);
    for (const auto& [name, add] : keys_) add(writer_, name);
    ASSERT_TRUE(writer_.write_header(sink));
    for (const std::vector<std::byte>& data : data_) ASSERT_TRUE(writer_.write_piece(sink, data));
    ASSERT_TRUE(file->commit());
  }

 private:
  [[nodiscard]] std::string full(std::string_view name) const { return cat(prefix_, ".", name); }

  void add(const std::string& name, DType type, const std::vector<uint64_t>& dims, double width,
           double middle) {
    ASSERT_TRUE(writer_.add_tensor(name, type, dims));
    uint64_t rows = 1;
    for (size_t d = 1; d < dims.size(); ++d) rows *= dims[d];
    const uint64_t bytes = *row_bytes(type, dims[0]);
    std::vector<std::byte> data(rows * bytes);
    for (uint64_t r = 0; r < rows; ++r) {
      std::byte* row = data.data() + r * bytes;
      if (type != DType::F32) {
        bench::fill_random_row(type, dims[0], width, rng_, row);
        continue;
      }
      for (uint64_t i = 0; i < dims[0]; ++i) {
        // As wide as values of this standard deviation that are all equally likely.
        const auto value =
            static_cast<float>(middle + width * std::sqrt(12) * (rng_.uniform() - 0.5));
        std::memcpy(row + 4 * i, &value, 4);
      }
    }
    data_.push_back(std::move(data));
  }

  using AddKey = std::function<void(gguf::Writer& writer, const std::string& key)>;

  gguf::Writer writer_;
  DType type_;
  std::string prefix_;
  std::map<std::string, AddKey> keys_;
  Rng rng_{5};
  std::vector<std::vector<std::byte>> data_;
};

// The sizes that all of these models share.
struct RandomSizes {
  static constexpr uint64_t kEmbd = 128, kHeads = 4, kKvHeads = 2, kDim = 32, kFf = 192;
  static constexpr uint64_t kVocab = 96, kExperts = 5, kFfExpert = 64;
  static constexpr int kLayers = 4, kUsed = 2, kWindow = 24, kContext = 4096;
};

namespace random_parts {

using S = RandomSizes;

inline std::string block(int layer, std::string_view part) { return cat("blk.", layer, ".", part); }

inline void general(RandomFile& f) {
  f.key("block_count", S::kLayers);
  f.key("embedding_length", static_cast<int>(S::kEmbd));
  f.key("context_length", S::kContext);
  f.key("feed_forward_length", static_cast<int>(S::kFf));
  f.key("attention.head_count", static_cast<int>(S::kHeads));
  f.key("attention.head_count_kv", static_cast<int>(S::kKvHeads));
  f.key("attention.key_length", static_cast<int>(S::kDim));
  f.key("attention.value_length", static_cast<int>(S::kDim));
  f.key("attention.layer_norm_rms_epsilon", 1e-5);
  f.key("rope.dimension_count", static_cast<int>(S::kDim));
}

inline void experts_keys(RandomFile& f) {
  f.key("expert_count", static_cast<int>(S::kExperts));
  f.key("expert_used_count", S::kUsed);
  f.key("expert_feed_forward_length", static_cast<int>(S::kFfExpert));
}

inline void attention(RandomFile& f, int i, bool biases = false) {
  f.linear(block(i, "attn_q"), S::kEmbd, S::kHeads * S::kDim);
  f.linear(block(i, "attn_k"), S::kEmbd, S::kKvHeads * S::kDim);
  f.linear(block(i, "attn_v"), S::kEmbd, S::kKvHeads * S::kDim);
  f.linear(block(i, "attn_output"), S::kHeads * S::kDim, S::kEmbd);
  if (!biases) return;
  f.bias(block(i, "attn_q.bias"), S::kHeads * S::kDim);
  f.bias(block(i, "attn_k.bias"), S::kKvHeads * S::kDim);
  f.bias(block(i, "attn_output.bias"), S::kEmbd);
}

inline void head_norms(RandomFile& f, int i) {
  f.norm(block(i, "attn_q_norm.weight"), S::kDim);
  f.norm(block(i, "attn_k_norm.weight"), S::kDim);
}

inline void feed_forward(RandomFile& f, int i, uint64_t n_ff = S::kFf, std::string suffix = "") {
  f.linear(block(i, "ffn_gate" + suffix), S::kEmbd, n_ff);
  f.linear(block(i, "ffn_up" + suffix), S::kEmbd, n_ff);
  f.linear(block(i, "ffn_down" + suffix), n_ff, S::kEmbd);
}

inline void experts(RandomFile& f, int i) {
  f.linear(block(i, "ffn_gate_inp"), S::kEmbd, S::kExperts);
  f.linear(block(i, "ffn_gate_exps"), S::kEmbd, S::kFfExpert, S::kExperts);
  f.linear(block(i, "ffn_up_exps"), S::kEmbd, S::kFfExpert, S::kExperts);
  f.linear(block(i, "ffn_down_exps"), S::kFfExpert, S::kEmbd, S::kExperts);
}

inline void norms(RandomFile& f, int i, std::initializer_list<const char*> parts) {
  for (const char* part : parts) f.norm(block(i, cat(part, ".weight")), S::kEmbd);
}

inline void ends(RandomFile& f, std::string norm = "output_norm") {
  f.linear("token_embd", S::kEmbd, S::kVocab);
  f.norm(norm + ".weight", S::kEmbd);
}

inline void llama_layer(RandomFile& f, int i) {
  norms(f, i, {"attn_norm", "ffn_norm"});
  attention(f, i, true);
  f.vector(block(i, "attn_output.scale"), {1}, 0.1, 1);
  feed_forward(f, i);
}

inline void gemma_layer(RandomFile& f, int i) {
  norms(f, i, {"attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm"});
  attention(f, i);
  head_norms(f, i);
  feed_forward(f, i);
}

inline void latent_layer(RandomFile& f, int i) {
  constexpr uint64_t kRank = 64, kTurned = 16, kKey = 48, kValue = 32, kQRank = 96;
  norms(f, i, {"attn_norm", "ffn_norm"});
  f.linear(block(i, "attn_q_a"), S::kEmbd, kQRank);
  f.norm(block(i, "attn_q_a_norm.weight"), kQRank);
  f.linear(block(i, "attn_q_b"), kQRank, S::kHeads * kKey);
  f.linear(block(i, "attn_kv_a_mqa"), S::kEmbd, kRank + kTurned);
  f.norm(block(i, "attn_kv_a_norm.weight"), kRank);
  f.linear(block(i, "attn_k_b"), kKey - kTurned, kRank, S::kHeads);
  f.linear(block(i, "attn_v_b"), kRank, kValue, S::kHeads);
  f.linear(block(i, "attn_output"), S::kHeads * kValue, S::kEmbd);
  if (i == 0) return feed_forward(f, i);
  experts(f, i);
  f.bias(block(i, "exp_probs_b.bias"), S::kExperts);
  feed_forward(f, i, S::kFfExpert, "_shexp");
}

inline void delta_layer(RandomFile& f, int i) {
  constexpr uint64_t kDim = 16, kHeads = 6, kKeyHeads = 2, kTaps = 4;
  constexpr uint64_t kWidth = (kHeads + 2 * kKeyHeads) * kDim;
  norms(f, i, {"attn_norm", "post_attention_norm"});
  f.linear(block(i, "attn_qkv"), S::kEmbd, kWidth);
  f.linear(block(i, "attn_gate"), S::kEmbd, kHeads * kDim);
  f.linear(block(i, "ssm_alpha"), S::kEmbd, kHeads);
  f.linear(block(i, "ssm_beta"), S::kEmbd, kHeads);
  f.vector(block(i, "ssm_conv1d.weight"), {kTaps, kWidth}, 0.5, 0);
  f.vector(block(i, "ssm_a"), {kHeads}, 0.1, -0.4);
  f.bias(block(i, "ssm_dt.bias"), kHeads);
  f.norm(block(i, "ssm_norm.weight"), kDim);
  f.linear(block(i, "ssm_out"), kHeads * kDim, S::kEmbd);
  feed_forward(f, i);
}

inline void gated_attention_layer(RandomFile& f, int i) {
  norms(f, i, {"attn_norm", "post_attention_norm"});
  f.linear(block(i, "attn_q"), S::kEmbd, 2 * S::kHeads * S::kDim);
  f.linear(block(i, "attn_k"), S::kEmbd, S::kKvHeads * S::kDim);
  f.linear(block(i, "attn_v"), S::kEmbd, S::kKvHeads * S::kDim);
  f.linear(block(i, "attn_output"), S::kHeads * S::kDim, S::kEmbd);
  head_norms(f, i);
  feed_forward(f, i);
}

inline void conv_layer(RandomFile& f, int i) {
  norms(f, i, {"attn_norm", "ffn_norm"});
  f.linear(block(i, "shortconv.in_proj"), S::kEmbd, 3 * S::kEmbd);
  f.vector(block(i, "shortconv.conv.weight"), {3, S::kEmbd}, 0.5, 0);
  f.linear(block(i, "shortconv.out_proj"), S::kEmbd, S::kEmbd);
  feed_forward(f, i);
}

inline void each_layer(RandomFile& f, const std::function<void(RandomFile&, int)>& layer) {
  for (int i = 0; i < S::kLayers; ++i) layer(f, i);
}

inline void fill_gemma4(RandomFile& f) {
  constexpr uint64_t kSlidingDim = 16, kInput = 32;
  const std::vector<int32_t> slides{1, 1, 0, 1};
  experts_keys(f);
  f.key("attention.sliding_window", S::kWindow);
  f.key("attention.sliding_window_pattern", slides);
  f.key("attention.shared_kv_layers", 1);
  f.key("attention.key_length_swa", static_cast<int>(kSlidingDim));
  f.key("attention.value_length_swa", static_cast<int>(kSlidingDim));
  f.key("rope.dimension_count_swa", static_cast<int>(kSlidingDim));
  f.key("rope.freq_base", 1e6);
  f.key("rope.freq_base_swa", 1e4);
  f.key("final_logit_softcapping", 3.0);
  f.key("embedding_length_per_layer_input", static_cast<int>(kInput));
  f.vector("rope_freqs.weight", {S::kDim / 2}, 0.2, 2);
  f.linear("per_layer_token_embd", kInput * S::kLayers, S::kVocab);
  f.linear("per_layer_model_proj", S::kEmbd, kInput * S::kLayers);
  f.norm("per_layer_proj_norm.weight", kInput);
  each_layer(f, [&](RandomFile& file, int i) {
    const uint64_t dim = slides[static_cast<size_t>(i)] != 0 ? kSlidingDim : S::kDim;
    norms(file, i, {"attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm", "post_norm"});
    file.linear(block(i, "attn_q"), S::kEmbd, S::kHeads * dim);
    file.norm(block(i, "attn_q_norm.weight"), dim);
    file.linear(block(i, "attn_output"), S::kHeads * dim, S::kEmbd);
    if (i < 3) {
      file.linear(block(i, "attn_k"), S::kEmbd, S::kKvHeads * dim);
      if (i != 2) file.linear(block(i, "attn_v"), S::kEmbd, S::kKvHeads * dim);
      file.norm(block(i, "attn_k_norm.weight"), dim);
    }
    feed_forward(file, i);
    file.vector(block(i, "layer_output_scale.weight"), {1}, 0.1, 0.9);
    file.linear(block(i, "inp_gate"), S::kEmbd, kInput);
    file.linear(block(i, "proj"), kInput, S::kEmbd);
    if (i != 1) return;
    experts(file, i);
    norms(file, i, {"pre_ffw_norm_2", "post_ffw_norm_1", "post_ffw_norm_2"});
    file.norm(block(i, "ffn_gate_inp.scale"), S::kEmbd);
    file.norm(block(i, "ffn_down_exps.scale"), S::kExperts);
  });
}

inline void fill_llama(RandomFile& f) { each_layer(f, llama_layer); }

inline void fill_qwen3moe(RandomFile& f) {
  experts_keys(f);
  each_layer(f, [](RandomFile& file, int i) {
    norms(file, i, {"attn_norm", "ffn_norm"});
    attention(file, i);
    head_norms(file, i);
    experts(file, i);
  });
}

inline void fill_gemma2(RandomFile& f) {
  f.key("attention.sliding_window", S::kWindow);
  f.key("attn_logit_softcapping", 5.0);
  f.key("final_logit_softcapping", 3.0);
  each_layer(f, gemma_layer);
}

inline void fill_gemma3(RandomFile& f) {
  f.key("attention.sliding_window", S::kWindow);
  f.key("attention.sliding_window_pattern", std::vector<int32_t>{1, 1, 0, 1});
  f.key("rope.scaling.type", "linear");
  f.key("rope.scaling.factor", 8.0);
  each_layer(f, gemma_layer);
}

inline void fill_gpt_oss(RandomFile& f) {
  experts_keys(f);
  f.key("attention.sliding_window", S::kWindow);
  f.key("rope.scaling.type", "yarn");
  f.key("rope.scaling.factor", 32.0);
  f.key("rope.scaling.original_context_length", 128);
  each_layer(f, [](RandomFile& file, int i) {
    norms(file, i, {"attn_norm", "post_attention_norm"});
    attention(file, i, true);
    file.vector(block(i, "attn_sinks.weight"), {S::kHeads}, 1, 0);
    experts(file, i);
    file.bias(block(i, "ffn_gate_inp.bias"), S::kExperts);
  });
}

inline void fill_deepseek2(RandomFile& f) {
  experts_keys(f);
  f.key("leading_dense_block_count", 1);
  f.key("expert_shared_count", 1);
  f.key("expert_gating_func", 2);
  f.key("attention.q_lora_rank", 96);
  f.key("attention.kv_lora_rank", 64);
  f.key("attention.key_length_mla", 48);
  f.key("attention.value_length_mla", 32);
  f.key("rope.dimension_count", 16);
  each_layer(f, latent_layer);
}

inline void fill_lfm2(RandomFile& f) {
  f.key("shortconv.l_cache", 3);
  f.key("attention.head_count_kv", std::vector<int32_t>{0, 0, 2, 0});
  each_layer(f, [](RandomFile& file, int i) {
    if (i != 2) return conv_layer(file, i);
    norms(file, i, {"attn_norm", "ffn_norm"});
    attention(file, i);
    head_norms(file, i);
    feed_forward(file, i);
  });
}

inline void fill_qwen35(RandomFile& f) {
  f.key("ssm.conv_kernel", 4);
  f.key("ssm.state_size", 16);
  f.key("ssm.time_step_rank", 6);
  f.key("ssm.group_count", 2);
  f.key("ssm.inner_size", 96);
  each_layer(f, [](RandomFile& file, int i) {
    return i == 3 ? gated_attention_layer(file, i) : delta_layer(file, i);
  });
}

inline void fill_bert(RandomFile& f) {
  f.key("attention.head_count_kv", static_cast<int>(S::kHeads));
  f.key("attention.layer_norm_epsilon", 1e-12);
  f.key("context_length", 200);
  f.linear("token_embd", S::kEmbd, S::kVocab);
  f.vector("position_embd.weight", {S::kEmbd, 200}, 0.3, 0);
  f.vector("token_types.weight", {S::kEmbd, 2}, 0.3, 0);
  f.norm("token_embd_norm.weight", S::kEmbd);
  f.bias("token_embd_norm.bias", S::kEmbd);
  f.linear("cls.output", S::kEmbd, 1);
  each_layer(f, [](RandomFile& file, int i) {
    for (const char* part : {"attn_q", "attn_k", "attn_v", "attn_output"}) {
      file.linear(block(i, part), S::kEmbd, S::kEmbd);
      file.bias(block(i, cat(part, ".bias")), S::kEmbd);
    }
    file.linear(block(i, "ffn_up"), S::kEmbd, S::kFf);
    file.linear(block(i, "ffn_down"), S::kFf, S::kEmbd);
    norms(file, i, {"attn_output_norm", "layer_output_norm"});
  });
}

inline void fill_olmo2(RandomFile& f) {
  f.key("attention.sliding_window", S::kWindow);
  each_layer(f, [](RandomFile& file, int i) {
    attention(file, i);
    file.norm(block(i, "attn_q_norm.weight"), S::kHeads * S::kDim);
    file.norm(block(i, "attn_k_norm.weight"), S::kKvHeads * S::kDim);
    norms(file, i, {"post_attention_norm", "post_ffw_norm"});
    feed_forward(file, i);
  });
}

}  // namespace random_parts

// What fills the file of an architecture that writes text.
inline const std::map<std::string, void (*)(RandomFile&)>& random_architectures() {
  static const std::map<std::string, void (*)(RandomFile&)> all = {
      {"llama", random_parts::fill_llama},     {"qwen3moe", random_parts::fill_qwen3moe},
      {"gemma2", random_parts::fill_gemma2},   {"gemma3", random_parts::fill_gemma3},
      {"gpt-oss", random_parts::fill_gpt_oss}, {"deepseek2", random_parts::fill_deepseek2},
      {"lfm2", random_parts::fill_lfm2},       {"qwen35", random_parts::fill_qwen35},
      {"olmo2", random_parts::fill_olmo2},     {"gemma4", random_parts::fill_gemma4},
  };
  return all;
}

// A file that goes away with it.
class TemporaryFile {
 public:
  explicit TemporaryFile(RandomFile& file) {
    static std::atomic<int> count{0};
    path_ = cat(testing::TempDir(), "hearth-arch-", static_cast<int64_t>(::getpid()), "-", count++,
                ".gguf");
    file.write(path_);
  }
  ~TemporaryFile() { ::unlink(path_.c_str()); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Such a model. It has no tokenizer.
class RandomArchitecture {
 public:
  RandomArchitecture(const std::string& name, DType type) : file_(*filled(name, type)) {
    auto loaded = LoadedModel::load(file_.path());
    EXPECT_TRUE(loaded) << (loaded ? "" : loaded.error().message);
    if (loaded) model_ = *std::move(loaded);
  }

  const LoadedModel& operator*() const { return *model_; }
  const LoadedModel* operator->() const { return model_.get(); }
  [[nodiscard]] const std::string& path() const { return file_.path(); }

 private:
  static std::unique_ptr<RandomFile> filled(const std::string& name, DType type) {
    auto file = std::make_unique<RandomFile>(name, type);
    random_parts::general(*file);
    if (name == "bert") {
      random_parts::fill_bert(*file);
      return file;
    }
    random_architectures().at(name)(*file);
    random_parts::ends(*file, name == "lfm2" ? "token_embd_norm" : "output_norm");
    return file;
  }

  TemporaryFile file_;
  std::unique_ptr<const LoadedModel> model_;
};

}  // namespace hearth::engine
