#include "http/pool.h"

#include <algorithm>
#include <utility>

#include "base/units.h"
#include "http/model_files.h"
#include "os/system.h"

namespace hearth::http {

using server::ModelCard;

struct PooledModel : std::enable_shared_from_this<PooledModel> {
  PooledModel(asio::io_context& loop, const server::Options& options)
      : loaded_or_failed(loop), idle(loop), keep_seconds(options.idle_seconds) {
    loaded_or_failed.expires_at(asio::steady_timer::time_point::max());
  }

  std::string name;
  std::vector<std::string> aliases;
  ModelFiles files;
  ModelCard::State state = ModelCard::State::unloaded;
  std::string trouble;
  std::shared_ptr<WorkerProcess> worker;
  std::optional<protocol::Loaded> loaded;
  protocol::Status status;
  asio::steady_timer loaded_or_failed;  // cancelled when it is known
  asio::steady_timer idle;
  double keep_seconds;
  double idle_since = 0;
  size_t leases = 0;
  uint64_t last_id = 0;
  bool leaving = false;  // goes when nobody uses it any more
  std::map<uint64_t, Inquiry::Listener> listeners;

  [[nodiscard]] uint64_t bytes() const {
    return files.bytes + (loaded ? loaded->memory_bytes : files.bytes / 8);
  }

  void wait_idle() {
    idle_since = os::monotonic_seconds();
    idle.cancel();
    if (worker == nullptr || (keep_seconds < 0 && !leaving)) return;
    if (leaving || keep_seconds == 0) return unload();
    idle.expires_after(seconds(keep_seconds));
    idle.async_wait([self = shared_from_this()](const error_code& error) {
      if (!error && self->leases == 0) self->unload();
    });
  }

