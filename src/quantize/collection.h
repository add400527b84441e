// Runs that collect an importance matrix over hours, and may be stopped and gone on with: the file
// says how far they came, and of what.
#pragma once

#include <string>
#include <string_view>

#include "engine/loader.h"
#include "quantize/importance.h"

namespace hearth::quantize {

// Sixteen hexadecimal digits that are others for other bytes, unless somebody wants them to be the
// same (FNV-1a).
[[nodiscard]] std::string digest(Bytes bytes);
// Of names, types and shapes of all tensors, and of how their data begin.
[[nodiscard]] std::string digest(const gguf::File& model);

// An error that says what is different when a file was not collected by the run that wants to go on
// with it. windows_done may differ.
[[nodiscard]] Result<void> check_same_run(const CollectionState& file, const CollectionState& run);

// From and to a path, which errors begin with. A file appears under its name when it is whole.
[[nodiscard]] Result<ImportanceMatrix> load_importance(const std::string& path);
[[nodiscard]] Result<void> save_importance(const ImportanceMatrix& matrix, const std::string& path);

}  // namespace hearth::quantize
