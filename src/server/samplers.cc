#include "server/samplers.h"

#include <algorithm>
#include <array>

namespace hearth::server {
namespace {

struct Off {
  std::string_view name;
  double least;
  double most;
  std::string_view range;
};

constexpr double kAny = 1e9;

// Values with which a sampler does nothing.
constexpr Off kOffs[] = {{"mirostat", 0, 0, "0"},
                         {"dry_multiplier", 0, 0, "0"},
                         {"xtc_probability", 0, 0, "0"},
                         {"typical_p", 1, kAny, "1"},
                         {"tfs_z", 1, kAny, "1"},
                         {"dynatemp_range", 0, 0, "0"},
                         {"top_n_sigma", -kAny, 0, "0 or less"},
                         {"adaptive_target", -kAny, -1e-9, "negative"},
                         {"min_keep", 0, 0, "0"}};

// In the order in which llama-server runs them by default.
constexpr std::array<std::string_view, 9> kOrder = {
    "penalties", "dry", "top_n_sigma", "top_k", "typ_p", "top_p", "min_p", "xtc", "temperature"};
// These exist here.
constexpr std::array<std::string_view, 5> kOurs = {"penalties", "top_k", "top_p", "min_p",
                                                   "temperature"};

void turn_off(std::string_view name, sample::SamplingParams& sampling) {
  if (name == "penalties") {
    sampling.repeat_penalty = 1;
    sampling.presence_penalty = sampling.frequency_penalty = 0;
  } else if (name == "top_k") {
    sampling.top_k = 0;
  } else if (name == "top_p") {
    sampling.top_p = 1;
  } else if (name == "min_p") {
    sampling.min_p = 0;
  } else {
    sampling.temperature = 1;
  }
}

}  // namespace

void refuse_other_samplers(Fields& fields) {
  for (const Off& off : kOffs) {
    const auto value = fields.number(off.name, -kAny, kAny);
    if (value && (*value < off.least || *value > off.most))
      fields.fail(off.name, cat("must be ", off.range, ": this sampler does not exist here"));
  }
}

std::vector<std::string> read_samplers(Fields& fields, sample::SamplingParams& sampling) {
  std::vector<std::string> used(kOurs.begin(), kOurs.end());
  if (!fields.has("samplers")) return used;
  const std::vector<std::string> names = fields.texts("samplers", 32);
  used.clear();
  size_t next = 0;  // place in kOrder
  for (const std::string& name : names) {
    // Editors ask for it with every completion. It only joins beginnings of the same word, so the
    // answer is good without it, and the list is reported as ignored.
    if (name == "infill") {
      fields.ignore({"samplers"});
      continue;
    }
    const auto* const found = std::find(kOrder.begin(), kOrder.end(), name);
    const auto place = static_cast<size_t>(found - kOrder.begin());
    if (found == kOrder.end() || place < next) {
      fields.fail("samplers", cat("must be some of penalties, top_k, top_p, min_p and temperature, "
                                  "in this order"));
      return used;
    }
    next = place + 1;
    if (std::find(kOurs.begin(), kOurs.end(), name) != kOurs.end()) used.push_back(name);
  }
  for (const std::string_view name : kOurs) {
    if (std::find(used.begin(), used.end(), name) == used.end()) turn_off(name, sampling);
  }
  return used;
}

}  // namespace hearth::server
