#include "server/fields.h"

#include <cmath>

namespace hearth::server {
namespace {

// "messages[12].name" as "messages[].name".
std::string without_places(std::string_view path) {
  std::string out;
  for (size_t i = 0; i < path.size(); ++i) {
    out += path[i];
    if (path[i] != '[') continue;
    size_t end = i + 1;
    while (end < path.size() && path[end] >= '0' && path[end] <= '9') ++end;
    if (end < path.size() && path[end] == ']') i = end - 1;
  }
  return out;
}

}  // namespace

Fields::Fields(const Json& object, std::string_view path)
    : Fields(object, path, std::make_shared<Notes>()) {}

Fields::Fields(const Json& object, std::string_view path, std::shared_ptr<Notes> notes)
    : object_(&object), path_(path), notes_(std::move(notes)) {
  if (!object.is_object()) {
    if (!notes_->problem) {
      notes_->problem = Problem{.kind = Problem::Kind::bad_request,
                                .message = cat(path_.empty() ? "the body" : cat("'", path_, "'"),
                                               " must be a JSON object"),
                                .field = path_};
    }
    return;
  }
  for (const auto& [name, value] : object.items()) notes_->all.insert(path_of(name));
}

std::string Fields::path_of(std::string_view name) const {
  return path_.empty() ? std::string(name) : cat(path_, ".", name);
}

const Json* Fields::take(std::string_view name) {
  if (!object_->is_object()) return nullptr;
  const auto found = object_->find(name);
  if (found == object_->end()) return nullptr;
  notes_->read.insert(path_of(name));
  return found->is_null() ? nullptr : &*found;
}

bool Fields::has(std::string_view name) const {
  if (!object_->is_object()) return false;
  const auto found = object_->find(name);
  return found != object_->end() && !found->is_null();
}

void Fields::fail(std::string_view name, std::string_view what) {
  if (notes_->problem) return;
  const std::string path = path_of(name);
  notes_->problem = Problem{.kind = Problem::Kind::bad_request,
                            .message = cat("'", printable(path), "' ", what),
                            .field = path};
}

void Fields::fail(Problem problem) {
  if (!notes_->problem) notes_->problem = std::move(problem);
}

std::optional<double> Fields::number(std::string_view name, double least, double most) {
  const Json* value = take(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_number()) {
    const double number = value->get<double>();
    if (number >= least && number <= most) return number;
  }
  fail(name, cat("must be a number from ", least, " to ", most));
  return std::nullopt;
}

std::optional<int64_t> Fields::integer(std::string_view name, int64_t least, int64_t most) {
  const Json* value = take(name);
  if (value == nullptr) return std::nullopt;
  // Whole numbers that are written as 5.0 are whole numbers.
  if (value->is_number_float()) {
    const double number = value->get<double>();
    if (number == std::floor(number) && number >= static_cast<double>(least) &&
        number <= static_cast<double>(most) && std::fabs(number) < 0x1p53)
      return static_cast<int64_t>(number);
  } else if (value->is_number_unsigned()) {
    const uint64_t number = value->get<uint64_t>();
    if (number <= INT64_MAX && static_cast<int64_t>(number) >= least &&
        static_cast<int64_t>(number) <= most)
      return static_cast<int64_t>(number);
  } else if (value->is_number_integer()) {
    const int64_t number = value->get<int64_t>();
    if (number >= least && number <= most) return number;
  }
  fail(name, most == INT64_MAX ? cat("must be a whole number of at least ", least)
                               : cat("must be a whole number from ", least, " to ", most));
  return std::nullopt;
}

std::optional<uint64_t> Fields::seed(std::string_view name) {
  const Json* value = take(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_number_unsigned()) return value->get<uint64_t>();
  if (value->is_number_integer()) return static_cast<uint64_t>(value->get<int64_t>());
  fail(name, "must be a whole number below 2^64");
  return std::nullopt;
}

std::optional<bool> Fields::boolean(std::string_view name) {
  const Json* value = take(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_boolean()) return value->get<bool>();
  fail(name, "must be true or false");
  return std::nullopt;
}

std::optional<std::string> Fields::text(std::string_view name, size_t most_bytes) {
  const Json* value = take(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) {
    fail(name, "must be a text");
    return std::nullopt;
  }
  const std::string& text = value->get_ref<const std::string&>();
  if (text.size() <= most_bytes) return text;
  fail(name, cat("has ", text.size(), " bytes, where at most ", most_bytes, " are allowed"));
  return std::nullopt;
}

std::vector<std::string> Fields::texts(std::string_view name, size_t most) {
  const Json* value = take(name);
  if (value == nullptr) return {};
  if (value->is_string()) return {value->get<std::string>()};
  std::vector<std::string> texts;
  bool good = value->is_array() && value->size() <= most;
  for (size_t i = 0; good && i < value->size(); ++i) {
    good = (*value)[i].is_string();
    if (good) texts.push_back((*value)[i].get<std::string>());
  }
  if (good) return texts;
  fail(name, cat("must be a text or a list of at most ", most, " texts"));
  return {};
}

std::optional<size_t> Fields::choice(std::string_view name,
                                     std::initializer_list<std::string_view> words) {
  const Json* value = take(name);
  if (value == nullptr) return std::nullopt;
  std::string names;
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words.begin()[i];
    if (value->is_string() && value->get_ref<const std::string&>() == word) return i;
    names += cat(i == 0 ? "" : i + 1 == words.size() ? " or " : ", ", word);
  }
  fail(name, cat("must be ", names));
  return std::nullopt;
}

const Json* Fields::list(std::string_view name, size_t most) {
  const Json* value = take(name);
  if (value == nullptr) return nullptr;
  if (value->is_array() && value->size() <= most) return value;
  fail(name, cat("must be a list of at most ", most));
  return nullptr;
}

const Json* Fields::any(std::string_view name) { return take(name); }

std::optional<Fields> Fields::object(std::string_view name) {
  const Json* value = take(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_object()) return Fields(*value, path_of(name), notes_);
  fail(name, "must be an object");
  return std::nullopt;
}

std::vector<Fields> Fields::objects(std::string_view name, size_t most) {
  const Json* value = list(name, most);
  if (value == nullptr) return {};
  std::vector<Fields> objects;
  for (size_t i = 0; i < value->size(); ++i) {
    objects.push_back(Fields((*value)[i], cat(path_of(name), "[", i, "]"), notes_));
    if (!(*value)[i].is_object()) return {};
  }
  return objects;
}

void Fields::require(std::string_view name) {
  if (object_->is_object() && !has(name)) fail(name, "is missing");
}

void Fields::ignore(std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) notes_->read.erase(path_of(name));
}

void Fields::forbid(std::string_view name, std::string_view why) {
  const Json* value = take(name);
  if (value == nullptr || *value == false || *value == 0 || *value == "" ||
      (value->is_structured() && value->empty()))
    return;
  fail(name, why);
}

std::vector<std::string> Fields::ignored() const {
  std::set<std::string> names;
  for (const std::string& path : notes_->all) {
    if (!notes_->read.contains(path)) names.insert(printable(without_places(path)));
  }
  return {names.begin(), names.end()};
}

}  // namespace hearth::server
