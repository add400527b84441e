// The flags of hearth serve, by llama-server's names where it has them.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "server/options.h"

namespace hearth::http {

struct ServerFlags {
  server::Options options;
  std::vector<std::string> models;
  std::string models_folder;
  std::vector<std::string> aliases;
  std::vector<std::string> adapters;
  std::vector<std::string> adapters_scaled;
  std::vector<std::string> api_key_files;
  std::string chat_template_file;
  std::string kv_keys;
  std::string kv_values;
  std::string memory;
  std::vector<std::string> unused;  // values of flags that change nothing here
  bool unused_flag = false;
  int64_t max_tokens = -1;
  int64_t cache_ram = 1024;   // MiB
  int64_t cache_disk = 4096;  // MiB
  bool no_web_page = false;
  bool no_slots = false;
};

void add_server_flags(CLI::App& app, ServerFlags& flags);

// Reads what flags name: keys, a template, a folder of models.
[[nodiscard]] Result<server::Options> options_of(const ServerFlags& flags);

}  // namespace hearth::http
