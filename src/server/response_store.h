// Finished responses, kept so that clients can go on from them or fetch them again. In memory only:
// a server that ends forgets them.
#pragma once

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/json.h"

namespace hearth::server {

class ResponseStore {
 public:
  static constexpr size_t kBytes = size_t{64} << 20;
  static constexpr double kSeconds = 24 * 3600;

  struct Entry {
    protocol::Json response;  // with its id
    protocol::Json input;     // items of the request
    std::string previous;     // the id of the response before it; "" for none
  };
  using Held = std::shared_ptr<const Entry>;

  // Those that were not used for longest go when all take more than `most_bytes`, and after
  // `most_seconds` of the clock.
  explicit ResponseStore(std::function<double()> clock, size_t most_bytes = kBytes,
                         double most_seconds = kSeconds);

  // Not kept at all when it is too large.
  void put(Entry entry);
  // Null when it is not there (any more). Counts as use.
  [[nodiscard]] Held find(std::string_view id);
  // All from the first one to this, each used; none when one of them is gone.
  [[nodiscard]] std::vector<Held> conversation(std::string_view id);
  [[nodiscard]] bool remove(std::string_view id);

 private:
  struct Place {
    std::string id;
    Held entry;
    size_t bytes = 0;
    double used = 0;
  };
  using Places = std::list<Place>;

  void drop_old();
  Held use(std::string_view id);
  void erase(Places::iterator place);

  std::function<double()> clock_;
  size_t most_bytes_;
  double most_seconds_;
  std::mutex mutex_;
  Places places_;  // in the order of their last use
  std::map<std::string, Places::iterator, std::less<>> by_id_;
  size_t bytes_ = 0;
};

}  // namespace hearth::server
