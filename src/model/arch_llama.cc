// The Llama family (Touvron et al. 2023, arXiv 2302.13971; GQA as in Llama 2 and 3): RMSNorm before
// each block, grouped-query attention with RoPE on interleaved pairs, SwiGLU, optional biases, tied
// or own output. Metadata keys: docs/formats/gguf.md.
#include "model/registry.h"
#include "tensor/attention.h"

namespace hearth::model {
namespace {

// A metadata integer that must lie in [1, limit].
Result<size_t> size_key(const gguf::Metadata& metadata, std::string_view key, size_t limit) {
  HEARTH_TRY(const uint64_t value, metadata.u64(key));
  if (value == 0 || value > limit) {
    return fail(ErrorCode::bad_file, "metadata key '", key, "' is ", value,
                ", it must be from 1 to ", limit);
  }
  return static_cast<size_t>(value);
}

Result<size_t> size_key_or(const gguf::Metadata& metadata, std::string_view key, size_t limit,
                           size_t fallback) {
  if (metadata.find(key) == nullptr) return fallback;
  return size_key(metadata, key, limit);
}

Result<void> read_heads(const gguf::Metadata& metadata, ModelConfig& config) {
  HEARTH_TRY(config.n_heads, size_key(metadata, "llama.attention.head_count", kMaxWidth));
  HEARTH_TRY(config.n_kv_heads,
             size_key_or(metadata, "llama.attention.head_count_kv", kMaxWidth, config.n_heads));
  if (config.n_heads % config.n_kv_heads != 0) {
    return fail(ErrorCode::bad_file, "'llama.attention.head_count' (", config.n_heads,
                ") is no multiple of 'llama.attention.head_count_kv' (", config.n_kv_heads, ")");
  }
  HEARTH_TRY(config.head_dim, size_key_or(metadata, "llama.attention.key_length", kMaxWidth,
                                          config.n_embd / config.n_heads));
  HEARTH_TRY(const size_t value_dim,
             size_key_or(metadata, "llama.attention.value_length", kMaxWidth, config.head_dim));
  if (value_dim != config.head_dim) {
    return fail(ErrorCode::unsupported, "keys of ", config.head_dim, " and values of ", value_dim,
                " per head: hearth needs them equal in a llama model");
  }
  if (config.head_dim == 0 || config.head_dim > kMaxHeadDim || config.q_width() > kMaxWidth) {
    return fail(ErrorCode::bad_file, "the metadata asks for ", config.n_heads, " heads of ",
                config.head_dim, " values, which is out of range");
  }
  return {};
}

Result<void> read_rope(const gguf::Metadata& metadata, ModelConfig& config) {
  HEARTH_TRY(const uint64_t dims, metadata.u64_or("llama.rope.dimension_count", config.head_dim));
  if (dims > config.head_dim || dims % 2 != 0) {
    return fail(ErrorCode::bad_file, "metadata key 'llama.rope.dimension_count' is ", dims,
                ", it must be even and at most the head's ", config.head_dim);
  }
  config.rope.dims = static_cast<size_t>(dims);
  HEARTH_TRY(config.rope.base, metadata.f64_or("llama.rope.freq_base", 10000.0));
  if (!(config.rope.base > 0) || config.rope.base > 1e30) {
    return fail(ErrorCode::bad_file, "metadata key 'llama.rope.freq_base' is ", config.rope.base,
                ", it must be positive");
  }
  HEARTH_TRY(const std::string_view scaling, metadata.text_or("llama.rope.scaling.type", "none"));
  if (scaling != "none" && scaling != "linear") {
    return fail(ErrorCode::unsupported, "RoPE scaling '", printable(scaling),
                "' ('llama.rope.scaling.type') is not known to this hearth");
  }
  // Files from before scaling.type existed name the factor alone.
  const bool old_factor = metadata.find("llama.rope.scaling.type") == nullptr;
  HEARTH_TRY(
      const double factor,
      metadata.f64_or(old_factor ? "llama.rope.scale_linear" : "llama.rope.scaling.factor", 1.0));
  if (scaling == "linear" || old_factor) {
    if (!(factor > 0) || factor > 1e9) {
      return fail(ErrorCode::bad_file, "metadata key 'llama.rope.scaling.factor' is ", factor,
                  ", it must be positive");
    }
    config.rope.scale = 1.0 / factor;
  }
  return {};
}

Result<ModelConfig> read_config(const gguf::File& file) {
  const gguf::Metadata& metadata = file.metadata;
  ModelConfig config;
  config.architecture = "llama";
  HEARTH_TRY(const std::string_view name, metadata.text_or("general.name", ""));
  config.name = printable(name, 80);
  HEARTH_TRY(config.n_layers, size_key(metadata, "llama.block_count", kMaxLayers));
  HEARTH_TRY(config.n_embd, size_key(metadata, "llama.embedding_length", kMaxWidth));
  HEARTH_TRY(config.n_ff, size_key(metadata, "llama.feed_forward_length", kMaxWidth));
  HEARTH_TRY(config.context_length, size_key(metadata, "llama.context_length", kMaxContext));
  HEARTH_CHECK(read_heads(metadata, config));
  HEARTH_CHECK(read_rope(metadata, config));
  HEARTH_TRY(const double eps, metadata.f64_or("llama.attention.layer_norm_rms_epsilon", 1e-5));
  if (!(eps >= 0 && eps < 1)) {
    return fail(ErrorCode::bad_file, "metadata key 'llama.attention.layer_norm_rms_epsilon' is ",
                eps, ", it must be from 0 to 1");
  }
  config.rms_eps = static_cast<float>(eps);
  HEARTH_TRY(const uint64_t experts, metadata.u64_or("llama.expert_count", 0));
  if (experts != 0) {
    return fail(ErrorCode::unsupported, "this llama model is a mixture of ", experts,
                " experts, which this hearth does not run yet");
  }
  const gguf::TensorInfo* embedding = file.find("token_embd.weight");
  if (embedding == nullptr)
    return fail(ErrorCode::bad_file,
                "the file holds no weights (tensor 'token_embd.weight' is missing): it is a "
                "vocabulary or a damaged model");
  if (embedding->rows() > kMaxVocab) {
    return fail(ErrorCode::too_large, "the vocabulary has ", embedding->rows(),
                " tokens, the limit is ", kMaxVocab);
  }
  config.n_vocab = static_cast<size_t>(embedding->rows());
  return config;
}

Result<LayerWeights> bind_layer(WeightBinder& binder, const ModelConfig& config, size_t layer) {
  const auto name = [&](std::string_view part) { return cat("blk.", layer, ".", part); };
  LayerWeights weights;
  HEARTH_TRY(weights.attn_norm, binder.vector(name("attn_norm.weight"), config.n_embd));
  HEARTH_TRY(weights.q, binder.linear(name("attn_q"), config.n_embd, config.q_width()));
  HEARTH_TRY(weights.k, binder.linear(name("attn_k"), config.n_embd, config.kv_width()));
  HEARTH_TRY(weights.v, binder.linear(name("attn_v"), config.n_embd, config.kv_width()));
  HEARTH_TRY(weights.attn_output,
             binder.linear(name("attn_output"), config.q_width(), config.n_embd));
  HEARTH_TRY(weights.ffn_norm, binder.vector(name("ffn_norm.weight"), config.n_embd));
  HEARTH_TRY(weights.gate, binder.linear(name("ffn_gate"), config.n_embd, config.n_ff));
  HEARTH_TRY(weights.up, binder.linear(name("ffn_up"), config.n_embd, config.n_ff));
  HEARTH_TRY(weights.down, binder.linear(name("ffn_down"), config.n_ff, config.n_embd));
  return weights;
}

}  // namespace

Result<Model> bind_llama(const gguf::File& file) {
  Model model;
  HEARTH_TRY(model.config, read_config(file));
  ModelConfig& config = model.config;
  WeightBinder binder(file, model.weights);
  HEARTH_TRY(model.weights.token_embedding,
             binder.matrix("token_embd.weight", config.n_embd, config.n_vocab));
  HEARTH_TRY(config.rope.divisors,
             binder.optional_vector("rope_freqs.weight", config.rope.dims / 2));
  for (size_t layer = 0; layer < config.n_layers; ++layer) {
    HEARTH_TRY(const LayerWeights weights, bind_layer(binder, config, layer));
    model.weights.layers.push_back(weights);
  }
  HEARTH_TRY(model.weights.output_norm, binder.vector("output_norm.weight", config.n_embd));
  model.weights.tied_output = !binder.has("output.weight");
  if (model.weights.tied_output) {
    model.weights.output.weight = model.weights.token_embedding;
  } else {
    HEARTH_TRY(model.weights.output, binder.linear("output", config.n_embd, config.n_vocab));
  }
  return model;
}

}  // namespace hearth::model
