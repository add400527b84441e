// Messages as JSON and back. An absent member keeps its default, so that a message names only what
// differs; a number that does not fit, a name that is not known or a wrong type is an error.
#include <cmath>
#include <limits>
#include <type_traits>

#include "base/base64.h"
#include "protocol/event.h"
#include "protocol/json.h"
#include "protocol/members.h"
#include "protocol/request.h"

namespace hearth::protocol {
namespace {

class Writer;
class Reader;

template <class T>
concept Message = requires(T& message, Reader& reader) { members(message, reader); };

template <class T>
concept Number = std::is_arithmetic_v<T>;

// ---- to JSON

template <Number T>
Json to_json(const T& value) {
  return value;
}
inline Json to_json(const std::string& value) { return value; }
inline Json to_json(const Json& value) { return value; }

template <class T>
  requires std::is_enum_v<T>
Json to_json(const T& value) {
  return names_of(value)[static_cast<size_t>(value)];
}

template <Message T>
Json to_json(const T& message);
template <class T>
Json to_json(const std::vector<T>& list);
template <class T>
Json to_json(const std::optional<T>& value);
template <class... T>
Json to_json(const std::variant<T...>& value);
template <class A, class B>
Json to_json(const std::pair<A, B>& pair) {
  return Json::array({to_json(pair.first), to_json(pair.second)});
}

class Writer {
 public:
  template <class T>
  void operator()(const char* name, const T& value) {
    object_[name] = to_json(value);
  }
  // Lists are empty unless they are named.
  template <class T>
  void operator()(const char* name, const std::vector<T>& list) {
    if (!list.empty()) object_[name] = to_json(list);
  }
  void bytes(const char* name, const std::string& value) { object_[name] = base64(value); }
  void bytes(const char* name, const std::vector<std::string>& values) {
    Json& list = object_[name] = Json::array();
    for (const std::string& value : values) list.push_back(base64(value));
  }
  Json take() { return std::move(object_); }

