#include "cli/quantize_report.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "base/units.h"
#include "quantize/tensor_name.h"

namespace hearth::cli {
namespace {

uint64_t bytes_as(DType type, const gguf::TensorInfo& tensor) {
  return *row_bytes(type, tensor.dims[0]) * tensor.rows();
}

struct Sizes {
  uint64_t weights = 0;
  uint64_t before = 0, after = 0;  // bytes of the tensors

  [[nodiscard]] double bits(uint64_t bytes) const {
    return 8.0 * static_cast<double>(bytes) / static_cast<double>(std::max<uint64_t>(weights, 1));
  }
};

Sizes sizes_of(const gguf::File& file, const quantize::Plan& plan) {
  Sizes sizes;
  for (size_t t = 0; t < file.tensors.size(); ++t) {
    const gguf::TensorInfo& tensor = file.tensors[t];
    sizes.weights += tensor.weights();
    sizes.before += tensor.data.size();
    sizes.after += bytes_as(plan.types[t], tensor);
  }
  return sizes;
}

// The tensors of one name in all layers.
struct Kind {
  std::string name;
  uint64_t bytes = 0;
  std::map<DType, std::vector<uint64_t>> layers;  // empty for a tensor of no layer
};

// Matrices by name, in the order of the file; everything small together at the end.
std::vector<Kind> kinds_of(const gguf::File& file, const quantize::Plan& plan) {
  std::vector<Kind> kinds;
  std::map<std::string_view, size_t> known;
  Kind others{"others", 0, {}};
  for (size_t t = 0; t < file.tensors.size(); ++t) {
    const gguf::TensorInfo& tensor = file.tensors[t];
    const uint64_t bytes = bytes_as(plan.types[t], tensor);
    if (!quantize::quantizable(tensor)) {
      others.bytes += bytes;
      others.layers[plan.types[t]];
      continue;
    }
    const std::string_view name = quantize::name_in_layer(tensor.name);
    const auto [place, is_new] = known.emplace(name, kinds.size());
    if (is_new) {
      const size_t ending = std::string_view(".weight").size();  // as quantizable() wants it
      kinds.push_back({printable(name.substr(0, name.size() - ending), 40), 0, {}});
    }
    Kind& kind = kinds[place->second];
    kind.bytes += bytes;
    std::vector<uint64_t>& layers = kind.layers[plan.types[t]];
    if (const auto layer = quantize::layer_of(tensor.name)) layers.push_back(*layer);
  }
  if (others.bytes > 0) kinds.push_back(std::move(others));
  return kinds;
}

// "0-3,6,9..27,28-31": rows without gaps, and with equal ones.
std::string layers_text(std::vector<uint64_t> layers) {
  std::sort(layers.begin(), layers.end());
  std::string out;
  for (size_t i = 0; i < layers.size();) {
    size_t end = i + 1;
    const uint64_t step = end < layers.size() ? layers[end] - layers[i] : 0;
    while (end < layers.size() && layers[end] - layers[end - 1] == step) ++end;
    out += cat(out.empty() ? "" : ",", layers[i]);
    if (end - i < 3) {
      ++i;
      continue;
    }
    out += step == 1 ? cat("-", layers[end - 1]) : cat(",", layers[i + 1], "..", layers[end - 1]);
    i = end;
  }
  return out;
}

// "Q6_K 0-2,5; Q4_K the rest"
std::string formats_text(const Kind& kind) {
  const auto fewer = [](const auto& a, const auto& b) { return a.second.size() < b.second.size(); };
  const auto most = std::max_element(kind.layers.begin(), kind.layers.end(), fewer);
  std::string out;
  for (const auto& [type, layers] : kind.layers) {
    if (type == most->first) continue;
    out += cat(name_of(type), layers.empty() ? "" : " ", layers_text(layers),
               layers.empty() ? ", " : "; ");
  }
  const bool rest = !out.empty() && !most->second.empty();
  return cat(out, name_of(most->first), rest ? " the rest" : "");
}

struct Row {
  std::string name, bytes, formats;
};

std::string table(const std::vector<Row>& rows) {
  size_t name = 0, bytes = 0;
  for (const Row& row : rows) {
    name = std::max(name, row.name.size());
    bytes = std::max(bytes, row.bytes.size());
  }
  std::string out;
  for (const Row& row : rows) {
    out += cat(row.name, std::string(name - row.name.size() + 2, ' '),
               std::string(bytes - row.bytes.size(), ' '), row.bytes, "  ", row.formats, "\n");
  }
  return out;
}

}  // namespace

std::string plan_table(const engine::ModelFile& file, const quantize::Plan& plan) {
  std::vector<Row> rows;
  for (const Kind& kind : kinds_of(file.gguf, plan))
    rows.push_back({kind.name, human_bytes(kind.bytes), formats_text(kind)});
  const Sizes sizes = sizes_of(file.gguf, plan);
  const uint64_t bytes = quantize::file_bytes(file.gguf, plan).value_or(sizes.after);
  const double share = static_cast<double>(bytes) / static_cast<double>(file.bytes);
  return cat(table(rows), human_bytes(bytes), ", ", fixed(sizes.bits(sizes.after), 2),
             " bits per weight: ", fixed(100 * share, 1), " % of the input's ",
             human_bytes(file.bytes), ", ", fixed(sizes.bits(sizes.before), 2), " bits\n");
}

std::string tensors_table(const gguf::File& file, const quantize::Plan& plan) {
  std::vector<Row> rows;
  for (size_t t = 0; t < file.tensors.size(); ++t) {
    const gguf::TensorInfo& tensor = file.tensors[t];
    const DType type = plan.types[t];
    rows.push_back({printable(tensor.name), human_bytes(bytes_as(type, tensor)),
                    type == tensor.type ? std::string(name_of(type))
                                        : cat(name_of(tensor.type), " to ", name_of(type))});
  }
  return table(rows);
}

nlohmann::json plan_json(const engine::ModelFile& file, const quantize::Plan& plan) {
  const Sizes sizes = sizes_of(file.gguf, plan);
  nlohmann::json tensors = nlohmann::json::array();
  for (size_t t = 0; t < file.gguf.tensors.size(); ++t) {
    const gguf::TensorInfo& tensor = file.gguf.tensors[t];
    tensors.push_back({{"name", printable(tensor.name)},
                       {"from", name_of(tensor.type)},
                       {"type", name_of(plan.types[t])},
                       {"bytes", bytes_as(plan.types[t], tensor)}});
  }
  return {{"bytes", quantize::file_bytes(file.gguf, plan).value_or(sizes.after)},
          {"bits_per_weight", sizes.bits(sizes.after)},
          {"input_bytes", file.bytes},
          {"input_bits_per_weight", sizes.bits(sizes.before)},
          {"weights", sizes.weights},
          {"file_type", plan.file_type},
          {"tensors", std::move(tensors)}};
}

}  // namespace hearth::cli
