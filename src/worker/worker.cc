#include "worker/worker.h"

#include "os/channel.h"
#include "os/sandbox.h"
#include "os/system.h"
#include "protocol/frame.h"
#include "worker/host.h"

namespace hearth::worker {
namespace {

constexpr double kStatusSeconds = 0.1;  // between two that tell of nothing but progress

class Talk {
 public:
  explicit Talk(int channel) : channel_(channel) {}

  // The next message; none when the other side is gone or, without `wait`, when nothing is there.
  Result<std::optional<std::string>> next(bool wait) {
    for (;;) {
      HEARTH_TRY(std::optional<std::string> message, reader_.next());
      if (message || closed_) return message;
      HEARTH_TRY(const os::Received received, os::receive(channel_, buffer_, wait));
      if (received.closed) closed_ = true;
      if (received.bytes == 0 && !closed_) return std::optional<std::string>();
      reader_.feed(std::string_view(buffer_.data(), received.bytes));
    }
  }
  [[nodiscard]] bool closed() const { return closed_; }

  void put(const protocol::Event& event) { protocol::append_frame(out_, protocol::encode(event)); }
  Result<void> flush() {
    if (out_.empty()) return {};
    const Result<void> sent = os::send_all(channel_, out_);
    out_.clear();
    return sent;
  }

 private:
  int channel_;
  bool closed_ = false;
  protocol::FrameReader reader_;
  std::string buffer_ = std::string(64 << 10, '\0');
  std::string out_;
};

// Tells how busy the worker is, when that has changed.
class StatusTeller {
 public:
  void tell(const Host& host, Talk& talk, bool idle) {
    const double now = os::monotonic_seconds();
    if (!idle && now - last_ < kStatusSeconds) return;
    std::string status = protocol::encode(protocol::Event{0, host.status()});
    last_ = now;
    if (status == told_) return;
    told_ = status;
    talk.put(protocol::Event{0, host.status()});
  }

 private:
  double last_ = 0;
  std::string told_;
};

Result<void> serve_requests(Talk& talk, Host& host) {
  StatusTeller teller;
  bool busy = false;
  for (;;) {
    HEARTH_TRY(const std::optional<std::string> message, talk.next(!busy));
    if (message) {
      HEARTH_TRY(protocol::Request request, protocol::decode_request(*message));
      host.take(std::move(request));
      busy = true;
      continue;  // all that has arrived, before time is spent
    }
    if (talk.closed()) return {};
    busy = host.step();
    teller.tell(host, talk, !busy);
    HEARTH_CHECK(talk.flush());
  }
}

}  // namespace

Result<void> serve(int channel) {
  Talk talk(channel);
  HEARTH_TRY(const std::optional<std::string> first, talk.next(true));
  if (!first) return {};
  HEARTH_TRY(protocol::Load load, protocol::decode_load(*first));
  // Nothing can be asked of the system later.
  if (load.memory_bytes == 0) load.memory_bytes = os::memory_info().available;
  HEARTH_TRY(const std::vector<std::string> sandbox, os::enter_sandbox());
  auto host = Host::open(load, [&](const protocol::Event& event) {
    if (const auto* const loaded = std::get_if<protocol::Loaded>(&event.tell)) {
      protocol::Loaded with_sandbox = *loaded;
      with_sandbox.sandbox = sandbox;
      return talk.put({event.id, with_sandbox});
    }
    talk.put(event);
  });
  if (!host) {
    talk.put({0, protocol::Failed{.message = host.error().message}});
    return talk.flush();
  }
  HEARTH_CHECK(talk.flush());
  return serve_requests(talk, **host);
}

}  // namespace hearth::worker