 private:
  Json object_ = Json::object();
};

template <Message T>
Json to_json(const T& message) {
  Writer writer;
  members(message, writer);
  return writer.take();
}

template <class T>
Json to_json(const std::vector<T>& list) {
  Json out = Json::array();
  for (const T& each : list) out.push_back(to_json(each));
  return out;
}

template <class T>
Json to_json(const std::optional<T>& value) {
  return value ? to_json(*value) : Json();
}

// Messages by name, as {"chat": {...}}; plain values as they are.
template <class... T>
Json to_json(const std::variant<T...>& value) {
  if constexpr (requires { names_of(&value); }) {
    return std::visit(
        [&](const auto& held) {
          return Json{{std::string(names_of(&value)[value.index()]), to_json(held)}};
        },
        value);
  } else {
    return std::visit([](const auto& held) { return to_json(held); }, value);
  }
}

// ---- from JSON

tl::unexpected<Error> wrong(std::string_view what) { return fail(ErrorCode::bad_file, what); }

template <Number T>
Result<void> from_json(const Json& json, T& value) {
  if constexpr (std::is_same_v<T, bool>) {
    if (!json.is_boolean()) return wrong("no boolean");
    value = json.get<bool>();
  } else if constexpr (std::is_floating_point_v<T>) {
    if (!json.is_number()) return wrong("no number");
    value = json.get<T>();
  } else if (json.is_number_unsigned()) {
    const uint64_t number = json.get<uint64_t>();
    if (number > static_cast<uint64_t>(std::numeric_limits<T>::max()))
      return wrong("a number that is too large");
    value = static_cast<T>(number);
  } else if (json.is_number_integer() && std::is_signed_v<T>) {
    const int64_t number = json.get<int64_t>();
    if (number < static_cast<int64_t>(std::numeric_limits<T>::min()))
      return wrong("a number that is too small");
    value = static_cast<T>(number);
  } else {
    return wrong("no whole number, or a negative one");
  }
  return {};
}

Result<void> from_json(const Json& json, std::string& value) {
  if (!json.is_string()) return wrong("no text");
  value = json.get_ref<const std::string&>();
  return {};
}

Result<void> from_json(const Json& json, Json& value) {
  value = json;
  return {};
}

template <class T>
  requires std::is_enum_v<T>
Result<void> from_json(const Json& json, T& value) {
  const auto names = names_of(T{});
  for (size_t i = 0; i < names.size(); ++i) {
    if (!json.is_string() || json.get_ref<const std::string&>() != names[i]) continue;
    value = static_cast<T>(i);
    return {};
  }
  return wrong("none of the names that are known");
}

template <Message T>
Result<void> from_json(const Json& json, T& message);
template <class T>
Result<void> from_json(const Json& json, std::optional<T>& value);
template <class... T>
Result<void> from_json(const Json& json, std::variant<T...>& value);
template <class A, class B>
Result<void> from_json(const Json& json, std::pair<A, B>& pair);

template <class T>
Result<void> from_json(const Json& json, std::vector<T>& list) {
  if (!json.is_array()) return wrong("no list");
  list.clear();
  for (const Json& each : json) HEARTH_CHECK(from_json(each, list.emplace_back()));
  return {};
}

template <class A, class B>
Result<void> from_json(const Json& json, std::pair<A, B>& pair) {
  if (!json.is_array() || json.size() != 2) return wrong("no pair");
  HEARTH_CHECK(from_json(json[0], pair.first));
  return from_json(json[1], pair.second);
}

template <class T>
Result<void> from_json(const Json& json, std::optional<T>& value) {
  value.reset();
  return json.is_null() ? Result<void>{} : from_json(json, value.emplace());
}

template <class... T>
Result<void> from_json(const Json& json, std::variant<T...>& value) {
  if constexpr (requires { names_of(&value); }) {
    if (!json.is_object() || json.size() != 1) return wrong("no message");
    const auto member = json.begin();
    const auto names = names_of(&value);
    size_t index = 0;
    Result<void> read = wrong("a message that is not known");
    const auto take = [&]<class A>(A held) {
      if (member.key() != names[index++]) return;
      read = from_json(member.value(), held);
      value = std::move(held);
    };
    (take(T{}), ...);
    return read;
  } else if (json.is_string()) {
    return from_json(json, value.template emplace<std::string>());
  } else {
    // The other alternative, of two.
    constexpr size_t other =
        std::is_same_v<std::variant_alternative_t<0, std::variant<T...>>, std::string> ? 1 : 0;
    return from_json(json, value.template emplace<other>());
  }
}

// Remembers the first member that is wrong.
class Reader {
 public:
  explicit Reader(const Json& object) : object_(object) {
    if (!object.is_object()) done_ = wrong("no object");
  }
  template <class T>
  void operator()(const char* name, T& value) {
    at(name, [&](const Json& json) { return from_json(json, value); });
  }
  void bytes(const char* name, std::string& value) {
    at(name, [&](const Json& json) { return read_bytes(json, value); });
  }
  void bytes(const char* name, std::vector<std::string>& values) {
    at(name, [&](const Json& json) -> Result<void> {
      if (!json.is_array()) return wrong("no list");
      values.clear();
      for (const Json& each : json) HEARTH_CHECK(read_bytes(each, values.emplace_back()));
      return {};
    });
  }
  [[nodiscard]] const Result<void>& done() const { return done_; }

 private:
  template <class Take>
  void at(const char* name, const Take& take) {
    if (!done_) return;
    const auto found = object_.find(name);
    if (found == object_.end()) return;
    const Result<void> taken = take(*found);
    if (!taken) done_ = fail_with_context(name, taken.error());
  }
  static Result<void> read_bytes(const Json& json, std::string& value) {
    std::string text;
    HEARTH_CHECK(from_json(json, text));
    std::optional<std::string> bytes = from_base64(text);
    if (!bytes) return wrong("no base64");
    value = *std::move(bytes);
    return {};
  }

  const Json& object_;
  Result<void> done_;
};

template <Message T>
Result<void> from_json(const Json& json, T& message) {
  Reader reader(json);
  members(message, reader);
  return reader.done();
}

template <class T>
Result<T> decode(std::string_view text) {
  const auto json = parse_json(text);
  if (!json) return fail_with_context("the message", json.error());
  T message;
  const Result<void> read = from_json(*json, message);
  if (!read) return fail_with_context("the message is wrong at", read.error());
  return message;
}

template <class T>
std::string encode_message(const T& message) {
  return to_json(message).dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::string encode(const Load& load) { return encode_message(load); }
std::string encode(const Request& request) { return encode_message(request); }
std::string encode(const Event& event) { return encode_message(event); }

Result<Load> decode_load(std::string_view message) { return decode<Load>(message); }
Result<Request> decode_request(std::string_view message) { return decode<Request>(message); }
Result<Event> decode_event(std::string_view message) { return decode<Event>(message); }

}  // namespace hearth::protocol
