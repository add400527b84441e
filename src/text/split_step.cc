#include "text/split_step.h"

#include <algorithm>
#include <iterator>

namespace hearth::text {

namespace {

constexpr WordParts kLlama3{.most_digits = 3};
constexpr WordParts kJais2{.most_digits = 3, .halving = true};
constexpr WordParts kQwen2{};
constexpr WordParts kQwen35{.letters = Letters::marked};
constexpr WordParts kMiniCpm5{.most_digits = kAnyNumber};
constexpr WordParts kSeedCoder{.tail = Tail::none};
constexpr WordParts kUfakzeka{.contractions = Contractions::none};
constexpr WordParts kExaoneMoe{.letters = Letters::spaced, .tail = Tail::one};
constexpr WordParts kGpt4o{.contractions = Contractions::behind,
                           .letters = Letters::cased,
                           .most_digits = 3,
                           .tail = Tail::newlines_and_slashes};
constexpr WordParts kTekken{.contractions = Contractions::none,
                            .letters = Letters::cased,
                            .tail = Tail::newlines_and_slashes};
constexpr WordParts kYoutu{.contractions = Contractions::behind,
                           .letters = Letters::cased,
                           .tail = Tail::newlines_and_slashes};
constexpr WordParts kKimiK2{
    .contractions = Contractions::behind, .letters = Letters::cased_but_han, .most_digits = 3};

struct Range {
  char32_t first;
  char32_t last;
};

template <size_t N>
bool is_in(const Range (&ranges)[N], char32_t code) {
  return std::any_of(std::begin(ranges), std::end(ranges),
                     [&](const Range& range) { return range.first <= code && code <= range.last; });
}

constexpr Range kDeepSeekCjk[] = {{0x800, 0x9FA5}, {0xAC00, 0xD7FF}};
constexpr Range kHanAndKana[] = {{0x3040, 0x30FF}, {0x4E00, 0x9FA5}};
constexpr Range kHangul[] = {{0x3131, 0x318E}, {0xAC00, 0xD7A3}};
constexpr Range kBopomofo[] = {{0x3105, 0x312F}};
constexpr Range kChinesePunctuation[] = {{0x2014, 0x2014}, {0x2018, 0x2019}, {0x201C, 0x201D},
                                         {0x2026, 0x2026}, {0x3001, 0x303F}, {0xFE30, 0xFE4F},
                                         {0xFF01, 0xFF01}, {0xFF0C, 0xFF0C}, {0xFF1A, 0xFF1B}};
// The third range begins at U+8C48 in llama.cpp, where U+F900 must have been meant.
constexpr Range kAsianScripts[] = {
    {0x4E00, 0x9FFF}, {0x3400, 0x4DBF}, {0x8C48, 0xFAFF}, {0x3040, 0x30FF}, {0xFF65, 0xFF9F},
    {0x2F00, 0x2FDF}, {0xE40, 0xEFF},   {0x1780, 0x17FF}, {0x1000, 0x109F}, {0xAA60, 0xAA7F},
    {0xA9E0, 0xA9FF}, {0xAC00, 0xD7AF}, {0x1100, 0x11FF}};
constexpr Range kSpacedAscii[] = {{0x21, 0x2F},     {0x3A, 0x7E},     {0x2018, 0x201F},
                                  {0x3000, 0x3002}, {0xFF01, 0xFF0F}, {0xFF1A, 0xFF5E}};
constexpr Range kNotBloom[] = {{'!', '!'},       {'(', ')'},       {',', ','},
                               {'.', '.'},       {'?', '?'},       {'|', '|'},
                               {0x60C, 0x60C},   {0x6D4, 0x6D4},   {0x964, 0x964},
                               {0x2026, 0x2026}, {0x3001, 0x3002}, {0xFF0C, 0xFF0C}};
// Letters with case that DeepSeek's list lacks.
constexpr Range kLaterCased[] = {{0x560, 0x588},     {0x10C7, 0x10FF},  {0x1C80, 0x1C88},
                                 {0x2D00, 0x2D2D},   {0xA790, 0xAB68},  {0x10570, 0x105BC},
                                 {0x16E40, 0x16E7F}, {0x1D400, 0x1DF2A}};

bool is_ascii_letter(char32_t c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_ascii_digit(char32_t c) { return c >= '0' && c <= '9'; }
bool is_ascii_punctuation(const ClassedChar& c) {
  return c.code < 0x80 && (c.kind & (kPunctuation | kSymbol)) != 0;
}

int youtu_script(char32_t code) {
  if (code < kChinesePunctuation[0].first) return 0;
  if (is_in(kHangul, code)) return 1;
  if (is_in(kChinesePunctuation, code)) return 2;
  if (is_in(kBopomofo, code)) return 3;
  return is_in(kHanAndKana, code) ? 4 : 0;
}

size_t match_sentinel(std::string_view text, size_t at) {
  constexpr std::string_view kHead = "<sentinel:";
  if (text.substr(at, kHead.size()) != kHead) return at;
  const size_t digits = at + kHead.size();
  size_t end = digits;
  while (end < text.size() && is_ascii_digit(static_cast<unsigned char>(text[end]))) ++end;
  return end > digits && end < text.size() && text[end] == '>' ? end + 1 : at;
}

size_t match_image(std::string_view text, size_t at) {
  constexpr std::string_view kHead = "IMGIMG";
  constexpr size_t kMostLetters = 4;
  if (text.substr(at, kHead.size()) != kHead) return at;
  const size_t letters = at + kHead.size();
  size_t end = letters;
  while (end < text.size() && text[end] >= 'A' && text[end] <= 'I') ++end;
  const bool fits = end > letters && end - letters <= kMostLetters;
  return fits && end < text.size() && text[end] == 'Z' ? end + 1 : at;
}

size_t match_pair_of_spaces(std::string_view text, size_t at) {
  if (text[at] == '\t' || text[at] == '\n') return at + 1;
  if (text.substr(at, 4) == "    ") return at + 4;
  return text.substr(at, 2) == "  " ? at + 2 : at;
}

}  // namespace

// Characters of one class, or of none: class_of gives 0 for those that the expression does not
// match.
template <class ClassOf>
size_t SplitSteps::run(std::string_view text, size_t at, size_t most,
                       const ClassOf& class_of) const {
  const ClassedChar first = words_.read(text, at);
  const auto its_class = class_of(first);
  size_t end = first.end;
  for (size_t count = 1; end < text.size() && (!its_class || count < most); ++count) {
    const ClassedChar c = words_.read(text, end);
    if (class_of(c) != its_class) break;
    end = c.end;
  }
  return end;
}

// match(at) gives the end of a match that begins there, or `at`, after a bounded number of looks.
template <class Match>
size_t SplitSteps::match_or_gap(std::string_view text, size_t at, const Match& match) const {
  const size_t end = match(at);
  if (end != at) return end;
  do {
    at = words_.read(text, at).end;
  } while (at < text.size() && match(at) == at);
  return at;
}

// \s?[class]+
template <class InClass>
size_t SplitSteps::spaced(std::string_view text, size_t at, const InClass& in_class) const {
  // Where a match can begin, looking at two characters; the match is only followed once it is
  // taken.
  const auto begins = [&](size_t from) {
    const ClassedChar c = words_.read(text, from);
    if (in_class(c)) return true;
    return (c.kind & kWhitespace) != 0 && c.end < text.size() && in_class(words_.read(text, c.end));
  };
  if (!begins(at)) return match_or_gap(text, at, [&](size_t from) { return from + begins(from); });
  size_t end = words_.read(text, at).end;
  while (end < text.size()) {
    const ClassedChar c = words_.read(text, end);
    if (!in_class(c)) break;
    end = c.end;
  }
  return end;
}

size_t SplitSteps::piece(SplitStep step, std::string_view text, size_t at, SplitMemo& memo) const {
  switch (step) {
    case SplitStep::deepseek_v3:
    case SplitStep::spark:
      return match_or_gap(
          text, at, [&](size_t from) { return deepseek(text, from, step == SplitStep::spark); });
    case SplitStep::bloom:
      return match_or_gap(text, at, [&](size_t from) { return bloom(text, from); });
    case SplitStep::thousands:
      return thousands(text, at, false, memo);
    case SplitStep::thousands_at_boundary:
      return thousands(text, at, true, memo);
    case SplitStep::before_thousands:
      return before_thousands(text, at, memo);
    case SplitStep::last_spaces:
      return last_spaces(text, at, memo);
    case SplitStep::digits_3:
    case SplitStep::sentinels:
    case SplitStep::images:
    case SplitStep::pairs_of_spaces:
    case SplitStep::spaced_letters:
    case SplitStep::spaced_punctuation:
    case SplitStep::spaced_cased:
    case SplitStep::spaced_ascii:
      return search_piece(step, text, at);
    default:
      return step <= SplitStep::kimi_k2 ? word_piece(step, text, at, memo)
                                        : run_piece(step, text, at);
  }
}

size_t SplitSteps::word_piece(SplitStep step, std::string_view text, size_t at,
                              SplitMemo& memo) const {
  switch (step) {
    case SplitStep::llama3:
      return words_.word<kLlama3>(text, at, memo.until);
    case SplitStep::jais2:
      return words_.word<kJais2>(text, at, memo.until);
    case SplitStep::qwen2:
      return words_.word<kQwen2>(text, at, memo.until);
    case SplitStep::qwen35:
      return words_.word<kQwen35>(text, at, memo.until);
    case SplitStep::minicpm5:
      return words_.word<kMiniCpm5>(text, at, memo.until);
    case SplitStep::seed_coder:
      return words_.word<kSeedCoder>(text, at, memo.until);
    case SplitStep::ufakzeka:
      return words_.word<kUfakzeka>(text, at, memo.until);
    case SplitStep::exaone_moe:
      return words_.word<kExaoneMoe>(text, at, memo.until);
    case SplitStep::gpt4o:
      return words_.word<kGpt4o>(text, at, memo.until);
    case SplitStep::tekken:
      return words_.word<kTekken>(text, at, memo.until);
    case SplitStep::youtu:
      return words_.word<kYoutu>(text, at, memo.until);
    case SplitStep::kimi_k2:
      return words_.word<kKimiK2>(text, at, memo.until);
    default:
      return words_.gpt2(text, at);
  }
}

size_t SplitSteps::run_piece(SplitStep step, std::string_view text, size_t at) const {
  const auto of_kind = [](uint16_t kinds) {
    return [kinds](const ClassedChar& c) { return (c.kind & kinds) != 0; };
  };
  switch (step) {
    case SplitStep::number:
      return run(text, at, 1, of_kind(kNumber));
    case SplitStep::numbers_3:
      return run(text, at, 3, of_kind(kNumber));
    case SplitStep::numbers:
      return run(text, at, kAnyNumber, of_kind(kNumber));
    case SplitStep::newline:
      return run(text, at, 1, of_kind(kNewline));
    case SplitStep::lines:
      return run(text, at, kAnyNumber, [](const ClassedChar& c) { return c.code == '\n'; });
    case SplitStep::not_space:
      return run(text, at, kAnyNumber,
                 [](const ClassedChar& c) { return (c.kind & kWhitespace) == 0; });
    case SplitStep::falcon_punctuation:
      return run(text, at, kAnyNumber, [](const ClassedChar& c) {
        return (c.kind & kPunctuation) != 0 || is_ascii_punctuation(c);
      });
    case SplitStep::default_punctuation:
      return run(text, at, kAnyNumber, [](const ClassedChar& c) {
        return (c.kind & kPunctuation) != 0 || (is_ascii_punctuation(c) && c.code != '`');
      });
    case SplitStep::one_punctuation:
      return run(text, at, 1, [](const ClassedChar& c) {
        return (c.kind & kPunctuation) != 0 || is_ascii_punctuation(c);
      });
    case SplitStep::deepseek_cjk:
      return run(text, at, kAnyNumber,
                 [](const ClassedChar& c) { return is_in(kDeepSeekCjk, c.code); });
    case SplitStep::han_and_kana:
      return run(text, at, kAnyNumber,
                 [](const ClassedChar& c) { return is_in(kHanAndKana, c.code); });
    case SplitStep::asian_scripts:
      return run(text, at, kAnyNumber,
                 [](const ClassedChar& c) { return is_in(kAsianScripts, c.code); });
    case SplitStep::youtu_scripts:
      return run(text, at, kAnyNumber, [](const ClassedChar& c) { return youtu_script(c.code); });
    default:
      return text.size();
  }
}

size_t SplitSteps::search_piece(SplitStep step, std::string_view text, size_t at) const {
  switch (step) {
    case SplitStep::sentinels:
      return match_or_gap(text, at, [&](size_t from) { return match_sentinel(text, from); });
    case SplitStep::images:
      return match_or_gap(text, at, [&](size_t from) { return match_image(text, from); });
    case SplitStep::pairs_of_spaces:
      return match_or_gap(text, at, [&](size_t from) { return match_pair_of_spaces(text, from); });
    case SplitStep::spaced_letters:
      return spaced(text, at, [](const ClassedChar& c) { return (c.kind & kLetter) != 0; });
    case SplitStep::spaced_punctuation:
      return spaced(text, at, [](const ClassedChar& c) { return (c.kind & kPunctuation) != 0; });
    case SplitStep::spaced_cased:
      return spaced(text, at, [](const ClassedChar& c) {
        if (c.code < 0x80) return (c.kind & kLetter) != 0;
        return (c.kind & (kUpper | kLower)) != 0 && !is_in(kLaterCased, c.code);
      });
    case SplitStep::spaced_ascii:
      return spaced(text, at, [](const ClassedChar& c) { return is_in(kSpacedAscii, c.code); });
    default:
      return match_or_gap(text, at, [&](size_t from) {
        const auto digits = text.substr(from, 3);
        const bool all =
            digits.size() == 3 && std::all_of(digits.begin(), digits.end(), [](char c) {
              return is_ascii_digit(static_cast<unsigned char>(c));
            });
        return all ? from + 3 : from;
      });
  }
}

size_t SplitSteps::deepseek(std::string_view text, size_t at, bool spark) const {
  const ClassedChar first = words_.read(text, at);
  const ClassedChar second = words_.read(text, first.end);
  if (is_ascii_punctuation(first) && is_ascii_letter(second.code)) {
    size_t end = second.end;
    while (end < text.size() && is_ascii_letter(static_cast<unsigned char>(text[end]))) ++end;
    return end;
  }
  constexpr uint16_t kWord = kLetter | kMark;
  constexpr uint16_t kSign = kPunctuation | kSymbol;
  const bool leads = (first.kind & (kNewline | kLetter | kSign)) == 0;
  if ((leads && (second.kind & kWord) != 0) || (first.kind & kWord) != 0) {
    return words_.skip(text, first.end, kWord);
  }
  if ((first.kind & kSign) != 0 || (first.code == ' ' && (second.kind & kSign) != 0)) {
    size_t end = words_.skip(text, first.end, kSign);
    return spark ? end : words_.skip(text, end, kNewline);
  }
  if (spark && (first.kind & kNewline) != 0) return first.end;
  return words_.spaces(text, at, !spark);
}

size_t SplitSteps::bloom(std::string_view text, size_t at) const {
  const auto fits = [&](const ClassedChar& c) {
    return (c.kind & kWhitespace) == 0 && !is_in(kNotBloom, c.code);
  };
  const ClassedChar first = words_.read(text, at);
  const bool space = first.code == ' ';
  if (space && first.end == text.size()) return at;
  if (!fits(space ? words_.read(text, first.end) : first)) return at;
  size_t end = first.end;
  while (end < text.size()) {
    const ClassedChar c = words_.read(text, end);
    if (!fits(c)) break;
    end = c.end;
  }
  return end;
}

// The memo knows how many digits are left of the run that `at` stands in.
size_t SplitSteps::thousands(std::string_view text, size_t at, bool boundary,
                             SplitMemo& memo) const {
  const auto digit_kind = static_cast<uint16_t>(boundary ? kDigit : kNumber);
  const size_t begin = at;
  while (memo.until <= at) {
    at = words_.skip_other(text, at, digit_kind);
    if (at == text.size()) return at;
    size_t end = at;
    size_t count = 0;
    for (; end < text.size(); ++count) {
      const ClassedChar c = words_.read(text, end);
      if ((c.kind & digit_kind) == 0) break;
      end = c.end;
    }
    const uint16_t behind = words_.read(text, end).kind;
    if (!boundary || (behind & (kLetter | kMark | kConnector)) == 0) memo = {end, count};
    if (memo.until <= at) at = end;
    if (at == text.size()) return at;
  }
  if (at > begin) return at;  // what stands in front of the run
  const size_t size = memo.count % 3 == 0 ? 3 : memo.count % 3;
  memo.count -= size;
  for (size_t i = 0; i < size; ++i) at = words_.read(text, at).end;
  return at;
}

// The memo knows how many digits are left behind the piece in front of `at`, should that have ended
// inside of a run.
size_t SplitSteps::before_thousands(std::string_view text, size_t at, SplitMemo& memo) const {
  while (true) {
    if (memo.until <= at) {
      const size_t run = words_.skip_other(text, at, kDigit);
      size_t end = run;
      size_t count = 0;
      for (; end < text.size(); ++count) {
        const ClassedChar c = words_.read(text, end);
        if ((c.kind & kDigit) == 0) break;
        end = c.end;
      }
      if (count == 0) return text.size();
      memo = {end, count};
      if (run > at && count % 3 == 0) return run;
      at = run;
    }
    size_t size = memo.count % 3 == 0 ? 3 : memo.count % 3;
    memo.count -= size;
    for (; size > 0; --size) at = words_.read(text, at).end;
    if (memo.count > 0) return at;
    if (at == text.size()) return at;
  }
}

size_t SplitSteps::last_spaces(std::string_view text, size_t at, SplitMemo& memo) const {
  if (at == 0) {
    size_t begin = 0;  // of the last run of spaces
    for (size_t from = 0; from < text.size();) {
      const ClassedChar c = words_.read(text, from);
      from = c.end;
      if ((c.kind & kWhitespace) == 0) begin = from;
    }
    memo.until = begin;
  }
  return at < memo.until ? memo.until : text.size();
}

}  // namespace hearth::text
