// JSON: the variables of a template come in as JSON, tojson writes it.
#include "text/jinja_json.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "text/jinja_filters.h"
#include "text/jinja_number.h"
#include "text/jinja_string.h"

namespace hearth::text::jinja {
namespace {

constexpr size_t kMaxJsonDepth = kMaxDepth - 10;  // templates put values into values

// Makes values as the text is read. Members keep their order, a later value of the same name
// replaces the earlier, numbers stay exact.
class Reader {
 public:
  using number_integer_t = int64_t;
  using number_unsigned_t = uint64_t;
  using number_float_t = double;
  using string_t = std::string;
  using binary_t = nlohmann::json::binary_t;

  explicit Reader(Runtime& runtime) : runtime_(runtime) {}

  bool null() { return add(Value::none()); }
  bool boolean(bool value) { return add(Value::boolean(value)); }
  bool number_integer(int64_t value) { return add(Value::integer(value)); }
  bool number_unsigned(uint64_t value) {
    if (value <= INT64_MAX) return add(Value::integer(static_cast<int64_t>(value)));
    return add(whole_value(runtime_, {0, cat(value)}));
  }
  bool number_float(double value, const std::string& text) {
    // Whole numbers that 64 bits cannot hold arrive here too.
    if (text.find_first_of(".eE") != text.npos) return add(Value::real(value));
    return add(whole_value(runtime_, {0, text}));
  }
  bool string(std::string& value) { return add(runtime_.string(value)); }
  bool binary(binary_t&) { return false; }
  bool start_object(size_t) { return open(); }
  bool start_array(size_t) { return open(); }
  bool key(std::string& name) {
    open_.back().name = runtime_.string(name);
    return true;
  }
  bool end_object() {
    Result<Value> made = runtime_.dict(std::move(open_.back().entries));
    open_.pop_back();
    return take(std::move(made));
  }
  bool end_array() {
    Result<Value> made = runtime_.list(std::move(open_.back().items));
    open_.pop_back();
    return take(std::move(made));
  }
  bool parse_error(size_t position, const std::string&, const nlohmann::json::exception&) {
    error_ = Error{ErrorCode::bad_file, cat("it is no JSON: an error at byte ", position)};
    return false;
  }

  Result<Value> result() {
    if (!error_.message.empty()) return tl::unexpected<Error>(error_);
    return root_;
  }

 private:
  struct Open {
    std::vector<Value> items;
    std::vector<Entry> entries;
    Value name;  // of the member that is being read
  };

  bool open() {
    if (open_.size() < kMaxJsonDepth) {
      open_.emplace_back();
      return true;
    }
    error_ = Error{ErrorCode::too_large,
                   cat("the JSON lies more than ", kMaxJsonDepth, " deep in itself")};
    return false;
  }

  bool take(Result<Value> made) {
    if (made) return add(*std::move(made));
    error_ = made.error();
    return false;
  }

  bool add(Value value) {
    if (open_.empty()) {
      root_ = std::move(value);
    } else if (Open& inner = open_.back(); inner.name.is(Kind::missing)) {
      inner.items.push_back(std::move(value));
    } else {
      inner.entries.push_back({std::move(inner.name), std::move(value)});
      inner.name = Value();
    }
    return true;
  }

  Runtime& runtime_;
  std::vector<Open> open_;
  Value root_;
  Error error_;
};

}  // namespace

Result<Value> read_json(Runtime& runtime, std::string_view text) {
  runtime.allow_for(text.size());
  Reader reader(runtime);
  const bool whole = nlohmann::json::sax_parse(text.begin(), text.end(), &reader);
  Result<Value> result = reader.result();
  if (result && !whole) return fail(ErrorCode::bad_file, "it is no JSON");
  return result;
}

namespace {

class Writer {
 public:
  Writer(Runtime& runtime, const JsonStyle& style) : runtime_(runtime), style_(style) {}

