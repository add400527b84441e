// Ways to choose tokens that requests of other servers name.
#pragma once

#include <string>
#include <vector>

#include "server/fields.h"

namespace hearth::server {

// Samplers that do not exist here (mirostat, dry_multiplier, xtc_probability, typical_p, ...): a
// problem unless they are off, since they would change the answer.
void refuse_other_samplers(Fields& fields);

// `samplers` of llama-server: the ones to use. Those that it leaves out are turned off. They have
// one order here, and a problem says so when the list has another. Returns the names in use.
std::vector<std::string> read_samplers(Fields& fields, sample::SamplingParams& sampling);

}  // namespace hearth::server
