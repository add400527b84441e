// What the person who starts the server chose.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "protocol/request.h"

namespace hearth::server {

struct ModelChoice {
  std::string path;
  std::string name;  // "": the file's, without .gguf
  std::vector<std::string> aliases;
};

struct Options {
  std::string host = "127.0.0.1";
  uint16_t port = 8080;     // 0: any that is free
  std::string unix_socket;  // instead of host and port
  std::vector<std::string> api_keys;
  std::string tls_certificate;  // files; both or none
  std::string tls_key;
  std::vector<std::string> allowed_hosts;    // names in Host besides those of loopback
  std::vector<std::string> allowed_origins;  // of web pages that may call, besides our own

  std::vector<ModelChoice> models;
  std::vector<std::string> adapters;  // LoRA files, with scales below
  std::vector<float> adapter_scales;
  protocol::Load load;                 // for every model, without its files
  sample::SamplingParams sampling;     // where a request names nothing else
  std::optional<uint64_t> max_tokens;  // likewise
  uint64_t memory_bytes = 0;           // for all models together; 0: what is free
  double idle_seconds = -1;            // after which a model is unloaded; -1: never
  std::string cache_folder;            // of prefixes; "": they do not outlive a worker
  bool web_page = true;
  bool metrics = true;
  bool slots = true;

  uint64_t max_body_bytes = uint64_t{64} << 20;
  uint64_t max_connections = 4096;
  double header_seconds = 15;  // to send the head of a request
  double body_seconds = 300;   // and its body
  double idle_connection_seconds = 75;
  double write_seconds = 60;  // without a byte taken by the client
};

}  // namespace hearth::server
