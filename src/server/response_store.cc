#include "server/response_store.h"

#include <algorithm>

namespace hearth::server {
namespace {

using protocol::Json;

// What it takes in memory, roughly. As deep as the JSON, which has a limit.
size_t bytes_of(const Json& json) {
  constexpr size_t kValue = 64;  // with its share of the list or object around it
  size_t bytes = kValue;
  if (json.is_string()) bytes += json.get_ref<const std::string&>().capacity();
  if (json.is_array()) {
    for (const Json& value : json) bytes += bytes_of(value);
  } else if (json.is_object()) {
    for (const auto& [name, value] : json.items()) bytes += name.capacity() + bytes_of(value);
  }
  return bytes;
}

}  // namespace

ResponseStore::ResponseStore(std::function<double()> clock, size_t most_bytes, double most_seconds)
    : clock_(std::move(clock)), most_bytes_(most_bytes), most_seconds_(most_seconds) {}

void ResponseStore::put(Entry entry) {
  std::string id = entry.response["id"];
  const size_t bytes = bytes_of(entry.response) + bytes_of(entry.input);
  const std::lock_guard lock(mutex_);
  if (const auto found = by_id_.find(id); found != by_id_.end()) erase(found->second);
  if (bytes > most_bytes_) return;
  places_.push_back({id, std::make_shared<const Entry>(std::move(entry)), bytes, clock_()});
  by_id_.emplace(std::move(id), std::prev(places_.end()));
  bytes_ += bytes;
  drop_old();
}

ResponseStore::Held ResponseStore::find(std::string_view id) {
  const std::lock_guard lock(mutex_);
  drop_old();
  return use(id);
}

std::vector<ResponseStore::Held> ResponseStore::conversation(std::string_view id) {
  const std::lock_guard lock(mutex_);
  drop_old();
  std::vector<Held> all;
  // Each can only name one that was there before it: there is no circle.
  for (std::string next(id); !next.empty(); next = all.back()->previous) {
    Held held = use(next);
    if (held == nullptr) return {};
    all.push_back(std::move(held));
  }
  std::reverse(all.begin(), all.end());
  return all;
}

bool ResponseStore::remove(std::string_view id) {
  const std::lock_guard lock(mutex_);
  drop_old();
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return false;
  erase(found->second);
  return true;
}

void ResponseStore::drop_old() {
  const double oldest = clock_() - most_seconds_;
  while (!places_.empty() && (bytes_ > most_bytes_ || places_.front().used < oldest))
    erase(places_.begin());
}

ResponseStore::Held ResponseStore::use(std::string_view id) {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return nullptr;
  found->second->used = clock_();
  places_.splice(places_.end(), places_, found->second);
  return found->second->entry;
}

void ResponseStore::erase(Places::iterator place) {
  bytes_ -= place->bytes;
  by_id_.erase(place->id);
  places_.erase(place);
}

}  // namespace hearth::server
