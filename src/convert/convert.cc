#include "convert/convert.h"

#include <algorithm>
#include <atomic>
#include <iterator>

#include "base/buffer.h"
#include "base/thread_pool.h"
#include "convert/families.h"
#include "convert/tensor_values.h"
#include "convert/vocabulary.h"
#include "os/file.h"
#include "os/system.h"

namespace hearth::convert {
namespace {

constexpr uint64_t kMaxConfigBytes = uint64_t{16} << 20;
constexpr uint64_t kBatchBytes = uint64_t{16} << 20;  // of output that is made at once
constexpr uint64_t kChunkBytes = uint64_t{1} << 19;   // of output that one thread makes

tl::unexpected<Error> unknown_family(const std::string& name) {
  std::string known;
  for (const std::string_view each : known_architectures()) {
    known += cat(known.empty() ? "" : ", ", each);
  }
  const std::string_view meant = nearest(name, known_families());
  return fail(ErrorCode::unsupported, "config.json names the architecture '", printable(name, 60),
              "', which hearth does not convert",
              meant.empty() ? "" : cat("; did you mean '", meant, "'?"),
              "; it converts models of the families ", known);
}

// Formats whose scales hearth reads beside the weights; others pack weights in ways of their own.
Result<void> check_quantization(const HfConfig& config) {
  constexpr std::string_view kKnown[] = {"fp8", "fbgemm_fp8", "compressed-tensors", "mxfp4"};
  const Json* quantization = config.find({"quantization_config"});
  if (quantization == nullptr) return {};
  const std::string method = text_of(*quantization, "quant_method");
  if (std::find(std::begin(kKnown), std::end(kKnown), method) != std::end(kKnown)) return {};
  return fail(ErrorCode::unsupported, "config.json: the weights are quantized by '",
              printable(method, 40),
              "', which hearth does not convert: get the model that was not quantized, in BF16");
}

// As people name folders: what stands behind the last slash.
std::string folder_name(std::string_view folder) {
  while (ends_with(folder, "/")) folder.remove_suffix(1);
  const size_t slash = folder.rfind('/');
  return std::string(slash == std::string_view::npos ? folder : folder.substr(slash + 1));
}

// The numbers are llama.cpp's: what most of the weights are stored as.
uint32_t file_type(const Conversion& conversion) {
  uint64_t weights[43] = {};
  for (const TensorPlan& plan : conversion.tensors) {
    if (plan.dims.size() > 1) weights[static_cast<size_t>(plan.type)] += plan.weights();
  }
  const auto most = static_cast<DType>(std::max_element(std::begin(weights), std::end(weights)) -
                                       std::begin(weights));
  switch (most) {
    case DType::F16:
      return 1;
    case DType::Q8_0:
      return 7;
    case DType::BF16:
      return 32;
    case DType::MXFP4:
      return 38;
    default:
      return 0;
  }
}

Result<void> add_tokenizer(Conversion& conversion, const std::string& folder,
                           const std::string& pre) {
  const auto embedding =
      std::find_if(conversion.tensors.begin(), conversion.tensors.end(),
                   [](const TensorPlan& plan) { return plan.name == "token_embd.weight"; });
  if (embedding == conversion.tensors.end() || embedding->output_rows() > kMaxVocabulary) {
    return fail(ErrorCode::bad_file, "the embedding is missing or has more than ", kMaxVocabulary,
                " tokens");
  }
  HEARTH_TRY(const TokenizerFiles files, TokenizerFiles::read(folder));
  HEARTH_TRY(const Vocabulary vocabulary,
             read_vocabulary(files, conversion.architecture(), embedding->output_rows(), pre,
                             conversion.warnings));
  return add_tokenizer_keys(conversion, files, vocabulary);
}

Result<Plan> plan_in(const std::string& folder, const Options& options) {
  HEARTH_TRY(Json tree, read_json(cat(folder, "/config.json"), kMaxConfigBytes));
  HEARTH_TRY(HfConfig config, HfConfig::create(std::move(tree)));
  const FamilySpec* family = find_family(config.architecture());
  if (family == nullptr) return unknown_family(config.architecture());
  HEARTH_CHECK(check_quantization(config));
  Plan plan;
  HEARTH_TRY(Checkpoint checkpoint, Checkpoint::open(folder));
  plan.checkpoint = std::make_unique<Checkpoint>(std::move(checkpoint));
  plan.conversion =
      std::make_unique<Conversion>(folder, std::move(config), *plan.checkpoint, options.type);
  Conversion& conversion = *plan.conversion;
  conversion.set_architecture(family->architecture);
  conversion.keys.set_text("general.name",
                           options.name.empty() ? folder_name(folder) : options.name);
  HEARTH_CHECK(family->fill(conversion));
  HEARTH_CHECK(conversion.check_all_used());
  conversion.keys.set("general.file_type", file_type(conversion));
  conversion.keys.set("general.quantization_version", uint32_t{2});
  HEARTH_CHECK(add_tokenizer(conversion, folder, options.pre));
  return plan;
}

Result<void> check_values(const TensorPlan& plan, uint64_t not_finite, uint64_t too_large) {
  if (not_finite != 0) {
    return fail(ErrorCode::bad_file, "tensor '", printable(plan.name), "' has ", not_finite,
                " weights that are NaN or infinite: the checkpoint is damaged; download it again");
  }
  if (too_large != 0) {
    return fail(ErrorCode::unsupported, "tensor '", printable(plan.name), "' has ", too_large,
                " weights that are too large for ", name_of(plan.type), ": give --type BF16");
  }
  return {};
}

// Makes the rows of one tensor, batch after batch, each with all threads.
class TensorMaker {
 public:
  TensorMaker(size_t threads, gguf::Writer& writer, const gguf::Writer::Sink& sink)
      : pool_(threads), writer_(writer), sink_(sink) {}

