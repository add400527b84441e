// Turns what a route plans into a response.
#pragma once

#include "http/exchange.h"
#include "http/pool.h"
#include "server/router.h"

namespace hearth::http {

class Driver {
 public:
  Driver(const server::Options& options, Pool& pool, const server::Router& router)
      : pool_(pool), router_(router), server_{options, pool} {}

  // Answers a request that passed all checks.
  asio::awaitable<void> serve(Exchange& exchange, server::Call call, const server::Route& route);

  // The response to a problem that is known before anything was sent.
  [[nodiscard]] static server::Reply reply_of(server::Dialect dialect, const Problem& problem);

  [[nodiscard]] const server::Router& router() const { return router_; }

 private:
  asio::awaitable<void> ask(Exchange& exchange, server::AskPlan plan, server::Dialect dialect);
  asio::awaitable<void> answer(Exchange& exchange, server::AnswerPlan plan,
                               server::Dialect dialect);

  Pool& pool_;
  const server::Router& router_;
  server::Server server_;
};

}  // namespace hearth::http
