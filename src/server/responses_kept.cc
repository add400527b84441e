#include <algorithm>
#include <charconv>

#include "server/responses.h"

namespace hearth::server {
namespace {

using Store = std::shared_ptr<ResponseStore>;

std::string id_of(const Call& call) { return call.captures.empty() ? "" : call.captures.front(); }

tl::unexpected<Problem> unknown(const std::string& id) {
  return refuse(Problem::Kind::not_found, "no response '", printable(id),
                "' is kept here (any more)");
}

std::string query_of(const Call& call, const std::string& name) {
  const auto found = call.query.find(name);
  return found == call.query.end() ? "" : found->second;
}

// Parts of the query that are none of `known`.
std::vector<std::string> ignored_query(const Call& call,
                                       std::initializer_list<std::string_view> known) {
  std::vector<std::string> ignored;
  for (const auto& [name, value] : call.query) {
    if (std::find(known.begin(), known.end(), name) == known.end()) ignored.push_back(name);
  }
  return ignored;
}

Answerable<Plan> get(const Call& call, ResponseStore& store) {
  const auto held = store.find(id_of(call));
  if (held == nullptr) return unknown(id_of(call));
  if (query_of(call, "stream") == "true") {
    return refuse(Problem::Kind::bad_request,
                  "'stream' cannot be true here: the events of a response are not kept");
  }
  Reply reply = Reply::of(held->response);
  reply.ignored = ignored_query(call, {"stream"});
  return reply;
}

Answerable<Plan> remove(const Call& call, ResponseStore& store) {
  const std::string id = id_of(call);
  if (!store.remove(id)) return unknown(id);
  return Reply::of({{"id", id}, {"object", "response"}, {"deleted", true}});
}

Answerable<Plan> cancel(const Call& call, ResponseStore& store) {
  const std::string id = id_of(call);
  if (store.find(id) == nullptr) return unknown(id);
  return refuse(Problem::Kind::bad_request, "response '", printable(id),
                "' cannot be cancelled: it was not made in the background, and is complete");
}

// Items as they are listed: with an id and a list of parts.
Json listed(const Json& items, const std::string& response_id) {
  Json all = Json::array();
  for (size_t i = 0; i < items.size(); ++i) {
    Json item = items[i];
    if (!item.contains("type")) item["type"] = item.contains("role") ? "message" : "item_reference";
    if (!item.contains("id") || !item["id"].is_string())
      item["id"] = cat("in_", response_id, "_", i);
    if (item["type"] == "message" && item["content"].is_string()) {
      const char* const type = item["role"] == "assistant" ? "output_text" : "input_text";
      Json part{{"type", type}, {"text", item["content"]}};
      item["content"] = Json::array({std::move(part)});
    }
    all.push_back(std::move(item));
  }
  return all;
}

Answerable<Plan> input_items(const Call& call, ResponseStore& store) {
  const std::string id = id_of(call);
  const auto held = store.find(id);
  if (held == nullptr) return unknown(id);
  size_t limit = 20;
  if (const std::string text = query_of(call, "limit"); !text.empty()) {
    const auto read = std::from_chars(text.data(), text.data() + text.size(), limit);
    if (read.ec != std::errc() || read.ptr != text.data() + text.size() || limit < 1 ||
        limit > 100) {
      return refuse(Problem::Kind::bad_request, "'limit' must be a whole number from 1 to 100");
    }
  }
  Json items = listed(held->input, id);
  const std::string order = query_of(call, "order");
  if (order.empty() || order == "desc") {
    std::reverse(items.begin(), items.end());
  } else if (order != "asc") {
    return refuse(Problem::Kind::bad_request, "'order' must be asc or desc");
  }
  size_t first = 0;
  if (const std::string after = query_of(call, "after"); !after.empty()) {
    const auto found = std::find_if(items.begin(), items.end(),
                                    [&](const Json& item) { return item["id"] == after; });
    if (found == items.end()) {
      return refuse(Problem::Kind::bad_request, "'after' names no item of this response");
    }
    first = static_cast<size_t>(found - items.begin()) + 1;
  }
  Json data = Json::array();
  for (size_t i = first; i < items.size() && data.size() < limit; ++i) data.push_back(items[i]);
  const bool more = first + data.size() < items.size();
  const Json first_id = data.empty() ? Json() : data.front()["id"];
  const Json last_id = data.empty() ? Json() : data.back()["id"];
  Reply reply = Reply::of({{"object", "list"},
                           {"data", std::move(data)},
                           {"first_id", first_id},
                           {"last_id", last_id},
                           {"has_more", more}});
  reply.ignored = ignored_query(call, {"limit", "order", "after"});
  return reply;
}

}  // namespace

std::vector<Route> kept_responses_routes(Store store) {
  using Kept = Answerable<Plan>(const Call&, ResponseStore&);
  const auto route = [&](const char* method, const char* pattern, Kept* kept) {
    return Route{method, pattern, Dialect::openai,
                 [store, kept](const Call& call, Server&) { return kept(call, *store); }};
  };
  return {route("GET", "/v1/responses/{}", get), route("DELETE", "/v1/responses/{}", remove),
          route("POST", "/v1/responses/{}/cancel", cancel),
          route("GET", "/v1/responses/{}/input_items", input_items)};
}

}  // namespace hearth::server
