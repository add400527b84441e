// Importance matrices: for each weight matrix of a model the mean square of each of its inputs, on
// some text. Quantizers weigh the errors of weights with them. The files are those of llama.cpp
// (docs/formats/imatrix.md).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace hearth::quantize {

// The inputs of one tensor: one matrix, or one for each expert or head.
struct TensorImportance {
  size_t columns = 0;
  std::vector<float> sums;    // [matrices][columns]: squared inputs, added up
  std::vector<float> counts;  // [matrices]: how many inputs

  [[nodiscard]] size_t matrices() const { return counts.size(); }
  // Of sums[index]. Experts that no token chose have ones: all of their weights count alike.
  [[nodiscard]] float mean_square(size_t index) const {
    const float count = counts[index / columns];
    return count > 0 ? sums[index] / count : 1.0f;
  }
};

// What the run that collects a matrix has to know to go on with it. Files of other programs lack
// it.
struct CollectionState {
  std::string text;      // digest
  std::string model;     // digest
  std::string settings;  // what else decides about the sums, readable
  uint32_t windows_done = 0;

  [[nodiscard]] bool present() const { return !text.empty(); }
};

struct ImportanceMatrix {
  std::map<std::string, TensorImportance, std::less<>> tensors;
  std::vector<std::string> datasets;  // names of the texts
  uint32_t chunk_count = 0;           // windows of text
  uint32_t chunk_size = 0;            // tokens in one; 0 in files of the old format
  CollectionState state;

  [[nodiscard]] const TensorImportance* find(std::string_view name) const;
};

// Parses either format. Errors name the tensor.
[[nodiscard]] Result<ImportanceMatrix> read_importance(Bytes bytes);

// A file of the GGUF layout, its bytes in order.
using Sink = std::function<Result<void>(Bytes)>;
[[nodiscard]] Result<void> write_importance(const ImportanceMatrix& matrix, const Sink& sink);

// Adds the sums and counts of `other`, as if both texts had been one. Of an old file, whose sums
// are means, every chunk counts as one of `into`'s.
[[nodiscard]] Result<void> merge(ImportanceMatrix& into, const ImportanceMatrix& other);

// Files may hold the sums of several matrices as those of one, under one count: cuts them as the
// model has them. An error when there are more or fewer; `name` is for that.
[[nodiscard]] Result<void> recut(TensorImportance& importance, std::string_view name,
                                 size_t columns, size_t matrices);

}  // namespace hearth::quantize
