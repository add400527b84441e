#include "convert/sentencepiece_model.h"

namespace hearth::convert {
namespace {

// The fields that count, with their numbers in sentencepiece_model.proto.
enum ModelField : uint32_t { kPieces = 1, kTrainerSpec = 2, kNormalizerSpec = 3 };
enum PieceField : uint32_t { kPiece = 1, kScore = 2, kType = 3 };
enum TrainerField : uint32_t { kModelType = 3 };
enum NormalizerField : uint32_t { kCharsmap = 2, kDummyPrefix = 3, kRemoveExtraSpaces = 4 };
constexpr uint64_t kUnigram = 1;
constexpr uint64_t kBpe = 2;

// A field of a protocol buffer message: its number, and its value by kind.
struct Field {
  uint32_t number = 0;
  uint64_t value = 0;  // of numbers, and the bits of fixed-size ones
  Bytes bytes;         // of texts and messages
};

// Goes over the fields of a message.
class MessageReader {
 public:
  MessageReader(Bytes message, uint64_t start) : reader_(message), start_(start) {}

  [[nodiscard]] bool done() const { return reader_.remaining() == 0; }
  // Of the next field's bytes in the whole file.
  [[nodiscard]] uint64_t at() const { return start_ + reader_.at(); }

  Result<Field> next() {
    HEARTH_TRY(const uint64_t tag, varint());
    Field field;
    field.number = static_cast<uint32_t>(tag >> 3);
    switch (tag & 7) {
      case 0: {
        HEARTH_TRY(field.value, varint());
        return field;
      }
      case 1:
        return fixed<uint64_t>(field);
      case 2: {
        HEARTH_TRY(const uint64_t size, varint());
        const auto bytes = reader_.take(size);
        if (!bytes) return cut();
        field.bytes = *bytes;
        return field;
      }
      case 5:
        return fixed<uint32_t>(field);
      default:
        return fail(ErrorCode::bad_file, "byte ", at(),
                    " begins no field of a SentencePiece model");
    }
  }

 private:
  tl::unexpected<Error> cut() const {
    return fail(ErrorCode::bad_file, "it is cut short or damaged at byte ", at());
  }

  Result<uint64_t> varint() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const auto byte = reader_.read<uint8_t>();
      if (!byte) return cut();
      value |= static_cast<uint64_t>(*byte & 0x7F) << shift;
      if ((*byte & 0x80) == 0) return value;
    }
    return cut();
  }

  template <class T>
  Result<Field> fixed(Field field) {
    const auto bits = reader_.read<T>();
    if (!bits) return cut();
    field.value = *bits;
    return field;
  }

  ByteReader reader_;
  uint64_t start_;
};

Result<void> read_piece(Bytes message, uint64_t start, Vocabulary& vocabulary) {
  std::string text;
  float score = 0;
  uint64_t type = kNormalToken;
  for (MessageReader reader(message, start); !reader.done();) {
    HEARTH_TRY(const Field field, reader.next());
    if (field.number == kPiece) text = as_text(field.bytes);
    if (field.number == kScore) {
      const auto bits = static_cast<uint32_t>(field.value);
      score = load_unaligned<float>(&bits);
    }
    if (field.number == kType) type = field.value;
  }
  if (type < kNormalToken || type > kByteToken) {
    return fail(ErrorCode::bad_file, "piece ", vocabulary.tokens.size(), " has the type ", type,
                ", there are 1 to 6");
  }
  if (!(score >= -1e30f && score <= 1e30f)) {
    return fail(ErrorCode::bad_file, "the score of piece ", vocabulary.tokens.size(),
                " is no number");
  }
  vocabulary.put(vocabulary.tokens.size(), std::move(text), static_cast<TokenType>(type), score);
  return {};
}

Result<uint64_t> read_model_type(Bytes message, uint64_t start) {
  uint64_t type = kUnigram;
  for (MessageReader reader(message, start); !reader.done();) {
    HEARTH_TRY(const Field field, reader.next());
    if (field.number == kModelType) type = field.value;
  }
  return type;
}

Result<void> read_normalizer(Bytes message, uint64_t start, Vocabulary& vocabulary) {
  for (MessageReader reader(message, start); !reader.done();) {
    HEARTH_TRY(const Field field, reader.next());
    if (field.number == kCharsmap) {
      const auto* first = reinterpret_cast<const uint8_t*>(field.bytes.data());
      vocabulary.charsmap.assign(first, first + field.bytes.size());
    }
    if (field.number == kDummyPrefix) vocabulary.add_space_prefix = field.value != 0;
    if (field.number == kRemoveExtraSpaces) vocabulary.remove_extra_whitespaces = field.value != 0;
  }
  return {};
}

}  // namespace

Result<Vocabulary> read_sentencepiece(Bytes file) {
  Vocabulary vocabulary;
  vocabulary.add_space_prefix = true;
  vocabulary.remove_extra_whitespaces = true;
  uint64_t type = kUnigram;
  for (MessageReader reader(file, 0); !reader.done();) {
    HEARTH_TRY(const Field field, reader.next());
    const uint64_t start = reader.at() - field.bytes.size();
    if (field.number == kPieces) {
      if (vocabulary.tokens.size() >= kMaxVocabulary) {
        return fail(ErrorCode::too_large, "it has more than ", kMaxVocabulary, " pieces");
      }
      HEARTH_CHECK(read_piece(field.bytes, start, vocabulary));
    } else if (field.number == kTrainerSpec) {
      HEARTH_TRY(type, read_model_type(field.bytes, start));
    } else if (field.number == kNormalizerSpec) {
      HEARTH_CHECK(read_normalizer(field.bytes, start, vocabulary));
    }
  }
  if (vocabulary.tokens.empty()) return fail(ErrorCode::bad_file, "it has no pieces");
  if (type != kUnigram && type != kBpe) {
    return fail(ErrorCode::unsupported, "it cuts text into words or characters (type ", type,
                "), which hearth does not do");
  }
  vocabulary.model = type == kBpe ? "llama" : "t5";
  vocabulary.pre = "default";
  if (type == kBpe) {  // which has neither in GGUF
    vocabulary.charsmap.clear();
    vocabulary.remove_extra_whitespaces.reset();
  }
  return vocabulary;
}

}  // namespace hearth::convert
