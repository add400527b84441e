#include "grammar/expression.h"

#include <algorithm>
#include <utility>

namespace hearth::grammar {
namespace {

constexpr char32_t kLastChar = 0x10FFFF;

std::vector<CharRange> in_order(std::vector<CharRange> ranges) {
  std::sort(ranges.begin(), ranges.end(),
            [](const CharRange& a, const CharRange& b) { return a.first < b.first; });
  std::vector<CharRange> apart;
  for (const CharRange& range : ranges) {
    if (range.first > range.last) continue;
    if (!apart.empty() && range.first <= apart.back().last + 1)
      apart.back().last = std::max(apart.back().last, range.last);
    else
      apart.push_back(range);
  }
  return apart;
}

}  // namespace

Expression text_of(std::string bytes) {
  Expression e;
  e.kind = Expression::Kind::text;
  e.text = std::move(bytes);
  return e;
}

Expression chars_of(std::vector<CharRange> ranges) {
  Expression e;
  e.kind = Expression::Kind::chars;
  e.ranges = in_order(std::move(ranges));
  return e;
}

Expression chars_but(std::vector<CharRange> ranges) {
  std::vector<CharRange> others;
  char32_t next = 0;
  for (const CharRange& range : in_order(std::move(ranges))) {
    if (range.first > next) others.push_back({next, range.first - 1});
    next = range.last + 1;
  }
  if (next <= kLastChar) others.push_back({next, kLastChar});
  return chars_of(std::move(others));
}

Expression sequence_of(std::vector<Expression> parts) {
  if (parts.size() == 1) return std::move(parts.front());
  Expression e;
  e.parts = std::move(parts);
  return e;
}

Expression choice_of(std::vector<Expression> parts) {
  if (parts.size() == 1) return std::move(parts.front());
  Expression e;
  e.kind = Expression::Kind::choice;
  e.parts = std::move(parts);
  return e;
}

Expression repeated(Expression part, uint32_t least, uint32_t most) {
  Expression e;
  e.kind = Expression::Kind::repeat;
  e.parts.push_back(std::move(part));
  e.least = least;
  e.most = most;
  return e;
}

Expression rule_at(uint32_t rule) {
  Expression e;
  e.kind = Expression::Kind::rule;
  e.rule = rule;
  return e;
}

}  // namespace hearth::grammar
