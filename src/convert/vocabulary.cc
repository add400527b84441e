#include "convert/vocabulary.h"

#include <algorithm>
#include <iterator>

#include "convert/pre_tokenizer.h"
#include "convert/sentencepiece_model.h"
#include "os/file.h"

namespace hearth::convert {
namespace {

constexpr uint64_t kMaxTokenizerBytes = uint64_t{256} << 20;
constexpr uint64_t kMaxSmallBytes = uint64_t{16} << 20;
constexpr float kScoreOfAdded = -1000;
constexpr float kScoreOfGap = -10000;

// Marks of Gemma 4 that programs look for in its replies: they are shown, as other tokens are.
constexpr std::string_view kShownMarks[] = {"<|channel>",   "<channel|>",       "<|tool_call>",
                                            "<tool_call|>", "<|tool_response>", "<tool_response|>",
                                            "<|\"|>"};

// Null where the file is not there.
Result<Json> read_if_there(const std::string& path, uint64_t max_bytes) {
  if (!os::file_exists(path)) return Json();
  return read_json(path, max_bytes);
}

// tokenizer.json's form of what models from before it have in two files.
Result<Json> read_old_bpe(const std::string& folder) {
  HEARTH_TRY(Json vocab, read_json(cat(folder, "/vocab.json"), kMaxTokenizerBytes));
  HEARTH_TRY(const std::string text, os::read_text(cat(folder, "/merges.txt"), kMaxTokenizerBytes));
  Json merges = Json::array();
  for (const std::string_view line : split(text, '\n')) {
    const std::string_view merge = trim(line);
    if (!merge.empty() && !starts_with(merge, "#version")) merges.push_back(std::string(merge));
  }
  Json tokenizer = Json::object();
  tokenizer["model"] = {{"type", "BPE"}};
  tokenizer["model"]["vocab"] = std::move(vocab);
  tokenizer["model"]["merges"] = std::move(merges);
  tokenizer["decoder"] = {{"type", "ByteLevel"}};
  return tokenizer;
}

Result<std::optional<std::string>> read_template(const std::string& folder) {
  const std::string jinja = cat(folder, "/chat_template.jinja");
  if (os::file_exists(jinja)) return os::read_text(jinja, kMaxSmallBytes);
  HEARTH_TRY(const Json json, read_if_there(cat(folder, "/chat_template.json"), kMaxSmallBytes));
  const std::string text = text_of(json, "chat_template");
  return text.empty() ? std::optional<std::string>() : text;
}

// Whether any part of a tree of normalizers, pre-tokenizers or decoders is of this type.
bool has_type(const Json& part, std::string_view type) {
  if (text_of(part, "type") == type) return true;
  for (const char* list : {"normalizers", "pretokenizers", "decoders"}) {
    const Json* inner = member(part, list);
    if (inner == nullptr || !inner->is_array()) continue;
    for (const Json& each : *inner) {
      if (has_type(each, type)) return true;
    }
  }
  return false;
}

bool is_of_bytes(const Json& tokenizer) {
  for (const char* part : {"pre_tokenizer", "decoder"}) {
    const Json* tree = member(tokenizer, part);
    if (tree != nullptr && has_type(*tree, "ByteLevel")) return true;
  }
  return false;
}

// Old files leave the type out.
std::string model_type(const Json& tokenizer) {
  const Json* model = member(tokenizer, "model");
  if (model == nullptr) return {};
  const std::string type = text_of(*model, "type");
  if (!type.empty()) return type;
  return member(*model, "merges") != nullptr ? "BPE" : "";
}

Result<Vocabulary> read_model(const TokenizerFiles& files, const std::string& architecture) {
  const std::string type = model_type(files.tokenizer);
  const bool of_bytes = is_of_bytes(files.tokenizer);
  const bool keeps_merges = of_bytes || architecture == "gemma4";
  if (type == "BPE" && keeps_merges) return read_bpe(files, of_bytes);
  if (type == "WordPiece") return read_word_piece(files);
  if (type == "Unigram") return read_unigram(files);
  if (files.sentencepiece) {
    auto vocabulary = read_sentencepiece(as_bytes(*files.sentencepiece));
    if (!vocabulary) return fail_with_context("tokenizer.model", vocabulary.error());
    return vocabulary;
  }
  if (type == "BPE") {
    HEARTH_TRY(Vocabulary vocabulary, read_bpe(files, false));
    return scores_from_merges(std::move(vocabulary));
  }
  return fail(ErrorCode::unsupported, "tokenizer.json has a model of the kind '",
              printable(type, 40), "': hearth knows BPE, WordPiece and Unigram");
}

bool is_shown_mark(std::string_view text) {
  return std::find(std::begin(kShownMarks), std::end(kShownMarks), text) != std::end(kShownMarks);
}

// Tokens that were added to a finished model, over what it had in their places.
Result<void> put_added(const TokenizerFiles& files, Vocabulary& vocabulary) {
  HEARTH_TRY(const std::vector<AddedToken> added, added_tokens(files, vocabulary.tokens.size()));
  for (const AddedToken& token : added) {
    const bool known = token.id < vocabulary.types.size();
    const int32_t before = known ? vocabulary.types[token.id] : 0;
    if (before == kUnknownToken || before == kByteToken) continue;
    TokenType type = kUserToken;
    std::string text = token.content;
    if (vocabulary.model == "gemma4" && is_shown_mark(text)) {
      type = kUserToken;
    } else if (token.special || looks_special(text)) {
      type = kControlToken;
    } else if (vocabulary.model != "bert") {
      // Text is compared with them before its spaces are written as U+2581.
      const std::string_view mark = "\u2581";
      for (size_t at = 0; (at = text.find(mark, at)) != std::string::npos; ++at) {
        text.replace(at, mark.size(), " ");
      }
    }
    vocabulary.put(token.id, std::move(text), type, kScoreOfAdded);
  }
  vocabulary.fill_gaps();
  return {};
}

}  // namespace

Result<TokenizerFiles> TokenizerFiles::read(const std::string& folder) {
  TokenizerFiles files;
  const auto path = [&](std::string_view name) { return cat(folder, "/", name); };
  HEARTH_TRY(files.tokenizer, read_if_there(path("tokenizer.json"), kMaxTokenizerBytes));
  HEARTH_TRY(files.config, read_if_there(path("tokenizer_config.json"), kMaxSmallBytes));
  HEARTH_TRY(files.added, read_if_there(path("added_tokens.json"), kMaxSmallBytes));
  HEARTH_TRY(files.generation, read_if_there(path("generation_config.json"), kMaxSmallBytes));
  HEARTH_TRY(files.chat_template, read_template(folder));
  if (os::file_exists(path("tokenizer.model"))) {
    HEARTH_TRY(files.sentencepiece, os::read_text(path("tokenizer.model"), kMaxTokenizerBytes));
  }
  if (!files.tokenizer.is_null() || files.sentencepiece) return files;
  if (!os::file_exists(path("vocab.json")) || !os::file_exists(path("merges.txt"))) {
    return fail(ErrorCode::not_found, "'", printable(folder, 400),
                "' holds no tokenizer.json, no tokenizer.model, and no vocab.json with merges.txt");
  }
  HEARTH_TRY(files.tokenizer, read_old_bpe(folder));
  return files;
}

void Vocabulary::put(size_t id, std::string token, TokenType type, float score) {
  if (id >= tokens.size()) {
    tokens.resize(id + 1);
    types.resize(id + 1, 0);
    scores.resize(id + 1, 0);
  }
  tokens[id] = std::move(token);
  types[id] = type;
  scores[id] = score;
}

void Vocabulary::fill_gaps() {
  for (size_t id = 0; id < tokens.size(); ++id) {
    if (types[id] != 0) continue;
    put(id, cat("[PAD", id, "]"), kUnusedToken, kScoreOfGap);
  }
}

bool looks_special(std::string_view token) {
  for (const std::string_view each : {"<pad>", "<mask>", "<2mass>", "[@BOS@]"}) {
    if (token == each) return true;
  }
  return (starts_with(token, "<|") && ends_with(token, "|>")) ||
         (starts_with(token, "<\uff5c") && ends_with(token, "\uff5c>")) ||
         (starts_with(token, "<unused") && ends_with(token, ">"));
}

Result<Vocabulary> read_vocabulary(const TokenizerFiles& files, const std::string& architecture,
                                   size_t n_vocab, const std::string& pre,
                                   std::vector<std::string>& warnings) {
  HEARTH_TRY(Vocabulary vocabulary, read_model(files, architecture));
  HEARTH_CHECK(put_added(files, vocabulary));
  if (vocabulary.model == "gpt2") {
    HEARTH_TRY(vocabulary.pre, pre_tokenizer_name(files.tokenizer, architecture, pre, warnings));
    vocabulary.scores.clear();
  } else if (!pre.empty()) {
    warnings.push_back("--pre is of no use: the model does not cut text into words by expressions");
  }
  if (vocabulary.tokens.size() > n_vocab) {
    warnings.push_back(cat("the tokenizer has ", vocabulary.tokens.size(),
                           " tokens, of which the embedding knows ", n_vocab,
                           "; the others are left out"));
  }
  const size_t known = std::min(vocabulary.tokens.size(), n_vocab);
  vocabulary.tokens.resize(n_vocab);
  vocabulary.types.resize(n_vocab, 0);
  const bool scored = !vocabulary.scores.empty();
  vocabulary.scores.resize(n_vocab);
  if (known < n_vocab) vocabulary.fill_gaps();
  if (!scored) vocabulary.scores.clear();
  return vocabulary;
}

}  // namespace hearth::convert
