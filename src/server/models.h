// The models that a server offers, as the dialects see them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/event.h"

namespace hearth::server {

struct ModelCard {
  enum class State { unloaded, loading, ready, failed };
  std::string name;
  std::vector<std::string> aliases;
  std::string path;
  uint64_t file_bytes = 0;
  int64_t modified = 0;     // seconds since 1970
  std::string fingerprint;  // of the files: 64 hexadecimal digits
  State state = State::unloaded;
  std::string trouble;                     // why it failed
  double idle_seconds = 0;                 // since the last request ended; 0 while one runs
  double unload_in_seconds = -1;           // when it goes if nobody asks again; -1: never
  std::optional<protocol::Loaded> loaded;  // also after it was unloaded
  protocol::Status status;                 // while it is loaded
};

class Models {
 public:
  virtual ~Models() = default;

  // In the order of the command line; the first is the default.
  [[nodiscard]] virtual std::vector<ModelCard> list() const = 0;
  // By name or alias; "" is the default one.
  [[nodiscard]] virtual std::optional<ModelCard> find(std::string_view name) const = 0;

  // How long the model stays after the last request, from the next one on: 0 unloads it as soon as
  // nothing runs, a negative number keeps it.
  virtual void keep(std::string_view name, double seconds) = 0;
  // Starts to load it, if it is not.
  virtual void load(std::string_view name) = 0;
  // Ends its worker when nothing runs any more.
  virtual void unload(std::string_view name) = 0;
};

}  // namespace hearth::server
