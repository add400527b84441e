#include "engine/scheduler.h"

#include <algorithm>
#include <utility>

#include "os/system.h"

namespace hearth::engine {
Scheduler::Running::Running(JobId job_id, Job&& given, const Session& session)
    : id(job_id),
      job(std::move(given)),
      sampler(job.sampling, session.model().config().n_vocab),
      writer(*session.model().tokenizer(), sampler, job.generate, job.sink) {
  job.generate.constraint = job.constraint.get();
  result.prompt_tokens = job.prompt.size();
}

Result<std::unique_ptr<Scheduler>> Scheduler::create(std::shared_ptr<Runtime> runtime,
                                                     const Options& options) {
  if (options.places == 0)
    return fail(ErrorCode::bad_usage, "a scheduler needs a place for at least one answer");
  auto scheduler = std::unique_ptr<Scheduler>(new Scheduler(std::move(runtime), options));
  for (size_t i = 0; i < options.places; ++i) {
    HEARTH_TRY(auto session, Session::open(scheduler->runtime_, options.adapters));
    scheduler->places_.push_back({std::move(session), nullptr, 0});
  }
  scheduler->prefixes_ =
      std::make_unique<PrefixReuse>(*scheduler->places_.front().session, options.prefix);
  return scheduler;
}

Scheduler::~Scheduler() {
  closing_ = true;
  while (!queue_.empty()) cancel(queue_.front().id);
  for (const Place& place : places_) {
    if (place.running) cancel(place.running->id);
  }
}

size_t Scheduler::running() const {
  return static_cast<size_t>(std::count_if(
      places_.begin(), places_.end(), [](const Place& place) { return place.running != nullptr; }));
}

Scheduler::Counters Scheduler::counters() const {
  Counters counters = counters_;
  counters.bytes_in_memory = prefixes_->cache().bytes_in_memory();
  counters.bytes_on_disk = prefixes_->cache().bytes_on_disk();
  return counters;
}

std::vector<Scheduler::PlaceView> Scheduler::places() const {
  std::vector<PlaceView> views;
  for (const Place& place : places_)
    views.push_back({place.running ? place.running->id : 0, place.session->tokens().size()});
  return views;
}

Result<Scheduler::JobId> Scheduler::submit(Job job) {
  const size_t context = places_.front().session->context();
  if (job.prompt.empty()) return fail(ErrorCode::bad_usage, "the prompt is empty");
  if (job.prompt.size() >= context) {
    return fail(ErrorCode::too_large, "the prompt has ", job.prompt.size(),
                " tokens, but the context holds ", context, " with the answer");
  }
  HEARTH_CHECK(check_tokens(runtime_->model(), job.prompt));
  if (adapters_of(job).size() > model::kMaxAdapters) {
    return fail(ErrorCode::bad_usage, adapters_of(job).size(),
                " adapters are too many: the limit is ", model::kMaxAdapters);
  }
  if (closing_ || queue_.size() >= options_.queue) {
    return fail(ErrorCode::too_large, "too busy: ", queue_.size(), " requests wait already");
  }
  queue_.push_back({++last_id_, std::move(job), os::monotonic_seconds()});
  return last_id_;
}

void Scheduler::cancel(JobId id) {
  for (Place& place : places_) {
    if (!place.running || place.running->id != id) continue;
    place.running->cancelled = true;
    if (!place.running->calling) end(place, FinishReason::interrupted);
    return;
  }
  const auto found = std::find_if(queue_.begin(), queue_.end(),
                                  [&](const Waiting& waiting) { return waiting.id == id; });
  if (found == queue_.end()) return;
  const Waiting waiting = std::move(*found);
  queue_.erase(found);
  GenerateResult result;
  result.finish = FinishReason::interrupted;
  result.prompt_tokens = waiting.job.prompt.size();
  waiting.job.done(result);
}

size_t Scheduler::known_tokens(const Session& session, const Job& job) const {
  if (!job.reuse || session.adapters() != adapters_of(job)) return 0;
  return common_prefix(session.tokens().first(session.prefilled()), job.prompt);
}

size_t Scheduler::places_of(uint64_t client) const {
  return static_cast<size_t>(std::count_if(places_.begin(), places_.end(), [&](const Place& place) {
    return place.running && place.running->job.client == client;
  }));
}

// The place that remembers most of the prompt; if none remembers enough to be worth what it would
// forget for it, the one that was not used for longest.
Scheduler::Place* Scheduler::free_place(const Job& job) {
  Place* best = nullptr;
  size_t remembered = 0;
  for (Place& place : places_) {
    if (place.running) continue;
    size_t common = known_tokens(*place.session, job);
    if (2 * common < std::min(place.session->prefilled(), job.prompt.size())) common = 0;
    if (best != nullptr && (common != remembered ? common < remembered : place.used >= best->used))
      continue;
    best = &place;
    remembered = common;
  }
  return best;
}

void Scheduler::take_in() {
  while (!queue_.empty() && running() < places_.size()) {
    // The oldest job of a client that has the fewest places.
    const auto next =
        std::min_element(queue_.begin(), queue_.end(), [&](const Waiting& a, const Waiting& b) {
          return places_of(a.job.client) < places_of(b.job.client);
        });
    Waiting waiting = std::move(*next);
    queue_.erase(next);
    Place& place = *free_place(waiting.job);
    place.used = ++uses_;
    Session& session = *place.session;
    // The last token of the prompt is computed in any case: its logits are needed.
    const size_t common = known_tokens(session, waiting.job);
    (void)session.use(adapters_of(waiting.job));  // few enough: submit() has seen to it
    session.rewind(std::min(common, waiting.job.prompt.size() - 1));
    place.running = std::make_unique<Running>(waiting.id, std::move(waiting.job), session);
    place.running->result.remembered_tokens = session.tokens().size();
    place.running->submitted = waiting.since;
    place.running->taken_in = os::monotonic_seconds();
  }
}

// A piece of the next prompt in turn.
void Scheduler::read_prompts() {
  for (size_t i = 1; i <= places_.size(); ++i) {
    Place& place = places_[(reading_ + i) % places_.size()];
    if (!place.running || place.running->next != text::kNoToken) continue;
    reading_ = (reading_ + i) % places_.size();
    if (place.running->job.reuse && take_over(place)) return;
    Session& session = *place.session;
    const std::span<const text::Token> prompt = place.running->job.prompt;
    const size_t most =
        options_.prompt_piece > 0 ? options_.prompt_piece : runtime_->prompt_columns();
    const size_t piece = prefixes_->next_piece(session, prompt, most);
    const Result<void> read = session.advance(prompt.subspan(session.tokens().size(), piece));
    if (!read) return end_with(place, read.error());
    prefixes_->keep(session, prompt);
    if (session.tokens().size() < prompt.size()) return;
    GenerateResult& result = place.running->result;
    result.prompt_seconds = os::monotonic_seconds() - place.running->taken_in;
    ++(result.remembered_tokens > 0 ? counters_.hits : counters_.misses);
    counters_.tokens_reused += result.remembered_tokens;
    counters_.tokens_read += prompt.size() - result.remembered_tokens;
    return choose(place, session.logits());
  }
}

bool Scheduler::take_over(Place& place) {
  std::vector<const Session*> sessions;
  for (const Place& other : places_) sessions.push_back(other.session.get());
  const size_t before = place.session->tokens().size();
  const bool more = prefixes_->take_over(*place.session, place.running->job.prompt, sessions);
  const size_t now = place.session->tokens().size();
  size_t& remembered = place.running->result.remembered_tokens;
  remembered = now < before ? 0 : remembered + now - before;  // less: what was known is lost
  return more;
}

void Scheduler::write_answers() {
  std::vector<Place*> writing;
  for (Place& place : places_) {
    if (place.running && place.running->next != text::kNoToken) writing.push_back(&place);
  }
  const size_t together = runtime_->together();
  for (size_t first = 0; first < writing.size(); first += together)
    write_together(std::span(writing).subspan(first, std::min(together, writing.size() - first)));
}

void Scheduler::write_together(std::span<Place* const> places) {
  std::vector<Session*> sessions;
  std::vector<text::Token> tokens;
  std::vector<std::pair<Place*, JobId>> jobs;
  for (Place* place : places) {
    if (!place->running) continue;  // another one's sink has ended it
    sessions.push_back(place->session.get());
    tokens.push_back(place->running->next);
    jobs.emplace_back(place, place->running->id);
  }
  if (sessions.empty()) return;
  const Result<std::span<float>> logits = Session::decode_together(sessions, tokens);
  const size_t n_vocab = runtime_->model().config().n_vocab;
  for (size_t i = 0; i < jobs.size(); ++i) {
    const auto [place, id] = jobs[i];
    if (!place->running || place->running->id != id) continue;
    if (logits)
      choose(*place, logits->subspan(i * n_vocab, n_vocab));
    else
      end_with(*place, logits.error());
  }
}

void Scheduler::choose(Place& place, std::span<float> logits) {
  Running& running = *place.running;
  running.calling = true;
  const auto chosen = running.writer.next(logits, place.session->tokens());
  running.calling = false;
  if (running.first == 0) {
    running.first = os::monotonic_seconds();
    running.result.first_token_seconds = running.first - running.submitted;
  }
  if (running.cancelled) return end(place, FinishReason::interrupted);
  if (!chosen) return end_with(place, chosen.error());
  if (!*chosen) return end(place, running.writer.finish());
  running.next = **chosen;
  if (place.session->room() == 0) return end(place, FinishReason::context);
}

void Scheduler::end(Place& place, FinishReason reason) {
  Running& running = *place.running;
  running.result.finish = reason;
  running.result.stop = running.writer.stop();
  running.result.answer_tokens = running.writer.tokens();
  if (running.first > 0) running.result.answer_seconds = os::monotonic_seconds() - running.first;
  if (reason != FinishReason::interrupted) {
    running.calling = true;
    const Result<void> shown = running.writer.end();
    if (!shown) return finish(place, tl::unexpected<Error>(shown.error()));
  }
  finish(place, running.result);
}

void Scheduler::end_with(Place& place, const Error& error) {
  finish(place, tl::unexpected<Error>(error));
}

// The place is free before done() is called, which may submit the next job.
void Scheduler::finish(Place& place, const Result<GenerateResult>& result) {
  const std::unique_ptr<Running> over = std::move(place.running);
  over->job.done(result);
}

bool Scheduler::step() {
  take_in();
  if (running() == 0) return prefixes_->write_some(false);
  write_answers();
  read_prompts();
  prefixes_->write_some(running() != 0);
  return true;
}

}  // namespace hearth::engine
