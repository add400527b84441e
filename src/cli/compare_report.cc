#include "cli/compare_report.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/units.h"
#include "cli/svg_plot.h"

namespace hearth::cli {
namespace {

using Row = std::vector<std::string>;

std::string name_of_file(const std::string& path) {
  return printable(std::filesystem::path(path).filename().string(), 60);
}

// Columns under each other, the first to the left and numbers to the right.
std::string table(const std::vector<Row>& rows) {
  std::vector<size_t> widths(rows.front().size());
  for (const Row& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  for (const Row& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string space(widths[i] - row[i].size(), ' ');
      line += i == 0 ? row[i] + space : cat("  ", space, row[i]);
    }
    out += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return out;
}

Row file_cells(const ComparedFile& file, double perplexity) {
  return {name_of_file(file.path), human_bytes(file.bytes), fixed(file.bits_per_weight, 2),
          fixed(perplexity, 4)};
}

std::string files_table(const Comparison& all) {
  std::vector<Row> rows{{"file", "size", "bits/weight", "perplexity", "ratio", "KL mean", "+/-",
                         "median", "99 %", "same top"}};
  rows.push_back(
      file_cells(all.reference, all.candidates.front().divergence.reference_perplexity.value));
  rows.back().resize(rows.front().size());
  for (const ComparedFile& file : all.candidates) {
    const quantize::Divergence& d = file.divergence;
    Row row = file_cells(file, d.candidate_perplexity.value);
    for (const double value :
         {d.perplexity_ratio.value, d.kl.value, d.kl.error, d.kl_median, d.kl_99}) {
      row.push_back(fixed(value, 6));
    }
    row.push_back(cat(fixed(100 * d.same_top.value, 2), " %"));
    rows.push_back(std::move(row));
  }
  return cat(table(rows), "\nKL divergence in nats from ", name_of_file(all.reference.path), ", ",
             all.candidates.front().divergence.tokens, " tokens in ", all.windows, " windows of ",
             all.window, "; activations ", all.fast ? "rounded to 8 bits" : "as floats", "\n");
}

std::string tensors_table(const Comparison& all) {
  Row head{"tensor", "weights", name_of_file(all.reference.path)};
  for (const ComparedFile& file : all.candidates) {
    head.push_back(name_of_file(file.path));
    head.push_back("error");
  }
  std::vector<Row> rows{head};
  for (const TensorRow& tensor : all.tensors) {
    Row row{printable(tensor.name), human_count(tensor.weights), tensor.type};
    for (const ComparedTensor& candidate : tensor.candidates) {
      row.push_back(candidate.type.empty() ? "-" : candidate.type);
      row.push_back(candidate.error ? fixed(*candidate.error, 6) : "-");
    }
    rows.push_back(std::move(row));
  }
  return cat(table(rows), "\nerror: root mean square, relative to the weights",
             all.weighted ? ", both weighted by importance" : "", "\n");
}

nlohmann::json json_of(const ComparedFile& file) {
  return {{"file", file.path}, {"bytes", file.bytes}, {"bits_per_weight", file.bits_per_weight}};
}

nlohmann::json json_of_candidate(const ComparedFile& file) {
  const quantize::Divergence& d = file.divergence;
  nlohmann::json object = json_of(file);
  object["perplexity"] = d.candidate_perplexity.value;
  object["perplexity_error"] = d.candidate_perplexity.error;
  object["perplexity_ratio"] = d.perplexity_ratio.value;
  object["perplexity_ratio_error"] = d.perplexity_ratio.error;
  object["kl"] = {{"mean", d.kl.value},     {"error", d.kl.error}, {"median", d.kl_median},
                  {"p90", d.kl_90},         {"p99", d.kl_99},      {"p99.9", d.kl_999},
                  {"maximum", d.kl_maximum}};
  object["same_top"] = d.same_top.value;
  object["same_top_error"] = d.same_top.error;
  object["rms_probability_difference"] = d.rms_probability_difference;
  return object;
}

nlohmann::json json_of(const TensorRow& tensor) {
  nlohmann::json candidates = nlohmann::json::array();
  for (const ComparedTensor& candidate : tensor.candidates) {
    nlohmann::json object;
    if (!candidate.type.empty()) object["type"] = candidate.type;
    if (candidate.error) object["error"] = *candidate.error;
    candidates.push_back(std::move(object));
  }
  return {{"name", printable(tensor.name)},
          {"weights", tensor.weights},
          {"type", tensor.type},
          {"candidates", std::move(candidates)}};
}

}  // namespace

std::string text_report(const Comparison& comparison) {
  std::string out;
  if (!comparison.tensors.empty()) out += tensors_table(comparison);
  if (comparison.windows == 0) return out;
  if (!out.empty()) out += "\n";
  return out + files_table(comparison);
}

nlohmann::json json_report(const Comparison& comparison) {
  const bool scored = comparison.windows != 0;
  nlohmann::json object{{"reference", json_of(comparison.reference)}};
  nlohmann::json& candidates = object["candidates"] = nlohmann::json::array();
  for (const ComparedFile& file : comparison.candidates)
    candidates.push_back(scored ? json_of_candidate(file) : json_of(file));
  if (scored) {
    const quantize::Divergence& first = comparison.candidates.front().divergence;
    object["reference"]["perplexity"] = first.reference_perplexity.value;
    object["reference"]["perplexity_error"] = first.reference_perplexity.error;
    object["tokens"] = first.tokens;
    object["windows"] = comparison.windows;
    object["window"] = comparison.window;
    object["computation"] = comparison.fast ? "fast" : "exact";
  }
  for (const TensorRow& tensor : comparison.tensors) object["tensors"].push_back(json_of(tensor));
  if (!comparison.tensors.empty()) object["weighted"] = comparison.weighted;
  return object;
}

std::string plot_of(const Comparison& comparison) {
  uint64_t largest = 0;
  for (const ComparedFile& file : comparison.candidates) largest = std::max(largest, file.bytes);
  const bool giga = largest >= 1'000'000'000;
  std::vector<PlotPoint> points;
  for (const ComparedFile& file : comparison.candidates) {
    const double kl = file.divergence.kl.value;
    if (kl <= 0) continue;  // the reference itself has no place on a logarithmic axis
    points.push_back({std::filesystem::path(file.path).stem().string(),
                      static_cast<double>(file.bytes) / (giga ? 1e9 : 1e6), kl});
  }
  return scatter_plot(cat("Quality over size, beside ", name_of_file(comparison.reference.path)),
                      cat("size of the file (", giga ? "GB" : "MB", ")"),
                      "mean KL divergence (nats, lower is better)", points);
}

}  // namespace hearth::cli
