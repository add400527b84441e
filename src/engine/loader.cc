#include "engine/loader.h"

#include <algorithm>
#include <utility>

namespace hearth::engine {
namespace {

Result<gguf::File> take_part(os::MappedFile mapped, std::string_view name, ModelFile& model_file) {
  Result<gguf::File> parsed = gguf::parse(mapped.bytes());
  if (!parsed) return fail_with_context(printable(name, 400), parsed.error());
  model_file.bytes += mapped.bytes().size();
  model_file.parts.push_back(std::make_shared<const os::MappedFile>(std::move(mapped)));
  return parsed;
}

Result<ModelFile> join_parts(std::vector<gguf::File> parsed, std::string_view name,
                             ModelFile model_file) {
  Result<gguf::File> whole = gguf::join(std::move(parsed));
  if (!whole) return fail_with_context(printable(name, 400), whole.error());
  model_file.gguf = *std::move(whole);
  return model_file;
}

Result<void> replace(gguf::File& file, const gguf::TensorInfo& tensor) {
  const auto same_name = [&](const gguf::TensorInfo& each) { return each.name == tensor.name; };
  const auto place = std::find_if(file.tensors.begin(), file.tensors.end(), same_name);
  if (place == file.tensors.end()) {
    return fail(ErrorCode::internal, "the model has no tensor '", printable(tensor.name), "'");
  }
  const auto row = row_bytes(tensor.type, place->dims[0]);
  if (tensor.dims != place->dims || !row || tensor.data.size() != *row * place->rows()) {
    return fail(ErrorCode::internal, "tensor '", printable(tensor.name), "' cannot be replaced by ",
                tensor.data.size(), " bytes of ", name_of(tensor.type));
  }
  place->type = tensor.type;
  place->data = tensor.data;
  return {};
}

}  // namespace

Result<ModelFile> open_model_file(const std::string& path) {
  ModelFile model_file;
  std::vector<gguf::File> parsed;
  const auto open_part = [&](const std::string& part_path) -> Result<void> {
    HEARTH_TRY(os::MappedFile mapped, os::MappedFile::open(part_path));
    HEARTH_TRY(gguf::File part, take_part(std::move(mapped), part_path, model_file));
    parsed.push_back(std::move(part));
    return {};
  };
  HEARTH_CHECK(open_part(path));
  const auto count = gguf::split_count(parsed.front());
  if (!count) return fail_with_context(printable(path, 400), count.error());
  for (uint64_t i = 1; i < *count; ++i) {
    const auto part_path = gguf::split_path(path, i, *count);
    if (!part_path) return fail_with_context(printable(path, 400), part_path.error());
    HEARTH_CHECK(open_part(*part_path));
  }
  return join_parts(std::move(parsed), path, std::move(model_file));
}

Result<ModelFile> join_model_file(std::vector<os::MappedFile> parts, std::string_view name) {
  ModelFile model_file;
  std::vector<gguf::File> parsed;
  for (os::MappedFile& part : parts) {
    HEARTH_TRY(gguf::File file, take_part(std::move(part), name, model_file));
    parsed.push_back(std::move(file));
  }
  if (parsed.empty()) return fail(ErrorCode::bad_usage, printable(name, 400), " has no parts");
  return join_parts(std::move(parsed), name, std::move(model_file));
}

Result<std::unique_ptr<const LoadedModel>> LoadedModel::load(const std::string& path) {
  HEARTH_TRY(ModelFile file, open_model_file(path));
  return load(std::move(file), path);
}

Result<std::unique_ptr<const LoadedModel>> LoadedModel::load(ModelFile file,
                                                             std::string_view path) {
  auto loaded = std::unique_ptr<LoadedModel>(new LoadedModel);
  loaded->file_ = std::move(file);
  Result<model::Model> bound = model::bind(loaded->file_.gguf);
  if (!bound) return fail_with_context(printable(path, 400), bound.error());
  loaded->model_ = *std::move(bound);
  loaded->read_ahead_.start(loaded->model_);
  Result<text::Tokenizer> tokenizer = text::Tokenizer::create(loaded->file_.gguf.metadata);
  if (!tokenizer) {
    loaded->tokenizer_error_ = tokenizer.error();
    return loaded;
  }
  const size_t n_tokens = tokenizer->vocab().size();
  if (n_tokens > loaded->config().n_vocab) {
    return fail(ErrorCode::bad_file, printable(path, 400), ": the vocabulary has ", n_tokens,
                " tokens, but the model has weights for ", loaded->config().n_vocab, " only");
  }
  loaded->warnings_ = tokenizer->warnings();
  loaded->tokenizer_ = std::make_shared<const text::Tokenizer>(*std::move(tokenizer));
  return loaded;
}

Result<std::unique_ptr<const LoadedModel>> LoadedModel::with_tensors(
    std::span<const gguf::TensorInfo> tensors, std::shared_ptr<const void> owner) const {
  auto loaded = std::unique_ptr<LoadedModel>(new LoadedModel);
  loaded->file_ = file_;
  for (const gguf::TensorInfo& tensor : tensors) HEARTH_CHECK(replace(loaded->file_.gguf, tensor));
  HEARTH_TRY(loaded->model_, model::bind(loaded->file_.gguf));
  loaded->tokenizer_ = tokenizer_;
  loaded->tokenizer_error_ = tokenizer_error_;
  loaded->warnings_ = warnings_;
  loaded->owners_ = owners_;
  if (owner != nullptr) loaded->owners_.push_back(std::move(owner));
  return loaded;
}

}  // namespace hearth::engine
