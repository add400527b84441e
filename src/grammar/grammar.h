// A grammar over bytes: each rule is a graph of positions whose edges read a byte or call a rule.
//
// Grammars of characters become grammars of bytes here, so that tokens, which may hold a part of a
// character, are matched like any other.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "grammar/expression.h"

namespace hearth::grammar {

using Position = uint32_t;

struct Edge {
  enum class Kind : uint8_t { bytes, call, nothing };
  Kind kind = Kind::nothing;
  uint8_t low = 0;  // bytes: from low to high
  uint8_t high = 0;
  Position called = 0;  // call: where the rule begins
  Position to = 0;
};

class Grammar {
 public:
  // Positions of all rules: what repetitions unfold to counts. 24 bytes for each and its edges.
  static constexpr size_t kMaxPositions = size_t{1} << 19;

  // bad_usage: a rule that calls itself before it has read anything (which one is named), one that
  // can never end, a rule that is not there. too_large: more than kMaxPositions.
  [[nodiscard]] static Result<Grammar> compile(const Rules& rules);

  [[nodiscard]] Position start() const { return start_; }
  [[nodiscard]] size_t positions() const { return ends_.size(); }
  [[nodiscard]] std::span<const Edge> edges(Position at) const {
    return std::span(edges_).subspan(first_edge_[at], first_edge_[at + 1] - first_edge_[at]);
  }
  // Whether the rule is over at this position.
  [[nodiscard]] bool ends(Position at) const { return ends_[at]; }
  // Whether a byte may be read here.
  [[nodiscard]] bool reads(Position at) const { return reads_[at]; }

 private:
  friend class GrammarCompiler;

  Position start_ = 0;
  std::vector<uint32_t> first_edge_;  // one more than positions
  std::vector<Edge> edges_;
  std::vector<bool> ends_;
  std::vector<bool> reads_;
};

}  // namespace hearth::grammar
