#include "engine/adapter_file.h"

#include <utility>

namespace hearth::engine {

Result<std::unique_ptr<const LoadedAdapter>> LoadedAdapter::load(const std::string& path,
                                                                 const LoadedModel& model) {
  HEARTH_TRY(ModelFile file, open_model_file(path));
  return load(std::move(file), path, model);
}

Result<std::unique_ptr<const LoadedAdapter>> LoadedAdapter::load(ModelFile file,
                                                                 std::string_view path,
                                                                 const LoadedModel& model) {
  auto loaded = std::unique_ptr<LoadedAdapter>(new LoadedAdapter);
  loaded->file_ = std::move(file);
  Result<model::Adapter> bound =
      model::Adapter::bind(loaded->file_.gguf, model.model(), model.file().gguf);
  if (!bound) return fail_with_context(printable(path, 400), bound.error());
  loaded->adapter_ = *std::move(bound);
  return loaded;
}

}  // namespace hearth::engine
