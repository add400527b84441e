// What `hearth bench` found, as a table for people and as JSON for scripts.
#pragma once

#include <string>
#include <vector>

#include "engine/session.h"
#include "engine/work.h"
#include "os/system.h"

namespace hearth::cli {

struct BenchRow {
  enum class Kind { prefill, decode, batched };
  Kind kind = Kind::prefill;
  size_t tokens = 0;          // of the prompt, or that each sequence decodes
  size_t depth = 0;           // tokens in the context before
  size_t sequences = 1;       // decoded together
  std::vector<double> rates;  // tokens/s of each repetition, of all sequences together
};

struct BenchReport {
  std::vector<BenchRow> rows;
  engine::Limits limits;
  Arithmetic arithmetic = Arithmetic::int8;
  // The first thing that the process did: from nothing to a model in memory, to a session that
  // takes tokens, to the logits behind a prompt of first_prompt tokens.
  double load_seconds = 0;
  double ready_seconds = 0;
  double first_token_seconds = 0;
  size_t first_prompt = 0;
  os::ProcessMemory memory;
  uint64_t kv_bytes = 0;  // of all sessions
};

[[nodiscard]] std::string bench_table(const BenchReport& report, engine::Session& session);
[[nodiscard]] std::string bench_json(const BenchReport& report, engine::Session& session);

}  // namespace hearth::cli
