// Numbers for Prometheus, in its text format 0.0.4.
#include <algorithm>

#include "server/llama.h"
#include "server/when_loaded.h"

namespace hearth::server::llama {
namespace {

// Counters begin anew when a model is loaded again, which Prometheus expects of them.
struct Metric {
  std::string_view name;
  std::string_view type;
  std::string_view help;
  double (*value)(const ModelCard& model);
};

double of(uint64_t value) { return static_cast<double>(value); }
double each_second(uint64_t tokens, double seconds) {
  return seconds > 0 ? of(tokens) / seconds : 0;
}
double busy(const ModelCard& model) {
  const auto& places = model.status.places;
  return static_cast<double>(std::count_if(
      places.begin(), places.end(), [](const protocol::Place& place) { return place.busy; }));
}

constexpr Metric kMetrics[] = {
    {"llamacpp:prompt_tokens_total", "counter", "Tokens of prompts that were read.",
     [](const ModelCard& m) { return of(m.status.prompt_tokens); }},
    {"llamacpp:prompt_tokens_cached_total", "counter",
     "Tokens of prompts that were remembered and not read again.",
     [](const ModelCard& m) { return of(m.status.prefix_tokens); }},
    {"llamacpp:prompt_seconds_total", "counter", "Seconds of reading prompts.",
     [](const ModelCard& m) { return m.status.prompt_seconds; }},
    {"llamacpp:tokens_predicted_total", "counter", "Tokens of answers.",
     [](const ModelCard& m) { return of(m.status.answer_tokens); }},
    {"llamacpp:tokens_predicted_seconds_total", "counter", "Seconds of writing answers.",
     [](const ModelCard& m) { return m.status.answer_seconds; }},
    {"llamacpp:prompt_tokens_seconds", "gauge", "Tokens of prompts read in a second, on average.",
     [](const ModelCard& m) {
       return each_second(m.status.prompt_tokens, m.status.prompt_seconds);
     }},
    {"llamacpp:predicted_tokens_seconds", "gauge",
     "Tokens of answers written in a second, on average.",
     [](const ModelCard& m) {
       return each_second(m.status.answer_tokens, m.status.answer_seconds);
     }},
    {"llamacpp:requests_processing", "gauge", "Requests that are being answered.", busy},
    {"llamacpp:requests_deferred", "gauge", "Requests that wait for a place.",
     [](const ModelCard& m) { return of(m.status.waiting); }},
    {"hearth_model_loaded", "gauge", "1 while the model is loaded.",
     [](const ModelCard& m) { return m.state == ModelCard::State::ready ? 1.0 : 0.0; }},
    {"hearth_prefix_hits_total", "counter", "Prompts of which something was remembered.",
     [](const ModelCard& m) { return of(m.status.prefix_hits); }},
    {"hearth_prefix_misses_total", "counter", "Prompts of which nothing was remembered.",
     [](const ModelCard& m) { return of(m.status.prefix_misses); }},
    {"hearth_prefix_tokens_total", "counter", "Tokens of prompts that were not read again.",
     [](const ModelCard& m) { return of(m.status.prefix_tokens); }},
    {"hearth_prefix_bytes", "gauge", "Memory of beginnings of prompts beside the places.",
     [](const ModelCard& m) { return of(m.status.prefix_bytes); }},
    {"hearth_prefix_file_bytes", "gauge", "Size of the file of beginnings of prompts.",
     [](const ModelCard& m) { return of(m.status.prefix_file_bytes); }},
    {"hearth_memory_resident_bytes", "gauge", "Memory that the model's process has.",
     [](const ModelCard& m) { return of(m.status.resident_bytes); }},
    {"hearth_memory_model_bytes", "gauge", "Size of the model's files.",
     [](const ModelCard& m) { return of(m.file_bytes); }},
    {"hearth_memory_cache_bytes", "gauge", "Memory of keys and values when all places are full.",
     [](const ModelCard& m) { return of(loaded_or_empty(m).memory_bytes); }},
};

std::string label(std::string_view text) {
  std::string escaped;
  for (const char letter : text) {
    if (letter == '"' || letter == '\\') escaped += '\\';
    escaped += letter == '\n' ? ' ' : letter;
  }
  return escaped;
}

// Whole numbers in full: a counter of tokens must not lose any.
std::string number(double value) {
  const bool is_whole =
      value >= 0 && value < 0x1p53 && value == static_cast<double>(static_cast<uint64_t>(value));
  return is_whole ? cat(static_cast<uint64_t>(value)) : text_of(Json(value));
}

}  // namespace

Answerable<Plan> metrics(const Call&, Server& server) {
  if (!server.options.metrics) {
    return refuse(Problem::Kind::unsupported,
                  "this server does not show its metrics: start it with --metrics");
  }
  const std::vector<ModelCard> models = server.models.list();
  std::string text;
  for (const Metric& metric : kMetrics) {
    text += cat("# HELP ", metric.name, " ", metric.help, "\n# TYPE ", metric.name, " ",
                metric.type, "\n");
    for (const ModelCard& model : models) {
      // A single model needs no label, as with a llama-server.
      const std::string of_model =
          models.size() == 1 ? "" : cat("{model=\"", label(model.name), "\"}");
      text += cat(metric.name, of_model, " ", number(metric.value(model)), "\n");
    }
  }
  return Reply{.type = "text/plain; version=0.0.4; charset=utf-8", .body = std::move(text)};
}

}  // namespace hearth::server::llama
