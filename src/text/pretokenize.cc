#include "text/pretokenize.h"

#include <algorithm>
#include <iterator>

namespace hearth::text {

namespace {

struct Family {
  Splitter splitter;
  SplitStep steps[6];
  size_t count;

  template <class... Steps>
  constexpr Family(Splitter name, Steps... in_order)
      : splitter(name), steps{in_order...}, count(sizeof...(in_order)) {}
};

// In the order of the enumerators.
constexpr Family kFamilies[] = {
    {Splitter::usual, SplitStep::default_punctuation, SplitStep::gpt2, SplitStep::numbers,
     SplitStep::digits_3},
    {Splitter::gpt2, SplitStep::gpt2},
    {Splitter::digits_gpt2, SplitStep::number, SplitStep::gpt2},
    {Splitter::llama3, SplitStep::llama3},
    {Splitter::jais2, SplitStep::jais2},
    {Splitter::qwen2, SplitStep::qwen2},
    {Splitter::qwen35, SplitStep::qwen35},
    {Splitter::minicpm5, SplitStep::numbers_3, SplitStep::minicpm5},
    {Splitter::seed_coder, SplitStep::seed_coder},
    {Splitter::ufakzeka, SplitStep::ufakzeka},
    {Splitter::exaone_moe, SplitStep::exaone_moe},
    {Splitter::gpt4o, SplitStep::gpt4o},
    {Splitter::tekken, SplitStep::tekken},
    {Splitter::youtu, SplitStep::youtu_scripts, SplitStep::youtu},
    {Splitter::kimi_k2, SplitStep::kimi_k2},
    {Splitter::tiny_aya, SplitStep::thousands_at_boundary, SplitStep::gpt4o},
    {Splitter::deepseek_llm, SplitStep::newline, SplitStep::spaced_cased, SplitStep::spaced_ascii,
     SplitStep::last_spaces, SplitStep::deepseek_cjk, SplitStep::numbers},
    {Splitter::deepseek_coder, SplitStep::newline, SplitStep::spaced_letters,
     SplitStep::spaced_punctuation, SplitStep::deepseek_cjk, SplitStep::number},
    {Splitter::deepseek_v3, SplitStep::numbers_3, SplitStep::han_and_kana, SplitStep::deepseek_v3},
    {Splitter::spark, SplitStep::numbers_3, SplitStep::han_and_kana, SplitStep::spark,
     SplitStep::number},
    {Splitter::afmoe, SplitStep::thousands, SplitStep::asian_scripts, SplitStep::deepseek_v3},
    {Splitter::falcon, SplitStep::falcon_punctuation, SplitStep::gpt2, SplitStep::digits_3},
    {Splitter::bloom, SplitStep::bloom},
    {Splitter::viking, SplitStep::bloom, SplitStep::number},
    {Splitter::superbpe, SplitStep::numbers, SplitStep::before_thousands},
    {Splitter::chameleon, SplitStep::sentinels, SplitStep::images, SplitStep::pairs_of_spaces,
     SplitStep::number, SplitStep::one_punctuation, SplitStep::gpt2},
    {Splitter::laguna, SplitStep::lines, SplitStep::qwen2},
    {Splitter::lines, SplitStep::lines},
    {Splitter::not_space, SplitStep::not_space},
};

constexpr bool is_in_order() {
  for (size_t i = 0; i < std::size(kFamilies); ++i) {
    if (kFamilies[i].splitter != static_cast<Splitter>(i)) return false;
  }
  return true;
}
static_assert(is_in_order());

// The names that llama.cpp v0.5.0 knows.
constexpr PreTokenizer kPreTokenizers[] = {
    {.name = "gpt-2", .splitter = Splitter::gpt2},
    {.name = "phi-2", .splitter = Splitter::gpt2},
    {.name = "mpt", .splitter = Splitter::gpt2},
    {.name = "olmo", .splitter = Splitter::gpt2},
    {.name = "jais", .splitter = Splitter::gpt2},
    {.name = "exaone4", .splitter = Splitter::gpt2},
    {.name = "trillion", .splitter = Splitter::gpt2},
    {.name = "granite-docling", .splitter = Splitter::gpt2},
    {.name = "gigachat", .splitter = Splitter::gpt2},
    {.name = "mellum", .splitter = Splitter::gpt2},
    {.name = "modern-bert", .splitter = Splitter::gpt2},
    {.name = "a.x-4.0", .splitter = Splitter::gpt2},
    {.name = "jina-es", .splitter = Splitter::gpt2},
    {.name = "jina-de", .splitter = Splitter::gpt2},
    {.name = "jina-v2-es", .splitter = Splitter::gpt2},
    {.name = "jina-v2-de", .splitter = Splitter::gpt2},
    {.name = "jina-v1-en", .splitter = Splitter::gpt2, .add_sep = true},
    {.name = "jina-v2-code", .splitter = Splitter::gpt2, .add_sep = true},
    {.name = "roberta-bpe", .splitter = Splitter::gpt2, .add_sep = true},
    {.name = "smollm", .splitter = Splitter::digits_gpt2},
    {.name = "starcoder", .splitter = Splitter::digits_gpt2},
    {.name = "refact", .splitter = Splitter::digits_gpt2},
    {.name = "command-r", .splitter = Splitter::digits_gpt2},
    {.name = "codeshell", .splitter = Splitter::digits_gpt2},
    {.name = "exaone", .splitter = Splitter::digits_gpt2},
    {.name = "minerva-7b", .splitter = Splitter::digits_gpt2},
    {.name = "mellum2", .splitter = Splitter::digits_gpt2},
    {.name = "llama-bpe", .splitter = Splitter::llama3, .add_bos = true, .ignore_merges = true},
    {.name = "llama3", .splitter = Splitter::llama3, .add_bos = true, .ignore_merges = true},
    {.name = "llama-v3", .splitter = Splitter::llama3, .add_bos = true, .ignore_merges = true},
    {.name = "falcon3", .splitter = Splitter::llama3, .add_bos = true, .ignore_merges = true},
    {.name = "falcon-h1", .splitter = Splitter::llama3, .add_bos = true, .ignore_merges = true},
    {.name = "pixtral", .splitter = Splitter::llama3, .add_bos = true, .ignore_merges = true},
    {.name = "midm-2.0", .splitter = Splitter::llama3, .add_bos = true, .ignore_merges = true},
    {.name = "lfm2", .splitter = Splitter::llama3, .add_bos = true, .ignore_merges = true},
    {.name = "jina-v5-nano", .splitter = Splitter::llama3, .add_bos = true, .ignore_merges = true},
    {.name = "smaug-bpe", .splitter = Splitter::llama3},
    {.name = "dbrx", .splitter = Splitter::llama3},
    {.name = "glm4", .splitter = Splitter::llama3},
    {.name = "chatglm-bpe", .splitter = Splitter::llama3},
    {.name = "jais-2", .splitter = Splitter::jais2},
    {.name = "qwen2", .splitter = Splitter::qwen2},
    {.name = "deepseek-r1-qwen", .splitter = Splitter::qwen2},
    {.name = "megrez", .splitter = Splitter::qwen2},
    {.name = "kormo", .splitter = Splitter::qwen2},
    {.name = "f2llmv2", .splitter = Splitter::qwen2},
    {.name = "stablelm2", .splitter = Splitter::qwen2},
    {.name = "hunyuan", .splitter = Splitter::qwen2},
    {.name = "solar-open", .splitter = Splitter::qwen2},
    {.name = "grok-2", .splitter = Splitter::qwen2},
    {.name = "bailingmoe", .splitter = Splitter::qwen2},
    {.name = "bailingmoe2", .splitter = Splitter::qwen2},
    {.name = "llada-moe", .splitter = Splitter::qwen2},
    {.name = "qwen35", .splitter = Splitter::qwen35},
    {.name = "minicpm5", .splitter = Splitter::minicpm5, .ignore_merges = true},
    {.name = "seed-coder", .splitter = Splitter::seed_coder},
    {.name = "ufakzeka", .splitter = Splitter::ufakzeka},
    {.name = "exaone-moe", .splitter = Splitter::exaone_moe},
    {.name = "gpt-4o", .splitter = Splitter::gpt4o},
    {.name = "llama4", .splitter = Splitter::gpt4o},
    {.name = "kanana2", .splitter = Splitter::gpt4o},
    {.name = "talkie", .splitter = Splitter::gpt4o},
    {.name = "minimax-m2", .splitter = Splitter::gpt4o},
    {.name = "granite-embed-multi-97m", .splitter = Splitter::gpt4o, .ignore_merges = true},
    {.name = "tekken", .splitter = Splitter::tekken, .add_bos = true, .ignore_merges = true},
    {.name = "youtu", .splitter = Splitter::youtu, .ignore_merges = true},
    {.name = "kimi-k2", .splitter = Splitter::kimi_k2},
    {.name = "tiny_aya", .splitter = Splitter::tiny_aya},
    {.name = "cohere2moe", .splitter = Splitter::tiny_aya},
    {.name = "deepseek-llm", .splitter = Splitter::deepseek_llm},
    {.name = "deepseek-coder", .splitter = Splitter::deepseek_coder},
    {.name = "deepseek-v3", .splitter = Splitter::deepseek_v3},
    {.name = "hunyuan-dense", .splitter = Splitter::deepseek_v3},
    {.name = "joyai-llm", .splitter = Splitter::deepseek_v3},
    {.name = "hy_v4", .splitter = Splitter::deepseek_v3},
    {.name = "spark2_5", .splitter = Splitter::spark},
    {.name = "afmoe", .splitter = Splitter::afmoe},
    {.name = "falcon", .splitter = Splitter::falcon},
    {.name = "bloom", .splitter = Splitter::bloom},
    {.name = "poro-chat", .splitter = Splitter::bloom},
    {.name = "gpt3-finnish", .splitter = Splitter::bloom},
    {.name = "viking", .splitter = Splitter::viking},
    {.name = "superbpe", .splitter = Splitter::superbpe},
    {.name = "chameleon", .splitter = Splitter::chameleon, .add_bos = true},
    {.name = "laguna", .splitter = Splitter::laguna},
    {.name = "gemma4",
     .splitter = Splitter::lines,
     .add_bos = true,
     .spelling = Spelling::marked,
     .newline_tokens = true},
    {.name = "granite-embed-multi-311m",
     .splitter = Splitter::lines,
     .add_bos = true,
     .spelling = Spelling::marked,
     .newline_tokens = true},
    {.name = "sarvam-moe", .splitter = Splitter::lines, .spelling = Spelling::marked},
    {.name = "whitespace", .splitter = Splitter::not_space, .spelling = Spelling::characters},
};

}  // namespace

std::span<const PreTokenizer> all_pre_tokenizers() { return kPreTokenizers; }

const PreTokenizer* find_pre_tokenizer(std::string_view name) {
  const auto found = std::find_if(std::begin(kPreTokenizers), std::end(kPreTokenizers),
                                  [&](const PreTokenizer& row) { return row.name == name; });
  return found == std::end(kPreTokenizers) ? nullptr : found;
}

WordSplitter::WordSplitter(Splitter splitter, std::string_view text) : text_(text) {
  const Family& family = kFamilies[static_cast<size_t>(splitter)];
  order_ = {family.steps, family.count};
  pieces_[0].end = text.size();
}

// The end of what step `level` cuts off at at_.
size_t WordSplitter::cut(size_t level) {
  Piece& piece = pieces_[level];
  const std::string_view text = text_.substr(piece.begin, piece.end - piece.begin);
  return piece.begin + steps_.piece(order_[level], text, at_ - piece.begin, piece.memo);
}

bool WordSplitter::next(std::string_view& word) {
  if (at_ >= text_.size()) return false;
  for (size_t level = 1; level < order_.size(); ++level) {
    if (pieces_[level].end <= at_) pieces_[level] = {at_, cut(level - 1), {}};
  }
  const size_t end = cut(order_.size() - 1);
  word = text_.substr(at_, end - at_);
  at_ = end;
  return true;
}

}  // namespace hearth::text
