// What a tokenizer's files say of special tokens, as keys.
#include <algorithm>
#include <unordered_map>

#include "convert/vocabulary.h"

namespace hearth::convert {
namespace {

// Roles of special tokens: in the files ("bos_token", "bos_token_id"), as a key, and how BERT
// writes them.
struct Role {
  std::string_view name;
  std::string_view key;
  std::string_view mark;
};
constexpr Role kRoles[] = {
    {"bos", "bos", ""},          {"eos", "eos", ""},
    {"unk", "unknown", "[UNK]"}, {"sep", "seperator", "[SEP]"},
    {"pad", "padding", "[PAD]"}, {"cls", "cls", "[CLS]"},
    {"mask", "mask", "[MASK]"},
};

// Which special tokens stand around one text, and between two.
struct Surroundings {
  std::string first;
  std::string last;
  bool between = false;
};

// The text of a special token, which may be an object that holds it.
std::string token_text(const Json& config, const std::string& name) {
  const Json* token = member(config, name);
  if (token != nullptr && token->is_object()) return text_of(*token, "content");
  return text_of(config, name);
}

std::string special_of(const Json& item) {
  const Json* token = member(item, "SpecialToken");
  return token == nullptr ? std::string() : text_of(*token, "id");
}

void read_template(const Json& processor, Surroundings& around) {
  const Json* single = member(processor, "single");
  if (single == nullptr || !single->is_array() || single->size() < 2) return;
  around.first = special_of(single->front());
  around.last = special_of(single->back());
  const Json* pair = member(processor, "pair");
  if (pair == nullptr || !pair->is_array()) return;
  for (size_t i = 1; i + 1 < pair->size(); ++i) {
    if (member((*pair)[i - 1], "Sequence") != nullptr && !special_of((*pair)[i]).empty()) {
      around.between = true;
    }
  }
}

void read_processor(const Json& processor, Surroundings& around) {
  const std::string type = text_of(processor, "type");
  const auto text_in_pair = [&](std::string_view name) {
    const Json* pair = member(processor, name);
    const bool good =
        pair != nullptr && pair->is_array() && !pair->empty() && pair->front().is_string();
    return good ? pair->front().get<std::string>() : std::string();
  };
  if (type == "TemplateProcessing") read_template(processor, around);
  if (type == "RobertaProcessing" || type == "BertProcessing") {
    around = {text_in_pair("cls"), text_in_pair("sep"), true};
  }
  const Json* inner = member(processor, "processors");
  if (inner == nullptr || !inner->is_array()) return;
  for (const Json& each : *inner) read_processor(each, around);
}

class TokenizerKeys {
 public:
  TokenizerKeys(Conversion& conversion, const TokenizerFiles& files, const Vocabulary& vocabulary)
      : conversion_(conversion), files_(files), vocabulary_(vocabulary) {
    for (size_t id = 0; id < vocabulary.tokens.size(); ++id) {
      // Special tokens are looked for; where a text is there twice, they are the control ones.
      const auto [place, fresh] = ids_.emplace(vocabulary.tokens[id], id);
      if (!fresh && vocabulary.types[id] == kControlToken) place->second = id;
    }
    if (const Json* processor = member(files.tokenizer, "post_processor")) {
      read_processor(*processor, around_);
    }
  }

  void add_vocabulary() {
    Keys& keys = conversion_.keys;
    keys.set_text("tokenizer.ggml.model", vocabulary_.model);
    if (!vocabulary_.pre.empty()) keys.set_text("tokenizer.ggml.pre", vocabulary_.pre);
    keys.set("tokenizer.ggml.tokens", vocabulary_.tokens);
    if (!vocabulary_.scores.empty()) keys.set("tokenizer.ggml.scores", vocabulary_.scores);
    keys.set("tokenizer.ggml.token_type", vocabulary_.types);
    if (!vocabulary_.merges.empty()) keys.set("tokenizer.ggml.merges", vocabulary_.merges);
    if (!vocabulary_.charsmap.empty()) {
      keys.set("tokenizer.ggml.precompiled_charsmap", vocabulary_.charsmap);
    }
    set_flag("add_space_prefix", vocabulary_.add_space_prefix);
    set_flag("remove_extra_whitespaces", vocabulary_.remove_extra_whitespaces);
    set_flag("normalizer.lowercase", vocabulary_.lowercase);
    set_flag("normalizer.strip_accents", vocabulary_.strip_accents);
  }

  void add_special_tokens() {
    for (const Role& role : kRoles) {
      const std::string name(role.name);
      std::string text = token_text(files_.config, name + "_token");
      // Encoders call what begins and ends a text by other names.
      if (text.empty() && name == "bos") text = token_text(files_.config, "cls_token");
      if (text.empty() && name == "eos") text = token_text(files_.config, "sep_token");
      if (text.empty()) text = text_in_tokenizer(role);
      set_id(role.key, id_of(text, name));
    }
    add_other_ends();
  }

