// Rounding with feedback (tensor/feedback.h): sixteen rows of a matrix side by side, lane l of
// every vector belongs to row l. All rows meet the same products, of which a column's are read
// once.
#pragma once

#include "tensor/feedback.h"
#include "tensor/kernels/fit_lanes.h"

namespace hearth {
namespace {

static_assert(kLanes == kFeedbackRows);

// The level nearest to a value in units of a group's step.
inline F nearest_level(const GroupFormat& format, F value) {
  if (format.kind == GroupKind::levels) {
    F level = all(format.values[0]);
    for (int k = 1; k < format.quants; ++k) {
      const float middle = 0.5f * static_cast<float>(format.values[k - 1] + format.values[k]);
      level = choose(value > all(middle), all(format.values[k]), level);
    }
    return level;
  }
  const float zero = format.kind == GroupKind::symmetric ? static_cast<float>(format.zero()) : 0.0f;
  const float most = static_cast<float>(format.quants - 1) - zero;
  return whole(smaller(larger(value, all(-zero)), all(most)));
}

inline uint8_t quant_of_level(const GroupFormat& format, float level) {
  if (format.kind == GroupKind::levels) {
    for (int k = 0; k < format.quants; ++k) {
      if (static_cast<float>(format.values[k]) == level) return static_cast<uint8_t>(k);
    }
    return 0;
  }
  const int zero = format.kind == GroupKind::symmetric ? format.zero() : 0;
  return static_cast<uint8_t>(static_cast<int>(level) + zero);
}

// A group's numbers in sixteen rows.
struct GroupLanes {
  F step{};
  F low{};
};

class FeedbackRows {
 public:
  FeedbackRows(const GroupFormat& format, const Fitter& fitter, const FeedbackArgs& args)
      : format_(format),
        fitter_(fitter),
        args_(args),
        columns_(args.inputs.columns),
        blocks_(columns_ / static_cast<size_t>(format.block())),
        weights_(reinterpret_cast<F*>(args.scratch)),
        values_(weights_ + columns_),
        levels_(values_ + columns_),
        pull_(levels_ + columns_) {
    for (size_t c = 0; c < columns_; ++c) {
      weights_[c] = F{};
      for (size_t r = 0; r < args.n_rows; ++r) weights_[c][r] = args.rows[r * columns_ + c];
    }
  }

  void run() {
    round_in_order();
    find_pull();
    for (int sweep = 0; sweep < args_.sweeps; ++sweep) {
      change_quants();
      for (size_t b = 0; b < blocks_; ++b) change_scales(b);
    }
    for (size_t c = 0; c < columns_; ++c) {
      const size_t block = static_cast<size_t>(format_.block());
      for (size_t r = 0; r < args_.n_rows; ++r)
        parts(r, c / block).quants[c % block] = quant_of_level(format_, levels_[c][r]);
    }
  }

 private:
  [[nodiscard]] BlockParts& parts(size_t row, size_t block) const {
    return args_.out[row * blocks_ + block];
  }
  [[nodiscard]] const float* products(size_t column) const {
    return args_.inputs.products + column * columns_;
  }

  [[nodiscard]] GroupLanes group(size_t block, int g) const {
    GroupLanes lanes;
    for (size_t r = 0; r < args_.n_rows; ++r) {
      const GroupValues values = group_values(format_, parts(r, block), g);
      lanes.step[r] = values.step;
      lanes.low[r] = values.low;
    }
    return lanes;
  }

  // Fits a block of each row to what its weights ought to be by now. The root stands for what is
  // still to come: columns behind are moved by what these lose, and large weights by more. Without
  // it models were measured to be 4 to 8 % further from the original.
  void fit_block(size_t block, const F* wanted) {
    const size_t n = static_cast<size_t>(format_.block());
    float weights[kMaxBlock];
    float importance[kMaxBlock];
    for (size_t r = 0; r < args_.n_rows; ++r) {
      for (size_t j = 0; j < n; ++j) weights[j] = wanted[j][r];
      fitter_.weigh({weights, args_.inputs.remaining + block * n, n, n, 2.0f, importance});
      fitter_.fit(format_, {weights, importance, 1, &parts(r, block)});
    }
  }

  void round_in_order() {
    F* wanted = pull_;  // not needed before find_pull()
    for (size_t c = 0; c < columns_; ++c) wanted[c] = weights_[c];
    const auto n = static_cast<size_t>(format_.block());
    const auto group_size = static_cast<size_t>(format_.group);
    GroupLanes lanes;
    for (size_t c = 0; c < columns_; ++c) {
      if (c % n == 0) fit_block(c / n, wanted + c);
      if (c % group_size == 0) lanes = group(c / n, static_cast<int>(c % n / group_size));
      levels_[c] = nearest_level(format_, ratio(wanted[c] + lanes.low, lanes.step));
      values_[c] = lanes.step * levels_[c] - lanes.low;
      const F lost = weights_[c] - values_[c];
      const float* feedback = args_.inputs.feedback + c * columns_;
      for (size_t k = c + 1; k < columns_; ++k) wanted[k] += lost * feedback[k];
    }
  }

  // G (w - q): half of how the error falls when a value grows.
  void find_pull() {
    for (size_t c = 0; c < columns_; ++c) pull_[c] = F{};
    for (size_t c = 0; c < columns_; ++c) {
      const F lost = weights_[c] - values_[c];
      const float* row = products(c);
      for (size_t k = 0; k < columns_; ++k) pull_[k] += lost * row[k];
    }
  }

  void move(size_t column, F by) {
    values_[column] += by;
    const float* row = products(column);
    for (size_t k = 0; k < columns_; ++k) pull_[k] -= by * row[k];
  }

