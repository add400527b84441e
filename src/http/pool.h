// The models of a server: which are loaded, who waits for them, and when they go.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "http/worker_process.h"
#include "server/models.h"
#include "server/options.h"
#include "server/problem.h"

namespace hearth::http {

using server::Answerable;
using server::Problem;

class Pool;
struct PooledModel;

// A request at a worker. Going out of scope cancels it.
class Inquiry {
 public:
  // What the worker tells of it, or that the worker is gone, once. Called from the event loop.
  using Listener = std::function<void(const protocol::Tell& tell)>;

  Inquiry(std::shared_ptr<PooledModel> model, uint64_t id) : model_(std::move(model)), id_(id) {}
  Inquiry(Inquiry&& other) noexcept = default;
  Inquiry& operator=(Inquiry&&) = delete;
  Inquiry(const Inquiry&) = delete;
  ~Inquiry();

 private:
  std::shared_ptr<PooledModel> model_;
  uint64_t id_;
};

// Keeps a model loaded while it is held.
class Lease {
 public:
  explicit Lease(std::shared_ptr<PooledModel> model);
  Lease(Lease&& other) noexcept = default;
  Lease& operator=(Lease&&) = delete;
  Lease(const Lease&) = delete;
  ~Lease();

  [[nodiscard]] const protocol::Loaded& loaded() const;
  [[nodiscard]] const std::string& name() const;
  [[nodiscard]] Inquiry ask(protocol::Ask ask, Inquiry::Listener listener) const;

 private:
  std::shared_ptr<PooledModel> model_;
};

class Pool final : public server::Models {
 public:
  // `program` is started as the worker. Options must outlive the pool. Errors: a model's file that
  // is not there; two models of one name.
  [[nodiscard]] static Result<std::unique_ptr<Pool>> create(asio::io_context& loop,
                                                            const server::Options& options,
                                                            std::string program);
  ~Pool() override;

  // The model, loaded: waits until it is, which may mean that others have to go first. Problems:
  // not_found, with the names there are; failed, with what the worker said; busy, when there is no
  // memory while others are in use.
  [[nodiscard]] asio::awaitable<Answerable<Lease>> acquire(std::string name);

  [[nodiscard]] std::vector<server::ModelCard> list() const override;
  [[nodiscard]] std::optional<server::ModelCard> find(std::string_view name) const override;
  void keep(std::string_view name, double seconds) override;
  void load(std::string_view name) override;
  void unload(std::string_view name) override;

  // Ends all workers.
  void close();

 private:
  friend class Inquiry;
  friend class Lease;

  Pool(asio::io_context& loop, const server::Options& options, std::string program)
      : loop_(loop), options_(options), program_(std::move(program)) {}

  Result<void> add(const server::ModelChoice& choice);
  [[nodiscard]] std::shared_ptr<PooledModel> model(std::string_view name) const;
  [[nodiscard]] server::ModelCard card_of(const PooledModel& model) const;
  [[nodiscard]] Answerable<void> make_room(const PooledModel& model);
  [[nodiscard]] Answerable<void> start(const std::shared_ptr<PooledModel>& model);
  void take_event(const std::shared_ptr<PooledModel>& model, protocol::Event event);
  void lose(const std::shared_ptr<PooledModel>& model, const std::string& how);
  void stop(PooledModel& model);

  asio::io_context& loop_;
  const server::Options& options_;
  std::string program_;
  std::vector<std::shared_ptr<PooledModel>> models_;
};

}  // namespace hearth::http
