#include "text/pretokenize.h"

#include <algorithm>
#include <array>

#include "base/utf8.h"

namespace hearth::text {

namespace {

constexpr uint8_t kNewline = 64;  // \r or \n; only in kAsciiKinds, where CharClass leaves room

constexpr std::array<uint8_t, 128> kAsciiKinds = [] {
  std::array<uint8_t, 128> kinds{};
  for (size_t c = 0; c < kinds.size(); ++c) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool number = c >= '0' && c <= '9';
    const bool space = c == ' ' || (c >= 9 && c <= 13);
    const bool newline = c == '\n' || c == '\r';
    kinds[c] = static_cast<uint8_t>((letter ? kLetter : 0) | (number ? kNumber : 0) |
                                    (space ? kWhitespace : 0) | (newline ? kNewline : 0));
  }
  return kinds;
}();

constexpr PreTokenizer kPreTokenizers[] = {
    {"gpt-2", Splitter::gpt2},
    {"phi-2", Splitter::gpt2},
    {"mpt", Splitter::gpt2},
    {"olmo", Splitter::gpt2},
    {"jais", Splitter::gpt2},
    {"exaone4", Splitter::gpt2},
    {"trillion", Splitter::gpt2},
    {"granite-docling", Splitter::gpt2},
    {"gigachat", Splitter::gpt2},
    {"mellum", Splitter::gpt2},
    {"modern-bert", Splitter::gpt2},
    {"a.x-4.0", Splitter::gpt2},
    {"jina-es", Splitter::gpt2},
    {"jina-de", Splitter::gpt2},
    {"jina-v2-es", Splitter::gpt2},
    {"jina-v2-de", Splitter::gpt2},
    {"smollm", Splitter::digits_gpt2},
    {"starcoder", Splitter::digits_gpt2},
    {"refact", Splitter::digits_gpt2},
    {"command-r", Splitter::digits_gpt2},
    {"codeshell", Splitter::digits_gpt2},
    {"exaone", Splitter::digits_gpt2},
    {"minerva-7b", Splitter::digits_gpt2},
    {"mellum2", Splitter::digits_gpt2},
    {"llama-bpe", Splitter::llama3, true, true},
    {"llama3", Splitter::llama3, true, true},
    {"llama-v3", Splitter::llama3, true, true},
    {"falcon3", Splitter::llama3, true, true},
    {"falcon-h1", Splitter::llama3, true, true},
    {"pixtral", Splitter::llama3, true, true},
    {"midm-2.0", Splitter::llama3, true, true},
    {"lfm2", Splitter::llama3, true, true},
    {"jina-v5-nano", Splitter::llama3, true, true},
    {"smaug-bpe", Splitter::llama3},
    {"dbrx", Splitter::llama3},
    {"glm4", Splitter::llama3},
    {"chatglm-bpe", Splitter::llama3},
    {"qwen2", Splitter::qwen2},
    {"deepseek-r1-qwen", Splitter::qwen2},
    {"megrez", Splitter::qwen2},
    {"kormo", Splitter::qwen2},
    {"f2llmv2", Splitter::qwen2},
    {"stablelm2", Splitter::qwen2},
    {"hunyuan", Splitter::qwen2},
    {"solar-open", Splitter::qwen2},
    {"grok-2", Splitter::qwen2},
    {"qwen35", Splitter::qwen35},
};

}  // namespace

const PreTokenizer* find_pre_tokenizer(std::string_view name) {
  const auto found = std::find_if(std::begin(kPreTokenizers), std::end(kPreTokenizers),
                                  [&](const PreTokenizer& row) { return row.name == name; });
  return found == std::end(kPreTokenizers) ? nullptr : found;
}

WordSplitter::WordSplitter(Splitter splitter, std::string_view text)
    : chars_(CharTable::get()), text_(text), splitter_(splitter) {
  if (splitter_ != Splitter::digits_gpt2) limit_ = text_.size();
}

bool WordSplitter::next(std::string_view& word) {
  if (at_ >= text_.size()) return false;
  size_t end = 0;
  switch (splitter_) {
    case Splitter::gpt2:
      end = gpt2_word(at_);
      break;
    case Splitter::llama3:
      end = llama3_word(at_, 3, kLetter);
      break;
    case Splitter::qwen2:
      end = llama3_word(at_, 1, kLetter);
      break;
    case Splitter::qwen35:
      end = llama3_word(at_, 1, kLetter | kMark);
      break;
    case Splitter::digits_gpt2:
      // \p{N} splits first; the text between two digits is all that the second expression sees.
      if (at_ == limit_) limit_ = next_number(at_);
      if (at_ == limit_) {
        limit_ = text_.size();
        end = read(at_).end;
        limit_ = end;
      } else {
        end = gpt2_word(at_);
      }
      break;
  }
  word = text_.substr(at_, end - at_);
  at_ = end;
  return true;
}

