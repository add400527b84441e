// hearth template: a conversation as the prompt that a model reads, and the reply taken apart.
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/model_options.h"
#include "engine/loader.h"
#include "flags/flags.h"
#include "os/file.h"
#include "os/system.h"
#include "text/chat_template.h"
#include "text/reply_parser.h"

namespace hearth::cli {
namespace {

constexpr uint64_t kMaxMessagesBytes = uint64_t{64} << 20;
constexpr uint64_t kMaxReplyBytes = uint64_t{64} << 20;
constexpr uint64_t kMaxTemplateBytes = uint64_t{1} << 20;

struct TemplateOptions {
  ModelOptions model;
  std::string template_path;
  std::string messages_path;
  std::string reply_path;
  std::string time;
};

constexpr char kHelp[] =
    "The JSON is an object with the list \"messages\", as in the OpenAI API; a list alone counts "
    "as "
    "the messages.\n\"tools\", \"add_generation_prompt\", \"bos_token\", \"eos_token\" and any "
    "other "
    "member are variables of the template.\n\n"
    "With --reply, shows as JSON what a reply of the model consists of: content, reasoning and "
    "tool "
    "calls.\nThe messages are then what it replies to (\"tools\" give types to the values of its "
    "calls), with \n\"add_generation_prompt\" true unless they say otherwise.\n\n"
    "Example: hearth template -m model.gguf --messages talk.json";

// Like 2025-01-31T12:30:00.
Result<CivilTime> parse_time(const std::string& text) {
  CivilTime time;
  int end = 0;
  const int read = std::sscanf(text.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d%n", &time.year, &time.month,
                               &time.day, &time.hour, &time.minute, &time.second, &end);
  const auto within = [](int value, int least, int most) {
    return value >= least && value <= most;
  };
  const bool sensible = read == 6 && static_cast<size_t>(end) == text.size() &&
                        within(time.year, 1, 9999) && within(time.month, 1, 12) &&
                        within(time.day, 1, 31) && within(time.hour, 0, 23) &&
                        within(time.minute, 0, 59) && within(time.second, 0, 60);
  if (sensible) return time;
  return fail(ErrorCode::bad_usage, "'", printable(text, 40),
              "' is no time: write it as in 2025-01-31T12:30:00");
}

std::string name_of_file(const std::string& path) {
  return path == "-" ? "standard input" : cat("'", printable(path, 400), "'");
}

// The variables of the template: a list of messages alone becomes an object.
Result<std::string> read_variables(const std::string& path) {
  HEARTH_TRY(std::string text, os::read_text(path, kMaxMessagesBytes));
  const std::string name = name_of_file(path);
  HEARTH_CHECK(check_utf8(text, name));
  const auto document = nlohmann::json::parse(text, nullptr, false);
  if (document.is_discarded()) return fail(ErrorCode::bad_file, name, " is no JSON");
  if (document.is_array()) return cat("{\"messages\":", text, "}");
  if (!document.is_object() || !document.contains("messages"))
    return fail(ErrorCode::bad_file, name, " needs a list \"messages\"");
  return text;
}

// A template and what it belongs to.
struct Source {
  std::string name;  // of the file
  std::string text;
  std::optional<engine::ModelFile> file;
  std::optional<text::Vocab> vocab;
};

Result<Source> read_source(const TemplateOptions& options) {
  const bool from_file = !options.template_path.empty();
  Source source;
  source.name = options.template_path;
  if (from_file) {
    HEARTH_TRY(source.text, os::read_text(options.template_path, kMaxTemplateBytes));
  }
  if (!from_file || !options.model.path.empty()) {
    HEARTH_TRY(const std::string path, model_path(options.model));
    HEARTH_TRY(source.file, engine::open_model_file(path));
    HEARTH_TRY(source.vocab, text::Vocab::read(source.file->gguf.metadata));
    if (!from_file) source.name = path;
  }
  if (!from_file) {
    const auto own = text::chat_template_of(source.file->gguf.metadata);
    if (!own) {
      return fail(ErrorCode::bad_file, "'", printable(source.name, 400),
                  "' has no chat template: give one with --template FILE");
    }
    source.text = *own;
  }
  return source;
}

Result<std::string> prompt_of(const Source& source, std::string_view variables,
                              const CivilTime& now) {
  const auto chat =
      text::ChatTemplate::create(source.text, source.vocab ? &*source.vocab : nullptr);
  if (!chat) return fail_with_context(printable(source.name, 400), chat.error());
  Result<std::string> prompt = chat->render(variables, now);
  if (!prompt) return fail_with_context(printable(source.name, 400), prompt.error());
  return prompt;
}

std::string json_of(const text::Reply& reply) {
  using nlohmann::ordered_json;
  ordered_json calls = ordered_json::array();
  for (const text::ToolCall& call : reply.calls) {
    ordered_json shown;
    if (!call.id.empty()) shown["id"] = call.id;
    shown["name"] = call.name;
    shown["arguments"] = ordered_json::parse(call.arguments, nullptr, false);
    calls.push_back(std::move(shown));
  }
  const ordered_json all{{"content", reply.content},
                         {"reasoning", reply.reasoning},
                         {"tool_calls", std::move(calls)},
                         {"malformed", reply.malformed}};
  return all.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

Result<void> show_reply(const TemplateOptions& options, const CivilTime& now) {
  HEARTH_TRY(const std::string reply, os::read_text(options.reply_path, kMaxReplyBytes));
  HEARTH_CHECK(check_utf8(reply, name_of_file(options.reply_path)));
  HEARTH_TRY(const Source source, read_source(options));
  std::string prompt;
  text::ReplyTools tools;
  if (!options.messages_path.empty()) {
    HEARTH_TRY(const std::string variables, read_variables(options.messages_path));
    auto document = nlohmann::ordered_json::parse(variables, nullptr, false);
    if (document.contains("tools")) tools = text::ReplyTools::read(document["tools"].dump());
    if (!document.contains("add_generation_prompt")) document["add_generation_prompt"] = true;
    HEARTH_TRY(prompt, prompt_of(source, document.dump(), now));
  }
  std::vector<text::ReplyEvent> events;
  text::ReplyParser parser(text::reply_format_of(source.text), prompt, std::move(tools));
  parser.feed(reply, events);
  return print(json_of(parser.finish(events)));
}

Result<void> render(const TemplateOptions& options) {
  CivilTime now = os::local_time();
  if (!options.time.empty()) {
    HEARTH_TRY(now, parse_time(options.time));
  }
  if (!options.reply_path.empty()) return show_reply(options, now);
  if (options.messages_path.empty())
    return fail(ErrorCode::bad_usage, "give a conversation with --messages FILE, or a reply with ",
                "--reply FILE");
  HEARTH_TRY(const std::string variables, read_variables(options.messages_path));
  HEARTH_TRY(const Source source, read_source(options));
  HEARTH_TRY(const std::string prompt, prompt_of(source, variables, now));
  return print(prompt);
}

}  // namespace

void add_template(CLI::App& app, Action& chosen) {
  auto options = std::make_shared<TemplateOptions>();
  CLI::App* command =
      app.add_subcommand("template", "Show the prompt that a conversation becomes for a model");
  command
      ->add_option("--messages", options->messages_path,
                   "The conversation, as JSON (- for standard input)")
      ->type_name("FILE")
      ->check(flags::not_empty());
  command
      ->add_option("--reply", options->reply_path,
                   "A reply of the model, to be taken apart (- for standard input)")
      ->type_name("FILE")
      ->check(flags::not_empty());
  command
      ->add_option("--template", options->template_path,
                   "A chat template to use (default: that of the model)")
      ->type_name("FILE")
      ->check(flags::not_empty());
  command
      ->add_option("--time", options->time,
                   "What the template's clock shows, as in 2025-01-31T12:30:00 (default: now)")
      ->type_name("TIME")
      ->check(flags::not_empty());
  add_model_flags(*command, options->model, ModelFlags::file_only);
  command->footer(kHelp);
  command->callback([options, &chosen] { chosen = [options] { return render(*options); }; });
}

}  // namespace hearth::cli
