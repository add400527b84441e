// tokenizer_driver: many texts through a tokenizer in one process, for tools/compare_tokenizers and
// bench/tokenizer.
//
//   tokenizer_driver ids FILE.gguf [special]   texts on standard input -> ids
//   tokenizer_driver words NAME                texts -> lengths of words, as pre-tokenizer NAME
//   splits tokenizer_driver time FILE.gguf TEXT N     seconds of each of N times that TEXT is
//   encoded
//
// Texts and answers are u32 little-endian: a count, then so many bytes (a text) or numbers (an
// answer).
#include <cstring>

#include "base/text.h"
#include "cli/command.h"
#include "engine/loader.h"
#include "os/file.h"
#include "os/system.h"
#include "text/pretokenize.h"

namespace hearth::bench {
namespace {

constexpr uint64_t kMaxInput = uint64_t{1} << 31;

Result<std::vector<std::string_view>> split(std::string_view input) {
  std::vector<std::string_view> texts;
  ByteReader reader(as_bytes(input));
  while (reader.remaining() != 0) {
    const auto size = reader.read<uint32_t>();
    if (!size || *size > reader.remaining()) {
      return fail(ErrorCode::bad_usage, "standard input ends inside of a text");
    }
    texts.push_back(input.substr(reader.at(), *size));
    reader = ByteReader(as_bytes(input), reader.at() + *size);
  }
  return texts;
}

void append_numbers(std::string& out, const std::vector<uint32_t>& numbers) {
  const auto put = [&](uint32_t number) {
    out.append(reinterpret_cast<const char*>(&number), sizeof number);
  };
  put(static_cast<uint32_t>(numbers.size()));
  for (const uint32_t number : numbers) put(number);
}

template <class Answer>
Result<void> answer_all(const Answer& answer) {
  HEARTH_TRY(const std::string input, os::read_text("-", kMaxInput));
  HEARTH_TRY(const std::vector<std::string_view> texts, split(input));
  std::string out;
  for (const std::string_view text : texts) append_numbers(out, answer(text));
  return cli::print(out);
}

Result<void> words(std::string_view name) {
  const text::PreTokenizer* pre = text::find_pre_tokenizer(name);
  const text::Splitter splitter = pre == nullptr ? text::Splitter::usual : pre->splitter;
  return answer_all([&](std::string_view text) {
    std::vector<uint32_t> lengths;
    text::WordSplitter splitting(splitter, text);
    for (std::string_view word; splitting.next(word);) {
      lengths.push_back(static_cast<uint32_t>(word.size()));
    }
    return lengths;
  });
}

Result<void> ids(const text::Tokenizer& tokenizer, bool special) {
  return answer_all([&](std::string_view text) {
    const auto tokens = tokenizer.encode(text, {.add_special = special, .parse_special = special});
    return std::vector<uint32_t>(tokens.begin(), tokens.end());
  });
}

Result<void> time(const text::Tokenizer& tokenizer, const char* path, size_t rounds) {
  HEARTH_TRY(const std::string text, os::read_text(path, kMaxInput));
  std::string out;
  for (size_t i = 0; i < rounds; ++i) {
    const double begin = os::monotonic_seconds();
    const size_t count = tokenizer.encode(text, {.add_special = false}).size();
    out += cat(os::monotonic_seconds() - begin, " ", count, "\n");
  }
  return cli::print(out);
}

Result<void> run(const std::vector<std::string>& args) {
  if (args.size() == 2 && args[0] == "words") return words(args[1]);
  if (args.size() < 2) return fail(ErrorCode::bad_usage, "see the head of tokenizer_driver.cc");
  HEARTH_TRY(const engine::ModelFile file, engine::open_model_file(args[1]));
  HEARTH_TRY(const text::Tokenizer tokenizer, text::Tokenizer::create(file.gguf.metadata));
  if (args[0] == "ids") return ids(tokenizer, args.size() == 3 && args[2] == "special");
  if (args[0] == "time" && args.size() == 4) {
    return time(tokenizer, args[2].c_str(), std::strtoul(args[3].c_str(), nullptr, 10));
  }
  return fail(ErrorCode::bad_usage, "see the head of tokenizer_driver.cc");
}

}  // namespace
}  // namespace hearth::bench

int main(int argc, char** argv) {
  const auto done = hearth::bench::run(std::vector<std::string>(argv + 1, argv + argc));
  if (done) return 0;
  hearth::cli::say(hearth::cat("tokenizer_driver: ", done.error().message));
  return 1;
}
