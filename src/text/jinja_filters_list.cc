// Filters that take lists apart, order them and put them together.
#include <algorithm>

#include "text/jinja_filters.h"
#include "text/jinja_globals.h"
#include "text/jinja_number.h"
#include "text/jinja_string.h"
#include "text/unicode_case.h"

namespace hearth::text::jinja {

Result<Value> look_up(Runtime& runtime, const Value& item, const Value& path,
                      const Value& fallback) {
  if (path.is(Kind::missing) || path.is(Kind::none)) return item;
  const bool replaces = !fallback.is(Kind::missing) && !fallback.is(Kind::none);
  if (!path.is(Kind::string)) {
    HEARTH_TRY(Value found, runtime.item(item, path));
    return found.is_undefined() && replaces ? fallback : found;
  }
  Value value = item;
  std::string_view rest = path.text();
  while (true) {
    HEARTH_CHECK(runtime.step());
    const size_t dot = rest.find('.');
    const std::string_view part = rest.substr(0, dot);
    const bool position = !part.empty() && part.find_first_not_of("0123456789") == part.npos;
    const auto number = position ? parse_whole(part, 10) : std::nullopt;
    HEARTH_TRY(value, runtime.item(value, number ? Value::integer(number->value)
                                                 : runtime.string(std::string(part))));
    if (value.is_undefined() && replaces) value = fallback;
    if (dot == rest.npos) return value;
    rest = rest.substr(dot + 1);
  }
}

namespace {

// What a value is ordered by: texts without regard to case, unless wanted.
Value order_key(Runtime& runtime, const Value& value, bool case_sensitive) {
  if (case_sensitive || !value.is(Kind::string)) return value;
  return runtime.string(lower_case(value.text()));
}

// Items with the keys that they are ordered by, in a stable order. Python compares only with <.
struct Keyed {
  std::vector<Value> keys;
  Value item;
};

Result<bool> comes_before(Runtime& runtime, const Keyed& a, const Keyed& b) {
  for (size_t i = 0; i < a.keys.size(); ++i) {
    HEARTH_TRY(const bool same, runtime.equal(a.keys[i], b.keys[i]));
    if (same) continue;
    HEARTH_TRY(const int order, runtime.order(a.keys[i], b.keys[i], "<"));
    return order == -1;
  }
  return false;
}

// A merge sort: stable, and at peace with values that cannot be compared or have no order.
Result<void> sort_keyed(Runtime& runtime, std::vector<Keyed>& all, bool reverse) {
  if (reverse) std::reverse(all.begin(), all.end());
  std::vector<Keyed> merged;
  for (size_t width = 1; width < all.size(); width *= 2) {
    merged.clear();
    for (size_t begin = 0; begin < all.size(); begin += 2 * width) {
      const size_t middle = std::min(begin + width, all.size());
      const size_t end = std::min(begin + 2 * width, all.size());
      size_t left = begin;
      size_t right = middle;
      while (left < middle && right < end) {
        HEARTH_TRY(const bool swap, comes_before(runtime, all[right], all[left]));
        merged.push_back(std::move(all[swap ? right++ : left++]));
      }
      while (left < middle) merged.push_back(std::move(all[left++]));
      while (right < end) merged.push_back(std::move(all[right++]));
    }
    all.swap(merged);
  }
  if (reverse) std::reverse(all.begin(), all.end());
  return {};
}

Result<Value> values_of(Runtime& runtime, std::vector<Keyed> all) {
  std::vector<Value> items;
  items.reserve(all.size());
  for (Keyed& keyed : all) items.push_back(std::move(keyed.item));
  return runtime.list(std::move(items));
}

Result<Value> sort(Runtime& runtime, const Value& value, Args& args) {
  HEARTH_TRY(const Bound bound,
             Bound::bind("sort", args, {{"reverse"}, {"case_sensitive"}, {"attribute"}}));
  HEARTH_TRY(const std::vector<Value> items, runtime.walk(value));
  const bool case_sensitive = bound.truth_or(1, false);
  std::vector<Value> paths = {bound.value_or(2, Value::none())};
  if (paths[0].is(Kind::string)) {
    const Value all = paths[0];
    paths.clear();
    for (const std::string_view path : hearth::split(all.text(), ','))
      paths.push_back(runtime.string(std::string(path)));
  }
  std::vector<Keyed> keyed;
  for (const Value& item : items) {
    keyed.push_back({{}, item});
    for (const Value& path : paths) {
      HEARTH_TRY(const Value key, look_up(runtime, item, path, {}));
      keyed.back().keys.push_back(order_key(runtime, key, case_sensitive));
    }
  }
  HEARTH_CHECK(sort_keyed(runtime, keyed, bound.truth_or(0, false)));
  return values_of(runtime, std::move(keyed));
}

Result<Value> dictsort(Runtime& runtime, const Value& value, Args& args) {
  HEARTH_TRY(const Bound bound,
             Bound::bind("dictsort", args, {{"case_sensitive"}, {"by"}, {"reverse"}}));
  if (value.is_undefined()) return wrong_undefined(value);
  if (!value.is(Kind::dict)) return wrong("dictsort needs a dict, not '", type_name(value), "'");
  HEARTH_TRY(const std::string by, runtime.str(bound.value_or(1, runtime.string("key"))));
  if (by != "key" && by != "value")
    return wrong("You can only sort by either \"key\" or \"value\"");
  std::vector<Keyed> keyed;
  for (const Entry& entry : value.as<Dict>().entries) {
    HEARTH_TRY(Value pair, runtime.tuple({entry.key, entry.value}));
    const Value& key = by == "key" ? entry.key : entry.value;
    keyed.push_back({{order_key(runtime, key, bound.truth_or(0, false))}, std::move(pair)});
  }
  HEARTH_CHECK(sort_keyed(runtime, keyed, bound.truth_or(2, false)));
  return values_of(runtime, std::move(keyed));
}

Result<Value> unique(Runtime& runtime, const Value& value, Args& args) {
  HEARTH_TRY(const Bound bound, Bound::bind("unique", args, {{"case_sensitive"}, {"attribute"}}));
  HEARTH_TRY(const std::vector<Value> items, runtime.walk(value));
  std::vector<Entry> seen;  // a dict keeps the first of equal keys in its place
  for (const Value& item : items) {
    HEARTH_TRY(const Value key, look_up(runtime, item, bound.value_or(1, Value::none()), {}));
    seen.push_back({order_key(runtime, key, bound.truth_or(0, false)),
                    Value::integer(static_cast<int64_t>(seen.size()))});
  }
  std::reverse(seen.begin(), seen.end());
  HEARTH_TRY(const Value firsts, runtime.dict(std::move(seen)));
  std::vector<int64_t> positions;
  for (const Entry& entry : firsts.as<Dict>().entries)
    positions.push_back(entry.value.as_integer());
  std::sort(positions.begin(), positions.end());
  std::vector<Value> out;
  for (const int64_t i : positions) out.push_back(items[static_cast<size_t>(i)]);
  return runtime.generator(std::move(out));
}

template <bool largest>
Result<Value> extreme(Runtime& runtime, const Value& value, Args& args) {
  HEARTH_TRY(const Bound bound,
             Bound::bind(largest ? "max" : "min", args, {{"case_sensitive"}, {"attribute"}}));
  HEARTH_TRY(const std::vector<Value> items, runtime.walk(value));
  Value best;
  Value best_key;
  for (const Value& item : items) {
    HEARTH_TRY(const Value found, look_up(runtime, item, bound.value_or(1, Value::none()), {}));
    const Value key = order_key(runtime, found, bound.truth_or(0, false));
    if (!best.is(Kind::missing)) {
      HEARTH_TRY(const int order, runtime.order(key, best_key, largest ? ">" : "<"));
      if (order != (largest ? 1 : -1)) continue;
    }
    best = item;
    best_key = key;
  }
  if (best.is(Kind::missing)) return runtime.undefined("No aggregated item, sequence was empty.");
  return best;
}

Result<Value> sum(Runtime& runtime, const Value& value, Args& args) {
  HEARTH_TRY(const Bound bound, Bound::bind("sum", args, {{"attribute"}, {"start"}}));
  HEARTH_TRY(const std::vector<Value> items, runtime.walk(value));
  Value total = bound.value_or(1, Value::integer(0));
  if (total.is(Kind::string)) return wrong("sum() can't sum strings [use ''.join(seq) instead]");
  for (const Value& item : items) {
    HEARTH_TRY(const Value part, look_up(runtime, item, bound.value_or(0, Value::none()), {}));
    HEARTH_TRY(total, operate(runtime, "+", total, part));
  }
  return total;
}

Result<Value> groupby(Runtime& runtime, const Value& value, Args& args) {
  HEARTH_TRY(const Bound bound,
             Bound::bind("groupby", args, {{"attribute", true}, {"default"}, {"case_sensitive"}}));
  HEARTH_TRY(const std::vector<Value> items, runtime.walk(value));
  const Value fallback = bound.value_or(1, Value::none());
  std::vector<Keyed> keyed;
  for (const Value& item : items) {
    HEARTH_TRY(const Value key, look_up(runtime, item, bound[0], fallback));
    keyed.push_back({{order_key(runtime, key, bound.truth_or(2, false))}, item});
  }
  HEARTH_CHECK(sort_keyed(runtime, keyed, false));
  std::vector<Value> groups;
  for (size_t i = 0; i < keyed.size();) {
    std::vector<Value> members;
    const size_t first = i;
    for (; i < keyed.size(); ++i) {
      HEARTH_TRY(const bool same, runtime.equal(keyed[first].keys[0], keyed[i].keys[0]));
      if (!same) break;
      members.push_back(keyed[i].item);
    }
    // The key as the first member spells it.
    HEARTH_TRY(Value grouper, look_up(runtime, members[0], bound[0], fallback));
    HEARTH_TRY(Value list, runtime.list(std::move(members)));
    HEARTH_TRY(Value group, runtime.tuple({std::move(grouper), std::move(list)}));
    group.as<Sequence>().is_group = true;
    groups.push_back(std::move(group));
  }
  return runtime.list(std::move(groups));
}

Result<Value> join(Runtime& runtime, const Value& value, Args& args) {
  HEARTH_TRY(const Bound bound, Bound::bind("join", args, {{"d"}, {"attribute"}}));
  HEARTH_TRY(const std::string between, runtime.str(bound.value_or(0, runtime.string(""))));
  HEARTH_TRY(const std::vector<Value> items, runtime.walk(value));
  std::string out;
  for (size_t i = 0; i < items.size(); ++i) {
    HEARTH_TRY(const Value item, look_up(runtime, items[i], bound.value_or(1, Value::none()), {}));
    HEARTH_TRY(const std::string text, runtime.str(item));
    HEARTH_CHECK(runtime.room(out.size() + between.size() + text.size()));
    if (i > 0) out += between;
    out += text;
  }
  return runtime.string(std::move(out));
}

Result<Value> first(Runtime& runtime, const Value& value, Args& args) {
  HEARTH_TRY([[maybe_unused]] const Bound bound, Bound::bind("first", args, {}));
  if (value.is(Kind::generator)) {
    Generator& generator = value.as<Generator>();
    if (generator.at < generator.items.size()) return generator.items[generator.at++];
    return runtime.undefined("No first item, sequence was empty.");
  }
  if (value.is_sequence() && !value.items().empty()) return value.items().front();
  HEARTH_TRY(const std::vector<Value> items, runtime.walk(value));
  return items.empty() ? runtime.undefined("No first item, sequence was empty.") : items.front();
}

Result<Value> last(Runtime& runtime, const Value& value, Args& args) {
  HEARTH_TRY([[maybe_unused]] const Bound bound, Bound::bind("last", args, {}));
  if (value.is(Kind::generator)) return wrong("'", type_name(value), "' object is not reversible");
  if (value.is_sequence() && !value.items().empty()) return value.items().back();
  HEARTH_TRY(const std::vector<Value> items, runtime.walk(value));
  return items.empty() ? runtime.undefined("No last item, sequence was empty.") : items.back();
}

Result<Value> to_list(Runtime& runtime, const Value& value, Args& args) {
  HEARTH_TRY([[maybe_unused]] const Bound bound, Bound::bind("list", args, {}));
  HEARTH_TRY(std::vector<Value> items, runtime.walk(value));
  return runtime.list(std::move(items));
}

Result<Value> reverse(Runtime& runtime, const Value& value, Args& args) {
  HEARTH_TRY([[maybe_unused]] const Bound bound, Bound::bind("reverse", args, {}));
  HEARTH_TRY(std::vector<Value> items, runtime.walk(value));
  std::reverse(items.begin(), items.end());
  if (value.is(Kind::generator)) return runtime.list(std::move(items));
  if (!value.is(Kind::string)) return runtime.generator(std::move(items));
  std::string out;
  for (const Value& item : items) out += item.text();
  return runtime.string(std::move(out));
}

Result<Value> items_of(Runtime& runtime, const Value& value, Args& args) {
  HEARTH_TRY([[maybe_unused]] const Bound bound, Bound::bind("items", args, {}));
  std::vector<Value> pairs;
  if (value.is_undefined()) return runtime.generator(std::move(pairs));
  if (!value.is(Kind::dict)) return wrong("Can only get item pairs from a mapping.");
  for (const Entry& entry : value.as<Dict>().entries) {
    HEARTH_TRY(Value pair, runtime.tuple({entry.key, entry.value}));
    pairs.push_back(std::move(pair));
  }
  return runtime.generator(std::move(pairs));
}

Result<Value> batch(Runtime& runtime, const Value& value, Args& args) {
  HEARTH_TRY(const Bound bound, Bound::bind("batch", args, {{"linecount", true}, {"fill_with"}}));
  HEARTH_TRY(const int64_t size, bound.integer_or(0, 1));
  HEARTH_TRY(const std::vector<Value> items, runtime.walk(value));
  std::vector<Value> batches;
  std::vector<Value> row;
  const auto end_row = [&]() -> Result<void> {
    HEARTH_TRY(Value made, runtime.list(std::move(row)));
    batches.push_back(std::move(made));
    row.clear();
    return {};
  };
  for (size_t i = 0; i < items.size(); ++i) {
    if (static_cast<int64_t>(row.size()) == size) HEARTH_CHECK(end_row());
    row.push_back(items[i]);
  }
  if (!row.empty()) {
    if (bound.given(1) && !bound[1].is(Kind::none) && static_cast<int64_t>(row.size()) < size) {
      HEARTH_CHECK(
          runtime.room(static_cast<size_t>(std::min<int64_t>(size, INT32_MAX)) * sizeof(Value)));
      row.resize(static_cast<size_t>(size), bound[1]);
    }
    HEARTH_CHECK(end_row());
  }
  return runtime.generator(std::move(batches));
}

Result<Value> slice(Runtime& runtime, const Value& value, Args& args) {
  HEARTH_TRY(const Bound bound, Bound::bind("slice", args, {{"slices", true}, {"fill_with"}}));
  HEARTH_TRY(const int64_t count, bound.integer_or(0, 1));
  HEARTH_TRY(const std::vector<Value> items, runtime.walk(value));
  if (count == 0) return wrong("integer division or modulo by zero");
  if (count < 0) return runtime.generator({});
  HEARTH_CHECK(
      runtime.room(static_cast<size_t>(std::min<int64_t>(count, INT32_MAX)) * sizeof(Value)));
  const auto slices = static_cast<size_t>(count);
  std::vector<Value> out;
  size_t at = 0;
  for (size_t i = 0; i < slices; ++i) {
    const bool longer = i < items.size() % slices;
    const size_t end = at + items.size() / slices + (longer ? 1 : 0);
    std::vector<Value> part(items.begin() + static_cast<std::ptrdiff_t>(at),
                            items.begin() + static_cast<std::ptrdiff_t>(end));
    if (bound.given(1) && !bound[1].is(Kind::none) && !longer) part.push_back(bound[1]);
    HEARTH_TRY(Value made, runtime.list(std::move(part)));
    out.push_back(std::move(made));
    at = end;
  }
  return runtime.generator(std::move(out));
}

constexpr NamedFilter kFilters[] = {
    {"batch", batch},        {"dictsort", dictsort}, {"first", first},
    {"groupby", groupby},    {"items", items_of},    {"join", join},
    {"last", last},          {"list", to_list},      {"max", extreme<true>},
    {"min", extreme<false>}, {"reverse", reverse},   {"slice", slice},
    {"sort", sort},          {"sum", sum},           {"unique", unique}};

}  // namespace

std::span<const NamedFilter> list_filters() { return kFilters; }

}  // namespace hearth::text::jinja
