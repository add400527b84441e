#include "convert/checkpoint.h"

#include <set>

#include "convert/json.h"
#include "os/file.h"

namespace hearth::convert {
namespace {

constexpr uint64_t kMaxIndexBytes = uint64_t{64} << 20;
constexpr size_t kMaxParts = 1000;

// A name in the same folder, and nowhere else.
bool is_plain_name(std::string_view name) {
  return ends_with(name, ".safetensors") && name.find('/') == std::string_view::npos &&
         name.find('\\') == std::string_view::npos && name.find('\0') == std::string_view::npos;
}

}  // namespace

Result<Checkpoint> Checkpoint::open(const std::string& folder) {
  const std::string single = cat(folder, "/model.safetensors");
  const std::string index = cat(folder, "/model.safetensors.index.json");
  Checkpoint checkpoint;
  if (os::file_exists(index)) {
    HEARTH_CHECK(checkpoint.add_parts(folder, index));
  } else if (os::file_exists(single)) {
    HEARTH_CHECK(checkpoint.add_file(single));
  } else {
    const bool old = os::file_exists(cat(folder, "/pytorch_model.bin")) ||
                     os::file_exists(cat(folder, "/pytorch_model.bin.index.json"));
    return fail(ErrorCode::not_found, "'", printable(folder, 400), "' holds no model.safetensors",
                old ? ": hearth does not read pytorch_model.bin, which may hold programs; get the "
                      "model as safetensors"
                    : " and no model.safetensors.index.json: give the folder of a Hugging Face "
                      "model, with its weights");
  }
  return checkpoint;
}

Checkpoint Checkpoint::of(std::vector<SourceTensor> tensors) {
  Checkpoint checkpoint;
  checkpoint.tensors_ = std::move(tensors);
  for (size_t i = 0; i < checkpoint.tensors_.size(); ++i) {
    checkpoint.places_.emplace(checkpoint.tensors_[i].name, i);
  }
  return checkpoint;
}

Result<void> Checkpoint::add_file(const std::string& path) {
  HEARTH_TRY(os::MappedFile file, os::MappedFile::open(path));
  auto tensors = parse_safetensors(file.bytes());
  if (!tensors) return fail_with_context(printable(path, 400), tensors.error());
  for (SourceTensor& tensor : *tensors) {
    if (!places_.emplace(tensor.name, tensors_.size()).second) {
      return fail(ErrorCode::bad_file, printable(path, 400), ": tensor '", printable(tensor.name),
                  "' is in another part as well");
    }
    tensors_.push_back(std::move(tensor));
  }
  files_.push_back(std::move(file));
  return {};
}

Result<void> Checkpoint::add_parts(const std::string& folder, const std::string& index) {
  HEARTH_TRY(const Json tree, read_json(index, kMaxIndexBytes));
  const Json* map = member(tree, "weight_map");
  if (map == nullptr || !map->is_object() || map->empty()) {
    return fail(ErrorCode::bad_file, printable(index, 400), ": there is no 'weight_map'");
  }
  std::set<std::string> parts;
  for (const auto& [name, part] : map->items()) {
    if (!part.is_string() || !is_plain_name(part.get_ref<const std::string&>())) {
      return fail(ErrorCode::bad_file, printable(index, 400), ": tensor '", printable(name),
                  "' is not in a .safetensors file of this folder");
    }
    parts.insert(part.get<std::string>());
  }
  if (parts.size() > kMaxParts) {
    return fail(ErrorCode::too_large, printable(index, 400), ": ", parts.size(),
                " parts, the limit is ", kMaxParts);
  }
  for (const std::string& part : parts) HEARTH_CHECK(add_file(cat(folder, "/", part)));
  for (const auto& [name, part] : map->items()) {
    if (find(name) != nullptr) continue;
    return fail(ErrorCode::bad_file, printable(index, 400), ": tensor '", printable(name),
                "' is missing in ", printable(part.get_ref<const std::string&>()));
  }
  return {};
}

const SourceTensor* Checkpoint::find(std::string_view name) const {
  const auto found = places_.find(std::string(name));
  return found == places_.end() ? nullptr : &tensors_[found->second];
}

}  // namespace hearth::convert
