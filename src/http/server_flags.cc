#include "http/server_flags.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "base/units.h"
#include "flags/flags.h"
#include "os/file.h"
#include "os/system.h"

namespace hearth::http {
namespace {

constexpr std::string_view kBundledModel = "hearth-stories-6m-q8_0.gguf";
constexpr uint64_t kMaxKeyFileBytes = 1 << 20;
constexpr uint64_t kMaxTemplateBytes = 1 << 20;
constexpr uint64_t kMiB = uint64_t{1} << 20;

constexpr char kExamples[] = R"(Examples:
  hearth serve                               the bundled story model, and a page to chat on
  hearth serve -m model.gguf -c 8192 -np 8   8 answers at a time, 8192 tokens each
  hearth serve -m big.gguf -m small.gguf     two models, loaded when they are asked for
  hearth serve --host 0.0.0.0 --api-key KEY  for other machines too

Clients of OpenAI, Anthropic, Ollama and llama-server speak to it as they are; docs/api.md lists
what each understands.)";

void add_socket_flags(CLI::App& app, ServerFlags& flags) {
  server::Options& options = flags.options;
  app.add_option("--host", options.host, "Address to listen on")->capture_default_str();
  app.add_option("--port", options.port, "Port, 0 for any that is free")
      ->check(flags::whole_number(0, 65535))
      ->capture_default_str();
  app.add_option("--unix-socket", options.unix_socket, "Listen on this socket instead")
      ->type_name("PATH");
  app.add_option("--api-key", options.api_keys,
                 "Key that clients must send; may be given several times")
      ->type_name("KEY")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(flags::not_empty());
  app.add_option("--api-key-file", flags.api_key_files, "File with a key in each line")
      ->type_name("FILE");
  app.add_option("--ssl-cert-file", options.tls_certificate, "Certificate (PEM) for TLS")
      ->type_name("FILE");
  app.add_option("--ssl-key-file", options.tls_key, "And its key")->type_name("FILE");
  app.add_option("--allowed-host", options.allowed_hosts, "Another name that this server goes by")
      ->type_name("NAME")
      ->allow_extra_args(false);
  app.add_option("--cors-origins", options.allowed_origins,
                 "Web pages that may use the server, as in https://example.org (default: its own)")
      ->type_name("ORIGIN")
      ->delimiter(',')
      ->allow_extra_args(false);
}

void add_model_flags(CLI::App& app, ServerFlags& flags) {
  protocol::Load& load = flags.options.load;
  app.add_option("-m,--model", flags.models,
                 "GGUF file; may be given several times, the first is the default (default: the "
                 "story model that comes with hearth)")
      ->type_name("FILE")
      ->allow_extra_args(false)
      ->check(flags::not_empty());
  app.add_option("--models-dir", flags.models_folder, "Offer every GGUF file of a folder")
      ->type_name("FOLDER");
  app.add_option("-a,--alias", flags.aliases, "Name of the model of the same place in the list")
      ->type_name("NAME")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_option("-c,--ctx-size", load.context,
                 "Tokens that fit, prompt and answer (default: the model's, at most 4096)")
      ->type_name("N")
      ->check(flags::whole_number(0, int64_t{1} << 24));
  app.add_option(
         "--parallel", load.places,
         "Answers written at a time, each with -c tokens; also -np (default: 4, or what fits)")
      ->type_name("N")
      ->check(flags::whole_number(1, 256));
  app.add_option("-t,--threads", load.threads, "Threads (default: every CPU this process may use)")
      ->type_name("N")
      ->check(flags::whole_number(0, 512));
  app.add_option("-b,--batch-size", load.prompt_chunk, "Prompt tokens computed together")
      ->type_name("N")
      ->check(flags::whole_number(1, 4096))
      ->capture_default_str();
  app.add_option("--kv", load.kv_type, "Format of the KV cache: q8_0, f16 or f32")
      ->type_name("TYPE")
      ->capture_default_str();
  app.add_option("--cache-type-k", flags.kv_keys, "The same, as llama.cpp calls it: of the keys")
      ->type_name("TYPE");
  app.add_option("--cache-type-v", flags.kv_values, "And of the values, which must be equal")
      ->type_name("TYPE");
  app.add_option("--lora", flags.adapters, "A LoRA adapter (GGUF) on every model")
      ->type_name("FILE")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_option("--lora-scaled", flags.adapters_scaled, "The same, as in style.gguf:0.5")
      ->type_name("FILE:SCALE")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_option("--chat-template", load.chat_template,
                 "Template, or chatml, llama3, llama2, zephyr, instead of the model's")
      ->type_name("TEMPLATE");
  app.add_option("--chat-template-file", flags.chat_template_file, "The same from a file")
      ->type_name("FILE");
  app.add_option("--pooling", load.pooling, "Of embeddings: none, mean, cls, last or rank")
      ->type_name("KIND");
}

void add_work_flags(CLI::App& app, ServerFlags& flags) {
  server::Options& options = flags.options;
  app.add_option("-n,--n-predict,--predict", flags.max_tokens,
                 "Tokens of an answer at most, where the request does not say (-1: no limit)")
      ->type_name("N")
      ->check(flags::whole_number(-1, INT32_MAX))
      ->capture_default_str();
  app.add_option("--temp", options.sampling.temperature, "Temperature, where the request has none")
      ->capture_default_str();
  app.add_option("--top-k", options.sampling.top_k, "Likewise")->capture_default_str();
  app.add_option("--top-p", options.sampling.top_p, "Likewise")->capture_default_str();
  app.add_option("--min-p", options.sampling.min_p, "Likewise")->capture_default_str();
  app.add_option("--repeat-penalty", options.sampling.repeat_penalty, "Likewise")
      ->capture_default_str();
  app.add_option("--queue", options.load.queue, "Requests that may wait for a place")
      ->type_name("N")
      ->check(flags::whole_number(0, 100000))
      ->capture_default_str();
  app.add_option("--memory", flags.memory,
                 "For all models together, as in 8GB (default: what is free)")
      ->type_name("BYTES");
  app.add_option("--sleep-idle-seconds", options.idle_seconds,
                 "Unload a model that nobody asked for so long (-1: never)")
      ->type_name("SECONDS")
      ->capture_default_str();
  app.add_option("--cache-ram", flags.cache_ram, "MiB of memory for beginnings of prompts")
      ->type_name("N")
      ->check(flags::whole_number(0, 1 << 24))
      ->capture_default_str();
  app.add_option("--cache-disk", flags.cache_disk,
                 "MiB of disk for them, so that they outlive the server; 0: none")
      ->type_name("N")
      ->check(flags::whole_number(0, 1 << 24))
      ->capture_default_str();
  app.add_option("--timeout", options.write_seconds, "Seconds that a client may take nothing")
      ->type_name("SECONDS")
      ->capture_default_str();
  app.add_flag("--no-webui,--no-ui", flags.no_web_page, "Serve no page to chat on");
  app.add_flag("--no-slots", flags.no_slots, "Do not tell what the places are at (/slots)");
}

// Flags of llama-server that change nothing here.
void add_empty_flags(CLI::App& app, ServerFlags& flags) {
  for (const char* const name :
       {"--embedding,--embeddings", "--reranking,--rerank", "--jinja", "--cont-batching",
        "--metrics", "--offline", "--slots", "--kv-unified", "--mlock", "--no-mmap"})
    app.add_flag(name, flags.unused_flag, "Nothing to choose here")->group("");
  for (const char* const name : {"--n-gpu-layers,--gpu-layers", "--flash-attn", "--ubatch-size"})
    app.add_option(name, flags.unused, "Nothing to choose here")->group("")->expected(1);
}

Result<void> read_keys(const ServerFlags& flags, server::Options& options) {
  for (const std::string& file : flags.api_key_files) {
    HEARTH_TRY(const std::string text, os::read_text(file, kMaxKeyFileBytes));
    for (const std::string_view line : split(text, '\n')) {
      if (!trim(line).empty()) options.api_keys.emplace_back(trim(line));
    }
  }
  return {};
}

Result<void> read_adapters(const ServerFlags& flags, server::Options& options) {
  for (const std::string& file : flags.adapters) {
    options.adapters.push_back(file);
    options.adapter_scales.push_back(1);
  }
  for (const std::string& text : flags.adapters_scaled) {
    const size_t colon = text.rfind(':');
    const std::string number = colon == text.npos ? "" : text.substr(colon + 1);
    char* end = nullptr;
    const float scale = std::strtof(number.c_str(), &end);
    if (colon == 0 || number.empty() || *end != '\0' || !std::isfinite(scale)) {
      return fail(ErrorCode::bad_usage, "--lora-scaled is '", printable(text, 100),
                  "', it must be FILE:SCALE, as in style.gguf:0.5");
    }
    options.adapters.push_back(text.substr(0, colon));
    options.adapter_scales.push_back(scale);
  }
  return {};
}

Result<void> find_models(const ServerFlags& flags, server::Options& options) {
  std::vector<std::string> paths = flags.models;
  if (!flags.models_folder.empty()) {
    std::error_code error;
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(flags.models_folder, error)) {
      const std::string path = entry.path().string();
      const bool later_part =
          path.find("-of-") != path.npos && path.find("-00001-of-") == path.npos;
      if (ends_with(path, ".gguf") && !later_part) found.push_back(path);
    }
    if (error) {
      return fail(ErrorCode::not_found, "cannot read the folder '", printable(flags.models_folder),
                  "': ", error.message());
    }
    std::sort(found.begin(), found.end());
    paths.insert(paths.end(), found.begin(), found.end());
  }
  if (paths.empty()) {
    for (const char* const place : {"/../../../models/", "/../share/hearth/models/"}) {
      const std::filesystem::path path = cat(os::program_folder(), place, kBundledModel);
      if (paths.empty() && os::file_exists(path)) paths.push_back(path.lexically_normal());
    }
  }
  if (flags.aliases.size() > paths.size() && paths.size() != 1)
    return fail(ErrorCode::bad_usage, "there are more names (--alias) than models (-m)");
  for (size_t i = 0; i < paths.size(); ++i) {
    server::ModelChoice choice{.path = paths[i], .name = "", .aliases = {}};
    if (i < flags.aliases.size()) choice.name = flags.aliases[i];
    if (paths.size() == 1 && flags.aliases.size() > 1)
      choice.aliases.assign(flags.aliases.begin() + 1, flags.aliases.end());
    options.models.push_back(std::move(choice));
  }
  return {};
}

