#include "server/when_loaded.h"

namespace hearth::server {

Plan after_loading(std::string name, Say say, std::vector<std::string> ignored) {
  return AskPlan{.model = std::move(name),
                 .ask = protocol::Tokenize{},
                 .shape = [say = std::move(say)](const protocol::Tell&,
                                                 const ModelCard& model) { return say(model); },
                 .ignored = std::move(ignored)};
}

Plan when_loaded(const ModelCard& model, Say say, std::vector<std::string> ignored) {
  if (!model.loaded) return after_loading(model.name, std::move(say), std::move(ignored));
  Reply reply = Reply::of(say(model));
  reply.ignored = std::move(ignored);
  return reply;
}

const protocol::Loaded& loaded_or_empty(const ModelCard& model) {
  static const protocol::Loaded kNothing;
  return model.loaded ? *model.loaded : kNothing;
}

}  // namespace hearth::server
