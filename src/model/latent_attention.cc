#include "model/latent_attention.h"

#include <algorithm>

namespace hearth::model {
namespace {

// The widest of everything that a model's latent layers need.
struct Widths {
  size_t low_query = 0;
  size_t raw_query = 0;
  size_t latent = 0;
  size_t query = 0;
  size_t mixed = 0;
  size_t out = 0;
  size_t heads = 0;
  size_t head_input = 0;

  explicit Widths(const Model& model) {
    for (size_t i = 0; i < model.weights.layers.size(); ++i) {
      const auto* w = std::get_if<LatentAttentionWeights>(&model.weights.layers[i].mixer);
      if (w == nullptr) continue;
      const AttentionConfig& config = model.config.layers[i].attention;
      low_query = std::max(low_query, w->q_a.weight.rows);
      raw_query = std::max(raw_query, w->q_b.weight.rows);
      latent = std::max(latent, config.key_dim);
      query = std::max(query, config.q_width());
      mixed = std::max(mixed, config.mixed_width());
      out = std::max(out, w->output.weight.columns);
      heads = std::max(heads, config.n_heads);
      head_input = std::max({head_input, w->k_b.first.weight.columns, w->v_b.first.weight.columns});
    }
  }
  [[nodiscard]] size_t floats() const {
    return low_query + raw_query + 2 * latent + query + mixed + out + heads * head_input;
  }
};

size_t places_of(size_t columns) { return Activations::tiles(columns) * kPackedColumns; }

}  // namespace

size_t LatentAttention::bytes_per_column(const Model& model) {
  const Widths widths(model);
  if (widths.heads == 0) return 0;
  return widths.floats() * sizeof(float) +
         widths.heads * ColumnForms::bytes_per_column(widths.head_input);
}

LatentAttention::LatentAttention(Linears& linears, Attention& attention)
    : linears_(linears), attention_(attention) {
  const Widths widths(linears.model());
  const size_t columns = linears.max_columns();
  const size_t places = widths.heads * places_of(columns);
  if (widths.heads == 0) return;
  widest_head_ = widths.head_input;
  low_query_ = Buffer<float>::untouched(columns * widths.low_query);
  raw_query_ = Buffer<float>::untouched(columns * widths.raw_query);
  latent_ = Buffer<float>::untouched(columns * widths.latent);
  key_ = Buffer<float>::untouched(columns * widths.latent);
  query_ = Buffer<float>::untouched(columns * widths.query);
  mixed_ = Buffer<float>::untouched(columns * widths.mixed);
  out_ = Buffer<float>::untouched(columns * widths.out);
  gathered_ = Buffer<float>::untouched(places * widths.head_input);
  forms_ = ColumnForms(places, widths.head_input, linears.forms());
}

Activations LatentAttention::run(const LatentAttentionWeights& weights,
                                 const AttentionConfig& config, const Norm& norm,
                                 const float* residual) {
  const size_t columns = linears_.columns();
  const bool low = weights.q_a.present();
  const Linear& first = low ? weights.q_a : weights.q_b;
  const Activations x =
      linears_.prepare(residual, linears_.config().n_embd, columns, norm, {&first, &weights.kv_a});
  const Linear* const linears[] = {&first, &weights.kv_a};
  float* const outputs[] = {low ? low_query_.data() : raw_query_.data(), latent_.data()};
  linears_.project(linears, outputs, x);
  if (low) {
    const Activations rank = linears_.prepare(low_query_.data(), weights.q_b.weight.columns,
                                              columns, {weights.q_a_norm}, {&weights.q_b});
    const Linear* const up[] = {&weights.q_b};
    float* const raw[] = {raw_query_.data()};
    linears_.project(up, raw, rank);
  }
  prepare_columns(weights, config);
  const size_t raw_dim = weights.q_b.weight.rows / config.n_heads;
  project_heads(weights.k_b, {raw_query_.data(), config.n_heads * raw_dim, raw_dim},
                {query_.data(), config.q_width(), config.key_dim});
  attention_.attend(config, query_.data(), nullptr, mixed_.data());
  const size_t value_dim = weights.v_b.first.weight.rows;
  project_heads(weights.v_b, {mixed_.data(), config.mixed_width(), config.value_dim},
                {out_.data(), config.n_heads * value_dim, value_dim});
  return linears_.prepare(out_.data(), config.n_heads * value_dim, columns, {}, {&weights.output});
}

void LatentAttention::prepare_columns(const LatentAttentionWeights& weights,
                                      const AttentionConfig& config) {
  const size_t rank = config.value_dim;
  const size_t turned = config.key_dim - rank;
  const size_t raw_dim = weights.q_b.weight.rows / config.n_heads;
  attention_.for_each_column([&](size_t column, size_t position, const SequenceView& sequence) {
    const float* latent = latent_.data() + column * config.key_dim;
    float* key = key_.data() + column * config.key_dim;
    linears_.apply_norm({weights.kv_a_norm}, latent, rank, key);
    std::copy_n(latent + rank, turned, key + rank);
    attention_.rotate(config, column, key + rank, 1, turned);
    attention_.store(config, position, sequence, key, key);
    float* query = query_.data() + column * config.q_width();
    const float* raw = raw_query_.data() + column * config.n_heads * raw_dim;
    for (size_t h = 0; h < config.n_heads; ++h) {
      std::copy_n(raw + (h + 1) * raw_dim - turned, turned, query + h * config.key_dim + rank);
    }
    attention_.rotate(config, column, query + rank, config.n_heads, config.key_dim);
  });
}

void LatentAttention::project_heads(const LinearSet& linears, HeadVectors in, HeadResults out) {
  const size_t columns = linears_.columns();
  const size_t width = linears.first.weight.columns;
  const size_t rows = linears.first.weight.rows;
  const size_t tiles = Activations::tiles(columns);
  Activations x = linears_.wanted_forms(width, {&linears.first}, forms_);
  x.columns = linears.count * places_of(columns);
  x.values = gathered_.data();
  linears_.pool().run(linears.count * tiles, [&](size_t tile, size_t) {
    const float* head = in.values + tile / tiles * in.head_stride;
    for (size_t i = 0; i < kPackedColumns; ++i) {
      const size_t column = tile % tiles * kPackedColumns + i;
      float* to = gathered_.data() + (tile * kPackedColumns + i) * width;
      if (column < columns) {
        std::copy_n(head + column * in.column_stride, width, to);
      } else {
        std::fill_n(to, width, 0.0f);
      }
    }
    linears_.prepare_tile(gathered_.data(), x, tile, forms_);
  });
  for (size_t head = 0; linears_.observed() && head < linears.count; ++head) {
    linears_.observe(linears.at(head), x.part(head * places_of(columns), columns));
  }
  const size_t per_chunk = linears_.rows_per_chunk(rows);
  const size_t chunks = chunk_count(rows, per_chunk);
  linears_.pool().run(linears.count * chunks, [&](size_t item, size_t thread) {
    const size_t head = item / chunks;
    const size_t row = item % chunks * per_chunk;
    linears_.project_rows(linears.at(head), x.part(head * places_of(columns), columns), row,
                          std::min(per_chunk, rows - row),
                          {out.values + head * out.head_stride + row, out.column_stride}, thread);
  });
}

}  // namespace hearth::model