WordSplitter::Char WordSplitter::read(size_t at) const {
  if (at >= limit_) return {at, 0, 0};
  const auto byte = static_cast<unsigned char>(text_[at]);
  if (byte < 0x80) return {at + 1, kAsciiKinds[byte], byte};
  const Utf8Char c = decode_utf8(text_, at);
  const auto classes = kLetter | kNumber | kWhitespace | kMark;
  return {at + c.length, static_cast<uint8_t>(c.valid ? chars_[c.code] & classes : 0), 0};
}

size_t WordSplitter::skip(size_t at, uint8_t mask) const {
  while (at < limit_) {
    const Char c = read(at);
    if ((c.kind & mask) == 0) break;
    at = c.end;
  }
  return at;
}

size_t WordSplitter::skip_other(size_t at, uint8_t not_in) const {
  while (at < limit_) {
    const Char c = read(at);
    if ((c.kind & not_in) != 0) break;
    at = c.end;
  }
  return at;
}

// End of 's 't 're 've 'm 'll or 'd at `at`, or `at` when there is none.
size_t WordSplitter::contraction(size_t at, bool any_case) const {
  if (text_[at] != '\'') return at;
  const auto letter = [&](size_t i) -> unsigned char {
    const unsigned char c = i < limit_ ? static_cast<unsigned char>(text_[i]) : 0;
    return any_case && c >= 'A' && c <= 'Z' ? static_cast<unsigned char>(c | 0x20) : c;
  };
  const unsigned char first = letter(at + 1);
  const unsigned char second = letter(at + 2);
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return at + 2;
  if ((first == 'r' || first == 'v') && second == 'e') return at + 3;
  if (first == 'l' && second == 'l') return at + 3;
  return at;
}

// \s+(?!\S)|\s+ : a run of spaces before a word leaves its last one to the word.
size_t WordSplitter::spaces(size_t at) const {
  size_t last = at;  // where the last whitespace character of the run begins
  size_t end = at;
  while (end < limit_) {
    const Char c = read(end);
    if ((c.kind & kWhitespace) == 0) break;
    last = end;
    end = c.end;
  }
  return end < limit_ && last > at ? last : end;
}

// 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
size_t WordSplitter::gpt2_word(size_t at) const {
  const size_t shortened = contraction(at, false);
  if (shortened != at) return shortened;
  const Char first = read(at);
  const size_t start = first.ascii == ' ' ? first.end : at;
  const Char c = start == at ? first : read(start);
  if (start < limit_) {
    if ((c.kind & kLetter) != 0) return skip(c.end, kLetter);
    if ((c.kind & kNumber) != 0) return skip(c.end, kNumber);
    if ((c.kind & kWhitespace) == 0) return skip_other(c.end, kWhitespace | kLetter | kNumber);
  }
  return spaces(at);
}

// (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*
// |\s*[\r\n]+|\s+(?!\S)|\s+   with \p{N}{1,max_digits}, and for qwen35 with [\p{L}\p{M}]+ and
// [^\s\p{L}\p{M}\p{N}]+ in place of the letters and their complement.
size_t WordSplitter::llama3_word(size_t at, uint32_t max_digits, uint8_t letters) const {
  const size_t shortened = contraction(at, true);
  if (shortened != at) return shortened;
  const Char first = read(at);
  if ((first.kind & letters) != 0) return skip(first.end, letters);
  if ((first.kind & kNumber) != 0) {
    size_t end = first.end;
    for (uint32_t digits = 1; digits < max_digits; ++digits) {
      const Char c = read(end);
      if ((c.kind & kNumber) == 0) break;
      end = c.end;
    }
    return end;
  }
  const Char second = read(first.end);
  const bool newline = (first.kind & kNewline) != 0;
  if (!newline && (second.kind & letters) != 0) return skip(second.end, letters);

  const auto word = static_cast<uint8_t>(kWhitespace | kNumber | letters);
  const bool space = first.ascii == ' ';
  const bool symbols =
      space ? first.end < limit_ && (second.kind & word) == 0 : (first.kind & word) == 0;
  if (symbols) return skip(skip_other(first.end, word), kNewline);

  size_t after_newline = at;
  size_t last = at;
  size_t end = at;
  while (end < limit_) {
    const Char c = read(end);
    if ((c.kind & kWhitespace) == 0) break;
    last = end;
    end = c.end;
    if ((c.kind & kNewline) != 0) after_newline = end;
  }
  if (after_newline != at) return after_newline;
  return end < limit_ && last > at ? last : end;
}

size_t WordSplitter::next_number(size_t at) const {
  while (at < text_.size()) {
    const auto byte = static_cast<unsigned char>(text_[at]);
    if (byte < 0x80) {
      if ((kAsciiKinds[byte] & kNumber) != 0) break;
      ++at;
      continue;
    }
    const Utf8Char c = decode_utf8(text_, at);
    if (c.valid && (chars_[c.code] & kNumber) != 0) break;
    at += c.length;
  }
  return at;
}

}  // namespace hearth::text
