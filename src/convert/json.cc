#include "convert/json.h"

#include "os/file.h"

namespace hearth::convert {
namespace {

// Whether brackets are nested deeper than trees may be, which are copied and compared recursively.
bool too_deep(std::string_view text) {
  size_t depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kMaxJsonDepth) return true;
    } else if ((c == '}' || c == ']') && depth > 0) {
      --depth;
    }
  }
  return false;
}

// Takes what a parser reports and keeps the place of the first error.
struct ErrorFinder : nlohmann::json_sax<Json> {
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(size_t) override { return true; }
  bool key(string_t&) override { return true; }
  bool end_object() override { return true; }
  bool start_array(size_t) override { return true; }
  bool end_array() override { return true; }
  bool parse_error(size_t position, const std::string&, const Json::exception&) override {
    at = position == 0 ? 0 : position - 1;  // it counts the byte that does not fit
    return false;
  }
  size_t at = 0;
};

}  // namespace

Result<Json> parse_json(std::string_view text) {
  if (too_deep(text)) {
    return fail(ErrorCode::too_large, "this JSON is nested deeper than ", kMaxJsonDepth, " levels");
  }
  Json tree = Json::parse(text, nullptr, false);
  if (!tree.is_discarded()) return tree;
  ErrorFinder finder;
  (void)Json::sax_parse(text, &finder);
  return fail(ErrorCode::bad_file, "this is no JSON from byte ", finder.at, " on");
}

Result<Json> read_json(const std::string& path, uint64_t max_bytes) {
  HEARTH_TRY(const std::string text, os::read_text(path, max_bytes));
  auto tree = parse_json(text);
  if (!tree) return fail_with_context(printable(path, 400), tree.error());
  return tree;
}

const Json* member(const Json& object, std::string_view name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

std::string text_of(const Json& object, std::string_view name) {
  const Json* value = member(object, name);
  return value != nullptr && value->is_string() ? value->get<std::string>() : std::string();
}

}  // namespace hearth::convert
