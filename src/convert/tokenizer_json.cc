// The three kinds of models in tokenizer.json: BPE, WordPiece, Unigram.
#include <algorithm>
#include <unordered_map>

#include "base/base64.h"
#include "convert/vocabulary.h"

namespace hearth::convert {
namespace {

tl::unexpected<Error> bad(std::string_view what) {
  return fail(ErrorCode::bad_file, "tokenizer.json: ", what);
}

// Numbers of tokens may leave some out, but not so many that a small file asks for much memory.
constexpr size_t kMaxGaps = size_t{1} << 16;

// A whole number that can be the number of a token, of `count` in the file.
Result<size_t> token_id(const Json& value, std::string_view token, size_t count) {
  const size_t limit = std::min(2 * count + kMaxGaps, kMaxVocabulary);
  if (!value.is_number_unsigned() || value.get<uint64_t>() >= limit) {
    return fail(ErrorCode::bad_file, "tokenizer.json: the number of token '", printable(token, 60),
                "' is not one from 0 to ", limit - 1);
  }
  return value.get<size_t>();
}

// "<0x0A>" stands for a byte.
bool is_byte_token(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  return text.size() == 6 && starts_with(text, "<0x") && text[5] == '>' &&
         kDigits.find(text[3]) != std::string_view::npos &&
         kDigits.find(text[4]) != std::string_view::npos;
}

// The map from texts to numbers that BPE and WordPiece have.
Result<void> put_vocab(const Json& model, Vocabulary& vocabulary) {
  const Json* vocab = member(model, "vocab");
  if (vocab == nullptr || !vocab->is_object() || vocab->empty()) {
    return bad("the model has no 'vocab'");
  }
  const std::string unknown = text_of(model, "unk_token");
  for (const auto& [text, number] : vocab->items()) {
    HEARTH_TRY(const size_t id, token_id(number, text, vocab->size()));
    const bool byte = vocabulary.model == "llama" && is_byte_token(text);
    const TokenType type = !unknown.empty() && text == unknown ? kUnknownToken
                           : byte                              ? kByteToken
                                                               : kNormalToken;
    vocabulary.put(id, text, type);
  }
  return {};
}

// A space in a merge would end its left part.
std::string with_marked_spaces(std::string_view part) {
  std::string out;
  for (const char c : part) {
    if (c == ' ') {
      out += "\u0120";
    } else {
      out += c;
    }
  }
  return out;
}

Result<std::string> merge_text(const Json& merge) {
  if (merge.is_string()) return merge.get<std::string>();
  if (!merge.is_array() || merge.size() != 2 || !merge[0].is_string() || !merge[1].is_string()) {
    return bad("a merge is neither text nor a pair of texts");
  }
  return cat(with_marked_spaces(merge[0].get_ref<const std::string&>()), " ",
             with_marked_spaces(merge[1].get_ref<const std::string&>()));
}

const Json& part(const Json& tokenizer, std::string_view name) {
  static const Json nothing;
  const Json* found = member(tokenizer, name);
  return found == nullptr ? nothing : *found;
}

// Whether some normalizer or pre-tokenizer puts a space in front of the text.
bool adds_space(const Json& tree) {
  const std::string type = text_of(tree, "type");
  if (type == "Prepend") return true;
  if (type == "Metaspace") {
    const std::string scheme = text_of(tree, "prepend_scheme");
    if (!scheme.empty()) return scheme != "never";
    const Json* old = member(tree, "add_prefix_space");
    return old == nullptr || !old->is_boolean() || old->get<bool>();
  }
  for (const char* list : {"normalizers", "pretokenizers"}) {
    for (const Json& each : part(tree, list)) {
      if (adds_space(each)) return true;
    }
  }
  return false;
}

// What normalizers say of case, accents, runs of spaces and replaced characters.
Result<void> read_normalizer(const Json& tree, Vocabulary& vocabulary);

}  // namespace

Result<std::vector<AddedToken>> added_tokens(const TokenizerFiles& files, size_t count) {
  std::vector<AddedToken> added;
  if (files.added.is_object()) {
    for (const auto& [text, number] : files.added.items()) {
      HEARTH_TRY(const size_t id, token_id(number, text, count));
      added.push_back({id, text, false});
    }
  }
  const auto put = [&](const Json& token, size_t id) {
    const Json* special = member(token, "special");
    added.push_back({id, text_of(token, "content"),
                     special != nullptr && special->is_boolean() && special->get<bool>()});
  };
  const Json& decoder = part(files.config, "added_tokens_decoder");
  if (decoder.is_object()) {
    for (const auto& [number, token] : decoder.items()) {
      const Json parsed = Json::parse(number, nullptr, false);
      HEARTH_TRY(const size_t id, token_id(parsed, text_of(token, "content"), count));
      put(token, id);
    }
  }
  for (const Json& token : part(files.tokenizer, "added_tokens")) {
    HEARTH_TRY(const size_t id, token_id(part(token, "id"), text_of(token, "content"), count));
    put(token, id);
  }
  return added;
}

Result<Vocabulary> read_bpe(const TokenizerFiles& files, bool of_bytes) {
  const Json& model = part(files.tokenizer, "model");
  Vocabulary vocabulary;
  vocabulary.model = of_bytes ? "gpt2" : "llama";
  HEARTH_CHECK(put_vocab(model, vocabulary));
  const Json& merges = part(model, "merges");
  if (!merges.is_array()) return bad("the model has no list of 'merges'");
  for (const Json& merge : merges) {
    HEARTH_TRY(std::string text, merge_text(merge));
    vocabulary.merges.push_back(std::move(text));
  }
  if (of_bytes) return vocabulary;
  vocabulary.model = "gemma4";
  vocabulary.add_bos = true;
  vocabulary.add_space_prefix = adds_space(part(files.tokenizer, "normalizer")) ||
                                adds_space(part(files.tokenizer, "pre_tokenizer"));
  return vocabulary;
}

Result<Vocabulary> scores_from_merges(Vocabulary vocabulary) {
  std::unordered_map<std::string_view, size_t> ids;
  for (size_t id = 0; id < vocabulary.tokens.size(); ++id) ids.emplace(vocabulary.tokens[id], id);
  // What no merge makes is the last to be merged.
  const auto last = -static_cast<float>(vocabulary.merges.size());
  for (size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    vocabulary.scores[id] = vocabulary.types[id] == kNormalToken ? last : 0;
  }
  for (size_t rank = vocabulary.merges.size(); rank-- > 0;) {
    std::string whole = vocabulary.merges[rank];
    const size_t space = whole.find(' ');
    if (space == std::string::npos) return bad("a merge has no two parts");
    whole.erase(space, 1);
    const auto found = ids.find(whole);
    if (found != ids.end()) vocabulary.scores[found->second] = -static_cast<float>(rank);
  }
  vocabulary.model = "llama";
  vocabulary.pre = "default";
  vocabulary.add_bos.reset();
  vocabulary.merges.clear();
  return vocabulary;
}

Result<Vocabulary> read_word_piece(const TokenizerFiles& files) {
  const Json& model = part(files.tokenizer, "model");
  Vocabulary vocabulary;
  vocabulary.model = "bert";
  vocabulary.pre = "bert-bge";
  HEARTH_CHECK(put_vocab(model, vocabulary));
  HEARTH_TRY(const std::vector<AddedToken> added, added_tokens(files, vocabulary.tokens.size()));
  for (const AddedToken& token : added) {
    if (token.special && token.id < vocabulary.types.size()) {
      vocabulary.types[token.id] = kControlToken;
    }
  }
  const std::string given = text_of(model, "continuing_subword_prefix");
  const std::string inner = given.empty() ? "##" : given;
  for (size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    std::string& text = vocabulary.tokens[id];
    if (vocabulary.types[id] != kNormalToken) continue;
    // Beginnings of words are marked in GGUF, not what follows.
    text = starts_with(text, inner) ? text.substr(inner.size()) : cat("\u2581", text);
  }
  vocabulary.scores.assign(vocabulary.tokens.size(), 0);
  HEARTH_CHECK(read_normalizer(part(files.tokenizer, "normalizer"), vocabulary));
  return vocabulary;
}

Result<Vocabulary> read_unigram(const TokenizerFiles& files) {
  const Json& model = part(files.tokenizer, "model");
  const Json& vocab = part(model, "vocab");
  if (!vocab.is_array() || vocab.empty()) return bad("the model has no list 'vocab'");
  if (vocab.size() > kMaxVocabulary) {
    return fail(ErrorCode::too_large, "tokenizer.json: more than ", kMaxVocabulary, " tokens");
  }
  const Json& unknown = part(model, "unk_id");
  const Json& bytes = part(model, "byte_fallback");
  const bool of_bytes = bytes.is_boolean() && bytes.get<bool>();
  Vocabulary vocabulary;
  vocabulary.model = "t5";
  vocabulary.pre = "default";
  for (const Json& piece : vocab) {
    if (!piece.is_array() || piece.size() != 2 || !piece[0].is_string() || !piece[1].is_number()) {
      return bad("an entry of 'vocab' is no pair of text and score");
    }
    const auto& text = piece[0].get_ref<const std::string&>();
    const size_t id = vocabulary.tokens.size();
    const bool is_unknown = unknown.is_number_unsigned() && unknown.get<uint64_t>() == id;
    const TokenType type = is_unknown                        ? kUnknownToken
                           : of_bytes && is_byte_token(text) ? kByteToken
                                                             : kNormalToken;
    vocabulary.put(id, text, type, piece[1].get<float>());
  }
  vocabulary.remove_extra_whitespaces = false;
  HEARTH_CHECK(read_normalizer(part(files.tokenizer, "normalizer"), vocabulary));
  const Json& cutter = part(files.tokenizer, "pre_tokenizer");
  HEARTH_CHECK(read_normalizer(cutter, vocabulary));
  vocabulary.add_space_prefix =
      adds_space(cutter) || adds_space(part(files.tokenizer, "normalizer"));
  return vocabulary;
}

namespace {

Result<void> read_normalizer(const Json& tree, Vocabulary& vocabulary) {
  const std::string type = text_of(tree, "type");
  const auto flag = [&](std::string_view name) -> std::optional<bool> {
    const Json* value = member(tree, name);
    if (value == nullptr || !value->is_boolean()) return std::nullopt;
    return value->get<bool>();
  };
  if (type == "Lowercase") vocabulary.lowercase = true;
  if (type == "StripAccents") vocabulary.strip_accents = true;
  if (type == "BertNormalizer") {
    vocabulary.lowercase = flag("lowercase");
    vocabulary.strip_accents = flag("strip_accents");
  }
  // Runs of spaces are made one, or words are cut at them.
  if (type == "WhitespaceSplit" ||
      (type == "Replace" && text_of(part(tree, "pattern"), "Regex") == " {2,}")) {
    vocabulary.remove_extra_whitespaces = true;
  }
  if (type == "Precompiled") {
    const auto charsmap = from_base64(text_of(tree, "precompiled_charsmap"));
    if (!charsmap) return bad("'precompiled_charsmap' is no base64");
    vocabulary.charsmap.assign(charsmap->begin(), charsmap->end());
  }
  for (const char* list : {"normalizers", "pretokenizers"}) {
    for (const Json& each : part(tree, list)) HEARTH_CHECK(read_normalizer(each, vocabulary));
  }
  return {};
}

}  // namespace

}  // namespace hearth::convert
