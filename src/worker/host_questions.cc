// Requests that need no answer of the model: embeddings, scores, tokens.
#include <cstring>

#include "base/base64.h"
#include "text/text_pair.h"
#include "worker/host.h"

namespace hearth::worker {

Result<engine::Embedder*> Host::embedder(std::optional<std::string> pooling) {
  const std::string name = pooling.value_or(pooling_);
  if (const auto found = embedders_.find(name); found != embedders_.end())
    return found->second.get();
  std::optional<model::Pooling> chosen;
  if (!name.empty()) {
    chosen = engine::pooling_by_name(name);
    if (!chosen) {
      return fail(ErrorCode::bad_usage, "the pooling is '", printable(name),
                  "', it must be none, mean, cls, last or rank");
    }
  }
  HEARTH_TRY(auto opened, engine::Embedder::open(*model_, options_, chosen));
  engine::Embedder* const embedder = opened.get();
  embedders_[name] = std::move(opened);
  return embedder;
}

Result<void> Host::handle(uint64_t id, protocol::Embed& embed) {
  HEARTH_TRY(engine::Embedder* const embedder, this->embedder(embed.pooling));
  EmbedWork work{.id = id, .pooling = embed.pooling, .normalize = embed.normalize};
  for (const protocol::PromptPart& part : embed.inputs) {
    engine::EmbedInput input;
    if (const auto* const text = std::get_if<std::string>(&part)) {
      input.tokens = model_->tokenizer()->encode(*text, {.add_special = true});
    } else {
      input.tokens = std::get<std::vector<int32_t>>(part);
    }
    if (input.tokens.size() > embedder->longest()) {
      if (!embed.truncate) {
        tell(id, protocol::Failed{
                     .reason = protocol::Failed::Reason::too_long,
                     .message = cat("input ", work.inputs.size(), " has ", input.tokens.size(),
                                    " tokens and is too large to process: at most ",
                                    embedder->longest(), " fit"),
                     .prompt_tokens = input.tokens.size(),
                     .context = embedder->longest()});
        return {};
      }
      input.tokens.resize(embedder->longest());
    }
    work.tokens.push_back(input.tokens.size());
    work.inputs.push_back(std::move(input));
  }
  embedding_.push_back(std::move(work));
  return {};
}

Result<void> Host::handle(uint64_t id, protocol::Rerank& rerank) {
  HEARTH_TRY(engine::Embedder* const embedder, this->embedder("rank"));
  EmbedWork work{.id = id, .pooling = "rank", .rank = true};
  for (const std::string& document : rerank.documents) {
    const auto pair = text::encode_pair(*model_->tokenizer(), model_->file().gguf.metadata,
                                        rerank.query, document);
    if (pair.tokens.size() > embedder->longest()) {
      tell(id,
           protocol::Failed{
               .reason = protocol::Failed::Reason::too_long,
               .message = cat("document ", work.inputs.size(), " has ", pair.tokens.size(),
                              " tokens with the query, but at most ", embedder->longest(), " fit"),
               .prompt_tokens = pair.tokens.size(),
               .context = embedder->longest()});
      return {};
    }
    work.tokens.push_back(pair.tokens.size());
    work.inputs.push_back({pair.tokens, pair.second_from});
  }
  embedding_.push_back(std::move(work));
  return {};
}

// Computes one input of the oldest request, so that answers go on in between.
void Host::embed_next() {
  EmbedWork& work = embedding_.front();
  const size_t done = work.rank ? work.scores.size() : work.vectors.size();
  if (done < work.inputs.size()) {
    const auto take = [&](size_t, std::span<const float> vector) -> Result<void> {
      std::vector<float> values(vector.begin(), vector.end());
      if (work.rank) {
        work.scores.push_back(static_cast<double>(values[0]));
        return {};
      }
      if (work.normalize) engine::normalize(values);
      std::string bytes(values.size() * sizeof(float), '\0');
      std::memcpy(bytes.data(), values.data(), bytes.size());
      work.vectors.push_back(base64(bytes));
      return {};
    };
    Result<engine::Embedder*> embedder = this->embedder(work.pooling);
    const Result<void> computed = embedder ? (*embedder)->embed({&work.inputs[done], 1}, take)
                                           : Result<void>(tl::unexpected<Error>(embedder.error()));
    if (!computed) {
      tell_failed(work.id, computed.error());
      embedding_.pop_front();
    }
    return;
  }
  uint64_t total = 0;
  for (const uint64_t tokens : work.tokens) total += tokens;
  totals_.prompt_tokens += total;
  if (work.rank) {
    tell(work.id, protocol::Ranked{std::move(work.scores), total});
  } else {
    tell(work.id, protocol::Embedded{std::move(work.vectors), std::move(work.tokens)});
  }
  embedding_.pop_front();
}

Result<void> Host::handle(uint64_t id, protocol::Tokenize& tokenize) {
  const text::Tokenizer& tokenizer = *model_->tokenizer();
  protocol::Tokens tokens;
  tokens.tokens = tokenizer.encode(tokenize.text, {.add_special = tokenize.add_special,
                                                   .parse_special = tokenize.parse_special});
  for (const int32_t token : tokens.tokens)
    tokens.pieces.push_back(tokenizer.piece(token, text::SpecialTokens::show));
  tell(id, std::move(tokens));
  return {};
}

Result<void> Host::handle(uint64_t id, protocol::Detokenize& detokenize) {
  HEARTH_CHECK(engine::check_tokens(*model_, detokenize.tokens));
  tell(id, protocol::Text{model_->tokenizer()->decode(detokenize.tokens, text::SpecialTokens::show),
                          detokenize.tokens.size()});
  return {};
}

Result<void> Host::handle(uint64_t id, protocol::Render& render) {
  HEARTH_TRY(const MadePrompt made,
             prompts_->make(render.prompt, SIZE_MAX, protocol::Overflow::refuse));
  tell(id, protocol::Text{model_->tokenizer()->decode(made.tokens, text::SpecialTokens::show),
                          made.tokens.size()});
  return {};
}

}  // namespace hearth::worker