  Result<void> make(const TensorPlan& plan, const std::function<void(uint64_t)>& written) {
    const uint64_t step = rows_at_once(plan);
    const uint64_t steps = plan.output_rows() / step;
    const uint64_t step_bytes = *row_bytes(plan.type, plan.dims[0]) * step;
    const uint64_t chunk = std::max<uint64_t>(1, kChunkBytes / step_bytes);
    const uint64_t batch = std::max(chunk, kBatchBytes / step_bytes);
    std::atomic<uint64_t> not_finite{0};
    std::atomic<uint64_t> too_large{0};
    for (uint64_t first = 0; first < steps; first += batch) {
      if (os::interrupted()) return fail(ErrorCode::interrupted, "interrupted");
      const uint64_t count = std::min(batch, steps - first);
      const uint64_t bytes = count * step_bytes;
      if (buffer_.size() < bytes) buffer_ = Buffer<std::byte>::untouched(bytes);
      pool_.run((count + chunk - 1) / chunk, [&](size_t part, size_t) {
        const uint64_t begin = part * chunk;
        const uint64_t end = std::min(begin + chunk, count);
        const Oddities odd = make_rows(plan, (first + begin) * step, (end - begin) * step,
                                       buffer_.data() + begin * step_bytes);
        not_finite += odd.not_finite;
        too_large += odd.too_large;
      });
      HEARTH_CHECK(writer_.write_piece(sink_, Bytes(buffer_.data(), bytes)));
      written(bytes);
    }
    return check_values(plan, not_finite, too_large);
  }

 private:
  ThreadPool pool_;
  gguf::Writer& writer_;
  const gguf::Writer::Sink& sink_;
  Buffer<std::byte> buffer_;
};

}  // namespace

uint64_t Plan::output_bytes() const {
  uint64_t bytes = 0;
  for (const TensorPlan& plan : conversion->tensors) {
    bytes += *row_bytes(plan.type, plan.dims[0]) * plan.output_rows();
  }
  return bytes;
}

Result<Plan> plan_conversion(const std::string& folder, const Options& options) {
  auto plan = plan_in(folder, options);
  if (plan || starts_with(plan.error().message, printable(folder, 400)) ||
      plan.error().code == ErrorCode::bad_usage) {
    return plan;
  }
  return fail_with_context(printable(folder, 400), plan.error());
}

Result<void> write_file(const Plan& plan, const std::string& path, size_t threads,
                        const std::function<void(uint64_t)>& progress) {
  gguf::Writer writer;
  plan.conversion->keys.write(writer);
  for (const TensorPlan& tensor : plan.conversion->tensors) {
    HEARTH_CHECK(writer.add_tensor(tensor.name, tensor.type, tensor.dims));
  }
  HEARTH_TRY(os::FileWriter file, os::FileWriter::create(path));
  const gguf::Writer::Sink sink = [&](Bytes bytes) { return file.write(bytes); };
  HEARTH_CHECK(writer.write_header(sink));
  TensorMaker maker(threads, writer, sink);
  uint64_t done = 0;
  for (const TensorPlan& tensor : plan.conversion->tensors) {
    HEARTH_CHECK(maker.make(tensor, [&](uint64_t bytes) { progress(done += bytes); }));
  }
  return file.commit();
}

}  // namespace hearth::convert
