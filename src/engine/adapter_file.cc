#include "engine/adapter_file.h"

#include <utility>

namespace hearth::engine {

Result<std::unique_ptr<const LoadedAdapter>> LoadedAdapter::load(const std::string& path,
                                                                 const LoadedModel& model) {
  auto loaded = std::unique_ptr<LoadedAdapter>(new LoadedAdapter);
  HEARTH_TRY(loaded->file_, open_model_file(path));
  Result<model::Adapter> bound =
      model::Adapter::bind(loaded->file_.gguf, model.model(), model.file().gguf);
  if (!bound) return fail_with_context(printable(path, 400), bound.error());
  loaded->adapter_ = *std::move(bound);
  return loaded;
}

}  // namespace hearth::engine