  Result<void> write(const Value& value, size_t level) {
    HEARTH_CHECK(runtime_.step());
    HEARTH_CHECK(runtime_.room(out_.size()));
    switch (value.kind()) {
      case Kind::none:
        out_ += "null";
        return {};
      case Kind::boolean:
        out_ += value.as_bool() ? "true" : "false";
        return {};
      case Kind::integer:
        out_ += cat(value.as_integer());
        return {};
      case Kind::big:
        out_ += value.text();
        return {};
      case Kind::real:
        out_ += real(value.as_real());
        return {};
      case Kind::string:
        HEARTH_CHECK(runtime_.step(value.text().size() >> 6));
        append_json_string(out_, value.text(), style_.ascii);
        return {};
      case Kind::list:
      case Kind::tuple:
        return items(value.items(), level);
      case Kind::dict:
        return members(value.as<Dict>().entries, level);
      default:
        return wrong("Object of type ", type_name(value), " is not JSON serializable");
    }
  }

  std::string take() { return std::move(out_); }

 private:
  static std::string real(double value) {
    if (std::isnan(value)) return "NaN";
    if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
    return real_text(value);
  }

  void new_line(size_t level) {
    if (!style_.indented) return;
    out_ += '\n';
    for (size_t i = 0; i < level; ++i) out_ += style_.indent;
  }

  Result<void> items(const std::vector<Value>& values, size_t level) {
    out_ += '[';
    for (size_t i = 0; i < values.size(); ++i) {
      if (i > 0) out_ += style_.between_items;
      new_line(level + 1);
      HEARTH_CHECK(write(values[i], level + 1));
    }
    if (!values.empty()) new_line(level);
    out_ += ']';
    return {};
  }

  // The name of a member: numbers, booleans and none are written as texts.
  Result<void> name(const Value& key) {
    std::string text;
    switch (key.kind()) {
      case Kind::string:
        append_json_string(out_, key.text(), style_.ascii);
        return {};
      case Kind::none:
        text = "null";
        break;
      case Kind::boolean:
        text = key.as_bool() ? "true" : "false";
        break;
      case Kind::integer:
        text = cat(key.as_integer());
        break;
      case Kind::big:
        text = key.text();
        break;
      case Kind::real:
        text = real(key.as_real());
        break;
      default:
        return wrong("keys must be str, int, float, bool or None, not ", type_name(key));
    }
    out_ += cat("\"", text, "\"");
    return {};
  }

  Result<void> members(const std::vector<Entry>& entries, size_t level) {
    std::vector<const Entry*> order;
    order.reserve(entries.size());
    for (const Entry& entry : entries) order.push_back(&entry);
    if (style_.sort_keys) {
      for (const Entry& entry : entries) {
        const bool comparable = entries.size() < 2 || entry.key.kind() == entries[0].key.kind() ||
                                (entry.key.is_number() && entries[0].key.is_number());
        if (!comparable || (entries.size() > 1 && entry.key.is(Kind::none)))
          return wrong("'<' not supported between keys of different kinds");
      }
      std::sort(order.begin(), order.end(),
                [](const Entry* a, const Entry* b) { return compare_keys(a->key, b->key) < 0; });
    }
    out_ += '{';
    for (size_t i = 0; i < order.size(); ++i) {
      if (i > 0) out_ += style_.between_items;
      new_line(level + 1);
      HEARTH_CHECK(name(order[i]->key));
      out_ += style_.behind_key;
      HEARTH_CHECK(write(order[i]->value, level + 1));
    }
    if (!order.empty()) new_line(level);
    out_ += '}';
    return {};
  }

  Runtime& runtime_;
  const JsonStyle& style_;
  std::string out_;
};

}  // namespace

Result<std::string> json_text(Runtime& runtime, const Value& value, const JsonStyle& style) {
  Writer writer(runtime, style);
  HEARTH_CHECK(writer.write(value, 0));
  return writer.take();
}

}  // namespace hearth::text::jinja
