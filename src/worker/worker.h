// The engine worker: the process that holds a model, reads what strangers wrote, and has no way to
// the network or to files.
#pragma once

#include "base/result.h"

namespace hearth::worker {

// Talks over a connected socket until the other side closes it. The first message is a
// protocol::Load; from then on the process is in its sandbox. An error when the other side does not
// keep to the protocol or the sandbox cannot be entered; troubles with the model are told there.
[[nodiscard]] Result<void> serve(int channel);

}  // namespace hearth::worker
