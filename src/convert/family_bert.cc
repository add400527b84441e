// BERT and RoBERTa: encoders for embeddings and scores of texts.
#include "convert/name_tables.h"

namespace hearth::convert {
namespace {

// RoBERTa counts positions from behind the filler, whose rows nobody needs.
Result<void> skip_positions(const Conversion& conversion, TensorPlan& plan) {
  HEARTH_TRY(const uint32_t skipped, positions_skipped(conversion.config));
  if (plan.dims.size() != 2 || plan.dims[1] <= skipped) {
    return fail(ErrorCode::bad_file, "the embedding of positions has too few rows");
  }
  plan.dims[1] -= skipped;
  return choose_rows(plan, skipped, plan.dims[1]);
}

constexpr NameRule kEncoder[] = {
    {"embeddings.word_embeddings.weight", "token_embd.weight"},
    {"embeddings.position_embeddings.weight", "position_embd.weight", Need::required,
     skip_positions},
    {"embeddings.token_type_embeddings.weight", "token_types.weight", Need::optional},
    {"embeddings.LayerNorm.*", "token_embd_norm.*"},
    {"encoder.layer.#.attention.self.query.*", "blk.#.attn_q.*"},
    {"encoder.layer.#.attention.self.key.*", "blk.#.attn_k.*"},
    {"encoder.layer.#.attention.self.value.*", "blk.#.attn_v.*"},
    {"encoder.layer.#.attention.output.dense.*", "blk.#.attn_output.*"},
    {"encoder.layer.#.attention.output.LayerNorm.*", "blk.#.attn_output_norm.*"},
    {"encoder.layer.#.intermediate.dense.*", "blk.#.ffn_up.*"},
    {"encoder.layer.#.output.dense.*", "blk.#.ffn_down.*"},
    {"encoder.layer.#.output.LayerNorm.*", "blk.#.layer_output_norm.*"},
};

constexpr NameRule kBertClassifier[] = {
    {"pooler.dense.*", "cls.*"},
    {"classifier.*", "cls.output.*"},
};

constexpr NameRule kRobertaClassifier[] = {
    {"classifier.dense.*", "cls.*"},
    {"classifier.out_proj.*", "cls.output.*"},
};

enum Pooling : uint32_t { kRankPooling = 4 };

Result<void> fill(Conversion& conversion) {
  HEARTH_CHECK(conversion.add_common_keys());
  HEARTH_TRY(const uint32_t skipped, positions_skipped(conversion.config));
  HEARTH_TRY(const uint32_t positions, conversion.config.size({"max_position_embeddings"}));
  if (positions <= skipped) {
    return fail(ErrorCode::bad_file, "config.json: 'max_position_embeddings' is ", positions,
                ", of which ", skipped, " are not used");
  }
  conversion.set_size("context_length", positions - skipped);
  conversion.set_flag("attention.causal", false);
  HEARTH_TRY(const uint32_t parts, conversion.config.size_or({"type_vocab_size"}, 1));
  conversion.keys.set("tokenizer.ggml.token_type_count", parts);
  for (const char* prefix : {"embeddings.position_ids", "pooler.", "cls.", "lm_head."}) {
    conversion.ignore(prefix);
  }
  return conversion.add_tensors(kEncoder);
}

}  // namespace

Result<void> fill_bert(Conversion& conversion) {
  HEARTH_CHECK(fill(conversion));
  return conversion.add_pooling();
}

Result<void> fill_bert_classifier(Conversion& conversion) {
  HEARTH_CHECK(fill(conversion));
  conversion.set_size("pooling_type", kRankPooling);
  return conversion.add_tensors(kBertClassifier);
}

Result<void> fill_roberta_classifier(Conversion& conversion) {
  HEARTH_CHECK(fill(conversion));
  conversion.set_size("pooling_type", kRankPooling);
  return conversion.add_tensors(kRobertaClassifier);
}

}  // namespace hearth::convert
