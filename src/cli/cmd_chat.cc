// hearth chat: a conversation on the terminal.
#include <nlohmann/json.hpp>

#include "base/units.h"
#include "cli/adapter_options.h"
#include "cli/command.h"
#include "cli/line_editor.h"
#include "cli/model_options.h"
#include "engine/conversation.h"
#include "os/file.h"
#include "os/system.h"

namespace hearth::cli {
namespace {

constexpr uint64_t kMaxTranscriptBytes = uint64_t{64} << 20;
constexpr std::string_view kHelp =
    "/help         this list\n"
    "/regen        another answer to your last message\n"
    "/clear        start anew\n"
    "/save FILE    write the conversation to a file (JSON)\n"
    "/load FILE    go on with a saved one\n"
    "/exit         leave (or Ctrl-D); Ctrl-C ends an answer\n";

struct ChatOptions {
  ModelOptions model;
  AdapterFlags adapters;
  sample::SamplingParams sampling;
  engine::GenerateOptions generate;
  SpeculationFlags speculation;
  std::string system;
  bool seeded = false;
};

Result<std::vector<engine::Turn>> read_turns(const std::string& path) {
  HEARTH_TRY(const std::string text, os::read_text(path, kMaxTranscriptBytes));
  const nlohmann::json document = nlohmann::json::parse(text, nullptr, false);
  const auto bad = [&](std::string_view what) {
    return fail(ErrorCode::bad_file, "'", printable(path), "' ", what);
  };
  if (!document.is_object() || !document.contains("messages") || !document["messages"].is_array()) {
    return bad("is no saved conversation: a JSON object with a list \"messages\" was expected");
  }
  std::vector<engine::Turn> turns;
  for (const auto& message : document["messages"]) {
    const bool ok = message.is_object() && message.contains("role") &&
                    message.contains("content") && message["content"].is_string();
    if (!ok)
      return bad(cat("has a message without role or content (number ", turns.size() + 1, ")"));
    if (message["role"] != "user" && message["role"] != "assistant") {
      return bad(cat("has a message of an unknown role (number ", turns.size() + 1, ")"));
    }
    const auto role = message["role"] == "user" ? text::Role::user : text::Role::assistant;
    turns.push_back({role, message["content"].get<std::string>()});
    if (const auto thought = message.find("reasoning_content");
        thought != message.end() && thought->is_string())
      turns.back().reasoning = thought->get<std::string>();
  }
  return turns;
}

Result<void> write_turns(const std::string& path, const std::vector<engine::Turn>& turns) {
  nlohmann::json messages = nlohmann::json::array();
  for (const engine::Turn& turn : turns) {
    messages.push_back({{"role", name_of(turn.role)}, {"content", turn.content}});
    if (!turn.reasoning.empty()) messages.back()["reasoning_content"] = turn.reasoning;
  }
  HEARTH_TRY(os::FileWriter file, os::FileWriter::create(path));
  HEARTH_CHECK(file.write(as_bytes(nlohmann::json{{"messages", messages}}.dump(1) + "\n")));
  return file.commit();
}

class Chat {
 public:
  Chat(ChatOptions& options, engine::Session& session)
      : options_(options),
        conversation_(session),
        sampler_(options.sampling, session.model().config().n_vocab) {
    conversation_.set_system(options.system);
  }

  // Tells, once, when text does not reach the model as its makers wanted.
  void warn_of_format() {
    const std::string& trouble = conversation_.template_trouble();
    if (format_told_ || trouble.empty()) return;
    format_told_ = true;
    const text::ChatFormat format = conversation_.format();
    const std::string instead =
        format == text::ChatFormat::unknown
            ? "your text is continued as it stands; answers will be worse"
            : cat("the built-in format '", name_of(format), "' is used instead");
    say(cat("hearth: warning: this model's chat template does not work here: ", trouble, "; ",
            instead));
  }

  // A file without template: its model continues text.
  [[nodiscard]] bool continues_text() const {
    return !conversation_.has_template() && conversation_.format() == text::ChatFormat::none;
  }

  // Reads lines until the end of input. Errors in a turn are told and the chat goes on; only a
  // standard output that is gone ends it.
  Result<void> loop() {
    while (const auto line = editor_.read("> ")) {
      const std::string_view text = trim(*line);
      if (text.empty()) continue;
      if (text == "/exit" || text == "/quit") break;
      const Result<void> done = text[0] == '/' ? command(text) : speak(text);
      if (!done && done.error().code == ErrorCode::io && broken_output_) return done;
      if (!done) say(cat("hearth: ", done.error().message));
      os::clear_interrupted();
    }
    if (os::interrupted()) return fail(ErrorCode::interrupted, "interrupted");
    return {};
  }

 private:
  Result<void> command(std::string_view line) {
    const size_t space = line.find(' ');
    const std::string_view name = line.substr(0, space);
    const std::string file(space == line.npos ? "" : trim(line.substr(space)));
    if (name == "/help") return print(kHelp);
    if (name == "/regen") {
      return show(conversation_.regenerate(sampler_, options_.generate, sink_));
    }
    if (name == "/clear") {
      conversation_.clear();
      forgetting_told_ = false;
      say("hearth: a new conversation");
      return {};
    }
    if (name == "/save" || name == "/load") {
      if (file.empty())
        return fail(ErrorCode::bad_usage, name, " needs a file name, as in: ", name, " talk.json");
      return name == "/save" ? save(file) : load(file);
    }
    const std::vector<std::string_view> names{"/help", "/regen", "/clear",
                                              "/save", "/load",  "/exit"};
    const std::string_view meant = nearest(name, names);
    return fail(ErrorCode::bad_usage, "there is no command ", printable(name),
                meant.empty() ? "" : "; did you mean ", meant, meant.empty() ? "" : "?",
                " (/help lists them)");
  }

