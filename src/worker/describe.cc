#include "worker/describe.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/units.h"
#include "base/utf8.h"
#include "engine/embedder.h"

namespace hearth::worker {
namespace {

using protocol::Json;

constexpr size_t kMaxTextBytes = 4096;  // of a key's value
constexpr size_t kMaxKeys = 512;

// Null for what is left out: lists, long texts and such that are no UTF-8.
Json json_of(const gguf::Value& value) {
  if (value.type == gguf::ValueType::array) return nullptr;
  if (value.type == gguf::ValueType::boolean) return value.bits != 0;
  if (value.type == gguf::ValueType::string) {
    const bool shown = value.text.size() <= kMaxTextBytes && is_valid_utf8(value.text);
    return shown ? Json(value.text) : Json();
  }
  if (const auto whole = value.unsigned_integer()) return *whole;
  const double number = value.number();
  return std::isfinite(number) ? Json(number) : Json();
}

// The format that holds most of the weights.
std::string main_format(const gguf::File& file) {
  std::map<DType, uint64_t> bytes;
  for (const gguf::TensorInfo& tensor : file.tensors) bytes[tensor.type] += tensor.data.size();
  const auto most = std::max_element(
      bytes.begin(), bytes.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  return most == bytes.end() ? "" : std::string(name_of(most->first));
}

}  // namespace

protocol::Loaded describe(const engine::LoadedModel& model) {
  const gguf::File& file = model.file().gguf;
  const model::ModelConfig& config = model.config();
  protocol::Loaded loaded;
  loaded.architecture =
      printable(file.metadata.text_or("general.architecture", "").value_or(""), 80);
  for (const gguf::TensorInfo& tensor : file.tensors) loaded.parameters += tensor.weights();
  loaded.file_bytes = model.file().bytes;
  loaded.type = main_format(file);
  loaded.description =
      cat(loaded.architecture, " ", human_count(loaded.parameters), " ", loaded.type);
  loaded.vocabulary = config.n_vocab;
  loaded.trained_context = config.context_length;
  loaded.width = config.n_embd;
  loaded.writes = config.causal;
  loaded.scores = model.model().weights.classifier.scores.present();
  loaded.pooling = engine::name_of(config.pooling);
  loaded.warnings = model.warnings();
  for (const auto& [key, value] : file.metadata.entries()) {
    if (loaded.metadata.size() >= kMaxKeys || key == "tokenizer.chat_template") continue;
    Json shown = is_valid_utf8(key) ? json_of(value) : Json();
    if (!shown.is_null()) loaded.metadata[std::string(key)] = std::move(shown);
  }
  if (const text::Tokenizer* const tokenizer = model.tokenizer(); tokenizer != nullptr) {
    const text::Vocab& vocab = tokenizer->vocab();
    if (vocab.bos()) loaded.bos = vocab.text(*vocab.bos());
    if (vocab.eos()) loaded.eos = vocab.text(*vocab.eos());
  }
  return loaded;
}

}  // namespace hearth::worker
