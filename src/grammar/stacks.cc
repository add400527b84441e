#include "grammar/stacks.h"

#include <algorithm>
#include <utility>

namespace hearth::grammar {

size_t Stacks::HashStacks::operator()(const std::vector<Stack>& stacks) const {
  uint64_t hash = 0xCBF29CE484222325u;  // FNV-1a, four bytes at a time
  for (const Stack stack : stacks) hash = (hash ^ stack) * 0x100000001B3u;
  return static_cast<size_t>(hash ^ (hash >> 32));
}

Stacks::Stacks(const Grammar& grammar) : grammar_(&grammar), nodes_(2), visits_(2) {
  states_.emplace_back();  // kDead
  state_numbers_.emplace(std::vector<Stack>(), kDead);
  transitions_.emplace_back(std::make_unique<Table>());
}

std::span<const Stacks::Stack> Stacks::readings(State state) const {
  const std::vector<Stack>& stacks = states_[state];
  const auto first = std::upper_bound(stacks.begin(), stacks.end(), kAway);
  return {first, stacks.end()};
}

bool Stacks::holds(State state, Stack stack) const {
  const std::vector<Stack>& stacks = states_[state];
  return std::binary_search(stacks.begin(), stacks.end(), stack);
}

Stacks::Stack Stacks::push(Position position, Stack below) {
  const uint64_t key = (uint64_t{position} << 32) | below;
  const auto [entry, is_new] = node_numbers_.try_emplace(key, static_cast<Stack>(nodes_.size()));
  if (is_new) {
    nodes_.push_back({position, below});
    visits_.push_back(0);
  }
  return entry->second;
}

// A caller that has nothing left to do is not worth a return: so lists stay flat.
bool Stacks::only_ends(Position at) const {
  return grammar_->ends(at) && grammar_->edges(at).empty();
}

void Stacks::arrive(Position at, Stack below) {
  const auto visit = [&](Stack stack) {
    if (visits_[stack] == visit_) return;
    visits_[stack] = visit_;
    (stack <= kAway ? arrived_ : todo_).push_back(stack);
  };
  visit(push(at, below));
  while (!todo_.empty()) {
    const Stack stack = todo_.back();
    todo_.pop_back();
    const Node node = nodes_[stack];
    if (arrived_.size() >= kMaxReadings) {
      ambiguous_ = true;
      todo_.clear();
      return;
    }
    if (grammar_->reads(node.position)) arrived_.push_back(stack);
    if (grammar_->ends(node.position)) visit(node.below);  // where the caller goes on, or a marker
    for (const Edge& edge : grammar_->edges(node.position)) {
      if (edge.kind == Edge::Kind::nothing) visit(push(edge.to, node.below));
      if (edge.kind == Edge::Kind::call) {
        visit(push(edge.called, only_ends(edge.to) ? node.below : push(edge.to, node.below)));
      }
    }
  }
}

Stacks::State Stacks::number_arrived() {
  std::sort(arrived_.begin(), arrived_.end());
  const auto [entry, is_new] =
      state_numbers_.try_emplace(arrived_, static_cast<State>(states_.size()));
  if (is_new) {
    states_.push_back(arrived_);
    transitions_.emplace_back();
  }
  arrived_.clear();
  return entry->second;
}

Stacks::State Stacks::enter(Position at, Stack below) {
  ++visit_;
  arrive(at, below);
  return number_arrived();
}

Stacks::State Stacks::below(Stack stack) {
  const Stack caller = nodes_[stack].below;
  ++visit_;
  if (caller <= kAway)
    arrived_.push_back(caller);
  else
    arrive(nodes_[caller].position, nodes_[caller].below);
  return number_arrived();
}

Stacks::State Stacks::compute(State state, uint8_t byte) {
  if (!transitions_[state]) {
    transitions_[state] = std::make_unique<Table>();
    transitions_[state]->fill(kUnknown);
  }
  ++visit_;
  // By number: arrive() may move the vectors.
  for (size_t i = 0; i < states_[state].size(); ++i) {
    const Stack stack = states_[state][i];
    if (stack <= kAway) continue;
    const Node node = nodes_[stack];
    for (const Edge& edge : grammar_->edges(node.position)) {
      if (edge.kind == Edge::Kind::bytes && edge.low <= byte && byte <= edge.high)
        arrive(edge.to, node.below);
    }
  }
  const State next = number_arrived();
  (*transitions_[state])[byte] = next;
  return next;
}

Stacks::State Stacks::compact(State state) {
  Stacks fresh(*grammar_);
  std::vector<Stack> chain;
  for (const Stack reading : states_[state]) {
    Stack stack = reading;
    chain.clear();
    for (; stack > kAway; stack = nodes_[stack].below) chain.push_back(stack);
    while (!chain.empty()) {
      stack = fresh.push(nodes_[chain.back()].position, stack);
      chain.pop_back();
    }
    fresh.arrived_.push_back(stack);
  }
  const State number = fresh.number_arrived();
  fresh.ambiguous_ = ambiguous_;  // what was left out stays out
  *this = std::move(fresh);
  return number;
}

}  // namespace hearth::grammar
