#include "grammar/grammar.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "grammar/utf8_ranges.h"

namespace hearth::grammar {

class GrammarCompiler {
 public:
  explicit GrammarCompiler(const Rules& rules) : rules_(rules) {}

  Result<Grammar> run() {
    if (rules_.root >= rules_.rules.size())
      return fail(ErrorCode::bad_usage, "the grammar has no rule to begin with");
    for (size_t r = 0; r < rules_.rules.size(); ++r) starts_.push_back(add());
    for (size_t r = 0; r < rules_.rules.size(); ++r) {
      const Position end = emit(rules_.rules[r].expression, starts_[r]);
      ends_[end] = true;
      if (too_large_) {
        return fail(ErrorCode::too_large, "the grammar unfolds to more than ",
                    Grammar::kMaxPositions, " positions: lower the counts of its repetitions");
      }
    }
    order_by_target();
    HEARTH_CHECK(leave_what_can_end());
    HEARTH_CHECK(check_left_recursion());
    return finish();
  }

 private:
  struct FromEdge {
    Position from;
    Edge edge;
  };

  Position add() {
    too_large_ = too_large_ || ends_.size() >= Grammar::kMaxPositions;
    if (!too_large_) ends_.push_back(false);
    return static_cast<Position>(ends_.size() - 1);
  }

  void connect(Position from, Edge edge) {
    if (!too_large_) edges_.push_back({from, edge});
  }
  void go_on(Position from, Position to) { connect(from, {Edge::Kind::nothing, 0, 0, 0, to}); }
  Position read(Position from, ByteRange range) {
    const Position to = add();
    connect(from, {Edge::Kind::bytes, range.low, range.high, 0, to});
    return to;
  }

  // Adds what an expression says behind `from`, which nothing leads back to; returns its end.
  Position emit(const Expression& e, Position from) {
    switch (e.kind) {
      case Expression::Kind::text:
        for (const char c : e.text) {
          const auto byte = static_cast<uint8_t>(c);
          from = read(from, {byte, byte});
        }
        return from;
      case Expression::Kind::chars:
        return emit_chars(e, from);
      case Expression::Kind::sequence:
        for (const Expression& part : e.parts) from = emit(part, from);
        return from;
      case Expression::Kind::choice: {
        const Position end = add();
        for (const Expression& part : e.parts) go_on(emit(part, from), end);
        return end;
      }
      case Expression::Kind::repeat:
        return emit_repeat(e, from);
      case Expression::Kind::rule: {
        const Position to = add();
        connect(from, {Edge::Kind::call, 0, 0, starts_[e.rule], to});
        return to;
      }
    }
    return from;
  }

  Position emit_chars(const Expression& e, Position from) {
    const Position end = add();
    for (const CharRange& range : e.ranges) {
      for_each_utf8(range, [&](const ByteRanges& bytes) {
        Position at = from;
        for (size_t i = 0; i + 1 < bytes.length; ++i) at = read(at, bytes.ranges[i]);
        const ByteRange last = bytes.ranges[bytes.length - 1];
        connect(at, {Edge::Kind::bytes, last.low, last.high, 0, end});
      });
    }
    return end;
  }

  static bool is_nothing(const Expression& e) {
    if (e.kind == Expression::Kind::text) return e.text.empty();
    if (e.kind == Expression::Kind::repeat && e.most == 0) return true;
    return (e.kind == Expression::Kind::sequence || e.kind == Expression::Kind::repeat) &&
           std::all_of(e.parts.begin(), e.parts.end(), is_nothing);
  }

  Position emit_repeat(const Expression& e, Position from) {
    const Expression& part = e.parts.front();
    if (is_nothing(part)) return from;  // however often
    for (uint32_t i = 0; i < e.least && !too_large_; ++i) from = emit(part, from);
    if (e.most == kUnbounded) {
      const Position loop = add();
      go_on(from, loop);
      go_on(emit(part, loop), loop);
      return loop;
    }
    const Position end = add();
    go_on(from, end);
    for (uint32_t i = e.least; i < e.most && !too_large_; ++i) {
      from = emit(part, from);
      go_on(from, end);
    }
    return end;
  }

  void order_by_target() {
    into_.resize(edges_.size());
    for (uint32_t i = 0; i < into_.size(); ++i) into_[i] = i;
    std::sort(into_.begin(), into_.end(),
              [&](uint32_t a, uint32_t b) { return edges_[a].edge.to < edges_[b].edge.to; });
  }

  // The positions from which the end of their rule can be reached: through anything, or (`silent`)
  // without reading a byte.
  std::vector<bool> reaching_end(bool silent) const {
    std::vector<bool> reaching(ends_.size());
    std::vector<Position> todo;
    std::vector<std::vector<uint32_t>> calls_of(ends_.size());  // that wait for what they call
    const auto reach = [&](Position at) {
      if (reaching[at]) return;
      reaching[at] = true;
      todo.push_back(at);
    };
    for (Position at = 0; at < ends_.size(); ++at) {
      if (ends_[at]) reach(at);
    }
    while (!todo.empty()) {
      const Position at = todo.back();
      todo.pop_back();
      for (const uint32_t call : calls_of[at]) reach(edges_[call].from);
      auto edge = std::lower_bound(into_.begin(), into_.end(), at,
                                   [&](uint32_t i, Position to) { return edges_[i].edge.to < to; });
      for (; edge != into_.end() && edges_[*edge].edge.to == at; ++edge) {
        const FromEdge& from = edges_[*edge];
        if (from.edge.kind == Edge::Kind::call && !reaching[from.edge.called])
          calls_of[from.edge.called].push_back(*edge);
        else if (from.edge.kind != Edge::Kind::bytes || !silent)
          reach(from.from);
      }
    }
    return reaching;
  }

