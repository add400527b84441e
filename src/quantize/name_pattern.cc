#include "quantize/name_pattern.h"

#include <cctype>

namespace hearth::quantize {
namespace {

constexpr size_t kMaxBytes = 1000;
constexpr size_t kMaxNesting = 50;

unsigned char lower(char c) {
  return static_cast<unsigned char>(std::tolower(static_cast<unsigned char>(c)));
}

}  // namespace

// Each part becomes states from `first` to `last`, which goes nowhere yet.
class PatternParser {
 public:
  explicit PatternParser(std::string_view text) { pattern_.text_ = text; }

  [[nodiscard]] Result<NamePattern> parse() {
    if (text().empty() || text().size() > kMaxBytes)
      return fail(ErrorCode::bad_usage, "a pattern of names has 1 to ", kMaxBytes, " characters");
    HEARTH_TRY(const Part whole, choice(0));
    if (!done()) return wrong("')' without '('");
    pattern_.states_[whole.last].step = Step::found;
    pattern_.start_ = whole.first;
    return std::move(pattern_);
  }

 private:
  using Characters = NamePattern::Characters;
  using Step = NamePattern::Step;
  struct Part {
    size_t first = 0, last = 0;
  };

  [[nodiscard]] const std::string& text() const { return pattern_.text_; }
  [[nodiscard]] bool done() const { return at_ == text().size(); }
  [[nodiscard]] bool sees(char c) const { return !done() && text()[at_] == c; }
  [[nodiscard]] tl::unexpected<Error> wrong(std::string_view what) const {
    return fail(ErrorCode::bad_usage, "in the pattern '", printable(text()), "': ", what,
                " at character ", at_ + 1);
  }

  size_t add(Step step) {
    pattern_.states_.push_back({step, 0, 0, {}});
    return pattern_.states_.size() - 1;
  }
  void lead(size_t from, size_t to) { pattern_.states_[from].next = to; }
  Part one_step(Step step) {
    const Part part{add(step), add(Step::go)};
    lead(part.first, part.last);
    return part;
  }
  Part taking(const Characters& characters) {
    const Part part = one_step(Step::take);
    pattern_.states_[part.first].characters = characters;
    return part;
  }
  // A way past `part`, and with `again` a way back to it.
  Part repeated(const Part& part, bool past, bool again) {
    const Part result{add(Step::fork), add(Step::fork)};
    lead(result.first, part.first);
    lead(part.last, result.last);
    const size_t end = add(Step::go);
    pattern_.states_[result.first].other = past ? end : part.first;
    lead(result.last, end);
    pattern_.states_[result.last].other = again ? part.first : end;
    return {result.first, end};
  }

  [[nodiscard]] Result<Part> choice(size_t depth) {
    HEARTH_TRY(Part all, sequence(depth));
    while (sees('|')) {
      ++at_;
      HEARTH_TRY(const Part next, sequence(depth));
      const Part both{add(Step::fork), add(Step::go)};
      lead(both.first, all.first);
      pattern_.states_[both.first].other = next.first;
      lead(all.last, both.last);
      lead(next.last, both.last);
      all = both;
    }
    return all;
  }

  [[nodiscard]] Result<Part> sequence(size_t depth) {
    const size_t start = add(Step::go);
    Part all{start, start};
    while (!done() && !sees('|') && !sees(')')) {
      HEARTH_TRY(Part part, atom(depth));
      while (sees('*') || sees('+') || sees('?')) {
        part = repeated(part, !sees('+'), !sees('?'));
        ++at_;
      }
      lead(all.last, part.first);
      all.last = part.last;
    }
    return all;
  }

  [[nodiscard]] Result<Part> atom(size_t depth) {
    const char c = text()[at_];
    switch (c) {
      case '(':
        return group(depth);
      case '[':
        return set();
      case '\\': {
        HEARTH_TRY(const Characters characters, escaped());
        return taking(characters);
      }
      case '*':
      case '+':
      case '?':
        return wrong("nothing to repeat");
      case '{':
        return wrong("repetition by number is not known here: write it out");
      case '^':
        ++at_;
        return one_step(Step::at_begin);
      case '$':
        ++at_;
        return one_step(Step::at_end);
      case '.':
        ++at_;
        return taking(Characters().set());
      default:
        break;
    }
    ++at_;
    return taking(Characters().set(lower(c)));
  }

