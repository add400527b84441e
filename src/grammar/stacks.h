// Where a text stands in a grammar: the set of all readings so far, each a stack of positions at
// which the rules that it is in go on. Sets are numbered as they are met, and what a byte makes of
// one is remembered, so that the same place in a grammar costs one table lookup the next time.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "grammar/grammar.h"

namespace hearth::grammar {

class Stacks {
 public:
  using State = uint32_t;
  using Stack = uint32_t;  // a position and the stack below it
  static constexpr State kDead = 0;
  static constexpr size_t kMaxStates = size_t{1} << 15;  // 1 KiB each, when all bytes were tried
  static constexpr size_t kMaxReadings = 512;            // of one text

  explicit Stacks(const Grammar& grammar);

  // Nothing read so far.
  [[nodiscard]] State start() { return enter(grammar_->start(), kEnd); }
  // A rule read from `at`, with nothing known of who called it: where it is over, the state
  // has_left() it.
  [[nodiscard]] State inside(Position at) { return enter(at, kAway); }
  // Where a reading goes on when the rule that it is in is over.
  [[nodiscard]] State below(Stack stack);

  // kDead when the byte cannot follow.
  [[nodiscard]] State step(State state, uint8_t byte) {
    const State next = transitions_[state] ? (*transitions_[state])[byte] : kUnknown;
    return next != kUnknown ? next : compute(state, byte);
  }

  // Whether the text may be over.
  [[nodiscard]] bool may_end(State state) const { return holds(state, kEnd); }
  [[nodiscard]] bool has_left(State state) const { return holds(state, kAway); }
  // The stacks on which a byte can be read.
  [[nodiscard]] std::span<const Stack> readings(State state) const;
  [[nodiscard]] Position position(Stack stack) const { return nodes_[stack].position; }

  // Whether so much was remembered that it is time for compact(); or that a text has more than
  // kMaxReadings readings, some of which were left out.
  [[nodiscard]] bool full() const { return states_.size() >= kMaxStates; }
  [[nodiscard]] bool ambiguous() const { return ambiguous_; }
  // Forgets everything but one state; returns its new number.
  [[nodiscard]] State compact(State state);

 private:
  static constexpr State kUnknown = UINT32_MAX;
  static constexpr Stack kEnd = 0;   // below the first rule
  static constexpr Stack kAway = 1;  // below a rule of inside()

  struct Node {
    Position position;
    Stack below;
  };
  using Table = std::array<State, 256>;
  struct HashStacks {
    size_t operator()(const std::vector<Stack>& stacks) const;
  };

  [[nodiscard]] Stack push(Position position, Stack below);
  [[nodiscard]] State enter(Position at, Stack below);
  [[nodiscard]] State compute(State state, uint8_t byte);
  // Adds all stacks that are reached from a position without reading a byte.
  void arrive(Position at, Stack below);
  [[nodiscard]] State number_arrived();
  [[nodiscard]] bool holds(State state, Stack stack) const;
  [[nodiscard]] bool only_ends(Position at) const;

  const Grammar* grammar_;
  std::vector<Node> nodes_;
  std::unordered_map<uint64_t, Stack> node_numbers_;
  std::vector<std::vector<Stack>> states_;  // ascending
  std::unordered_map<std::vector<Stack>, State, HashStacks> state_numbers_;
  std::vector<std::unique_ptr<Table>> transitions_;
  std::vector<Stack> arrived_;  // scratch of arrive()
  std::vector<Stack> todo_;
  std::vector<uint32_t> visits_;  // for each node, the last arrival that met it
  uint32_t visit_ = 0;
  bool ambiguous_ = false;
};

}  // namespace hearth::grammar