  static bool any(I lanes) {
    int32_t some = 0;
    for (int l = 0; l < kLanes; ++l) some |= lanes[l];
    return some != 0;
  }

  void change_quants() {
    const auto n = static_cast<size_t>(format_.block());
    const auto group_size = static_cast<size_t>(format_.group);
    GroupLanes lanes;
    for (size_t c = 0; c < columns_; ++c) {
      if (c % group_size == 0) lanes = group(c / n, static_cast<int>(c % n / group_size));
      const F best = values_[c] + pull_[c] / products(c)[c];
      const F level = nearest_level(format_, ratio(best + lanes.low, lanes.step));
      const I changes = (level != levels_[c]) & (lanes.step != all(0));
      if (!any(changes)) continue;
      levels_[c] = choose(changes, level, levels_[c]);
      move(c, choose(changes, lanes.step * level - lanes.low - values_[c], F{}));
    }
  }

  // What a step along `direction` [count] from column `first` on would bring: the error falls by
  // 2 t along - t^2 across.
  struct Slope {
    F along{};
    F across{};
  };
  [[nodiscard]] Slope slope(size_t first, size_t count, const F* direction) const {
    Slope s;
    for (size_t i = 0; i < count; ++i) {
      s.along += direction[i] * pull_[first + i];
      const float* row = products(first + i) + first;
      F sum{};
      for (size_t j = 0; j < count; ++j) sum += direction[j] * row[j];
      s.across += direction[i] * sum;
    }
    return s;
  }

  // Scales and minimums that are whole numbers, one up or down; then the block's own numbers.
  void change_scales(size_t block) {
    const bool offset = format_.kind == GroupKind::offset;
    if (format_.scale_max > 1) {
      for (int g = 0; g < format_.groups; ++g) {
        change_multiple(block, g, false);
        if (offset) change_multiple(block, g, true);
      }
    }
    change_factor(block, false);
    if (offset || format_.kind == GroupKind::affine) change_factor(block, true);
  }

  void change_multiple(size_t block, int g, bool minimum) {
    const auto count = static_cast<size_t>(format_.group);
    const size_t first =
        block * static_cast<size_t>(format_.block()) + static_cast<size_t>(g) * count;
    F unit{};
    F multiple{};
    for (size_t r = 0; r < args_.n_rows; ++r) {
      const BlockParts& p = parts(r, block);
      unit[r] = minimum ? -f16_to_f32(p.dmin) : f16_to_f32(p.d);
      multiple[r] = minimum ? p.mins[g] : p.scales[g];
    }
    F direction[kMaxBlock];
    for (size_t j = 0; j < count; ++j) direction[j] = minimum ? unit : unit * levels_[first + j];
    const Slope s = slope(first, count, direction);
    const F sign = choose(s.along < all(0), all(-1), all(1));
    const F next = multiple + sign;
    const float least = minimum ? 0.0f : static_cast<float>(format_.scale_min);
    const I changes = (2.0f * absolute(s.along) > s.across) & (next >= all(least)) &
                      (next <= all(static_cast<float>(format_.scale_max)));
    if (!any(changes)) return;
    for (size_t r = 0; r < args_.n_rows; ++r) {
      if (changes[r] == 0) continue;
      BlockParts& p = parts(r, block);
      (minimum ? p.mins[g] : p.scales[g]) = static_cast<int16_t>(next[r]);
    }
    for (size_t j = 0; j < count; ++j) move(first + j, choose(changes, sign * direction[j], F{}));
  }

  void change_factor(size_t block, bool minimum) {
    const auto count = static_cast<size_t>(format_.block());
    const size_t first = block * count;
    F direction[kMaxBlock];
    F factor{};
    for (size_t r = 0; r < args_.n_rows; ++r) {
      const BlockParts& p = parts(r, block);
      factor[r] = f16_to_f32(minimum ? p.dmin : p.d);
    }
    for (size_t j = 0; j < count; ++j) {
      const size_t g = j / static_cast<size_t>(format_.group);
      F multiple = all(1);
      for (size_t r = 0; r < args_.n_rows; ++r) {
        const BlockParts& p = parts(r, block);
        if (minimum)
          multiple[r] = format_.kind == GroupKind::offset ? -float(p.mins[g]) : 1.0f;
        else if (format_.scale_max > 1)
          multiple[r] = p.scales[g];
      }
      direction[j] = minimum ? multiple : multiple * levels_[first + j];
    }
    const Slope s = slope(first, count, direction);
    const F next = halves(factor + ratio(s.along, s.across));
    const F step = next - factor;
    I changes = step * (2.0f * s.along - step * s.across) > all(0);
    if (format_.kind == GroupKind::offset) changes &= next >= all(0);
    if (!any(changes)) return;
    for (size_t r = 0; r < args_.n_rows; ++r) {
      if (changes[r] == 0) continue;
      BlockParts& p = parts(r, block);
      (minimum ? p.dmin : p.d) = f32_to_f16(next[r]);
    }
    for (size_t j = 0; j < count; ++j) move(first + j, choose(changes, step * direction[j], F{}));
  }

  const GroupFormat& format_;
  const Fitter& fitter_;
  const FeedbackArgs& args_;
  size_t columns_;
  size_t blocks_;
  F* weights_;  // [columns] as the model has them
  F* values_;   // as they are rounded
  F* levels_;
  F* pull_;
};

void round_with_feedback(const GroupFormat& format, const Fitter& fitter,
                         const FeedbackArgs& args) {
  FeedbackRows(format, fitter, args).run();
}

}  // namespace
}  // namespace hearth
