// Plans for what can be said of a model only after it has been loaded.
#pragma once

#include <functional>
#include <string>

#include "server/api.h"

namespace hearth::server {

using Say = std::function<Json(const ModelCard& model)>;

// Loads the model, if it is not, and then says it. The question to the worker is a small one that
// nobody needs the answer of.
[[nodiscard]] Plan after_loading(std::string name, Say say, std::vector<std::string> ignored = {});

// At once if the model was loaded before, else after loading it.
[[nodiscard]] Plan when_loaded(const ModelCard& model, Say say,
                               std::vector<std::string> ignored = {});

// What is known of the model; empty as long as nothing is.
[[nodiscard]] const protocol::Loaded& loaded_or_empty(const ModelCard& model);

}  // namespace hearth::server
