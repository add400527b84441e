#include "grammar/json_schema.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "grammar/json_parts.h"
#include "grammar/json_scalars.h"

namespace hearth::grammar {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kMaxDepth = 100;  // of schemas within schemas
constexpr size_t kMaxNamedKeys = 1000;
constexpr size_t kMaxKeyLength = 1000;
constexpr size_t kMaxKeyBytes = 20'000;  // of all keys, where others are allowed beside them
constexpr size_t kMaxSchemas = 20'000;
constexpr size_t kMaxMerges = 1000;  // each copies a part of the schema

// Keywords that say something to people or to other programs.
const std::set<std::string, std::less<>> kNotes = {
    "$schema",     "$id",     "$comment",    "$anchor",         "title",
    "description", "default", "examples",    "deprecated",      "readOnly",
    "writeOnly",   "$defs",   "definitions", "contentEncoding", "contentMediaType",
    "strict"};
// What is read for each type of value.
const std::map<std::string, std::set<std::string, std::less<>>, std::less<>> kKeywords = {
    {"object",
     {"properties", "required", "additionalProperties", "minProperties", "maxProperties"}},
    {"array", {"items", "prefixItems", "additionalItems", "minItems", "maxItems"}},
    {"string", {"minLength", "maxLength", "pattern", "format"}},
    {"integer", {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}},
    {"number", {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}},
    {"boolean", {}},
    {"null", {}}};
class SchemaParser {
 public:
  explicit SchemaParser(const Json& root) : root_(root) {
    rules_.rules.push_back({"root", {}});
    space_ = add("space", json_space());
  }

  Result<Rules> run() {
    HEARTH_TRY(rules_.rules[0].expression, value_of(root_, "#", 0));
    return std::move(rules_);
  }

  // Rules of any JSON value and any object.
  Rules any() {
    rules_.rules[0].expression = any_object();
    return std::move(rules_);
  }

 private:
  uint32_t add(std::string name, Expression expression) {
    rules_.rules.push_back({std::move(name), std::move(expression)});
    return static_cast<uint32_t>(rules_.rules.size() - 1);
  }
  [[nodiscard]] Expression space() const { return rule_at(space_); }
  // A text of JSON's own and the space behind it.
  [[nodiscard]] Expression mark(const char* text) const {
    return sequence_of({text_of(text), space()});
  }

  // ---- values that nothing is said of ----

  Expression any_char() {
    if (!any_char_) any_char_ = add("char", json_any_char());
    return rule_at(*any_char_);
  }
  Expression any_string() {
    return sequence_of({text_of("\""), repeated(any_char(), 0, kUnbounded), text_of("\"")});
  }
  Expression any_value() {
    if (!any_value_) {
      any_value_ = add("value", {});
      rules_.rules[*any_value_].expression = choice_of(
          {any_object(), list("[", rule_at(*any_value_), "]", 0, kUnbounded), any_string(),
           json_number(true), text_of("true"), text_of("false"), text_of("null")});
    }
    return rule_at(*any_value_);
  }
  Expression any_object() {
    if (!any_object_) {
      any_object_ = add("object", {});
      rules_.rules[*any_object_].expression = list(
          "{", sequence_of({any_string(), space(), mark(":"), any_value()}), "}", 0, kUnbounded);
    }
    return rule_at(*any_object_);
  }

  // least to most elements between brackets.
  Expression list(const char* open, const Expression& element, const char* close, uint32_t least,
                  uint32_t most) {
    const Expression one = rule_at(add("item", sequence_of({element, space()})));
    const uint32_t others = most == kUnbounded ? kUnbounded : std::max(most, 1u) - 1;
    Expression all = sequence_of(
        {one, repeated(sequence_of({mark(","), one}), least > 0 ? least - 1 : 0, others)});
    if (most == 0) all = text_of("");
    if (least == 0) all = repeated(std::move(all), 0, 1);
    return sequence_of({mark(open), std::move(all), text_of(close)});
  }

  // ---- schemas ----

  Result<Expression> value_of(const Json& schema, const std::string& at, size_t depth) {
    if (depth > kMaxDepth) return wrong(at, "more than ", kMaxDepth, " schemas within each other");
    if (++schemas_ > kMaxSchemas) return wrong(at, "more than ", kMaxSchemas, " schemas");
    if (schema.is_boolean()) {
      if (schema.get<bool>()) return any_value();
      return wrong(at, "'false' allows nothing");
    }
    if (!schema.is_object()) return wrong(at, "a schema is an object");
    if (const auto ref = schema.find("$ref"); ref != schema.end())
      return referred(schema, *ref, at, depth);
    for (const char* const word : {"anyOf", "oneOf"}) {
      if (schema.contains(word)) return any_of(schema, word, at, depth);
    }
    if (schema.contains("allOf")) return all_of(schema, at, depth);
    if (const auto known = schema.find("const"); known != schema.end()) return literal(*known);
    if (const auto values = schema.find("enum"); values != schema.end()) {
      if (!values->is_array() || values->empty()) return wrong(at, "'enum' is a list of values");
      std::vector<Expression> choices;
      for (const Json& value : *values) choices.push_back(literal(value));
      return choice_of(std::move(choices));
    }
    return of_types(schema, at, depth);
  }

