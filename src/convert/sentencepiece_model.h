// Reads tokenizer.model: SentencePiece's model, a protocol buffer of pieces with scores.
#pragma once

#include "base/bytes.h"
#include "convert/vocabulary.h"

namespace hearth::convert {

// Errors name the byte where the file stops making sense.
[[nodiscard]] Result<Vocabulary> read_sentencepiece(Bytes file);

}  // namespace hearth::convert
