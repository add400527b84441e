#include "text/reply_tools.h"

#include <nlohmann/json.hpp>
#include <utility>

namespace hearth::text {

namespace {

using nlohmann::json;

constexpr int kMaxDepth = 8;  // of anyOf in anyOf
constexpr unsigned kAny = 0;

const json* member(const json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() ? nullptr : &*found;
}

unsigned type_named(const json& name) {
  constexpr std::pair<std::string_view, unsigned> kNames[]{
      {"string", ReplyTools::string},   {"number", ReplyTools::number | ReplyTools::integer},
      {"integer", ReplyTools::integer}, {"boolean", ReplyTools::boolean},
      {"null", ReplyTools::null},       {"object", ReplyTools::object},
      {"array", ReplyTools::array}};
  const auto* text = name.get_ptr<const json::string_t*>();
  if (text == nullptr) return kAny;
  for (const auto& [known, type] : kNames)
    if (*text == known) return type;
  return kAny;
}

unsigned type_of(const json& value) {
  if (value.is_string()) return ReplyTools::string;
  if (value.is_number_integer()) return ReplyTools::integer;
  if (value.is_number()) return ReplyTools::number;
  if (value.is_boolean()) return ReplyTools::boolean;
  if (value.is_object()) return ReplyTools::object;
  return value.is_array() ? ReplyTools::array : ReplyTools::null;
}

// The union over a list; any when one of it is.
template <class F>
unsigned join(const json& list, const F& types) {
  unsigned all = 0;
  for (const json& item : list) {
    const unsigned some = types(item);
    if (some == kAny) return kAny;
    all |= some;
  }
  return all;
}

unsigned types_of(const json& schema, int depth) {
  unsigned types = kAny;
  if (const json* type = member(schema, "type")) {
    types = type->is_array() ? join(*type, type_named) : type_named(*type);
  } else if (const json* values = member(schema, "enum"); values != nullptr && values->is_array()) {
    types = join(*values, type_of);
  } else if (const json* value = member(schema, "const")) {
    types = type_of(*value);
  } else if (depth < kMaxDepth) {
    const auto deeper = [&](const json& other) { return types_of(other, depth + 1); };
    for (const char* key : {"anyOf", "oneOf"})
      if (const json* others = member(schema, key); others != nullptr && others->is_array())
        types = join(*others, deeper);
  }
  const json* nullable = member(schema, "nullable");
  const bool also_null = nullable != nullptr && *nullable == true;
  return types == kAny || !also_null ? types : types | ReplyTools::null;
}

}  // namespace

ReplyTools ReplyTools::read(std::string_view text) {
  ReplyTools tools;
  const json document = json::parse(text, nullptr, false);
  if (!document.is_array()) return tools;
  for (const json& tool : document) {
    const json* function = member(tool, "function");
    if (function == nullptr) function = &tool;
    const json* name = member(*function, "name");
    if (name == nullptr || !name->is_string()) continue;
    Parameters& parameters = tools.tools_[name->get_ref<const json::string_t&>()];
    const json* schema = member(*function, "parameters");
    const json* properties = schema == nullptr ? nullptr : member(*schema, "properties");
    if (properties == nullptr || !properties->is_object()) continue;
    for (const auto& [key, property] : properties->items())
      parameters[key] = text::types_of(property, 0);
  }
  return tools;
}

bool ReplyTools::knows(std::string_view tool) const { return tools_.find(tool) != tools_.end(); }

unsigned ReplyTools::types_of(std::string_view tool, std::string_view parameter) const {
  const auto found = tools_.find(tool);
  if (found == tools_.end()) return kAny;
  const auto type = found->second.find(parameter);
  return type == found->second.end() ? kAny : type->second;
}

}  // namespace hearth::text
