// What a server needs to know of a model.
#pragma once

#include "engine/loader.h"
#include "protocol/event.h"

namespace hearth::worker {

// All that the file says; what was chosen for it (context, places, ...) is left at its default.
[[nodiscard]] protocol::Loaded describe(const engine::LoadedModel& model);

}  // namespace hearth::worker
