#include "cli/bench_report.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/units.h"

namespace hearth::cli {
namespace {

std::string_view name_of_kind(BenchRow::Kind kind) {
  switch (kind) {
    case BenchRow::Kind::prefill:
      return "prefill";
    case BenchRow::Kind::decode:
      return "decode";
    case BenchRow::Kind::batched:
      return "batched";
  }
  return "?";
}

engine::Bound bound_of(const BenchRow& row, const BenchReport& report,
                       const engine::Session& session) {
  const model::Model& model = session.model().model();
  const DType kv = session.runtime()->options().kv_type;
  const engine::Work work =
      row.kind == BenchRow::Kind::prefill
          ? engine::prefill_work(model, kv, row.tokens, row.depth)
          : engine::decode_work(model, kv, row.tokens, row.depth, row.sequences);
  return engine::bound_of(work, report.limits);
}

std::string left(std::string text, size_t width) {
  text.resize(std::max(width, text.size()), ' ');
  return text;
}

std::string right(std::string text, size_t width) {
  return std::string(width > text.size() ? width - text.size() : 0, ' ') + text;
}

std::string row_line(const BenchRow& row, const engine::Bound& bound) {
  const double rate = engine::median(row.rates);
  const std::string what = row.kind == BenchRow::Kind::batched
                               ? cat(row.tokens, " x ", row.sequences, " sequences")
                               : cat(row.tokens, " tokens");
  std::string line = cat("  ", left(std::string(name_of_kind(row.kind)), 9), left(what, 18),
                         right(cat(row.depth), 7), right(fixed(rate, 1), 11));
  if (bound.rate <= 0) return line + "\n";
  return cat(line, right(cat(fixed(100 * rate / bound.rate, 0), " %"), 8), "  of ",
             fixed(bound.rate, 1), bound.by_memory ? " (memory)\n" : " (arithmetic)\n");
}

std::string milliseconds(double seconds) { return cat(fixed(1000 * seconds, 0), " ms"); }

std::string machine_lines(const BenchReport& report, const engine::Session& session) {
  const engine::Limits& limits = report.limits;
  std::string out =
      cat("  this machine reads ", human_bytes(static_cast<uint64_t>(limits.read)), "/s");
  if (limits.multiply_adds > 0) {
    out += cat(" and multiplies ", fixed(limits.multiply_adds / 1e9, 0), " G ",
               name_of(report.arithmetic), "/s");
  }
  const uint64_t weights = engine::bytes_per_token(session.model().model());
  const uint64_t kv =
      engine::kv_bytes_per_position(session.model().config(), session.runtime()->options().kv_type);
  return cat(out, "; a token reads ", human_bytes(weights), " of weights and ", human_bytes(kv),
             " of cache for each position before it\n");
}

}  // namespace

std::string bench_table(const BenchReport& report, engine::Session& session) {
  const std::string& name = session.model().config().name;
  std::string out =
      cat(name.empty() ? "a model without a name" : name, ", ", session.threads(), " threads, ",
          session.kernels().name, ", KV ", name_of(session.runtime()->options().kv_type), ", ",
          os::cpu_info().model, "\n\n", "  ", left("", 27), right("behind", 7),
          right("tokens/s", 11), right("limit", 8), "\n");
  for (const BenchRow& row : report.rows) out += row_line(row, bound_of(row, report, session));
  return cat(out, "\n  ready after ", milliseconds(report.ready_seconds), " (loading ",
             milliseconds(report.load_seconds), "), first token of a prompt of ",
             report.first_prompt, " after ", milliseconds(report.first_token_seconds),
             "\n  memory ", human_bytes(report.memory.peak_resident), ": own ",
             human_bytes(report.memory.anonymous), " (KV cache takes up to ",
             human_bytes(report.kv_bytes), "), mapped file ", human_bytes(report.memory.file), "\n",
             machine_lines(report, session));
}

std::string bench_json(const BenchReport& report, engine::Session& session) {
  const DType kv = session.runtime()->options().kv_type;
  nlohmann::json rows = nlohmann::json::array();
  for (const BenchRow& row : report.rows) {
    const engine::Bound bound = bound_of(row, report, session);
    const double rate = engine::median(row.rates);
    rows.push_back({{"what", name_of_kind(row.kind)},
                    {"tokens", row.tokens},
                    {"depth", row.depth},
                    {"sequences", row.sequences},
                    {"rate", rate},
                    {"runs", row.rates},
                    {"limit", bound.rate},
                    {"limit_is", bound.by_memory ? "memory" : "arithmetic"},
                    {"share", bound.rate > 0 ? rate / bound.rate : 0}});
  }
  const nlohmann::json object{
      {"model", session.model().config().name},
      {"rows", rows},
      {"threads", session.threads()},
      {"isa", session.kernels().name},
      {"kv", name_of(kv)},
      {"cpu", os::cpu_info().model},
      {"read_bandwidth", report.limits.read},
      {"multiply_adds", report.limits.multiply_adds},
      {"arithmetic", name_of(report.arithmetic)},
      {"bytes_per_token", engine::bytes_per_token(session.model().model())},
      {"kv_bytes_per_position", engine::kv_bytes_per_position(session.model().config(), kv)},
      {"kv_bytes", report.kv_bytes},
      {"load_seconds", report.load_seconds},
      {"ready_seconds", report.ready_seconds},
      {"first_token_seconds", report.first_token_seconds},
      {"first_prompt", report.first_prompt},
      {"peak_resident_bytes", report.memory.peak_resident},
      {"anonymous_bytes", report.memory.anonymous},
      {"file_bytes", report.memory.file}};
  return object.dump() + "\n";
}

}  // namespace hearth::cli
