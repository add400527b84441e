#include "http/model_files.h"

#include <openssl/evp.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "os/system.h"

namespace hearth::http {
namespace {

constexpr size_t kSampleBytes = 4096;
constexpr uint64_t kSamples = 256;  // of each file, besides its beginning
constexpr size_t kBeginningBytes = size_t{1} << 20;

class Digest {
 public:
  Digest() : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
    EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr);
  }
  void add(std::string_view bytes) { EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()); }
  std::string hex() {
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    EVP_DigestFinal_ex(context_.get(), bytes, &length);
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text;
    for (unsigned i = 0; i < length; ++i) {
      text += kDigits[bytes[i] >> 4];
      text += kDigits[bytes[i] & 15];
    }
    return text;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context_;
};

// "-00001-of-00003.gguf" at the end of a name.
struct PartName {
  std::string stem;  // in front of it
  unsigned count = 1;
};

PartName part_name_of(const std::string& path) {
  constexpr std::string_view kEnd = "-00001-of-00000.gguf";
  const bool gguf = ends_with(path, ".gguf");
  if (path.size() > kEnd.size()) {
    const size_t at = path.size() - kEnd.size();
    const std::string_view end = std::string_view(path).substr(at);
    const std::string_view digits = end.substr(10, 5);
    if (starts_with(end, "-00001-of-") && gguf &&
        digits.find_first_not_of("0123456789") == digits.npos) {
      unsigned count = 0;
      for (const char digit : digits) count = count * 10 + static_cast<unsigned>(digit - '0');
      if (count > 0) return {path.substr(0, at), count};
    }
  }
  return {gguf ? path.substr(0, path.size() - 5) : path, 1};
}

std::string five_digits(unsigned number) {
  std::string text = cat(number);
  return std::string(5 - std::min<size_t>(5, text.size()), '0') + text;
}

void add_samples(const os::Descriptor& file, const os::FileFacts& facts, Digest& digest) {
  digest.add(cat(facts.bytes, ".", facts.modified, ".", facts.modified_nanoseconds, "\n"));
  digest.add(os::read_at(file, 0, kBeginningBytes));
  for (uint64_t i = 0; i < kSamples && facts.bytes > kBeginningBytes; ++i)
    digest.add(os::read_at(file, facts.bytes / kSamples * i, kSampleBytes));
}

}  // namespace

Result<ModelFiles> find_model_files(const std::string& path) {
  const PartName part = part_name_of(path);
  ModelFiles files;
  files.name = std::filesystem::path(part.stem).filename().string();
  Digest digest;
  for (unsigned i = 1; i <= part.count; ++i) {
    files.paths.push_back(part.count == 1 ? path
                                          : cat(part.stem, "-", five_digits(i), "-of-",
                                                five_digits(part.count), ".gguf"));
    HEARTH_TRY(const os::Descriptor file, os::open_to_read(files.paths.back()));
    HEARTH_TRY(const os::FileFacts facts, os::facts_of(file));
    files.bytes += facts.bytes;
    files.modified = std::max(files.modified, facts.modified);
    add_samples(file, facts, digest);
  }
  files.fingerprint = digest.hex();
  return files;
}

Result<OpenedModel> open_for_worker(const ModelFiles& files, const std::string& name,
                                    const server::Options& options) {
  OpenedModel opened{.load = options.load, .files = {}};
  const auto open = [&](const std::string& path) -> Result<int> {
    HEARTH_TRY(os::Descriptor file, os::open_to_read(path));
    opened.files.push_back(std::move(file));
    return opened.files.back().get();
  };
  opened.load.name = name;
  opened.load.model_fingerprint = files.fingerprint;
  for (const std::string& path : files.paths) {
    HEARTH_TRY(const int file, open(path));
    opened.load.files.push_back(file);
  }
  for (size_t i = 0; i < options.adapters.size(); ++i) {
    HEARTH_TRY(const int file, open(options.adapters[i]));
    opened.load.adapters.push_back({options.adapters[i], file, options.adapter_scales[i]});
  }
  const uint64_t room =
      options.memory_bytes != 0 ? options.memory_bytes : os::memory_info().available;
  opened.load.memory_bytes = room > files.bytes ? room - files.bytes : 1;
  if (!options.cache_folder.empty() && opened.load.prefix_file_bytes > 0) {
    // Without it answers come all the same.
    auto cache = os::open_private(cat(options.cache_folder, "/", files.fingerprint, ".prefixes"));
    if (cache) {
      opened.load.prefix_file = cache->get();
      opened.files.push_back(*std::move(cache));
    }
  }
  return opened;
}

}  // namespace hearth::http
