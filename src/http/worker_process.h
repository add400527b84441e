// An engine worker as the server sees it: a process that is asked, and may die at any time.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "http/asio.h"
#include "protocol/event.h"
#include "protocol/frame.h"
#include "protocol/request.h"

namespace hearth::http {

class WorkerProcess : public std::enable_shared_from_this<WorkerProcess> {
 public:
  struct Listener {
    std::function<void(protocol::Event event)> event;
    // The worker is gone; `how` says what ended it. Comes once, and nothing after it.
    std::function<void(const std::string& how)> gone;
  };

  // Starts `program` as a worker for a model, whose files it inherits: the descriptors of `load`
  // are ours, and still ours afterwards. Listeners are called from the event loop.
  [[nodiscard]] static Result<std::shared_ptr<WorkerProcess>> start(asio::io_context& loop,
                                                                    const std::string& program,
                                                                    protocol::Load load,
                                                                    Listener listener);
  ~WorkerProcess();
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;

  void send(const protocol::Request& request);
  // Ends it; nothing is told to the listener any more.
  void end();

  [[nodiscard]] int pid() const { return pid_; }

 private:
  WorkerProcess(asio::io_context& loop, Listener listener, int pid)
      : channel_(loop), listener_(std::move(listener)), pid_(pid) {}

  void put(std::string_view message);
  asio::awaitable<void> read();
  asio::awaitable<void> write();
  [[nodiscard]] bool pass_on(std::string_view bytes);
  void lose(std::string_view why);

  asio::local::stream_protocol::socket channel_;
  Listener listener_;
  int pid_;
  protocol::FrameReader reader_;
  std::string out_;  // to be written
  bool writing_ = false;
};

}  // namespace hearth::http
