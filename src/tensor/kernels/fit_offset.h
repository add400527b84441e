// Fits groups whose weights are scale * quant - minimum.
//
// For given quants the best scale and minimum solve two linear equations; for a given scale and
// minimum the best quants are the nearest ones. The search starts from many widths and positions of
// the grid of quants and takes the two steps in turn. Where scales and minimums are whole multiples
// of a block's two numbers, all neighbours are tried and the two numbers solved once more.
#pragma once

#include "tensor/kernels/fit_lanes.h"

namespace hearth {
namespace {

struct Line {
  F scale{};
  F low{};  // weight = scale * quant - low
};

// Weighted sums over a group that the equations are made of.
struct Moments {
  F w{}, x{}, xx{};   // of the weights alone
  F q{}, qq{}, xq{};  // with the quants
};

template <int quants, int group>
struct OffsetGroup {
  const Groups<group>& g;

  static F quant(F x, F inverse, F low) {
    return whole(smaller(larger((x + low) * inverse, all(0)), all(quants - 1)));
  }

  void add_fixed(Moments& m) const {
    for (int j = 0; j < group; ++j) {
      const F wx = g.w[j] * g.x[j];
      m.w += g.w[j];
      m.x += wx;
      m.xx += wx * g.x[j];
    }
  }

  void add_quants(Moments& m, const Line& line) const {
    const F inverse = ratio(all(1), line.scale);
    m.q = m.qq = m.xq = F{};
    for (int j = 0; j < group; ++j) {
      const F q = quant(g.x[j], inverse, line.low);
      const F wq = g.w[j] * q;
      m.q += wq;
      m.qq += wq * q;
      m.xq += wq * g.x[j];
    }
  }

  F error_at(const Line& line) const {
    const F inverse = ratio(all(1), line.scale);
    F error{};
    for (int j = 0; j < group; ++j) {
      const F rest = g.x[j] - (line.scale * quant(g.x[j], inverse, line.low) - line.low);
      error += g.w[j] * rest * rest;
    }
    return error;
  }
};

// The best line for given quants. Minimums below zero are for formats that can say them.
inline Line solve_line(const Moments& m, bool any_sign) {
  const F determinant = m.w * m.qq - m.q * m.q;
  const I good = determinant > all(0);
  Line line;
  line.scale = choose(good, ratio(m.w * m.xq - m.x * m.q, determinant), ratio(m.xq, m.qq));
  line.low = choose(good, ratio(m.q * m.xq - m.qq * m.x, determinant), all(0));
  const I through_zero = any_sign ? I{} : (line.low < all(0)) | (line.scale < all(0));
  line.scale = choose(through_zero, ratio(m.xq, m.qq), line.scale);
  line.low = choose(through_zero, all(0), line.low);
  line.scale = any_sign ? line.scale : larger(line.scale, all(0));
  return line;
}

// The squares that a line leaves, from the sums alone.
inline F left_by(const Moments& m, const Line& line) {
  return m.xx - 2.0f * line.scale * m.xq + 2.0f * line.low * m.x + line.scale * line.scale * m.qq -
         2.0f * line.scale * line.low * m.q + line.low * line.low * m.w;
}

// The best line of each group when its numbers may be any.
template <int quants, int group>
Line free_line(const OffsetGroup<quants, group>& problem, bool any_sign, int starts) {
  const Groups<group>& g = problem.g;
  F least = any_sign ? g.x[0] : smaller(g.x[0], all(0));
  F most = g.x[0];
  for (int j = 1; j < group; ++j) {
    least = smaller(least, g.x[j]);
    most = larger(most, g.x[j]);
  }
  Moments m;
  problem.add_fixed(m);
  Line best{F{}, -least};
  F best_error = all(__FLT_MAX__);
  const auto attempt = [&](const Line& start) {
    problem.add_quants(m, start);
    const Line line = solve_line(m, any_sign);
    const F error = left_by(m, line);
    const I better = error < best_error;
    best_error = choose(better, error, best_error);
    best.scale = choose(better, line.scale, best.scale);
    best.low = choose(better, line.low, best.low);
  };
  const F width = (most - least) / float(quants - 1);
  for (const float cut : {0.0f, 0.06f, 0.14f}) {
    const F low = choose(least < all(0), -least * (1 - cut), -least);
    for (int k = 0; k < starts; ++k) {
      const float stretch = 0.7f + 0.4f * static_cast<float>(k) / static_cast<float>(starts - 1);
      attempt({width * stretch, low});
    }
  }
  for (int step = 0; step < 3; ++step) attempt(Line{best});
  return best;
}

struct OffsetFit {
  F d{}, dmin{};
  F scale{}, min{};  // whole multiples
  F error{};         // of each block, in all of its lanes
};

template <int quants, int group, int lanes_of_block, int most>
struct OffsetSearch {
  OffsetGroup<quants, group> problem;

