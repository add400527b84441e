#include "worker/host.h"

#include <algorithm>

#include "base/units.h"
#include "base/utf8.h"
#include "engine/answer_grammar.h"
#include "worker/describe.h"

namespace hearth::worker {
namespace {

constexpr size_t kDefaultPlaces = 4;
constexpr size_t kMaxPlaces = 256;

Result<engine::ModelFile> map_files(const std::vector<int>& files, std::string_view name) {
  std::vector<os::MappedFile> parts;
  for (const int file : files) {
    HEARTH_TRY(os::MappedFile part, os::MappedFile::adopt(file, name));
    parts.push_back(std::move(part));
  }
  return engine::join_model_file(std::move(parts), name);
}

Result<engine::SessionOptions> options_of(const protocol::Load& load) {
  engine::SessionOptions options;
  options.context = load.context;
  options.threads = load.threads;
  options.prompt_chunk = load.prompt_chunk;
  const auto type = dtype_by_name(load.kv_type);
  if (!type || !KvFormat::supports(*type)) {
    return fail(ErrorCode::bad_usage, "the type of the KV cache is '", printable(load.kv_type),
                "', it must be q8_0, f16 or f32");
  }
  options.kv_type = *type;
  return options;
}

}  // namespace

Host::~Host() = default;

Result<std::unique_ptr<Host>> Host::open(const protocol::Load& load, Send send) {
  auto host = std::unique_ptr<Host>(new Host(std::move(send)));
  HEARTH_CHECK(host->load_model(load));
  HEARTH_TRY(const engine::SessionOptions options, options_of(load));
  HEARTH_CHECK(host->choose_places(load, options));
  host->tell(0, host->describe(load));
  return host;
}

Result<void> Host::load_model(const protocol::Load& load) {
  HEARTH_TRY(engine::ModelFile file, map_files(load.files, load.name));
  HEARTH_TRY(model_, engine::LoadedModel::load(std::move(file), load.name));
  pooling_ = load.pooling;
  HEARTH_CHECK(load_adapters(load));
  if (model_->tokenizer() == nullptr) return tl::unexpected<Error>(model_->tokenizer_error());
  prompts_ = std::make_unique<PromptMaker>(*model_, load.chat_template);
  reply_format_ = &text::reply_format_of(prompts_->source());
  find_marks();
  return {};
}

Result<void> Host::load_adapters(const protocol::Load& load) {
  for (const protocol::Load::Adapter& adapter : load.adapters) {
    HEARTH_TRY(engine::ModelFile file, map_files({adapter.file}, adapter.name));
    HEARTH_TRY(auto loaded, engine::LoadedAdapter::load(std::move(file), adapter.name, *model_));
    adapter_files_.push_back(std::move(loaded));
    adapter_scales_.push_back(adapter.scale);
  }
  return {};
}

// Control tokens of which the marks of replies are made: they are text of an answer.
void Host::find_marks() {
  const text::Vocab& vocab = model_->tokenizer()->vocab();
  const std::vector<std::string_view> marks = reply_format_->marks();
  for (text::Token token = 0; static_cast<size_t>(token) < vocab.size(); ++token) {
    const std::string_view name = vocab.text(token);
    if (name.empty() || vocab.kind(token) != text::TokenKind::control) continue;
    const bool in_mark = std::any_of(marks.begin(), marks.end(), [&](std::string_view mark) {
      return mark.find(name) != mark.npos;
    });
    if (in_mark) marks_.push_back(token);
  }
}

// As many places as were asked for, or as there is memory for.
Result<void> Host::choose_places(const protocol::Load& load, engine::SessionOptions options) {
  options_ = options;
  context_ = options.context != 0
                 ? options.context
                 : std::min<size_t>(model_->config().context_length, engine::kDefaultContext);
  options_.context = context_;
  if (!model_->config().causal) return {};
  if (load.places > kMaxPlaces)
    return fail(ErrorCode::bad_usage, "at most ", kMaxPlaces, " answers can be written at a time");
  HEARTH_TRY(const auto runtime, engine::Runtime::create(*model_, options_));
  const uint64_t each = engine::SequenceMemory::bytes_needed(model_->config(), options_.kv_type,
                                                             context_, runtime->prompt_columns());
  const uint64_t fitting = load.memory_bytes / std::max<uint64_t>(each, 1);
  places_ = load.places != 0 ? load.places : std::clamp<uint64_t>(fitting, 1, kDefaultPlaces);
  if (places_ > fitting) {
    return fail(ErrorCode::too_large, "keys and values of ", places_, " answers with ", context_,
                " tokens each need ", human_bytes(places_ * each), ", but ",
                human_bytes(load.memory_bytes),
                " are free: choose a smaller context (-c) or fewer answers at a time (-np)");
  }
  kv_bytes_ = places_ * each;
  engine::Adapters adapters;
  for (size_t i = 0; i < adapter_files_.size(); ++i)
    adapters.push_back({&adapter_files_[i]->adapter(), adapter_scales_[i]});
  HEARTH_TRY(scheduler_,
             engine::Scheduler::create(
                 runtime, {.places = places_,
                           .queue = load.queue,
                           .adapters = adapters,
                           .prefix = {load.prefix_bytes, load.prefix_file, load.prefix_file_bytes,
                                      load.model_fingerprint}}));
  return {};
}

protocol::Loaded Host::describe(const protocol::Load& load) const {
  protocol::Loaded loaded = worker::describe(*model_);
  loaded.context = context_;
  loaded.places = places_;
  loaded.memory_bytes = kv_bytes_;
  loaded.chat_template = prompts_->source();
  loaded.infills = prompts_->infills();
  loaded.thinks = !reply_format_->reasoning_open.empty() || !reply_format_->head.end.empty();
  loaded.calls_tools = reply_format_->syntax != text::CallSyntax::none;
  for (const protocol::Load::Adapter& adapter : load.adapters)
    loaded.adapters.push_back(adapter.name);
  for (const auto& file : adapter_files_) {
    const auto& warnings = file->adapter().warnings();
    loaded.warnings.insert(loaded.warnings.end(), warnings.begin(), warnings.end());
  }
  if (!prompts_->trouble().empty())
    loaded.warnings.push_back(cat("the chat template is not used: ", prompts_->trouble()));
  return loaded;
}

void Host::tell_failed(uint64_t id, const Error& error) {
  using Reason = protocol::Failed::Reason;
  const Reason reason = error.code == ErrorCode::bad_usage     ? Reason::bad_request
                        : error.code == ErrorCode::unsupported ? Reason::unsupported
                        : error.code == ErrorCode::too_large   ? Reason::bad_request
                                                               : Reason::broken;
  tell(id, protocol::Failed{.reason = reason, .message = error.message});
}

void Host::take(protocol::Request request) {
  const Result<void> taken =
      std::visit([&](auto& ask) { return handle(request.id, ask); }, request.ask);
  if (!taken) tell_failed(request.id, taken.error());
}

bool Host::step() {
  const bool wrote = scheduler_ != nullptr && scheduler_->step();
  if (embedding_.empty()) return wrote;
  embed_next();
  return true;
}

protocol::Status Host::status() const {
  protocol::Status status = totals_;
  if (scheduler_ != nullptr) status.waiting = scheduler_->waiting();
  if (scheduler_ == nullptr) return status;
  std::map<engine::Scheduler::JobId, uint64_t> requests;
  for (const auto& [id, answering] : answering_) requests[answering.scheduled] = id;
  for (const auto& place : scheduler_->places()) {
    const auto request = requests.find(place.job);
    status.places.push_back({.busy = place.job != 0,
                             .request = request == requests.end() ? 0 : request->second,
                             .held_tokens = place.tokens});
  }
  const engine::Scheduler::Counters counters = scheduler_->counters();
  status.prefix_bytes = counters.bytes_in_memory;
  status.prefix_file_bytes = counters.bytes_on_disk;
  status.prefix_hits = counters.hits;
  status.prefix_misses = counters.misses;
  status.prefix_tokens = counters.tokens_reused;
  return status;
}

}  // namespace hearth::worker