  void add_surroundings() {
    const auto set = [&](const std::string& name, bool found) {
      const Json* value = member(files_.config, cat("add_", name, "_token"));
      if (value != nullptr && value->is_boolean()) {
        set_flag(cat("add_", name, "_token"), value->get<bool>());
      } else if (found || has_processor()) {
        set_flag(cat("add_", name, "_token"), found);
      }
    };
    set("bos", !around_.first.empty());
    set("eos", !around_.last.empty());
    if (around_.between) set_flag("add_sep_token", true);
    set_flag("add_bos_token", vocabulary_.add_bos);
    const Json* space = member(files_.config, "add_prefix_space");
    if (vocabulary_.model == "llama" && space != nullptr && space->is_boolean()) {
      set_flag("add_space_prefix", space->get<bool>());
    }
  }

  void add_template() {
    const Json* value = member(files_.config, "chat_template");
    std::string text = files_.chat_template.value_or("");
    if (text.empty() && value != nullptr && value->is_string()) text = value->get<std::string>();
    if (text.empty() && value != nullptr && value->is_array()) text = default_of(*value);
    if (!text.empty()) conversion_.keys.set_text("tokenizer.chat_template", text);
  }

 private:
  // Of several templates with names, the one called default.
  static std::string default_of(const Json& templates) {
    for (const Json& each : templates) {
      if (text_of(each, "name") == "default") return text_of(each, "template");
    }
    return templates.empty() ? std::string() : text_of(templates.front(), "template");
  }

  // What tokenizer.json itself says of a role.
  std::string text_in_tokenizer(const Role& role) const {
    if (role.name == "bos") return around_.first;
    if (role.name == "eos") return around_.last;
    if (role.name == "unk") {
      const auto unknown = std::find(vocabulary_.types.begin(), vocabulary_.types.end(),
                                     static_cast<int32_t>(kUnknownToken));
      if (unknown != vocabulary_.types.end()) {
        return vocabulary_.tokens[static_cast<size_t>(unknown - vocabulary_.types.begin())];
      }
    }
    // WordPiece has the same marks everywhere.
    return vocabulary_.model == "bert" ? std::string(role.mark) : std::string();
  }

  bool has_processor() const { return member(files_.tokenizer, "post_processor") != nullptr; }

  std::optional<size_t> find(const std::string& text) const {
    const auto found = ids_.find(text);
    return text.empty() || found == ids_.end() ? std::nullopt : std::optional(found->second);
  }

  // By its text, else by the number in config.json: the first where there are several.
  std::optional<size_t> id_of(const std::string& text, const std::string& name) const {
    if (const auto id = find(text)) return id;
    const Json* value = conversion_.config.find({cat(name, "_token_id")});
    if (value != nullptr && value->is_array() && !value->empty()) value = &value->front();
    if (value == nullptr || !value->is_number_unsigned()) return std::nullopt;
    const auto id = value->get<uint64_t>();
    return id < vocabulary_.tokens.size() ? std::optional(static_cast<size_t>(id)) : std::nullopt;
  }

  // Tokens besides eos that end an answer: a turn, a message that waits for a tool.
  void add_other_ends() {
    std::vector<std::optional<size_t>> ends = {find(token_text(files_.config, "eot_token"))};
    const Json* list = member(files_.generation, "eos_token_id");
    if (list == nullptr) list = conversion_.config.find({"eos_token_id"});
    if (list != nullptr && list->is_array()) {
      for (const Json& id : *list) {
        const bool good = id.is_number_unsigned() && id.get<uint64_t>() < vocabulary_.tokens.size();
        if (good && !has_role(id.get<size_t>())) ends.emplace_back(id.get<size_t>());
      }
    }
    ends.erase(std::remove(ends.begin(), ends.end(), std::nullopt), ends.end());
    if (!ends.empty()) set_id("eot", ends[0]);
    if (ends.size() > 1) set_id("eom", ends[1]);
  }

  bool has_role(size_t id) const {
    for (const Role& role : kRoles) {
      const KeyValue* value = conversion_.keys.find(cat("tokenizer.ggml.", role.key, "_token_id"));
      if (value != nullptr && std::get<uint32_t>(*value) == id) return true;
    }
    return false;
  }

  void set_id(std::string_view role, std::optional<size_t> id) {
    if (id)
      conversion_.keys.set(cat("tokenizer.ggml.", role, "_token_id"), static_cast<uint32_t>(*id));
  }
  void set_flag(std::string_view name, std::optional<bool> value) {
    if (value) conversion_.keys.set(cat("tokenizer.ggml.", name), *value);
  }

  Conversion& conversion_;
  const TokenizerFiles& files_;
  const Vocabulary& vocabulary_;
  std::unordered_map<std::string_view, size_t> ids_;
  Surroundings around_;
};

}  // namespace

Result<void> add_tokenizer_keys(Conversion& conversion, const TokenizerFiles& files,
                                const Vocabulary& vocabulary) {
  TokenizerKeys keys(conversion, files, vocabulary);
  keys.add_vocabulary();
  keys.add_special_tokens();
  keys.add_surroundings();
  keys.add_template();
  return {};
}

}  // namespace hearth::convert
