// Many answers of one model at a time (continuous batching): between two steps of all answers that
// are being written, a piece of one prompt is read. Each answer is the one that generate() would
// give alone, bit for bit.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "engine/answer.h"
#include "engine/prefix_reuse.h"
#include "engine/session.h"
#include "grammar/constraint.h"

namespace hearth::engine {

struct Job {
  std::vector<text::Token> prompt;
  sample::SamplingParams sampling;                          // checked
  GenerateOptions generate;                                 // without speculation and constraint
  std::unique_ptr<grammar::Constraint> constraint;          // or null
  uint64_t client = 0;                                      // clients get equally many places
  bool reuse = true;                                        // false: reads the whole prompt anew
  std::optional<Adapters> adapters{};                       // none: those of the scheduler
  TextSink sink;                                            // its error ends this job alone
  std::function<void(const Result<GenerateResult>&)> done;  // called exactly once
};

// For one thread. Functions of a job are called from step() and cancel(); they may submit and
// cancel jobs, but not destroy the scheduler.
class Scheduler {
 public:
  struct Options {
    size_t places = 4;        // answers that are read or written at a time
    size_t queue = 64;        // jobs that wait
    size_t prompt_piece = 0;  // tokens read between two steps; 0: what the runtime takes at once
    Adapters adapters{};      // of jobs that name no others
    PrefixOptions prefix{};
  };
  using JobId = uint64_t;
  struct Counters {
    uint64_t hits = 0;           // prompts of which something was known
    uint64_t misses = 0;         // and those of which nothing was
    uint64_t tokens_reused = 0;  // of prompts, not computed again
    uint64_t tokens_read = 0;    // of prompts, computed
    uint64_t bytes_in_memory = 0;
    uint64_t bytes_on_disk = 0;
  };
  struct PlaceView {
    JobId job = 0;      // 0: free
    size_t tokens = 0;  // that it holds, prompt and answer
  };

  // bad_usage: no places. Errors of sessions.
  [[nodiscard]] static Result<std::unique_ptr<Scheduler>> create(std::shared_ptr<Runtime> runtime,
                                                                 const Options& options);
  // Jobs that are left end as interrupted.
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  // too_large: the queue is full or being emptied, or the prompt does not fit into the context
  // (with both numbers). bad_usage: an empty prompt, an id that the model has not, or too many
  // adapters. Then done() is not called.
  [[nodiscard]] Result<JobId> submit(Job job);

  // Ends a job, waiting or not, at once; its place is free. Nothing happens when it is over.
  void cancel(JobId id);

  // Takes jobs in, reads a piece of a prompt, and writes a token of each answer; then a little of
  // what prompts left is written to the file. False when there is nothing to do.
  bool step();

  [[nodiscard]] size_t waiting() const { return queue_.size(); }
  [[nodiscard]] size_t running() const;
  [[nodiscard]] Counters counters() const;
  [[nodiscard]] std::vector<PlaceView> places() const;
  // Why nothing (more) is written to the file of the prefix cache; empty when all is well.
  [[nodiscard]] std::string_view prefix_file_problem() const { return prefixes_->file_problem(); }

 private:
  struct Waiting {
    JobId id;
    Job job;
    double since;
  };
  // A job in a place.
  struct Running {
    Running(JobId job_id, Job&& given, const Session& session);

    JobId id;
    Job job;
    sample::Sampler sampler;
    AnswerWriter writer;
    GenerateResult result;
    double submitted = 0;  // seconds, as all times here
    double taken_in = 0;
    double first = 0;                   // when the first token was chosen
    bool calling = false;               // its sink is being called
    bool cancelled = false;             // meanwhile
    text::Token next = text::kNoToken;  // chosen, not yet computed; none while the prompt is read
  };
  struct Place {
    std::unique_ptr<Session> session;
    std::unique_ptr<Running> running;
    uint64_t used = 0;  // when it was given to a job the last time
  };

  Scheduler(std::shared_ptr<Runtime> runtime, const Options& options)
      : runtime_(std::move(runtime)), options_(options) {}

  [[nodiscard]] const Adapters& adapters_of(const Job& job) const {
    return job.adapters ? *job.adapters : options_.adapters;
  }
  // How much of a job's prompt a session holds that was computed as one.
  [[nodiscard]] size_t known_tokens(const Session& session, const Job& job) const;
  [[nodiscard]] size_t places_of(uint64_t client) const;
  [[nodiscard]] Place* free_place(const Job& job);
  void take_in();
  void read_prompts();
  // Takes over what is known of the prompt; true when there may be more.
  bool take_over(Place& place);
  void write_answers();
  void write_together(std::span<Place* const> places);
  // Chooses a token from logits, or ends the job.
  void choose(Place& place, std::span<float> logits);
  void end(Place& place, FinishReason reason);
  void end_with(Place& place, const Error& error);
  static void finish(Place& place, const Result<GenerateResult>& result);

  std::shared_ptr<Runtime> runtime_;
  Options options_;
  std::deque<Waiting> queue_;
  std::vector<Place> places_;
  std::unique_ptr<PrefixReuse> prefixes_;
  Counters counters_;
  JobId last_id_ = 0;
  uint64_t uses_ = 0;
  size_t reading_ = 0;  // the place that was read for last
  bool closing_ = false;
};

}  // namespace hearth::engine
