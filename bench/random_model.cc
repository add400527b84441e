#include "bench/random_model.h"

#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "base/rng.h"
#include "bench/random_blocks.h"

namespace hearth::bench {
namespace {

constexpr Shape kShapes[] = {
    {"tiny", 2, 256, 4, 2, 64, 512, 512, 256, 10000.0, false},
    {"0.6b", 28, 1024, 16, 8, 64, 3072, 128256, 32768, 1e6, true},
    {"1b", 16, 2048, 32, 8, 64, 8192, 128256, 131072, 500000.0, true},
    {"7b", 32, 4096, 32, 32, 128, 11008, 32000, 4096, 10000.0, false},
};

// A file-wide type and what the mixes make of it.
struct Mix {
  DType base;
  DType more;    // for the value and down projections of some layers
  DType output;  // for the output matrix or the tied embedding
  bool mixed = false;
};

std::optional<Mix> find_mix(std::string_view name) {
  if (name == "Q3_K_M") return Mix{DType::Q3_K, DType::Q5_K, DType::Q6_K, true};
  if (name == "Q4_K_M") return Mix{DType::Q4_K, DType::Q6_K, DType::Q6_K, true};
  if (name == "Q5_K_M") return Mix{DType::Q5_K, DType::Q6_K, DType::Q6_K, true};
  const auto type = dtype_by_name(name);
  if (!type || !traits(*type).computable) return std::nullopt;
  const bool large =
      *type == DType::F32 || *type == DType::F16 || *type == DType::BF16 || *type == DType::Q8_0;
  return Mix{*type, *type, large ? *type : DType::Q6_K, false};
}

// The layers whose value and down projections get the better type: the first and last eighth, and
// every third between.
bool better_layer(uint32_t layer, uint32_t layers) {
  return layer < layers / 8 || layer >= 7 * layers / 8 || (layer - layers / 8) % 3 == 2;
}

struct Tensor {
  std::string name;
  DType type;
  uint64_t columns;
  uint64_t rows;  // 0 for a vector
};

std::vector<Tensor> tensors_of(const Shape& s, const Mix& mix) {
  std::vector<Tensor> tensors;
  tensors.push_back({"token_embd.weight", s.tied ? mix.output : mix.base, s.width, s.vocabulary});
  const uint64_t q_width = uint64_t{s.heads} * s.head_dim;
  const uint64_t kv_width = uint64_t{s.kv_heads} * s.head_dim;
  for (uint32_t layer = 0; layer < s.layers; ++layer) {
    const DType more = mix.mixed && better_layer(layer, s.layers) ? mix.more : mix.base;
    const auto add = [&](std::string_view part, DType type, uint64_t columns, uint64_t rows) {
      tensors.push_back({cat("blk.", layer, ".", part, ".weight"), type, columns, rows});
    };
    add("attn_norm", DType::F32, s.width, 0);
    add("attn_q", mix.base, s.width, q_width);
    add("attn_k", mix.base, s.width, kv_width);
    add("attn_v", more, s.width, kv_width);
    add("attn_output", mix.base, q_width, s.width);
    add("ffn_norm", DType::F32, s.width, 0);
    add("ffn_gate", mix.base, s.width, s.feed_forward);
    add("ffn_up", mix.base, s.width, s.feed_forward);
    add("ffn_down", more, s.feed_forward, s.width);
  }
  tensors.push_back({"output_norm.weight", DType::F32, s.width, 0});
  if (!s.tied) tensors.push_back({"output.weight", mix.output, s.width, s.vocabulary});
  return tensors;
}

// A SentencePiece vocabulary that spells every text byte by byte.
void add_vocabulary(gguf::Writer& writer, uint32_t size) {
  std::vector<std::string> texts{"<unk>", "<s>", "</s>"};
  std::vector<float> scores(size, 0.0f);
  std::vector<int32_t> kinds{2, 3, 3};
  constexpr char kHex[] = "0123456789ABCDEF";
  for (unsigned byte = 0; byte < 256; ++byte) {
    texts.push_back(cat("<0x", kHex[byte >> 4], kHex[byte & 15], ">"));
    kinds.push_back(6);
  }
  while (texts.size() < size) {
    scores[texts.size()] = -static_cast<float>(texts.size());
    texts.push_back(cat("word", texts.size()));
    kinds.push_back(1);
  }
  writer.add_text("tokenizer.ggml.model", "llama");
  writer.add_texts("tokenizer.ggml.tokens", texts);
  writer.add_f32s("tokenizer.ggml.scores", scores);
  writer.add_i32s("tokenizer.ggml.token_type", kinds);
  writer.add_u32("tokenizer.ggml.bos_token_id", 1);
  writer.add_u32("tokenizer.ggml.eos_token_id", 2);
  writer.add_u32("tokenizer.ggml.unknown_token_id", 0);
}

void add_metadata(gguf::Writer& writer, const Shape& s, std::string_view type) {
  writer.add_text("general.architecture", "llama");
  writer.add_text("general.name", cat("random ", s.name, " ", type));
  writer.add_u32("llama.block_count", s.layers);
  writer.add_u32("llama.context_length", s.context);
  writer.add_u32("llama.embedding_length", s.width);
  writer.add_u32("llama.feed_forward_length", s.feed_forward);
  writer.add_u32("llama.attention.head_count", s.heads);
  writer.add_u32("llama.attention.head_count_kv", s.kv_heads);
  writer.add_u32("llama.attention.key_length", s.head_dim);
  writer.add_u32("llama.attention.value_length", s.head_dim);
  writer.add_u32("llama.rope.dimension_count", s.head_dim);
  writer.add_f32("llama.rope.freq_base", static_cast<float>(s.rope_base));
  writer.add_f32("llama.attention.layer_norm_rms_epsilon", 1e-5f);
  writer.add_u32("llama.vocab_size", s.vocabulary);
  add_vocabulary(writer, s.vocabulary);
}

void fill_rows(const Tensor& tensor, uint64_t rows, Rng& rng, std::vector<std::byte>& out) {
  const uint64_t bytes = *row_bytes(tensor.type, tensor.columns);
  out.resize(rows * bytes);
  const double sigma = 1.0 / std::sqrt(static_cast<double>(tensor.columns));
  for (uint64_t r = 0; r < rows; ++r)
    fill_random_row(tensor.type, tensor.columns, sigma, rng, out.data() + r * bytes);
}

Result<void> write_tensor(gguf::Writer& writer, const Tensor& tensor, Rng& rng,
                          const gguf::Writer::Sink& sink) {
  if (tensor.rows == 0) {
    const std::vector<float> ones(tensor.columns, 1.0f);
    return writer.write_piece(sink, std::as_bytes(std::span(ones)));
  }
  constexpr uint64_t kPieceBytes = 1 << 20;
  const uint64_t piece_rows =
      std::max<uint64_t>(1, kPieceBytes / *row_bytes(tensor.type, tensor.columns));
  std::vector<std::byte> piece;
  for (uint64_t row = 0; row < tensor.rows; row += piece_rows) {
    fill_rows(tensor, std::min(piece_rows, tensor.rows - row), rng, piece);
    HEARTH_CHECK(writer.write_piece(sink, piece));
  }
  return {};
}

}  // namespace

const Shape* find_shape(std::string_view name) {
  for (const Shape& shape : kShapes) {
    if (shape.name == name) return &shape;
  }
  return nullptr;
}

Result<void> write_random_model(const Shape& shape, std::string_view type, uint64_t seed,
                                const gguf::Writer::Sink& sink, const DoneCallback& done) {
  const auto mix = find_mix(type);
  if (!mix)
    return fail(ErrorCode::bad_usage, "'", printable(type),
                "' is no type that hearth computes with");
  gguf::Writer writer;
  add_metadata(writer, shape, type);
  const std::vector<Tensor> tensors = tensors_of(shape, *mix);
  uint64_t total = 0;
  for (const Tensor& tensor : tensors) {
    std::vector<uint64_t> dims{tensor.columns};
    if (tensor.rows != 0) dims.push_back(tensor.rows);
    HEARTH_CHECK(writer.add_tensor(tensor.name, tensor.type, dims));
    total += writer.size_of(writer.tensor_count() - 1);
  }
  HEARTH_CHECK(writer.write_header(sink));
  Rng rng(seed);
  uint64_t bytes = 0;
  for (size_t i = 0; i < tensors.size(); ++i) {
    HEARTH_CHECK(write_tensor(writer, tensors[i], rng, sink));
    bytes += writer.size_of(i);
    if (done) done(bytes, total);
  }
  return {};
}

}  // namespace hearth::bench
