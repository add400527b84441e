// The files of a model, as the server sees them: it opens them for its worker, and reads nothing
// of them that would have to be understood.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "os/descriptor.h"
#include "protocol/request.h"
#include "server/options.h"

namespace hearth::http {

struct ModelFiles {
  std::string name;                // of the file, without .gguf and the number of its part
  std::vector<std::string> paths;  // all parts
  uint64_t bytes = 0;
  int64_t modified = 0;     // seconds since 1970
  std::string fingerprint;  // 64 hexadecimal digits: sizes, times, and samples of what is in them
};

// A path that ends in -00001-of-0000N.gguf names all N parts. Errors: a file that is not there.
[[nodiscard]] Result<ModelFiles> find_model_files(const std::string& path);

// The first message for a worker, and the files that it names, which must stay open until the
// worker has started.
struct OpenedModel {
  protocol::Load load;
  std::vector<os::Descriptor> files;
};
[[nodiscard]] Result<OpenedModel> open_for_worker(const ModelFiles& files, const std::string& name,
                                                  const server::Options& options);

}  // namespace hearth::http