  // Takes out what leads nowhere, so that whatever has been read can be finished.
  Result<void> leave_what_can_end() {
    const std::vector<bool> useful = reaching_end(false);
    for (size_t r = 0; r < starts_.size(); ++r) {
      if (!useful[starts_[r]]) {
        return fail(ErrorCode::bad_usage, "the grammar's rule '", printable(rules_.rules[r].name),
                    "' can never end");
      }
    }
    std::erase_if(edges_, [&](const FromEdge& edge) { return !useful[edge.edge.to]; });
    std::sort(edges_.begin(), edges_.end(),
              [](const FromEdge& a, const FromEdge& b) { return a.from < b.from; });
    order_by_target();
    return {};
  }

  [[nodiscard]] std::span<const FromEdge> edges_of(Position at) const {
    const auto [first, last] =
        std::equal_range(edges_.begin(), edges_.end(), FromEdge{at, {}},
                         [](const FromEdge& a, const FromEdge& b) { return a.from < b.from; });
    return {first, last};
  }

  // The starts of rules that rule `r` may call before it has read anything.
  [[nodiscard]] std::vector<size_t> called_first(size_t r, const std::vector<bool>& silent) {
    std::vector<size_t> called;
    std::vector<Position> todo;
    const auto visit = [&](Position at) {
      if (seen_for_[at] == r + 1) return;
      seen_for_[at] = r + 1;
      todo.push_back(at);
    };
    visit(starts_[r]);
    while (!todo.empty()) {
      const Position at = todo.back();
      todo.pop_back();
      for (const FromEdge& edge : edges_of(at)) {
        if (edge.edge.kind == Edge::Kind::nothing) visit(edge.edge.to);
        if (edge.edge.kind != Edge::Kind::call) continue;
        called.push_back(edge.edge.called);  // starts are the first positions, in order of rules
        if (silent[edge.edge.called]) visit(edge.edge.to);
      }
    }
    return called;
  }

  // Takes away rules that call no remaining rule first, until none is left or all go in circles.
  Result<void> check_left_recursion() {
    const std::vector<bool> silent = reaching_end(true);
    const size_t n = starts_.size();
    seen_for_.assign(ends_.size(), 0);
    std::vector<std::vector<size_t>> called(n), callers(n);
    std::vector<size_t> remaining(n);
    std::vector<size_t> todo;
    for (size_t r = 0; r < n; ++r) {
      called[r] = called_first(r, silent);
      remaining[r] = called[r].size();
      for (const size_t other : called[r]) callers[other].push_back(r);
      if (remaining[r] == 0) todo.push_back(r);
    }
    size_t gone = 0;
    while (!todo.empty()) {
      const size_t r = todo.back();
      todo.pop_back();
      ++gone;
      for (const size_t caller : callers[r]) {
        if (--remaining[caller] == 0) todo.push_back(caller);
      }
    }
    if (gone == n) return {};
    size_t r = 0;
    while (remaining[r] == 0) ++r;
    for (size_t step = 0; step < n; ++step) {
      r = *std::find_if(called[r].begin(), called[r].end(),
                        [&](size_t other) { return remaining[other] > 0; });
    }
    return fail(ErrorCode::bad_usage, "the grammar's rule '", printable(rules_.rules[r].name),
                "' calls itself before it has read anything (left recursion): write a repetition "
                "instead");
  }

  [[nodiscard]] Grammar finish() const {
    Grammar grammar;
    grammar.start_ = starts_[rules_.root];
    grammar.ends_ = ends_;
    grammar.reads_.resize(ends_.size());
    grammar.first_edge_.resize(ends_.size() + 1);
    for (const FromEdge& edge : edges_) {
      grammar.edges_.push_back(edge.edge);
      ++grammar.first_edge_[edge.from + 1];
      if (edge.edge.kind == Edge::Kind::bytes) grammar.reads_[edge.from] = true;
    }
    for (size_t at = 0; at < ends_.size(); ++at)
      grammar.first_edge_[at + 1] += grammar.first_edge_[at];
    return grammar;
  }

  const Rules& rules_;
  std::vector<Position> starts_;  // of the rules
  std::vector<bool> ends_;        // for each position
  std::vector<FromEdge> edges_;
  std::vector<uint32_t> into_;    // edges, by where they lead
  std::vector<size_t> seen_for_;  // for each position, one more than the last rule that saw it
  bool too_large_ = false;
};

Result<Grammar> Grammar::compile(const Rules& rules) { return GrammarCompiler(rules).run(); }

}  // namespace hearth::grammar
