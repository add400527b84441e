// Writes GGUF version 3 (docs/formats/gguf.md): metadata and tensor infos first, then the data of
// each tensor in the announced order, so that a model of any size streams through little memory.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "gguf/value.h"
#include "tensor/dtype.h"

namespace hearth::gguf {

class Writer {
 public:
  // Receives the file's bytes in order.
  using Sink = std::function<Result<void>(Bytes)>;

  void add_text(std::string_view key, std::string_view value);
  void add_u32(std::string_view key, uint32_t value);
  void add_f32(std::string_view key, float value);
  void add_bool(std::string_view key, bool value);
  void add_texts(std::string_view key, const std::vector<std::string>& values);
  void add_f32s(std::string_view key, const std::vector<float>& values);
  void add_i32s(std::string_view key, const std::vector<int32_t>& values);
  void add_u8s(std::string_view key, const std::vector<uint8_t>& values);
  void add_bools(std::string_view key, const std::vector<bool>& values);

  // As it was read from a file.
  void add_value(std::string_view key, const Value& value);

  // Announces a tensor; `dims` as in a file, row length first. Its row must be whole blocks of
  // `type`.
  [[nodiscard]] Result<void> add_tensor(std::string_view name, DType type,
                                        std::vector<uint64_t> dims);

  // Sends everything that stands before the tensor data.
  [[nodiscard]] Result<void> write_header(const Sink& sink) const;

  // Sends the next announced tensor's data, padded to the alignment; size_of(index) bytes in all,
  // in one or more pieces.
  [[nodiscard]] Result<void> write_piece(const Sink& sink, Bytes piece);

  [[nodiscard]] size_t tensor_count() const { return sizes_.size(); }
  [[nodiscard]] uint64_t size_of(size_t index) const { return sizes_[index]; }
  // Of the whole file as it was announced.
  [[nodiscard]] uint64_t file_bytes() const { return header().size() + next_offset_; }

 private:
  void add_key(std::string_view key, ValueType type);
  void add_array(std::string_view key, ValueType element, uint64_t count);
  // Everything that stands before the tensor data, padded.
  [[nodiscard]] std::string header() const;

  std::string metadata_;
  std::string infos_;
  uint64_t n_metadata_ = 0;
  uint64_t next_offset_ = 0;     // of the next announced tensor, relative to the data section
  std::vector<uint64_t> sizes_;  // bytes of each announced tensor
  size_t current_ = 0;           // the tensor that write_piece is filling
  uint64_t written_ = 0;         // bytes of it so far
};

}  // namespace hearth::gguf
