// A model at work for a server: takes requests, tells what comes of them.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>

#include "engine/adapter_file.h"
#include "engine/embedder.h"
#include "engine/scheduler.h"
#include "grammar/grammar.h"
#include "grammar/token_trie.h"
#include "protocol/event.h"
#include "protocol/request.h"
#include "worker/answer_job.h"
#include "worker/prompt_maker.h"

namespace hearth::worker {

class Host {
 public:
  // Receives every event; called from open() (for Loaded), take() and step().
  using Send = std::function<void(const protocol::Event& event)>;

  // Loads the model and takes the memory. Errors: those of the model's file, no room.
  [[nodiscard]] static Result<std::unique_ptr<Host>> open(const protocol::Load& load, Send send);
  ~Host();

  void take(protocol::Request request);

  // Goes on with what is under way. False when there is nothing to do.
  bool step();

  [[nodiscard]] protocol::Status status() const;

 private:
  struct EmbedWork {
    uint64_t id = 0;
    std::optional<std::string> pooling{};
    bool normalize = false;
    bool rank = false;
    std::vector<engine::EmbedInput> inputs{};
    std::vector<std::string> vectors{};  // of the first inputs; or scores
    std::vector<double> scores{};
    std::vector<uint64_t> tokens{};
  };
  struct Answering {
    std::unique_ptr<AnswerJob> job;
    engine::Scheduler::JobId scheduled = 0;
  };

  explicit Host(Send send) : send_(std::move(send)) {}

  Result<void> load_model(const protocol::Load& load);
  Result<void> choose_places(const protocol::Load& load, engine::SessionOptions options);
  Result<void> load_adapters(const protocol::Load& load);
  void find_marks();
  [[nodiscard]] protocol::Loaded describe(const protocol::Load& load) const;

  // One for each kind of request; an error is told to the server.
  Result<void> handle(uint64_t id, protocol::Generate& generate);
  Result<void> handle(uint64_t id, protocol::Embed& embed);
  Result<void> handle(uint64_t id, protocol::Rerank& rerank);
  Result<void> handle(uint64_t id, protocol::Tokenize& tokenize);
  Result<void> handle(uint64_t id, protocol::Detokenize& detokenize);
  Result<void> handle(uint64_t id, protocol::Render& render);
  Result<void> handle(uint64_t id, protocol::Cancel& cancel);

  Result<engine::Job> job_of(protocol::Generate& generate, AnswerJob::Parts& parts,
                             protocol::Started& started);
  Result<void> add_constraint(protocol::Generate& generate, AnswerJob::Parts& parts,
                              engine::Job& job);
  Result<std::shared_ptr<const grammar::Grammar>> grammar_of(const protocol::Form& form);
  // Those of a request; ones that do not count are left out.
  Result<engine::Adapters> adapters_of(const std::vector<protocol::AdapterScale>& scales) const;
  Result<std::vector<engine::LogitBias>> biases_of(const std::vector<protocol::LogitBias>& biases);
  Result<engine::Embedder*> embedder(std::optional<std::string> pooling);
  [[nodiscard]] size_t context() const { return context_; }
  void embed_next();
  void tell(uint64_t id, protocol::Tell tell) { send_({id, std::move(tell)}); }
  void tell_failed(uint64_t id, const Error& error);

  Send send_;
  std::unique_ptr<const engine::LoadedModel> model_;
  std::vector<std::unique_ptr<const engine::LoadedAdapter>> adapter_files_;
  std::vector<float> adapter_scales_;
  engine::SessionOptions options_;
  size_t context_ = 0;
  size_t places_ = 0;
  uint64_t kv_bytes_ = 0;  // of all places
  std::string pooling_;    // for all embeddings; "": the model's
  std::unique_ptr<PromptMaker> prompts_;
  const text::ReplyFormat* reply_format_ = nullptr;
  std::vector<text::Token> marks_;  // control tokens that the reply format is made of
  std::shared_ptr<const grammar::TokenTrie> trie_;
  std::map<std::string, std::shared_ptr<const grammar::Grammar>> grammars_;  // compiled lately
  std::unique_ptr<engine::Scheduler> scheduler_;                             // none of an encoder
  std::map<std::string, std::unique_ptr<engine::Embedder>> embedders_;       // by pooling
  std::map<uint64_t, Answering> answering_;                                  // by request
  std::deque<EmbedWork> embedding_;
  protocol::Status totals_;
};

}  // namespace hearth::worker
