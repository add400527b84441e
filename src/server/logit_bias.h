// `logit_bias` in all forms that clients write.
#pragma once

#include <vector>

#include "server/fields.h"

namespace hearth::server {

// {"15043": -1, "text": 2}, or [[15043, false], ["text", 2]]: what is added to the chances of a
// token, or of every token of a text; false forbids it.
[[nodiscard]] std::vector<protocol::LogitBias> read_logit_bias(Fields& fields,
                                                               std::string_view name);

}  // namespace hearth::server