  static Expression literal(const Json& value) {
    return text_of(value.dump(-1, ' ', false, Json::error_handler_t::replace));
  }

  Result<Expression> referred(const Json& schema, const Json& ref, const std::string& at,
                              size_t depth) {
    for (const auto& [key, value] : schema.items()) {
      if (key != "$ref" && !kNotes.contains(key))
        return wrong(at, "'", printable(key, 60), "' beside '$ref' cannot be kept");
    }
    if (!ref.is_string() || !ref.get<std::string>().starts_with("#"))
      return wrong(at, "'$ref' must point into the schema, as in #/$defs/name");
    const std::string pointer = ref.get<std::string>().substr(1);
    if (const auto known = referred_.find(pointer); known != referred_.end())
      return rule_at(known->second);
    const Json* target = nullptr;
    try {
      target = &root_.at(Json::json_pointer(pointer));
    } catch (const Json::exception&) {
      return wrong(at, "'$ref' points to '", printable(pointer, 100), "', which is not there");
    }
    const uint32_t rule = add(cat("#", pointer), {});
    referred_[pointer] = rule;
    HEARTH_TRY(Expression expression, value_of(*target, cat("#", pointer), depth + 1));
    rules_.rules[rule].expression = std::move(expression);
    return rule_at(rule);
  }

  // Alternatives, each together with what stands beside them.
  Result<Expression> any_of(const Json& schema, const char* word, const std::string& at,
                            size_t depth) {
    const Json& alternatives = schema[word];
    if (!alternatives.is_array() || alternatives.empty())
      return wrong(at, "'", word, "' is a list of schemas");
    Json common = schema;
    common.erase(word);
    std::vector<Expression> choices;
    for (size_t i = 0; i < alternatives.size(); ++i) {
      const std::string place = cat(at, "/", word, "/", i);
      Json one = alternatives[i];
      if (one.is_object() && !common.empty()) HEARTH_CHECK(merge(common, one, place));
      HEARTH_TRY(Expression choice, value_of(one, place, depth + 1));
      choices.push_back(std::move(choice));
    }
    return choice_of(std::move(choices));
  }

  Result<Expression> all_of(const Json& schema, const std::string& at, size_t depth) {
    Json all = schema;
    all.erase("allOf");
    const Json& parts = schema["allOf"];
    if (!parts.is_array()) return wrong(at, "'allOf' is a list of schemas");
    for (size_t i = 0; i < parts.size(); ++i) {
      const std::string place = cat(at, "/allOf/", i);
      Json part = parts[i];
      while (part.is_object() && part.contains("$ref") && part["$ref"].is_string()) {
        if (++merges_ > kMaxMerges) return wrong(place, "'$ref' goes in circles");
        const std::string pointer = part["$ref"].get<std::string>();
        try {
          part = root_.at(Json::json_pointer(pointer.substr(std::min<size_t>(1, pointer.size()))));
        } catch (const Json::exception&) {
          return wrong(place, "'$ref' points to what is not there");
        }
      }
      if (!part.is_object()) return wrong(place, "a schema is an object");
      HEARTH_CHECK(merge(part, all, place));
    }
    return value_of(all, at, depth + 1);
  }

  // Adds what `from` asks for to `into`.
  Result<void> merge(const Json& from, Json& into, const std::string& at) {
    if (++merges_ > kMaxMerges)
      return wrong(at, "more than ", kMaxMerges, " alternatives with something beside them");
    for (const auto& [key, value] : from.items()) {
      if (kNotes.contains(key)) continue;
      if (!into.contains(key)) {
        into[key] = value;
      } else if (key == "required" && value.is_array() && into[key].is_array()) {
        for (const Json& name : value) into[key].push_back(name);
      } else if (key == "properties" && value.is_object() && into[key].is_object()) {
        for (const auto& [name, property] : value.items()) {
          if (into[key].contains(name) && into[key][name] != property)
            return wrong(at, "'", printable(name, 60), "' is there twice, and not the same");
          into[key][name] = property;
        }
      } else if (into[key] != value) {
        return wrong(at, "'", printable(key, 60), "' is there twice, and not the same");
      }
    }
    return {};
  }

