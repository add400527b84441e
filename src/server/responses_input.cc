#include "server/messages.h"
#include "server/responses.h"

namespace hearth::server {
namespace {

void wrong_part(Fields& part, std::string_view type) {
  part.fail("type", cat("is '", printable(type),
                        "', but must be a part with text: these models read no images, sounds or "
                        "files"));
}

// Texts of a list of parts, a line each. `type` of a part ends with "text" in all its kinds.
std::string join_parts(std::vector<Fields> parts) {
  std::string all;
  for (size_t i = 0; i < parts.size(); ++i) {
    const std::string type = parts[i].text("type").value_or("");
    const bool refusal = type == "refusal";
    if (!refusal && type != "text" && !ends_with(type, "_text")) wrong_part(parts[i], type);
    const std::string_view member = refusal ? "refusal" : "text";
    parts[i].require(member);
    if (i > 0) all += '\n';
    all += parts[i].text(member).value_or("");
    for (const char* const note : {"annotations", "logprobs"}) (void)parts[i].any(note);
    if (parts[i].problem()) return all;
  }
  return all;
}

// A text, or a list of parts.
std::string read_text(Fields& item, std::string_view name) {
  const Json* value = item.any(name);
  if (value == nullptr) return "";
  if (value->is_string()) return value->get<std::string>();
  if (!value->is_array()) item.fail(name, "must be a text or a list of parts");
  return join_parts(item.objects(name, kMaxMessages));
}

std::string required_text(Fields& item, std::string_view name) {
  item.require(name);
  return item.text(name).value_or("");
}

std::string read_call_id(Fields& item) {
  const std::string id = required_text(item, "call_id");
  return std::string(bare_id(id, "call_"));
}

std::string read_tool_name(Fields& item) {
  const std::string name = required_text(item, "name");
  return name_in_space(item.text("namespace").value_or(""), name);
}

void read_message(Fields& item, Turns& turns) {
  item.require("role");
  item.require("content");
  const auto role = item.choice("role", {"user", "assistant", "system", "developer"});
  const std::string text = read_text(item, "content");
  (void)item.any("phase");
  if (item.problem() || !role) return;
  *role == 0 ? turns.user(text) : *role == 1 ? turns.answer(text) : turns.system(text);
}

void read_reasoning(Fields& item, Turns& turns) {
  std::string text = read_text(item, "content");
  const std::string summary = read_text(item, "summary");
  // What a summary leaves out is better than nothing; ours leave nothing out.
  if (text.empty()) text = summary;
  if (!text.empty()) turns.reasoning(text);
}

class Items {
 public:
  Items(ResponseStore& store, Turns& turns) : store_(store), turns_(turns) {}

  void read(Fields& item) {
    std::string type = item.text("type").value_or("");
    if (type.empty()) type = item.has("role") ? "message" : "item_reference";
    (void)item.any("status");
    if (type == "item_reference") return read_reference(item);
    (void)item.any("id");
    if (type == "message") {
      read_message(item, turns_);
    } else if (type == "function_call") {
      const std::string id = read_call_id(item);
      const std::string name = read_tool_name(item);
      turns_.call(id, name, required_text(item, "arguments"));
    } else if (type == "custom_tool_call") {
      const std::string id = read_call_id(item);
      const std::string name = read_tool_name(item);
      turns_.call(id, name, text_of({{"input", required_text(item, "input")}}));
    } else if (type == "function_call_output" || type == "custom_tool_call_output") {
      const std::string id = read_call_id(item);
      item.require("output");
      turns_.result(id, read_text(item, "output"));
    } else if (type == "reasoning") {
      read_reasoning(item, turns_);
    } else {
      item.fail("type", cat("is '", printable(type),
                            "', an item that is not known here: use message, function_call, "
                            "function_call_output, custom_tool_call, custom_tool_call_output, "
                            "reasoning or item_reference"));
    }
  }

 private:
  // Names an item of a response that we keep: "msg_ID_3" is one of "resp_ID".
  void read_reference(Fields& item) {
    const std::string id = required_text(item, "id");
    // Or a short request could stand for a prompt without end.
    if (!referred_.insert(id).second) return item.fail("id", "refers to an item a second time");
    const size_t begin = id.find('_');
    const size_t end = id.rfind('_');
    if (begin != id.npos && begin < end) {
      const auto held = store_.find(cat("resp_", id.substr(begin + 1, end - begin - 1)));
      if (held != nullptr) {
        for (const Json& kept : held->response["output"]) {
          if (kept["id"] != id) continue;
          Fields fields(kept);
          return read(fields);
        }
      }
    }
    if (!item.problem()) {
      item.fail(Problem{.kind = Problem::Kind::not_found,
                        .message = cat("item '", printable(id),
                                       "' is not known here (any more): send the item itself"),
                        .field = "input"});
    }
  }

  ResponseStore& store_;
  Turns& turns_;
  std::set<std::string> referred_;
};

}  // namespace

std::optional<Problem> read_kept_items(const Json& items, ResponseStore& store, Turns& turns) {
  Items reader(store, turns);
  for (const Json& item : items) {
    Fields fields(item);
    reader.read(fields);
    if (fields.problem()) return fields.problem();
  }
  return std::nullopt;
}

Json read_response_input(Fields& fields, ResponseStore& store, Turns& turns) {
  const Json* input = fields.any("input");
  if (input == nullptr) return Json::array();
  if (input->is_string()) {
    turns.user(input->get_ref<const std::string&>());
    return Json::array({{{"type", "message"},
                         {"role", "user"},
                         {"content", Json::array({{{"type", "input_text"}, {"text", *input}}})}}});
  }
  if (!input->is_array()) {
    fields.fail("input", "must be a text or a list of items");
    return Json::array();
  }
  Items reader(store, turns);
  for (Fields& item : fields.objects("input", kMaxMessages)) {
    reader.read(item);
    if (fields.problem()) break;
  }
  return *input;
}

}  // namespace hearth::server
