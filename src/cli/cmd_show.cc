// hearth show: what is in a model file.
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "base/units.h"
#include "cli/command.h"
#include "cli/model_options.h"
#include "engine/embedder.h"
#include "engine/loader.h"
#include "engine/sequence_memory.h"
#include "flags/flags.h"
#include "text/chat_template.h"

namespace hearth::cli {
namespace {

struct ShowOptions {
  ModelOptions model;
  bool tensors = false;
  bool keys = false;
  bool json = false;
};

struct FormatShare {
  uint64_t tensors = 0;
  uint64_t weights = 0;
  uint64_t bytes = 0;
};

// What is known of a file whether or not hearth can run it.
struct Summary {
  std::string path;
  uint64_t bytes = 0;
  uint64_t parameters = 0;
  std::map<std::string, FormatShare> formats;
};

Summary summarize(const std::string& path, const engine::ModelFile& file) {
  Summary summary;
  summary.path = path;
  summary.bytes = file.bytes;
  for (const gguf::TensorInfo& tensor : file.gguf.tensors) {
    FormatShare& share = summary.formats[std::string(name_of(tensor.type))];
    ++share.tensors;
    share.weights += tensor.weights();
    share.bytes += tensor.data.size();
    summary.parameters += tensor.weights();
  }
  return summary;
}

std::string value_text(const gguf::Value& value) {
  if (value.type == gguf::ValueType::string) return cat("'", printable(value.text, 100), "'");
  if (value.type == gguf::ValueType::array)
    return cat(value.array.count, " x ", name_of(value.array.element));
  if (value.type == gguf::ValueType::boolean) return value.bits != 0 ? "true" : "false";
  const auto whole = value.unsigned_integer();
  return whole ? cat(*whole) : cat(value.number());
}

std::string row(std::string_view name, std::string_view value) {
  return cat("  ", name, std::string(name.size() < 14 ? 14 - name.size() : 1, ' '), value, "\n");
}

std::string file_rows(const Summary& summary, const gguf::File& file) {
  std::string out = cat(printable(summary.path, 400), "\n");
  out += row("size", cat(human_bytes(summary.bytes), " (GGUF version ", file.version, ")"));
  const auto name = file.metadata.text_or("general.name", "").value_or("");
  if (!name.empty()) out += row("name", printable(name, 80));
  out +=
      row("architecture",
          printable(file.metadata.text_or("general.architecture", "not given").value_or("?"), 80));
  out += row("parameters", human_count(summary.parameters));
  for (const auto& [format, share] : summary.formats) {
    const double bits = 8.0 * static_cast<double>(share.bytes) /
                        static_cast<double>(std::max<uint64_t>(share.weights, 1));
    out += row("format", cat(format, ": ", share.tensors, " tensors, ", human_bytes(share.bytes),
                             ", ", fixed(bits, 2), " bits a weight"));
  }
  return out;
}

// What the layers are, in a few words: "16 query, 8 key and value, 128 values each".
std::string heads_row(const model::ModelConfig& c) {
  for (const model::LayerConfig& layer : c.layers) {
    const model::AttentionConfig& a = layer.attention;
    if (a.n_heads == 0) continue;
    return row("heads", cat(a.n_heads, " query, ", a.n_kv_heads, " key and value, ", a.key_dim,
                            " values each"));
  }
  return "";
}

std::string layer_kinds_row(const model::ModelConfig& c) {
  size_t recurrent = 0, sliding = 0, window = 0;
  for (const model::LayerConfig& layer : c.layers) {
    recurrent += layer.state_floats != 0 ? 1 : 0;
    if (layer.attention.n_heads == 0 || !layer.attention.slides()) continue;
    ++sliding;
    window = layer.attention.window;
  }
  std::string kinds;
  if (recurrent > 0) kinds += cat(recurrent, " recurrent");
  if (sliding > 0)
    kinds += cat(kinds.empty() ? "" : ", ", sliding, " that see ", window, " tokens back");
  return kinds.empty() ? "" : row("of these", kinds);
}

std::string model_rows(const model::ModelConfig& c) {
  const size_t n_ff = model::largest_of(c, [](const model::LayerConfig& l) { return l.n_ff; });
  std::string out = row("layers", cat(c.n_layers(), ", width ", c.n_embd, ", feed-forward ", n_ff));
  out += layer_kinds_row(c);
  out += heads_row(c);
  if (c.router.n_experts > 0) {
    out += row("experts", cat(c.router.n_experts, " of width ", c.n_ff_expert, ", a token takes ",
                              c.router.n_used));
  }
  out += row("context", cat(c.context_length, " tokens"));
  if (!c.causal) {
    return out + row("embeddings", cat("of whole texts, pooling ", engine::name_of(c.pooling),
                                       " (hearth embed)"));
  }
  const size_t usual = std::min<size_t>(c.context_length, engine::kDefaultContext);
  for (const size_t context : {usual, c.context_length}) {
    const uint64_t kv = engine::SequenceMemory::bytes_needed(c, DType::Q8_0, context,
                                                             engine::SessionOptions().prompt_chunk);
    out += row("memory", cat(human_bytes(kv), " of KV cache (q8_0) for a context of ", context));
    if (usual == c.context_length) break;
  }
  return out;
}

std::string template_text(const gguf::Metadata& metadata) {
  const auto source = text::chat_template_of(metadata);
  if (!source) return "none";
  const auto parsed = text::ChatTemplate::create(*source, nullptr);
  return cat(human_bytes(source->size()),
             parsed ? "" : cat(", does not work here: ", parsed.error().message));
}

std::string tokenizer_rows(const gguf::Metadata& metadata) {
  const auto vocab = text::Vocab::read(metadata);
  if (!vocab) return row("tokenizer", vocab.error().message);
  std::string out =
      row("tokenizer",
          cat(vocab->model_name().empty() ? "none" : printable(vocab->model_name()),
              vocab->pre_name().empty() ? "" : cat(" (", printable(vocab->pre_name()), ")"), ", ",
              vocab->size(), " tokens"));
  return out + row("template", template_text(metadata));
}

// A LoRA adapter: what it changes, and by how much.
std::string adapter_rows(const gguf::File& file) {
  size_t matrices = 0;
  uint64_t rank = 0;
  for (const gguf::TensorInfo& tensor : file.tensors) {
    if (!ends_with(tensor.name, ".lora_b")) continue;
    ++matrices;
    rank = std::max(rank, tensor.dims[0]);
  }
  const double alpha = file.metadata.f64_or("adapter.lora.alpha", 0).value_or(0);
  return row("adapter", cat(printable(file.metadata.text_or("adapter.type", "?").value_or("?"), 40),
                            ": ", matrices, " matrices of rank ", rank, " at most, alpha ", alpha,
                            "; give it with --lora, and its model with -m"));
}

nlohmann::json to_json(const Summary& summary, const gguf::File& file,
                       const Result<model::Model>& model) {
  nlohmann::json formats = nlohmann::json::object();
  for (const auto& [format, share] : summary.formats) {
    formats[format] = {
        {"tensors", share.tensors}, {"weights", share.weights}, {"bytes", share.bytes}};
  }
  nlohmann::json object{{"path", printable(summary.path, 4096)},
                        {"bytes", summary.bytes},
                        {"parameters", summary.parameters},
                        {"version", file.version},
                        {"formats", formats},
                        {"runs", model.has_value()}};
  object["architecture"] =
      printable(file.metadata.text_or("general.architecture", "").value_or(""));
  if (!model) {
    object["error"] = model.error().message;
    return object;
  }
  const model::ModelConfig& c = model->config;
  object["layers"] = c.n_layers();
  object["width"] = c.n_embd;
  object["context"] = c.context_length;
  object["vocabulary"] = c.n_vocab;
  return object;
}

std::string what_runs(const gguf::File& file, const Result<model::Model>& model) {
  std::string out = model ? model_rows(model->config) : "";
  out += tokenizer_rows(file.metadata);
  if (!model) out += row("warning", cat("hearth cannot run it: ", model.error().message));
  const auto tokenizer = text::Tokenizer::create(file.metadata);
  if (!tokenizer) return out + row("warning", tokenizer.error().message);
  for (const std::string& warning : tokenizer->warnings()) out += row("warning", warning);
  return out;
}

Result<void> show(const ShowOptions& options) {
  HEARTH_TRY(const std::string path, model_path(options.model));
  HEARTH_TRY(const engine::ModelFile file, engine::open_model_file(path));
  const Summary summary = summarize(path, file);
  const Result<model::Model> model = model::bind(file.gguf);
  if (options.json) return print(to_json(summary, file.gguf, model).dump() + "\n");
  std::string out = file_rows(summary, file.gguf);
  const bool adapter = file.gguf.metadata.text_or("general.type", "").value_or("") == "adapter";
  out += adapter ? adapter_rows(file.gguf) : what_runs(file.gguf, model);
  if (options.keys) {
    for (const auto& [key, value] : file.gguf.metadata.entries())
      out += cat(printable(key), " = ", value_text(value), "\n");
  }
  if (options.tensors) {
    for (const gguf::TensorInfo& tensor : file.gguf.tensors) {
      std::string shape;
      for (uint32_t d = 0; d < tensor.n_dims; ++d)
        shape += cat(d == 0 ? "" : " x ", tensor.dims[d]);
      out += cat(printable(tensor.name), "  ", name_of(tensor.type), "  ", shape, "  ",
                 human_bytes(tensor.data.size()), "\n");
    }
  }
  return print(out);
}

}  // namespace

void add_show(CLI::App& app, Action& chosen) {
  auto options = std::make_shared<ShowOptions>();
  CLI::App* command = app.add_subcommand("show", "Tell what is in a model file and what it needs");
  command->add_option("MODEL", options->model.path, "The same as -m")->check(flags::not_empty());
  add_model_flags(*command, options->model, ModelFlags::file_only);
  command->add_flag("--tensors", options->tensors, "List every tensor");
  command->add_flag("--keys", options->keys, "List every metadata key");
  command->add_flag("--json", options->json, "Print one JSON object");
  command->callback([options, &chosen] { chosen = [options] { return show(*options); }; });
}

}  // namespace hearth::cli
