#include "text/jinja_value.h"

#include <algorithm>
#include <cmath>

namespace hearth::text::jinja {

std::string_view Value::text() const { return as<Text>().text; }
const std::vector<Value>& Value::items() const { return as<Sequence>().items; }
const std::vector<Value>& Value::unwalked() const { return as<View>().items; }

Sequence::Sequence(Ledger& owner, std::vector<Value> values)
    : Object(owner), items(std::move(values)) {
  charge(sizeof *this + items.capacity() * sizeof(Value));
  for (const Value& item : items) depth = std::max(depth, item.depth());
  ++depth;
}

// Fewer keys are found faster one after the other than through an index.
constexpr size_t kIndexed = 8;

Dict::Dict(Ledger& owner, std::vector<Entry> values) : Object(owner), entries(std::move(values)) {
  index();
  charge(sizeof *this + entries.capacity() * sizeof(Entry) + order_.capacity() * sizeof(uint32_t));
  for (const Entry& entry : entries)
    depth = std::max({depth, entry.key.depth(), entry.value.depth()});
  ++depth;
}

void Dict::index() {
  const auto make_order = [&] {
    order_.resize(entries.size());
    for (size_t i = 0; i < order_.size(); ++i) order_[i] = static_cast<uint32_t>(i);
    std::sort(order_.begin(), order_.end(), [&](uint32_t a, uint32_t b) {
      const int order = compare_keys(entries[a].key, entries[b].key);
      return order != 0 ? order < 0 : a < b;
    });
  };
  make_order();
  bool doubled = false;
  std::vector<bool> gone(entries.size());
  for (size_t i = 0; i + 1 < order_.size(); ++i) {
    // Equal keys follow each other, the first inserted first.
    size_t last = i;
    while (last + 1 < order_.size() &&
           compare_keys(entries[order_[i]].key, entries[order_[last + 1]].key) == 0) {
      gone[order_[++last]] = true;
    }
    if (last == i) continue;
    entries[order_[i]].value = entries[order_[last]].value;
    doubled = true;
    i = last;
  }
  if (doubled) {
    size_t kept = 0;
    for (size_t i = 0; i < entries.size(); ++i) {
      if (gone[i]) continue;
      if (kept != i) entries[kept] = std::move(entries[i]);
      ++kept;
    }
    entries.resize(kept);
    make_order();
  }
  if (entries.size() <= kIndexed) order_ = {};
}

size_t Dict::place(const Value& key) const {
  const auto at = std::lower_bound(
      order_.begin(), order_.end(), key,
      [&](uint32_t i, const Value& k) { return compare_keys(entries[i].key, k) < 0; });
  return static_cast<size_t>(at - order_.begin());
}

const Value* Dict::find(const Value& key) const {
  if (key.is(Kind::string)) return find(key.text());
  if (order_.empty()) {
    for (const Entry& entry : entries)
      if (compare_keys(entry.key, key) == 0) return &entry.value;
    return nullptr;
  }
  const size_t at = place(key);
  if (at == order_.size() || compare_keys(entries[order_[at]].key, key) != 0) return nullptr;
  return &entries[order_[at]].value;
}

const Value* Dict::find(std::string_view key) const {
  const auto is_it = [&](const Value& k) { return k.is(Kind::string) && k.text() == key; };
  if (order_.empty()) {
    for (const Entry& entry : entries)
      if (is_it(entry.key)) return &entry.value;
    return nullptr;
  }
  const auto at =
      std::lower_bound(order_.begin(), order_.end(), key, [&](uint32_t i, std::string_view k) {
        const Value& other = entries[i].key;
        return other.is(Kind::string) ? other.text() < k : other.kind() < Kind::string;
      });
  if (at == order_.end() || !is_it(entries[*at].key)) return nullptr;
  return &entries[*at].value;
}

void Dict::set(std::string_view key, Value value) {
  for (Entry& entry : entries) {
    if (!entry.key.is(Kind::string) || entry.key.text() != key) continue;
    entry.value = std::move(value);
    return;
  }
  auto name = std::make_unique<Text>(*ledger, std::string(key));
  entries.push_back({Value::object(Kind::string, std::move(name)), std::move(value)});
  charge(sizeof(Entry));
  order_.clear();
  index();
}

int64_t Range::size() const {
  if (step > 0 ? start >= stop : start <= stop) return 0;
  const auto gap = step > 0 ? static_cast<uint64_t>(stop) - static_cast<uint64_t>(start)
                            : static_cast<uint64_t>(start) - static_cast<uint64_t>(stop);
  const auto stride = step > 0 ? static_cast<uint64_t>(step) : 0 - static_cast<uint64_t>(step);
  return static_cast<int64_t>(std::min<uint64_t>((gap - 1) / stride + 1, INT64_MAX));
}

bool is_key(const Value& value) {
  switch (value.kind()) {
    case Kind::list:
    case Kind::dict:
    case Kind::view:
      return false;
    case Kind::tuple:
      return std::all_of(value.items().begin(), value.items().end(),
                         [](const Value& item) { return item.depth() == 0 && is_key(item); });
    default:
      return true;
  }
}

int compare_numbers(const Value& a, const Value& b) {
  if (a.is_whole() && b.is_whole()) {
    const int64_t x = a.as_integer();
    const int64_t y = b.as_integer();
    return x < y ? -1 : x > y ? 1 : 0;
  }
  if (a.is(Kind::real) && b.is(Kind::real)) {
    const double x = a.as_real();
    const double y = b.as_real();
    return x < y ? -1 : x > y ? 1 : x == y ? 0 : 2;
  }
  if (a.is(Kind::real)) {
    const int order = compare_numbers(b, a);
    return order == 2 ? 2 : -order;
  }
  const int64_t x = a.as_integer();
  const double y = b.as_real();
  if (std::isnan(y)) return 2;
  // 2^63 and beyond: no whole number of 64 bits reaches it.
  if (y >= 9223372036854775808.0) return -1;
  if (y < -9223372036854775808.0) return 1;
  const auto floor = static_cast<int64_t>(std::floor(y));
  if (x != floor) return x < floor ? -1 : 1;
  return y > std::floor(y) ? -1 : 0;
}

namespace {

// Numbers count as one kind; the order of kinds is that of the enumeration.
int rank(const Value& value) {
  return static_cast<int>(value.is_number() ? Kind::boolean : value.kind());
}

}  // namespace

int compare_keys(const Value& a, const Value& b) {
  if (rank(a) != rank(b)) return rank(a) < rank(b) ? -1 : 1;
  if (a.is_number()) {
    const int order = compare_numbers(a, b);
    if (order != 2) return order;
    // NaN lies behind all numbers and, as a key, equals itself.
    const bool x = std::isnan(a.as_real());
    const bool y = std::isnan(b.as_real());
    return x == y ? 0 : x ? 1 : -1;
  }
  switch (a.kind()) {
    case Kind::undefined:
    case Kind::none:
      return 0;
    case Kind::string:
    case Kind::big: {
      const int order = a.text().compare(b.text());
      return order < 0 ? -1 : order > 0 ? 1 : 0;
    }
    case Kind::tuple: {
      const auto& x = a.items();
      const auto& y = b.items();
      for (size_t i = 0; i < std::min(x.size(), y.size()); ++i)
        if (const int order = compare_keys(x[i], y[i]); order != 0) return order;
      return x.size() < y.size() ? -1 : x.size() > y.size() ? 1 : 0;
    }
    default:
      return a.identity() < b.identity() ? -1 : a.identity() > b.identity() ? 1 : 0;
  }
}

bool truth(const Value& value) {
  switch (value.kind()) {
    case Kind::missing:
    case Kind::undefined:
    case Kind::none:
      return false;
    case Kind::boolean:
    case Kind::integer:
      return value.as_integer() != 0;
    case Kind::real:
      return value.as_real() != 0;
    case Kind::string:
      return !value.text().empty();
    case Kind::list:
    case Kind::tuple:
      return !value.items().empty();
    case Kind::view:
      return !value.unwalked().empty();
    case Kind::dict:
      return !value.as<Dict>().entries.empty();
    case Kind::range:
      return value.as<Range>().size() > 0;
    default:
      return true;
  }
}

std::string_view type_name(const Value& value) {
  switch (value.kind()) {
    case Kind::missing:
    case Kind::undefined:
      return "Undefined";
    case Kind::none:
      return "NoneType";
    case Kind::boolean:
      return "bool";
    case Kind::integer:
    case Kind::big:
      return "int";
    case Kind::real:
      return "float";
    case Kind::string:
      return "str";
    case Kind::list:
      return "list";
    case Kind::tuple:
      return "tuple";
    case Kind::dict:
      return "dict";
    case Kind::range:
      return "range";
    case Kind::view:
      return value.as<View>().name;
    case Kind::generator:
      return "generator";
    case Kind::space:
      return "Namespace";
    case Kind::loop:
      return "LoopContext";
    case Kind::macro:
      return "Macro";
    case Kind::function:
      return "function";
    case Kind::cycler:
      return "Cycler";
  }
  return "?";
}

}  // namespace hearth::text::jinja