  void unload() {
    leaving = false;
    if (worker != nullptr) worker->end();
    worker.reset();
    status = {};
    if (state != ModelCard::State::failed) state = ModelCard::State::unloaded;
  }
};

Inquiry::~Inquiry() {
  if (model_ == nullptr || model_->listeners.erase(id_) == 0) return;
  if (model_->worker != nullptr) model_->worker->send({0, protocol::Cancel{id_}});
}

Lease::Lease(std::shared_ptr<PooledModel> model) : model_(std::move(model)) {
  ++model_->leases;
  model_->idle.cancel();
}

Lease::~Lease() {
  if (model_ != nullptr && --model_->leases == 0) model_->wait_idle();
}

const protocol::Loaded& Lease::loaded() const { return *model_->loaded; }
const std::string& Lease::name() const { return model_->name; }

Inquiry Lease::ask(protocol::Ask ask, Inquiry::Listener listener) const {
  const uint64_t id = ++model_->last_id;
  if (model_->worker == nullptr) {
    listener(protocol::Failed{.message = "the engine worker has just ended: ask again"});
    return {nullptr, 0};
  }
  model_->listeners[id] = std::move(listener);
  model_->worker->send({id, std::move(ask)});
  return {model_, id};
}

Result<std::unique_ptr<Pool>> Pool::create(asio::io_context& loop, const server::Options& options,
                                           std::string program) {
  auto pool = std::unique_ptr<Pool>(new Pool(loop, options, std::move(program)));
  for (const server::ModelChoice& choice : options.models) HEARTH_CHECK(pool->add(choice));
  return pool;
}

Pool::~Pool() { close(); }

void Pool::close() {
  for (const auto& model : models_) stop(*model);
}

Result<void> Pool::add(const server::ModelChoice& choice) {
  auto added = std::make_shared<PooledModel>(loop_, options_);
  HEARTH_TRY(added->files, find_model_files(choice.path));
  added->name = choice.name.empty() ? added->files.name : choice.name;
  added->aliases = choice.aliases;
  if (model(added->name) != nullptr) {
    return fail(ErrorCode::bad_usage, "two models are called '", printable(added->name),
                "': give one another name with --alias");
  }
  models_.push_back(std::move(added));
  return {};
}

std::shared_ptr<PooledModel> Pool::model(std::string_view name) const {
  if (name.empty()) return models_.empty() ? nullptr : models_.front();
  for (const auto& each : models_) {
    const auto& aliases = each->aliases;
    if (each->name == name || std::find(aliases.begin(), aliases.end(), name) != aliases.end())
      return each;
  }
  return nullptr;
}

ModelCard Pool::card_of(const PooledModel& model) const {
  ModelCard card{.name = model.name,
                 .aliases = model.aliases,
                 .path = model.files.paths.front(),
                 .file_bytes = model.files.bytes,
                 .modified = model.files.modified,
                 .fingerprint = model.files.fingerprint,
                 .state = model.state,
                 .trouble = model.trouble,
                 .loaded = model.loaded,
                 .status = model.status};
  if (model.leases == 0 && model.worker != nullptr) {
    card.idle_seconds = os::monotonic_seconds() - model.idle_since;
    if (model.keep_seconds >= 0) card.unload_in_seconds = model.keep_seconds - card.idle_seconds;
  } else if (model.worker != nullptr) {
    card.unload_in_seconds = model.keep_seconds;
  }
  return card;
}

std::vector<ModelCard> Pool::list() const {
  std::vector<ModelCard> cards;
  for (const auto& model : models_) cards.push_back(card_of(*model));
  return cards;
}

std::optional<ModelCard> Pool::find(std::string_view name) const {
  const auto found = model(name);
  if (found == nullptr) return std::nullopt;
  return card_of(*found);
}

void Pool::keep(std::string_view name, double seconds) {
  const auto found = model(name);
  if (found == nullptr) return;
  found->keep_seconds = seconds;
  if (found->leases == 0) found->wait_idle();
}

void Pool::load(std::string_view name) {
  if (const auto found = model(name); found != nullptr && found->worker == nullptr)
    (void)start(found);
}

void Pool::unload(std::string_view name) {
  const auto found = model(name);
  if (found == nullptr) return;
  found->leaving = true;
  if (found->leases == 0) found->wait_idle();
}

// Models that nobody uses go, those that are quickest to load again first, until there is room.
Answerable<void> Pool::make_room(const PooledModel& model) {
  const uint64_t most =
      options_.memory_bytes != 0 ? options_.memory_bytes : os::memory_info().available;
  const auto used = [&] {
    uint64_t bytes = 0;
    for (const auto& each : models_) bytes += each->worker != nullptr ? each->bytes() : 0;
    return bytes;
  };
  while (used() + model.bytes() > most) {
    std::shared_ptr<PooledModel> cheapest;
    for (const auto& each : models_) {
      if (each->worker == nullptr || each->leases > 0) continue;
      if (cheapest == nullptr || each->files.bytes < cheapest->files.bytes) cheapest = each;
    }
    if (cheapest == nullptr) {
      const bool others = used() > 0;
      return server::refuse(others ? Problem::Kind::busy : Problem::Kind::failed, "the model '",
                            model.name, "' needs ", human_bytes(model.bytes()), ", but ",
                            human_bytes(most > used() ? most - used() : 0),
                            others ? " are left beside models that are in use" : " are free",
                            ": choose a smaller context (-c), fewer answers at a time (-np) or a "
                            "smaller model");
    }
    cheapest->unload();
  }
  return {};
}

Answerable<void> Pool::start(const std::shared_ptr<PooledModel>& model) {
  auto room = make_room(*model);
  if (!room) return room;
  auto opened = open_for_worker(model->files, model->name, options_);
  Result<std::shared_ptr<WorkerProcess>> worker =
      !opened ? Result<std::shared_ptr<WorkerProcess>>(tl::unexpected<Error>(opened.error()))
              : WorkerProcess::start(
                    loop_, program_, opened->load,
                    {.event = [this, model](
                                  protocol::Event event) { take_event(model, std::move(event)); },
                     .gone = [this, model](const std::string& how) { lose(model, how); }});
  if (!worker) {
    model->state = ModelCard::State::failed;
    model->trouble = worker.error().message;
    return server::refuse(Problem::Kind::failed, worker.error().message);
  }
  model->worker = *std::move(worker);
  model->state = ModelCard::State::loading;
  model->trouble.clear();
  model->leaving = false;
  return {};
}

asio::awaitable<Answerable<Lease>> Pool::acquire(std::string name) {
  const auto found = model(name);
  if (found == nullptr) {
    std::string names;
    for (const auto& each : models_) names += cat(names.empty() ? "" : ", ", each->name);
    Problem problem{.kind = Problem::Kind::not_found,
                    .message = cat("there is no model '", printable(name, 100),
                                   "' here; there is: ", names.empty() ? "none" : names),
                    .field = "model"};
    co_return tl::unexpected<Problem>(std::move(problem));
  }
  if (found->worker == nullptr) {
    auto started = start(found);
    if (!started) co_return tl::unexpected<Problem>(std::move(started).error());
  }
  Lease lease(found);
  while (found->state == ModelCard::State::loading) {
    error_code ignored;
    co_await found->loaded_or_failed.async_wait(into(ignored));
  }
  if (found->state == ModelCard::State::ready) co_return lease;
  co_return server::refuse(Problem::Kind::failed, found->trouble.empty()
                                                      ? "the model was unloaded: ask again"
                                                      : found->trouble);
}

void Pool::take_event(const std::shared_ptr<PooledModel>& model, protocol::Event event) {
  if (event.id != 0) {
    const auto found = model->listeners.find(event.id);
    if (found == model->listeners.end()) return;
    // Nothing comes after these, and the listener may end its inquiry, or begin another.
    const bool last = !std::holds_alternative<protocol::Started>(event.tell) &&
                      !std::holds_alternative<protocol::Reading>(event.tell) &&
                      !std::holds_alternative<protocol::Delta>(event.tell);
    const Inquiry::Listener listener = last ? std::move(found->second) : found->second;
    if (last) model->listeners.erase(found);
    return listener(event.tell);
  }
  if (auto* const status = std::get_if<protocol::Status>(&event.tell)) {
    model->status = std::move(*status);
  } else if (auto* const loaded = std::get_if<protocol::Loaded>(&event.tell)) {
    model->loaded = std::move(*loaded);
    model->state = ModelCard::State::ready;
    model->loaded_or_failed.cancel();
    if (model->leases == 0) model->wait_idle();
  } else if (auto* const failed = std::get_if<protocol::Failed>(&event.tell)) {
    model->trouble = failed->message;
    model->state = ModelCard::State::failed;
    model->loaded_or_failed.cancel();
    model->worker->end();
    model->worker.reset();
  }
}

void Pool::lose(const std::shared_ptr<PooledModel>& model, const std::string& how) {
  const std::string what = cat("the engine worker of '", model->name, "' ", how);
  if (model->state == ModelCard::State::loading) {
    model->state = ModelCard::State::failed;
    model->trouble = cat(what, " while it loaded the model");
    model->loaded_or_failed.cancel();
  } else {
    model->state = ModelCard::State::unloaded;
  }
  model->worker.reset();
  model->status = {};
  const auto listeners = std::exchange(model->listeners, {});
  for (const auto& [id, listener] : listeners)
    listener(protocol::Failed{.message = cat(what, ": ask again")});
}

void Pool::stop(PooledModel& model) {
  model.idle.cancel();
  if (model.worker != nullptr) model.worker->end();
  model.worker.reset();
  model.listeners.clear();
}

}  // namespace hearth::http
