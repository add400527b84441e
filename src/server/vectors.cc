#include "server/vectors.h"

#include <bit>
#include <cmath>
#include <cstring>

#include "base/base64.h"

namespace hearth::server {

Answerable<std::vector<float>> floats_of(std::string_view base64_vector,
                                         std::optional<uint64_t> dimensions) {
  const std::optional<std::string> bytes = from_base64(base64_vector);
  if (!bytes || bytes->size() % 4 != 0)
    return refuse(Problem::Kind::failed, "the worker sent an embedding that is none");
  std::vector<float> floats(bytes->size() / 4);
  for (size_t i = 0; i < floats.size(); ++i) {
    uint32_t bits = 0;
    for (size_t j = 0; j < 4; ++j)
      bits |= static_cast<uint32_t>(static_cast<uint8_t>((*bytes)[4 * i + j])) << (8 * j);
    floats[i] = std::bit_cast<float>(bits);
    // JSON has no word for it, and no distance to it means anything.
    if (!std::isfinite(floats[i]))
      return refuse(Problem::Kind::failed, "the embedding of this text has no finite values");
  }
  if (!dimensions) return floats;
  if (*dimensions > floats.size()) {
    return tl::unexpected<Problem>(
        Problem{.kind = Problem::Kind::bad_request,
                .message = cat("'dimensions' is ", *dimensions,
                               ", but the model's embeddings have ", floats.size()),
                .field = "dimensions"});
  }
  floats.resize(*dimensions);
  double squares = 0;
  for (const float value : floats) squares += static_cast<double>(value) * value;
  if (squares > 0) {
    for (float& value : floats) value = static_cast<float>(value / std::sqrt(squares));
  }
  return floats;
}

std::string base64_of(const std::vector<float>& vector) {
  std::string bytes(vector.size() * sizeof(float), '\0');
  std::memcpy(bytes.data(), vector.data(), bytes.size());
  return base64(bytes);
}

}  // namespace hearth::server
