// Events of a request, from the callbacks of its inquiries to the coroutine that serves it.
#pragma once

#include <deque>
#include <optional>
#include <utility>

#include "http/asio.h"
#include "protocol/event.h"

namespace hearth::http {

class Inbox {
 public:
  struct Item {
    size_t choice = 0;
    protocol::Tell tell;
  };

  explicit Inbox(asio::any_io_executor executor) : arrival_(std::move(executor)) {}

  void put(size_t choice, protocol::Tell tell) {
    if (const auto* const delta = std::get_if<protocol::Delta>(&tell); delta != nullptr)
      bytes_ += delta->text.size() + kItemBytes;
    items_.push_back({choice, std::move(tell)});
    arrival_.cancel();
  }
  // Nothing is waited for any more.
  void close() {
    closed_ = true;
    arrival_.cancel();
  }
  [[nodiscard]] bool closed() const { return closed_; }
  [[nodiscard]] bool empty() const { return items_.empty(); }
  // Of what nobody has taken yet.
  [[nodiscard]] size_t bytes() const { return bytes_; }

  // The next event; none after so many seconds without, or when it was closed.
  [[nodiscard]] asio::awaitable<std::optional<Item>> next(double patience) {
    if (items_.empty() && !closed_) {
      arrival_.expires_after(seconds(patience));
      error_code ignored;
      co_await arrival_.async_wait(into(ignored));
    }
    if (items_.empty() || closed_) co_return std::nullopt;
    Item item = std::move(items_.front());
    items_.pop_front();
    if (items_.empty()) bytes_ = 0;
    co_return item;
  }

 private:
  static constexpr size_t kItemBytes = 200;

  asio::steady_timer arrival_;
  std::deque<Item> items_;
  size_t bytes_ = 0;
  bool closed_ = false;
};

}  // namespace hearth::http
