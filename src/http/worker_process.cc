#include "http/worker_process.h"

#include <array>
#include <utility>

#include "os/spawn.h"

namespace hearth::http {
namespace {

constexpr int kFirstFile = 4;  // descriptors of the worker: 3 is its channel

}  // namespace

Result<std::shared_ptr<WorkerProcess>> WorkerProcess::start(asio::io_context& loop,
                                                            const std::string& program,
                                                            protocol::Load load,
                                                            Listener listener) {
  std::vector<int> files;
  const auto pass = [&](int& file) {
    if (file < 0) return;
    files.push_back(file);
    file = kFirstFile + static_cast<int>(files.size()) - 1;
  };
  for (int& file : load.files) pass(file);
  for (protocol::Load::Adapter& adapter : load.adapters) pass(adapter.file);
  pass(load.prefix_file);
  HEARTH_TRY(const os::Child child, os::spawn(program, {"worker", "--channel", "3"}, files));
  auto worker =
      std::shared_ptr<WorkerProcess>(new WorkerProcess(loop, std::move(listener), child.pid));
  worker->channel_.assign(asio::local::stream_protocol(), child.channel);
  worker->put(protocol::encode(load));
  asio::co_spawn(loop, [worker] { return worker->read(); }, asio::detached);
  return worker;
}

WorkerProcess::~WorkerProcess() { end(); }

void WorkerProcess::end() {
  listener_ = {};
  if (pid_ > 0) (void)os::end_child(std::exchange(pid_, -1));
  error_code ignored;
  channel_.close(ignored);
}

void WorkerProcess::send(const protocol::Request& request) { put(protocol::encode(request)); }

void WorkerProcess::put(std::string_view message) {
  if (pid_ < 0) return;
  protocol::append_frame(out_, message);
  if (std::exchange(writing_, true)) return;
  asio::co_spawn(
      channel_.get_executor(), [self = shared_from_this()] { return self->write(); },
      asio::detached);
}

asio::awaitable<void> WorkerProcess::write() {
  error_code error;
  while (!out_.empty() && !error) {
    const std::string bytes = std::exchange(out_, {});
    co_await asio::async_write(channel_, asio::buffer(bytes), into(error));
  }
  writing_ = false;  // a broken channel is noticed where it is read
}

// False when the worker broke the protocol.
bool WorkerProcess::pass_on(std::string_view bytes) {
  reader_.feed(bytes);
  for (;;) {
    Result<std::optional<std::string>> message = reader_.next();
    if (!message) return false;
    if (!*message) return true;
    Result<protocol::Event> event = protocol::decode_event(**message);
    if (!event) return false;
    if (listener_.event) listener_.event(*std::move(event));
  }
}

asio::awaitable<void> WorkerProcess::read() {
  const auto self = shared_from_this();
  std::vector<char> buffer(size_t{256} << 10);
  for (;;) {
    error_code error;
    const size_t n = co_await channel_.async_read_some(asio::buffer(buffer), into(error));
    if (error) co_return lose("");
    if (!pass_on(std::string_view(buffer.data(), n)))
      co_return lose("said what nobody understands");
  }
}

void WorkerProcess::lose(std::string_view why) {
  if (pid_ < 0) return;
  const std::string how = os::end_child(std::exchange(pid_, -1));
  const auto gone = std::exchange(listener_, {}).gone;
  if (gone) gone(why.empty() ? how : std::string(why));
}

}  // namespace hearth::http
