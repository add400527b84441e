// A model folder from a stranger: the header of its weights, its tokenizer, its configuration.
//
// The first byte of an input chooses what the rest is: a safetensors file, tokenizer.model,
// tokenizer.json, or config.json followed by lines that name tensors, a byte 0xFE in between.
#include <algorithm>
#include <memory>
#include <vector>

#include "convert/families.h"
#include "convert/safetensors.h"
#include "convert/sentencepiece_model.h"
#include "convert/tensor_values.h"
#include "convert/vocabulary.h"
#include "fuzz.h"

namespace hearth::fuzz {
namespace {

constexpr size_t kMaxValues = 4096;      // of a tensor
constexpr size_t kMaxMade = 16 * 65536;  // bytes of a tensor that is made

void use_weights(const std::string& rest) {
  // One byte past the end is a finding.
  const auto copy = std::make_unique<std::byte[]>(rest.size());
  std::memcpy(copy.get(), rest.data(), rest.size());
  const Bytes bytes(copy.get(), rest.size());
  const auto tensors = convert::parse_safetensors(bytes);
  if (!tensors) return require_message(tensors.error());
  for (const convert::SourceTensor& tensor : *tensors) {
    require(tensor.data.data() >= bytes.data() &&
                tensor.data.data() + tensor.data.size() <= bytes.data() + bytes.size(),
            "tensors lie in the file");
    require(tensor.rows() * tensor.columns() * convert::size_of(tensor.type) == tensor.data.size(),
            "a tensor has the size of its shape");
  }
}

void check_vocabulary(const Result<convert::Vocabulary>& vocabulary) {
  if (!vocabulary) return require_message(vocabulary.error());
  require(vocabulary->tokens.size() == vocabulary->types.size(), "every token has a type");
}

void use_tokenizer(const std::string& rest) {
  auto tree = convert::parse_json(rest);
  if (!tree) return require_message(tree.error());
  convert::TokenizerFiles files;
  files.tokenizer = *std::move(tree);
  for (const char* architecture : {"llama", "gemma4", "bert"}) {
    std::vector<std::string> warnings;
    const auto vocabulary = convert::read_vocabulary(files, architecture, 300, "", warnings);
    check_vocabulary(vocabulary);
    for (const std::string& warning : warnings) require_message({ErrorCode::bad_file, warning});
  }
}

// "name type dim dim ...": values of a tensor are zeros.
std::vector<convert::SourceTensor> named_tensors(std::string_view lines) {
  static const std::vector<std::byte> zeros(kMaxValues * sizeof(double));
  constexpr convert::SourceType kTypes[] = {convert::SourceType::F32, convert::SourceType::BF16,
                                            convert::SourceType::U8, convert::SourceType::F8_E4M3};
  std::vector<convert::SourceTensor> tensors;
  for (const std::string_view line : split(lines, '\n')) {
    const std::vector<std::string_view> words = split(line, ' ');
    if (words.size() < 2 || words.size() > 6) continue;
    convert::SourceTensor tensor;
    tensor.name = words[0];
    tensor.type = kTypes[words[1].size() % 4];
    uint64_t values = 1;
    for (size_t i = 2; i < words.size(); ++i) {
      uint64_t dim = 0;
      for (const char c : words[i].substr(0, 4))
        dim = dim * 10 + static_cast<uint64_t>(c & 15) % 10;
      tensor.shape.push_back(dim);
      values *= dim;
    }
    if (values > kMaxValues) continue;
    tensor.data = Bytes(zeros).first(values * convert::size_of(tensor.type));
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

void use_plans(const convert::Conversion& conversion) {
  for (const convert::TensorPlan& plan : conversion.tensors) {
    const auto row = row_bytes(plan.type, plan.dims[0]);
    require(row.has_value(), "rows are whole blocks");
    require(plan.output_rows() % convert::rows_at_once(plan) == 0, "rows are whole matrices");
    if (*row * plan.output_rows() > kMaxMade) continue;
    const auto out = std::make_unique<std::byte[]>(*row * plan.output_rows());
    (void)convert::make_rows(plan, 0, plan.output_rows(), out.get());
  }
}

void use_configuration(const std::string& rest) {
  const size_t cut = std::min(rest.find('\xFE'), rest.size());
  auto tree = convert::parse_json(rest.substr(0, cut));
  if (!tree) return require_message(tree.error());
  auto config = convert::HfConfig::create(*std::move(tree));
  if (!config) return require_message(config.error());
  const convert::FamilySpec* family = convert::find_family(config->architecture());
  if (family == nullptr) return;
  const auto checkpoint =
      convert::Checkpoint::of(named_tensors(std::string_view(rest).substr(cut)));
  convert::Conversion conversion("no-such-folder", *std::move(config), checkpoint, DType::Q8_0);
  conversion.set_architecture(family->architecture);
  if (const auto filled = family->fill(conversion); !filled) require_message(filled.error());
  if (const auto used = conversion.check_all_used(); !used) require_message(used.error());
  use_plans(conversion);
}

}  // namespace
}  // namespace hearth::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  if (size < 1) return 0;
  const std::string rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 4) {
    case 0:
      fuzz::use_weights(rest);
      break;
    case 1:
      fuzz::check_vocabulary(convert::read_sentencepiece(as_bytes(rest)));
      break;
    case 2:
      fuzz::use_tokenizer(rest);
      break;
    default:
      fuzz::use_configuration(rest);
  }
  return 0;
}
