#include "text/vocab.h"

#include <algorithm>
#include <limits>

#include "text/pretokenize.h"

namespace hearth::text {

namespace {

constexpr std::string_view kTokensKey = "tokenizer.ggml.tokens";
constexpr std::string_view kScoresKey = "tokenizer.ggml.scores";
constexpr std::string_view kKindsKey = "tokenizer.ggml.token_type";

// Texts that mean "the turn is over" in one model family or another, the likeliest first. Files
// often name only one end token, or the wrong one, so the texts decide as well.
constexpr std::string_view kEndOfTurnTexts[] = {
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "<\uFF5Cend\u2581of\u2581sentence\uFF5C>",
    "<end_of_utterance>",
    "<turn|>",
};
// Texts that end an answer without being the end of a turn. The last three separate files in code
// models: what follows them is another file, never more of the answer.
constexpr std::string_view kOtherEndTexts[] = {
    "</s>",        "<|eom_id|>",    "<|return|>",   "<|call|>", "<|flush|>",
    "<|calls|>",   "[EOS]",         "<eos>",        "[e~[",     "<|tool_response>",
    "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>",
};
// Texts that mark the parts of a file in which a hole is to be filled, in one family or another.
constexpr std::string_view kFillTexts[] = {
    "<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>",    "<\uFF5Cfim\u2581begin\uFF5C>",
    "<PRE>",          "\u2581<PRE>",  "<|code_prefix|>", "<|prefix|>",
    "<|fim_suffix|>", "<fim-suffix>", "<fim_suffix>",    "<\uFF5Cfim\u2581hole\uFF5C>",
    "<SUF>",          "\u2581<SUF>",  "<|code_suffix|>", "<|suffix|>",
    "<|fim_middle|>", "<fim-middle>", "<fim_middle>",    "<\uFF5Cfim\u2581end\uFF5C>",
    "<MID>",          "\u2581<MID>",  "<|code_middle|>", "<|middle|>",
    "<fim-pad>",      "<fim_pad>",    "<PAD>",           "[PAD]",
    "<|fim_repo|>",   "<fim-repo>",   "<REPO>",          "<reponame>",
};

// What a kind of tokenizer is called in a file, and the ids that old files leave out because its
// own program has them built in.
struct Kind {
  std::string_view name;
  TokenizerModel model = TokenizerModel::none;
  Token bos = kNoToken, eos = kNoToken, unk = kNoToken, sep = kNoToken, pad = kNoToken;
  Token mask = kNoToken;
};
constexpr Kind kKinds[] = {
    {"no_vocab", TokenizerModel::none},
    {"none", TokenizerModel::none},
    {"", TokenizerModel::none},
    {"llama", TokenizerModel::spm, 1, 2, 0},
    // There are no such ids for BPE: guessing one would end answers at an ordinary word.
    {"gpt2", TokenizerModel::bpe},
    {"gemma4", TokenizerModel::bpe},
    {"whitespace", TokenizerModel::bpe},
    {"bert", TokenizerModel::wpm, 101, kNoToken, 100, 102, 0, 103},
    {"t5", TokenizerModel::ugm, kNoToken, 1, 2, kNoToken, 0},
    {"rwkv", TokenizerModel::rwkv},
};

const Kind& find_kind(std::string_view name) {
  static constexpr Kind kOther{"", TokenizerModel::unsupported};
  const auto found = std::find_if(std::begin(kKinds), std::end(kKinds),
                                  [&](const Kind& kind) { return kind.name == name; });
  return found == std::end(kKinds) ? kOther : *found;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

TokenKind kind_of(int64_t number) {
  if (number < 1 || number > 6) return TokenKind::normal;  // 0 is "undefined" in old files
  return static_cast<TokenKind>(number);
}

}  // namespace

Result<Vocab> Vocab::read(const gguf::Metadata& metadata) {
  Vocab vocab;
  HEARTH_CHECK(vocab.read_names(metadata));
  HEARTH_CHECK(vocab.read_texts(metadata));
  HEARTH_CHECK(vocab.read_scores(metadata));
  HEARTH_CHECK(vocab.read_kinds(metadata));
  vocab.build_index();
  HEARTH_CHECK(vocab.read_special_ids(metadata));
  vocab.find_end_markers();
  HEARTH_CHECK(vocab.read_flags(metadata));
  return vocab;
}

Result<void> Vocab::read_names(const gguf::Metadata& metadata) {
  HEARTH_TRY(model_name_, metadata.text_or("tokenizer.ggml.model", ""));
  HEARTH_TRY(pre_name_, metadata.text_or("tokenizer.ggml.pre", ""));
  model_ = find_kind(model_name_).model;
  if (model_name_ == "gemma4" || model_name_ == "whitespace") pre_name_ = model_name_;
  return {};
}

Result<void> Vocab::read_texts(const gguf::Metadata& metadata) {
  HEARTH_TRY(const gguf::Array* array, metadata.array(kTokensKey, gguf::ValueType::string));
  if (array == nullptr) return {};
  if (array->count > kMaxTokens) {
    return fail(ErrorCode::too_large, "metadata key '", kTokensKey, "' has ", array->count,
                " tokens; hearth reads at most ", kMaxTokens);
  }
  tokens_ = *array;
  offsets_.reserve(array->count);
  uint64_t at = 0;
  for (uint64_t i = 0; i < array->count; ++i) {
    offsets_.push_back(at);
    const std::string_view text = array->next_string(at);
    if (text.size() > kMaxTokenBytes) {
      return fail(ErrorCode::too_large, "metadata key '", kTokensKey, "': token ", i, " has ",
                  text.size(), " bytes; hearth reads at most ", kMaxTokenBytes);
    }
    longest_text_ = std::max(longest_text_, text.size());
  }
  return {};
}

Result<void> Vocab::read_scores(const gguf::Metadata& metadata) {
  const gguf::Value* value = metadata.find(kScoresKey);
  if (value == nullptr) return {};
  const auto element = value->type == gguf::ValueType::array ? value->array.element : value->type;
  const bool integers = element != gguf::ValueType::f32 && element != gguf::ValueType::f64;
  HEARTH_TRY(const gguf::Array* array,
             metadata.array(kScoresKey, integers ? gguf::ValueType::i32 : gguf::ValueType::f32));
  if (array->count < size()) {
    return fail(ErrorCode::bad_file, "metadata key '", kScoresKey, "' has ", array->count,
                " scores for ", size(), " tokens: the file is damaged, get or convert it again");
  }
  scores_.reserve(size());
  for (uint64_t i = 0; i < size(); ++i) {
    const auto score = static_cast<float>(array->number(i));
    scores_.push_back(score == score ? score : -std::numeric_limits<float>::infinity());
  }
  return {};
}

Result<void> Vocab::read_kinds(const gguf::Metadata& metadata) {
  kinds_.assign(size(), TokenKind::normal);
  ends_.assign(size(), 0);
  HEARTH_TRY(const gguf::Array* array, metadata.array(kKindsKey, gguf::ValueType::i32));
  if (array == nullptr) return {};
  if (array->count < size()) {
    return fail(ErrorCode::bad_file, "metadata key '", kKindsKey, "' has ", array->count,
                " entries for ", size(), " tokens: the file is damaged, get or convert it again");
  }
  has_kinds_ = true;
  for (uint64_t i = 0; i < size(); ++i) kinds_[i] = kind_of(array->integer(i));
  return {};
}

void Vocab::build_index() {
  seed_ = hash_seed();
  size_t slots = 16;
  while (slots < 2 * size()) slots *= 2;
  index_.assign(slots, Slot{});
  size_t repeated = 0;
  for (size_t i = 0; i < size(); ++i) {
    const std::string_view text = text_at(i);
    if (text.empty()) continue;
    const uint64_t hash = hash_text(text, seed_);
    const auto tag = static_cast<uint32_t>(hash >> 32);
    size_t at = hash & (slots - 1);
    bool known = false;
    for (; index_[at].token != kNoToken && !known; at = (at + 1) & (slots - 1)) {
      known = index_[at].tag == tag && text_at(static_cast<size_t>(index_[at].token)) == text;
    }
    repeated += known ? 1 : 0;
    if (!known) index_[at] = {tag, static_cast<Token>(i)};
  }
  if (repeated != 0) {
    warnings_.push_back(cat("the vocabulary repeats ", repeated,
                            " token texts; hearth reads text with the first of each"));
  }
}

std::optional<Token> Vocab::find(std::string_view text) const {
  if (text.empty() || text.size() > longest_text_) return std::nullopt;
  const uint64_t hash = hash_text(text, seed_);
  const auto tag = static_cast<uint32_t>(hash >> 32);
  const size_t mask = index_.size() - 1;
  for (size_t at = hash & mask; index_[at].token != kNoToken; at = (at + 1) & mask) {
    const Slot& slot = index_[at];
    if (slot.tag == tag && text_at(static_cast<size_t>(slot.token)) == text) return slot.token;
  }
  return std::nullopt;
}

std::optional<uint8_t> Vocab::byte_value(Token token) const {
  if (kind(token) != TokenKind::byte) return std::nullopt;
  const std::string_view name = text(token);
  if (name.size() != 6 || !starts_with(name, "<0x") || name[5] != '>') return std::nullopt;
  const int high = hex_digit(name[3]);
  const int low = hex_digit(name[4]);
  if (high < 0 || low < 0) return std::nullopt;
  return static_cast<uint8_t>(high * 16 + low);
}

Result<std::optional<Token>> Vocab::read_id(const gguf::Metadata& metadata, std::string_view key,
                                            std::optional<Token> fallback) {
  if (fallback && !contains(*fallback)) fallback.reset();
  const gguf::Value* value = metadata.find(key);
  if (value == nullptr) return fallback;
  if (!value->is_integer()) {
    return fail(ErrorCode::bad_file, "metadata key '", key, "' should be a token id but is ",
                gguf::name_of(value->type));
  }
  const auto id = value->unsigned_integer();
  if (id && *id < size()) return static_cast<Token>(*id);
  // -1, in 32 bits or 64, is how converters write "this model has none".
  const bool absent = !id || *id == UINT32_MAX || *id == UINT64_MAX;
  if (!absent && size() != 0) {
    warnings_.push_back(cat("metadata key '", key, "' is ", *id, " but the vocabulary has ", size(),
                            " tokens: ignored"));
  }
  return absent ? std::nullopt : fallback;
}

Result<void> Vocab::read_special_ids(const gguf::Metadata& metadata) {
  const Kind& kind = find_kind(model_name_);
  const auto usual = [](Token token) {
    return token == kNoToken ? std::nullopt : std::optional<Token>(token);
  };
  HEARTH_TRY(bos_, read_id(metadata, "tokenizer.ggml.bos_token_id", usual(kind.bos)));
  HEARTH_TRY(eos_, read_id(metadata, "tokenizer.ggml.eos_token_id", usual(kind.eos)));
  HEARTH_TRY(unk_, read_id(metadata, "tokenizer.ggml.unknown_token_id", usual(kind.unk)));
  // The key is spelled so in the format.
  HEARTH_TRY(sep_, read_id(metadata, "tokenizer.ggml.seperator_token_id", usual(kind.sep)));
  HEARTH_TRY(pad_, read_id(metadata, "tokenizer.ggml.padding_token_id", usual(kind.pad)));
  HEARTH_TRY(mask_, read_id(metadata, "tokenizer.ggml.mask_token_id", usual(kind.mask)));
  HEARTH_TRY(eot_, read_id(metadata, "tokenizer.ggml.eot_token_id", std::nullopt));
  HEARTH_TRY(eom_, read_id(metadata, "tokenizer.ggml.eom_token_id", std::nullopt));
  for (const std::string_view newline : {"<0x0A>", "\u010A", "\n"}) {
    if (!newline_) newline_ = find(newline);
  }
  return {};
}

std::optional<Token> Vocab::find_marker(std::string_view text) const {
  const auto token = find(text);
  // A normal token that merely looks like a marker is a piece of prose or code, unless the file
  // does not tell the kinds apart at all.
  if (!token || (has_kinds_ && kind(*token) == TokenKind::normal)) return std::nullopt;
  return token;
}

void Vocab::find_end_markers() {
  const auto mark = [&](Token token) {
    // As a control token a marker is not shown, and cannot be smuggled in through plain text.
    kinds_[static_cast<size_t>(token)] = TokenKind::control;
    ends_[static_cast<size_t>(token)] = 1;
  };
  for (const std::string_view text : kEndOfTurnTexts) {
    const auto token = find_marker(text);
    if (!token) continue;
    if (!eot_) eot_ = token;
    mark(*token);
  }
  for (const std::string_view text : kOtherEndTexts) {
    if (const auto token = find_marker(text)) mark(*token);
  }
  if (!eom_) eom_ = find_marker("<|eom_id|>");
  for (const std::string_view text : kFillTexts) {
    const auto token = find_marker(text);
    if (token) kinds_[static_cast<size_t>(*token)] = TokenKind::control;
  }
  find_message_ends();
  for (const auto& token : {eos_, eot_, eom_}) {
    if (token) ends_[static_cast<size_t>(*token)] = 1;
  }
}

void Vocab::find_message_ends() {
  // Where a model has a token to return and one to call, "<|end|>" only ends one of the several
  // messages of an answer.
  const bool calls = find_marker("<|call|>") || find_marker("<|calls|>");
  const bool returns = find_marker("<|return|>") || find_marker("<|flush|>");
  const auto message_end = find_marker("<|end|>");
  if (calls && returns && message_end) {
    ends_[static_cast<size_t>(*message_end)] = 0;
    if (eot_ == message_end) eot_.reset();
  }
  // Gemma 4 has "</s>" too, as a piece of HTML.
  const auto html = find("</s>");
  if (html && find_marker("<|tool_response>")) {
    ends_[static_cast<size_t>(*html)] = 0;
    kinds_[static_cast<size_t>(*html)] = TokenKind::normal;
  }
}

Result<void> Vocab::read_flags(const gguf::Metadata& metadata) {
  const bool spm = model_ == TokenizerModel::spm;
  const bool wpm = model_ == TokenizerModel::wpm;
  const PreTokenizer* pre = model_ == TokenizerModel::bpe ? find_pre_tokenizer(pre_name_) : nullptr;
  const bool bos_default = spm || wpm || (pre != nullptr && pre->add_bos);
  const bool eos_default = model_ == TokenizerModel::ugm;
  const bool sep_default = wpm || (pre != nullptr && pre->add_sep);
  HEARTH_TRY(add_bos_, metadata.bool_or("tokenizer.ggml.add_bos_token", bos_default));
  HEARTH_TRY(add_eos_, metadata.bool_or("tokenizer.ggml.add_eos_token", eos_default));
  HEARTH_TRY(add_sep_, metadata.bool_or("tokenizer.ggml.add_sep_token", sep_default));
  HEARTH_TRY(add_space_prefix_, metadata.bool_or("tokenizer.ggml.add_space_prefix", spm || wpm));
  HEARTH_TRY(remove_extra_spaces_,
             metadata.bool_or("tokenizer.ggml.remove_extra_whitespaces", false));
  if (pre != nullptr && pre->newline_tokens && !add_bos_) {
    add_bos_ = true;
    warnings_.push_back(
        cat("the file says that texts begin without a bos token, but models with the "
            "pre-tokenizer '",
            pre->name, "' need one: it is added"));
  }
  if (size() == 0) return {};
  const auto check = [&](bool& wanted, const std::optional<Token>& token, std::string_view name) {
    if (!wanted || token) return;
    wanted = false;
    warnings_.push_back(cat("the model wants its ", name,
                            " token around every text but names none: none is added, and answers "
                            "may get worse; converting the model again may help"));
  };
  check(add_bos_, bos_, "bos");
  check(add_eos_, eos_, "eos");
  // Elsewhere sep only stands between two texts, which a model may never be given.
  if (wpm) check(add_sep_, sep_, "sep");
  add_sep_ = add_sep_ && sep_;
  return {};
}

}  // namespace hearth::text