  static F clamp(F a) { return smaller(larger(whole(a), all(0)), all(most)); }

  OffsetFit multiples(F d, F dmin, F near_scale, F near_min, bool wide) const {
    OffsetFit fit{d, dmin, clamp(near_scale), clamp(near_min), {}};
    const F center_scale = fit.scale;
    const F center_min = fit.min;
    F best = problem.error_at({d * center_scale, dmin * center_min});
    for (int s = -1; wide && s <= 1; ++s) {
      for (int m = -1; m <= 1; ++m) {
        if (s == 0 && m == 0) continue;
        const F scale = clamp(center_scale + float(s));
        const F min = clamp(center_min + float(m));
        const F error = problem.error_at({d * scale, dmin * min});
        const I better = error < best;
        best = choose(better, error, best);
        fit.scale = choose(better, scale, fit.scale);
        fit.min = choose(better, min, fit.min);
      }
    }
    fit.error = sum_of_block<lanes_of_block>(best);
    return fit;
  }

  // The d and dmin that suit the multiples and the quants that they choose.
  void solve(const OffsetFit& fit, F& d, F& dmin) const {
    Moments m;
    problem.add_fixed(m);
    problem.add_quants(m, {fit.d * fit.scale, fit.dmin * fit.min});
    Moments all_groups;
    all_groups.qq = sum_of_block<lanes_of_block>(fit.scale * fit.scale * m.qq);
    all_groups.xq = sum_of_block<lanes_of_block>(fit.scale * m.xq);
    all_groups.w = sum_of_block<lanes_of_block>(fit.min * fit.min * m.w);
    all_groups.x = sum_of_block<lanes_of_block>(fit.min * m.x);
    all_groups.q = sum_of_block<lanes_of_block>(fit.scale * fit.min * m.q);
    const Line line = solve_line(all_groups, false);
    d = halves(line.scale);
    dmin = halves(line.low);
  }

  OffsetFit run(const Line& lines) const {
    const F most_scale = peak_of_block<lanes_of_block>(lines.scale);
    const F most_low = peak_of_block<lanes_of_block>(lines.low);
    OffsetFit best;
    best.error = all(__FLT_MAX__);
    const auto take = [&](const OffsetFit& fit) {
      const I better = fit.error < best.error;
      best.d = choose(better, fit.d, best.d);
      best.dmin = choose(better, fit.dmin, best.dmin);
      best.scale = choose(better, fit.scale, best.scale);
      best.min = choose(better, fit.min, best.min);
      best.error = choose(better, fit.error, best.error);
    };
    for (const float s : {float(most), most - 0.5f, most - 1.0f, most * 0.9f}) {
      for (const float t : {float(most), most - 0.7f}) {
        const F d = halves(most_scale / s);
        const F dmin = halves(most_low / t);
        take(multiples(d, dmin, ratio(lines.scale, d), ratio(lines.low, dmin), false));
      }
    }
    for (int step = 0; step < 4; ++step) {
      F d, dmin;
      solve(best, d, dmin);
      take(multiples(d, dmin, best.scale * ratio(best.d, d), best.min * ratio(best.dmin, dmin),
                     true));
    }
    return best;
  }
};

}  // namespace
}  // namespace hearth