  static std::vector<std::string> types_of(const Json& schema) {
    std::vector<std::string> types;
    if (const auto type = schema.find("type"); type != schema.end()) {
      for (const Json& one : type->is_array() ? *type : Json::array({*type}))
        types.push_back(one.is_string() ? one.get<std::string>() : "?");
      return types;
    }
    // Without one, the keywords tell what is meant.
    for (const auto& [type, keywords] : kKeywords) {
      if (type == "integer") continue;
      for (const std::string& keyword : keywords) {
        if (!schema.contains(keyword)) continue;
        types.push_back(type);
        break;
      }
    }
    return types;
  }

  Result<Expression> of_types(const Json& schema, const std::string& at, size_t depth) {
    const std::vector<std::string> types = types_of(schema);
    std::set<std::string, std::less<>> known{"type"};
    for (const std::string& type : types) {
      const auto keywords = kKeywords.find(type);
      if (keywords == kKeywords.end())
        return wrong(at, "there is no type '", printable(type, 60), "'");
      known.insert(keywords->second.begin(), keywords->second.end());
    }
    for (const auto& [key, value] : schema.items()) {
      if (!known.contains(key) && !kNotes.contains(key))
        return wrong(at, "'", printable(key, 60), "' cannot be kept here");
    }
    if (types.empty()) return any_value();
    std::vector<Expression> choices;
    for (const std::string& type : types) {
      HEARTH_TRY(Expression choice, of_type(schema, type, at, depth));
      choices.push_back(std::move(choice));
    }
    return choice_of(std::move(choices));
  }

  Result<Expression> of_type(const Json& schema, const std::string& type, const std::string& at,
                             size_t depth) {
    if (type == "object") return object_of(schema, at, depth);
    if (type == "array") return array_of(schema, at, depth);
    if (type == "string") return string_of(schema, any_char(), at);
    if (type == "integer" || type == "number") return number_of(schema, type == "integer", at);
    if (type == "boolean") return choice_of({text_of("true"), text_of("false")});
    return text_of("null");
  }

  // ---- objects ----

  struct Property {
    Expression expression;  // key, colon and value
    bool required = false;
  };

  Result<Expression> object_of(const Json& schema, const std::string& at, size_t depth) {
    HEARTH_TRY(const std::vector<std::string> names, names_of(schema, at));
    HEARTH_TRY(const uint32_t least, count_of(schema, "minProperties", 0, at));
    HEARTH_TRY(const uint32_t most, count_of(schema, "maxProperties", kUnbounded, at));
    const auto other = schema.find("additionalProperties");
    const bool closed = other != schema.end() ? *other == Json(false) : !names.empty();
    std::optional<Expression> others;
    if (!closed) {
      Expression key = any_string();
      if (!names.empty()) {
        size_t bytes = 0;
        for (const std::string& name : names) bytes += name.size();
        if (bytes > kMaxKeyBytes)
          return wrong(at, "more than ", kMaxKeyBytes, " bytes of keys, and others beside them");
        key = json_other_key(names);
      }
      Expression value = any_value();
      if (other != schema.end() && other->is_object()) {
        HEARTH_TRY(value, value_of(*other, at + "/additionalProperties", depth + 1));
      }
      others = sequence_of({std::move(key), space(), mark(":"), std::move(value)});
    }
    if (names.empty()) {
      if (others) return list("{", *others, "}", least, most);
      return sequence_of({mark("{"), text_of("}")});
    }
    if (least > 0 || most != kUnbounded)
      return wrong(at, "'minProperties' and 'maxProperties' beside 'properties' cannot be kept");
    HEARTH_TRY(const std::vector<Property> properties, properties_of(schema, names, at, depth));
    return members(properties, others);
  }

  // All keys that the schema names: those of `properties`, then those that are only required.
  static Result<std::vector<std::string>> names_of(const Json& schema, const std::string& at) {
    std::vector<std::string> names;
    if (const auto properties = schema.find("properties"); properties != schema.end()) {
      if (!properties->is_object()) return wrong(at, "'properties' is an object of schemas");
      for (const auto& [name, property] : properties->items()) names.push_back(name);
    }
    if (const auto required = schema.find("required"); required != schema.end()) {
      if (!required->is_array()) return wrong(at, "'required' is a list of names");
      for (const Json& name : *required) {
        if (!name.is_string()) return wrong(at, "'required' is a list of names");
        if (std::find(names.begin(), names.end(), name.get<std::string>()) == names.end())
          names.push_back(name.get<std::string>());
      }
    }
    if (names.size() > kMaxNamedKeys) return wrong(at, "more than ", kMaxNamedKeys, " keys");
    for (const std::string& name : names) {
      if (name.size() > kMaxKeyLength)
        return wrong(at, "a key of more than ", kMaxKeyLength, " bytes");
    }
    return names;
  }