std::string cache_folder() {
  if (const auto cache = os::environment("XDG_CACHE_HOME")) return cat(*cache, "/hearth");
  if (const auto home = os::environment("HOME")) return cat(*home, "/.cache/hearth");
  return "";
}

}  // namespace

void add_server_flags(CLI::App& app, ServerFlags& flags) {
  app.set_version_flag("--version", std::string(HEARTH_VERSION));
  flags.options.load.places = 0;
  add_model_flags(app, flags);
  add_socket_flags(app, flags);
  add_work_flags(app, flags);
  add_empty_flags(app, flags);
  app.footer(kExamples);
}

Result<server::Options> options_of(const ServerFlags& flags) {
  server::Options options = flags.options;
  HEARTH_CHECK(sample::check(options.sampling));
  HEARTH_CHECK(read_keys(flags, options));
  HEARTH_CHECK(read_adapters(flags, options));
  HEARTH_CHECK(find_models(flags, options));
  if (!flags.kv_keys.empty() || !flags.kv_values.empty()) {
    if (flags.kv_keys != flags.kv_values) {
      return fail(ErrorCode::bad_usage,
                  "--cache-type-k and --cache-type-v must be equal: give both");
    }
    options.load.kv_type = flags.kv_keys;
  }
  if (!flags.chat_template_file.empty()) {
    HEARTH_TRY(options.load.chat_template,
               os::read_text(flags.chat_template_file, kMaxTemplateBytes));
  }
  if (!flags.memory.empty()) {
    const auto bytes = parse_bytes(flags.memory);
    if (!bytes || *bytes == 0) {
      return fail(ErrorCode::bad_usage, "--memory is '", printable(flags.memory),
                  "', it must be a number of bytes, as in 8GB");
    }
    options.memory_bytes = *bytes;
  }
  if (flags.max_tokens >= 0) options.max_tokens = static_cast<uint64_t>(flags.max_tokens);
  options.load.prefix_bytes = static_cast<uint64_t>(flags.cache_ram) * kMiB;
  options.load.prefix_file_bytes = static_cast<uint64_t>(flags.cache_disk) * kMiB;
  if (flags.cache_disk > 0) options.cache_folder = cache_folder();
  options.web_page = !flags.no_web_page;
  options.slots = !flags.no_slots;
  return options;
}

}  // namespace hearth::http