  [[nodiscard]] Result<Part> group(size_t depth) {
    if (depth == kMaxNesting) return wrong("too many brackets in each other");
    ++at_;
    if (sees('?')) {  // (?:...) is a plain group; others look around
      if (text().compare(at_, 2, "?:") != 0) return wrong("only '(?:' is known of such groups");
      at_ += 2;
    }
    HEARTH_TRY(const Part inner, choice(depth + 1));
    if (done()) return wrong("')' is missing");
    ++at_;
    return inner;
  }

  // Behind a backslash: a kind of characters, or one that stands for itself.
  [[nodiscard]] Result<Characters> escaped() {
    if (++at_ == text().size()) return wrong("nothing behind '\\'");
    const char c = text()[at_];
    Characters characters;
    if (c == 'd' || c == 'w') {
      for (char digit = '0'; digit <= '9'; ++digit) characters.set(lower(digit));
      for (char letter = 'a'; c == 'w' && letter <= 'z'; ++letter) characters.set(lower(letter));
      if (c == 'w') characters.set('_');
    } else if (std::isalnum(static_cast<unsigned char>(c)) != 0) {
      return wrong("only \\d and \\w are known of such letters");
    } else {
      characters.set(lower(c));
    }
    ++at_;
    return characters;
  }

  [[nodiscard]] Result<Part> set() {
    ++at_;
    const bool others = sees('^');
    if (others) ++at_;
    Characters characters;
    for (bool first = true; first || !sees(']'); first = false) {
      if (done()) return wrong("']' is missing");
      if (sees('\\')) {
        HEARTH_TRY(const Characters more, escaped());
        characters |= more;
        continue;
      }
      const unsigned char from = lower(text()[at_++]);
      unsigned char to = from;
      if (sees('-') && at_ + 1 < text().size() && text()[at_ + 1] != ']') {
        to = lower(text()[at_ + 1]);
        if (to < from) return wrong("a range that ends before it begins");
        at_ += 2;
      }
      for (unsigned c = from; c <= to; ++c) characters.set(c);
    }
    ++at_;
    return taking(others ? ~characters : characters);
  }

  NamePattern pattern_;
  size_t at_ = 0;
};

Result<NamePattern> NamePattern::parse(std::string_view text) {
  return PatternParser(text).parse();
}

void NamePattern::enter(Standing& standing, size_t state, bool at_begin, bool at_end) const {
  std::vector<size_t> waiting{state};
  while (!waiting.empty()) {
    const size_t here = waiting.back();
    waiting.pop_back();
    if (standing.in[here]) continue;
    standing.in[here] = true;
    standing.states.push_back(here);
    const State& s = states_[here];
    if (s.step == Step::take || s.step == Step::found) continue;
    if (s.step == Step::at_begin && !at_begin) continue;
    if (s.step == Step::at_end && !at_end) continue;
    waiting.push_back(s.next);
    if (s.step == Step::fork) waiting.push_back(s.other);
  }
}

bool NamePattern::found_in(std::string_view name) const {
  const Standing nowhere{std::vector<bool>(states_.size()), {}};
  Standing now = nowhere;
  for (size_t at = 0;; ++at) {
    enter(now, start_, at == 0, at == name.size());
    Standing next = nowhere;
    for (const size_t state : now.states) {
      if (states_[state].step == Step::found) return true;
      const bool takes = states_[state].step == Step::take && at < name.size() &&
                         states_[state].characters[lower(name[at])];
      if (takes) enter(next, states_[state].next, false, at + 1 == name.size());
    }
    if (at == name.size()) return false;
    now = std::move(next);
  }
}

}  // namespace hearth::quantize