  Result<void> save(const std::string& file) {
    HEARTH_CHECK(write_turns(file, conversation_.turns()));
    say(cat("hearth: saved ", conversation_.turns().size(), " messages to ", printable(file)));
    return {};
  }

  Result<void> load(const std::string& file) {
    HEARTH_TRY(std::vector<engine::Turn> turns, read_turns(file));
    conversation_.load(std::move(turns));
    say(cat("hearth: loaded ", conversation_.turns().size(), " messages"));
    for (const engine::Turn& turn : conversation_.turns()) {
      HEARTH_CHECK(print(cat(turn.role == text::Role::user ? "> " : "", turn.content, "\n")));
    }
    return {};
  }

  Result<void> speak(std::string_view text) {
    HEARTH_CHECK(check_utf8(text, "the message"));
    return show(conversation_.say(text, sampler_, options_.generate, sink_));
  }

  // Reasoning stands dimmed in front of the answer, or between lines of its own where nothing can
  // be dimmed.
  Result<void> print_event(const text::ReplyEvent& event) {
    using Kind = text::ReplyEvent::Kind;
    if (event.kind == Kind::reasoning && !reasoning_) {
      reasoning_ = true;
      HEARTH_CHECK(print(os::is_terminal(1) ? "\x1b[2m" : "<think>\n"));
    } else if (event.kind != Kind::reasoning) {
      HEARTH_CHECK(end_reasoning("\n\n"));
    }
    // Calls come as they are: nobody runs them.
    if (event.kind == Kind::call_begin) return print_answer(cat("\n", event.text, " "));
    if (event.kind == Kind::call_end || event.kind == Kind::call_discard) return print("\n");
    return print_answer(event.text);
  }

  Result<void> end_reasoning(std::string_view behind) {
    if (!std::exchange(reasoning_, false)) return {};
    HEARTH_CHECK(print(os::is_terminal(1) ? "\x1b[22m" : "\n</think>"));
    return print(behind);
  }

  Result<void> show(const Result<engine::GenerateResult>& result) {
    HEARTH_CHECK(end_reasoning(""));
    warn_of_format();
    if (!result) return tl::unexpected<Error>(result.error());
    HEARTH_CHECK(print("\n"));
    if (result->finish == engine::FinishReason::interrupted) say("hearth: stopped");
    if (result->finish == engine::FinishReason::context)
      say("hearth: the context is full; /clear starts anew, -c makes it larger");
    if (conversation_.forgotten() > 0 && !forgetting_told_) {
      forgetting_told_ = true;
      say("hearth: the context is full: from here on the oldest messages are no longer seen");
    }
    return {};
  }

  ChatOptions& options_;
  engine::Conversation conversation_;
  sample::Sampler sampler_;
  LineEditor editor_;
  bool forgetting_told_ = false;
  bool format_told_ = false;
  bool broken_output_ = false;
  bool reasoning_ = false;  // is being shown
  engine::ReplySink sink_ = [this](const text::ReplyEvent& event) {
    Result<void> printed = print_event(event);
    broken_output_ = !printed;
    return printed;
  };
};

Result<void> chat(ChatOptions& options) {
  HEARTH_CHECK(sample::check(options.sampling));
  HEARTH_TRY(const auto model, load_model(options.model));
  HEARTH_TRY([[maybe_unused]] const text::Tokenizer* tokenizer, tokenizer_of(*model));
  HEARTH_TRY(const LoadedAdapters adapters, load_adapters(*model, options.adapters));
  HEARTH_TRY(const auto session, open_session(*model, options.model, adapters.active));
  HEARTH_TRY(const Speculation speculation,
             open_speculation(options.speculation, *session, options.model));
  options.generate.speculation = speculation.options;
  if (!options.seeded) options.sampling.seed = os::random_seed();
  introduce_storyteller(options.model, "chat");
  Chat chat(options, *session);
  chat.warn_of_format();
  if (chat.continues_text() && !options.model.path.empty())
    say("hearth: this model has no chat template: it continues what you write");
  if (os::is_terminal(0)) say("hearth: /help lists the commands, Ctrl-D leaves");
  return chat.loop();
}

}  // namespace

void add_chat(CLI::App& app, Action& chosen) {
  auto options = std::make_shared<ChatOptions>();
  CLI::App* command = app.add_subcommand("chat", "Talk with a model on the terminal");
  command->add_option("--system", options->system, "Instructions for the whole conversation")
      ->type_name("TEXT");
  add_length_flag(*command, options->generate.max_tokens);
  add_sampling_flags(*command, options->sampling);
  add_model_flags(*command, options->model, ModelFlags::compute);
  add_adapter_flags(*command, options->adapters);
  add_speculation_flags(*command, options->speculation);
  command->footer("In the chat:\n" + std::string(kHelp));
  command->callback([options, command, &chosen] {
    options->seeded = command->count("--seed") > 0;
    chosen = [options] { return chat(*options); };
  });
}

}  // namespace hearth::cli
