// How much a model suffers when one of its tensors is brought into a format: measured as KL
// divergence of its predictions for a few formats, for the others from how they round.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/result.h"
#include "quantize/allocation.h"
#include "quantize/divergence.h"
#include "quantize/knowledge.h"

namespace hearth::quantize {

struct TensorDamage {
  size_t tensor = 0;  // index in the file
  std::vector<DType> types;
  std::vector<FormatOption> options;  // of each type: bytes, nats of KL divergence
  std::vector<double> errors;         // of each type: squares of what its results lose
  [[nodiscard]] size_t index_of(DType type) const;
};

class DamageMeter {
 public:
  // `original` computes the model as it is, by which `reference` was made. All must outlive it.
  DamageMeter(const engine::LoadedModel& model, engine::Session& original,
              const ReferenceDistributions& reference, Knowledge& knowledge);

  // Bytes that divergence() takes for all tensors of a file that may change.
  [[nodiscard]] uint64_t bytes_for_all() const;

  // Of one tensor in each of `types`. Its rows must be whole blocks of them.
  [[nodiscard]] Result<TensorDamage> measure(size_t tensor, std::span<const DType> types);

  // Mean KL divergence with these tensors in other types. Keeps what it expanded last of each:
  // asking again for the same type costs nothing.
  [[nodiscard]] Result<double> divergence(std::span<const size_t> tensors,
                                          std::span<const DType> types);

  // Gives the memory of what divergence() kept back.
  void forget() { kept_.clear(); }

 private:
  struct Expanded {
    size_t tensor = 0;
    DType type = DType::F32;
    std::vector<float> values;
  };
  [[nodiscard]] Result<const Expanded*> expanded(size_t tensor, DType type);
  [[nodiscard]] Result<double> error_of(const gguf::TensorInfo& tensor, DType type,
                                        const InputKnowledge& known);

  const engine::LoadedModel& model_;
  engine::Session& original_;
  const ReferenceDistributions& reference_;
  Knowledge& knowledge_;
  TensorEncoder encoder_;
  std::vector<std::unique_ptr<Expanded>> kept_;
};

}  // namespace hearth::quantize