  Result<std::vector<Property>> properties_of(const Json& schema,
                                              const std::vector<std::string>& names,
                                              const std::string& at, size_t depth) {
    std::vector<Property> properties;
    const Json required = schema.value("required", Json::array());
    const auto schemas = schema.find("properties");
    for (const std::string& name : names) {
      Expression value = any_value();
      if (schemas != schema.end() && schemas->contains(name)) {
        HEARTH_TRY(value, value_of((*schemas)[name], cat(at, "/properties/", name), depth + 1));
      }
      const uint32_t rule = add(
          name, sequence_of({literal(Json(name)), space(), mark(":"), std::move(value), space()}));
      properties.push_back({rule_at(rule), std::find(required.begin(), required.end(),
                                                     Json(name)) != required.end()});
    }
    return properties;
  }

  // What follows key i depends on whether a key came before it: two rules for each.
  Expression members(const std::vector<Property>& properties,
                     const std::optional<Expression>& others) {
    Expression after = text_of("");  // behind all of them, with a key before
    Expression alone = text_of("");  // with none
    if (others) {
      const Expression one = rule_at(add("other", sequence_of({*others, space()})));
      const Expression more = repeated(sequence_of({mark(","), one}), 0, kUnbounded);
      after = more;
      alone = repeated(sequence_of({one, more}), 0, 1);
    }
    for (size_t i = properties.size(); i-- > 0;) {
      const Property& property = properties[i];
      const Expression rest = rule_at(add("after", std::move(after)));
      const Expression first = sequence_of({property.expression, rest});
      const Expression next = sequence_of({mark(","), property.expression, rest});
      if (property.required) {
        after = next;
        alone = first;
      } else {
        after = choice_of({next, rest});
        alone = choice_of({first, rule_at(add("alone", std::move(alone)))});
      }
    }
    return sequence_of({mark("{"), std::move(alone), text_of("}")});
  }

  // ---- arrays ----

  Result<Expression> array_of(const Json& schema, const std::string& at, size_t depth) {
    HEARTH_TRY(const uint32_t least, count_of(schema, "minItems", 0, at));
    HEARTH_TRY(const uint32_t most, count_of(schema, "maxItems", kUnbounded, at));
    if (most < least) return wrong(at, "'maxItems' is less than 'minItems'");
    const bool old = schema.contains("items") && schema["items"].is_array();
    const char* const first_word = old ? "items" : "prefixItems";
    const char* const rest_word = old ? "additionalItems" : "items";
    const auto first = schema.find(first_word);
    const auto rest = schema.find(rest_word);
    const bool closed = rest != schema.end() && *rest == Json(false);
    Expression element = any_value();
    if (rest != schema.end() && !closed) {
      HEARTH_TRY(element, value_of(*rest, cat(at, "/", rest_word), depth + 1));
    }
    if (first == schema.end()) return list("[", element, "]", least, closed ? 0 : most);
    if (!first->is_array()) return wrong(at, "'prefixItems' is a list of schemas");
    const auto fixed = static_cast<uint32_t>(first->size());
    if (least > fixed && closed) return wrong(at, "'minItems' asks for more than there can be");
    // A list may end behind any element from `least` on: from the back to the front.
    const uint32_t others = most == kUnbounded ? kUnbounded : most - std::min(most, fixed);
    Expression tail = closed ? text_of("")
                             : repeated(sequence_of({mark(","), element, space()}),
                                        least > fixed ? least - fixed : 0, others);
    for (uint32_t i = std::min(fixed, most); i-- > 0;) {
      HEARTH_TRY(Expression one,
                 value_of((*first)[i], cat(at, "/", first_word, "/", i), depth + 1));
      std::vector<Expression> parts;
      if (i > 0) parts.push_back(mark(","));
      parts.push_back(std::move(one));
      parts.push_back(space());
      parts.push_back(rule_at(add("items", std::move(tail))));
      tail = sequence_of(std::move(parts));
      if (i >= least) tail = repeated(std::move(tail), 0, 1);
    }
    return sequence_of({mark("["), std::move(tail), text_of("]")});
  }

  const Json& root_;
  Rules rules_;
  uint32_t space_ = 0;
  std::optional<uint32_t> any_char_, any_value_, any_object_;
  std::map<std::string, uint32_t> referred_;  // rules of what a pointer points to
  size_t schemas_ = 0;
  size_t merges_ = 0;
};

}  // namespace

Result<Rules> rules_of_schema(const nlohmann::ordered_json& schema) {
  return SchemaParser(schema).run();
}

Result<Rules> parse_json_schema(std::string_view text) {
  if (text.size() > kMaxSchemaBytes)
    return fail(ErrorCode::too_large, "a schema of more than ", kMaxSchemaBytes, " bytes");
  const Json schema = Json::parse(text, nullptr, false);
  if (schema.is_discarded()) return fail(ErrorCode::bad_usage, "the schema is not JSON");
  return rules_of_schema(schema);
}

Rules any_json_object() { return SchemaParser(Json()).any(); }

}  // namespace hearth::grammar
