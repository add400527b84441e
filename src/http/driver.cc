#include "http/driver.h"

#include <algorithm>

#include "http/inbox.h"
#include "os/system.h"

namespace hearth::http {

using server::Answer;
using server::AnswerPlan;
using server::AskPlan;
using server::Dialect;
using server::Reply;

namespace {

constexpr double kKeepAliveSeconds = 10;
constexpr double kPatience = 3600;              // a worker that is alive always answers
constexpr size_t kMaxUnsent = size_t{8} << 20;  // bytes that a slow reader may leave

std::string random_id() {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz0123456789";
  std::string id;
  for (uint64_t bits = 0; id.size() < 24; bits /= kLetters.size()) {
    if (bits < kLetters.size()) bits = os::random_seed();
    id += kLetters[bits % kLetters.size()];
  }
  return id;
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += cat(text.empty() ? "" : ", ", printable(name));
  return text;
}

server::Headers headers_of(const std::vector<std::string>& ignored) {
  server::Headers headers{{"x-hearth-served-by", "local"}};
  if (!ignored.empty()) headers["x-ignored-fields"] = joined(ignored);
  return headers;
}

// The choices of a request for answers, under way.
class Answering {
 public:
  Answering(asio::any_io_executor executor, const Lease& lease,
            const server::AnswerRequest& request)
      : inbox_(std::move(executor)), answers_(request.choices) {
    const uint64_t seed = request.seed.value_or(os::random_seed());
    for (uint64_t i = 0; i < request.choices; ++i) {
      protocol::Generate generate = request.generate;
      generate.sampling.seed = seed + i;
      inquiries_.push_back(lease.ask(
          std::move(generate), [this, i](const protocol::Tell& tell) { inbox_.put(i, tell); }));
    }
  }

  [[nodiscard]] Inbox& inbox() { return inbox_; }
  [[nodiscard]] const std::vector<Answer>& answers() const { return answers_; }
  [[nodiscard]] bool over() const { return finished_ == answers_.size(); }

  // Takes an event in. A problem when the choice failed.
  [[nodiscard]] Answerable<void> take(const Inbox::Item& item) {
    Answer& answer = answers_[item.choice];
    if (const auto* const failed = std::get_if<protocol::Failed>(&item.tell))
      return tl::unexpected<Problem>(server::problem_of(*failed));
    if (const auto* const delta = std::get_if<protocol::Delta>(&item.tell)) answer.take(*delta);
    if (const auto* const finished = std::get_if<protocol::Finished>(&item.tell)) {
      answer.finished = *finished;
      ++finished_;
    }
    return {};
  }

 private:
  Inbox inbox_;
  std::vector<Answer> answers_;
  size_t finished_ = 0;
  std::vector<Inquiry> inquiries_;  // last: they end before what they tell
};

// All of it, then one response.
asio::awaitable<Answerable<Reply>> collect(Answering& answering, AnswerPlan& plan) {
  while (!answering.over()) {
    const std::optional<Inbox::Item> item = co_await answering.inbox().next(kPatience);
    if (!item) co_return server::refuse(Problem::Kind::failed, "the answer was given up");
    auto taken = answering.take(*item);
    if (!taken) co_return tl::unexpected<Problem>(std::move(taken).error());
  }
  Reply reply = Reply::of(plan.format->whole(answering.answers()));
  reply.headers = headers_of(plan.request.ignored);
  co_return reply;
}

// Events as they come. What has arrived meanwhile is sent together.
asio::awaitable<void> stream(Exchange& exchange, Answering& answering, AnswerPlan& plan,
                             Inbox::Item first) {
  Inbox& inbox = answering.inbox();
  server::AnswerFormat& format = *plan.format;
  if (!co_await exchange.begin(format.stream_type(), headers_of(plan.request.ignored))) co_return;
  std::optional<Inbox::Item> item = std::move(first);
  for (;;) {
    std::string bytes;
    if (!item) bytes = format.keep_alive();
    while (item) {
      if (auto taken = answering.take(*item); !taken) {
        bytes += format.problem(taken.error());
        if (co_await exchange.send(std::move(bytes))) (void)co_await exchange.end();
        co_return;
      }
      bytes += format.event(item->choice, item->tell);
      item.reset();
      if (!inbox.empty()) item = co_await inbox.next(0);
    }
    if (answering.over()) bytes += format.close();
    if (!bytes.empty() && !co_await exchange.send(std::move(bytes))) co_return;
    if (answering.over()) break;
    if (inbox.closed() || inbox.bytes() > kMaxUnsent) co_return;
    item = co_await inbox.next(kKeepAliveSeconds);
    if (inbox.closed()) co_return;
  }
  (void)co_await exchange.end();
}

}  // namespace

Reply Driver::reply_of(Dialect dialect, const Problem& problem) {
  Reply reply = Reply::of(server::problem_json(dialect, problem), status_of(problem.kind));
  if (problem.retry_seconds > 0) reply.headers["retry-after"] = cat(problem.retry_seconds);
  if (problem.kind == Problem::Kind::unauthorized) reply.headers["www-authenticate"] = "Bearer";
  return reply;
}

asio::awaitable<void> Driver::serve(Exchange& exchange, server::Call call,
                                    const server::Route& route) {
  auto plan = route.handler(call, server_);
  if (!plan) {
    (void)co_await exchange.respond(reply_of(route.dialect, plan.error()));
  } else if (auto* const reply = std::get_if<Reply>(&*plan)) {
    if (!reply->ignored.empty()) reply->headers["x-ignored-fields"] = joined(reply->ignored);
    (void)co_await exchange.respond(*reply);
  } else if (auto* const ask_plan = std::get_if<AskPlan>(&*plan)) {
    co_await ask(exchange, std::move(*ask_plan), route.dialect);
  } else {
    co_await answer(exchange, std::get<AnswerPlan>(std::move(*plan)), route.dialect);
  }
}

asio::awaitable<void> Driver::ask(Exchange& exchange, AskPlan plan, Dialect dialect) {
  auto lease = co_await pool_.acquire(plan.model);
  if (!lease) {
    (void)co_await exchange.respond(reply_of(dialect, lease.error()));
    co_return;
  }
  Inbox inbox(co_await asio::this_coro::executor);
  exchange.on_gone([&] { inbox.close(); });
  const Inquiry inquiry =
      lease->ask(std::move(plan.ask), [&](const protocol::Tell& tell) { inbox.put(0, tell); });
  const std::optional<Inbox::Item> item = co_await inbox.next(kPatience);
  exchange.on_gone({});
  if (!item) co_return;
  if (const auto* const failed = std::get_if<protocol::Failed>(&item->tell)) {
    (void)co_await exchange.respond(reply_of(dialect, server::problem_of(*failed)));
    co_return;
  }
  const auto card = pool_.find(lease->name());
  const auto shaped = plan.shape(item->tell, *card);
  if (!shaped) {
    (void)co_await exchange.respond(reply_of(dialect, shaped.error()));
    co_return;
  }
  Reply reply = Reply::of(*shaped);
  reply.headers = headers_of(plan.ignored);
  (void)co_await exchange.respond(reply);
}

asio::awaitable<void> Driver::answer(Exchange& exchange, AnswerPlan plan, Dialect dialect) {
  auto lease = co_await pool_.acquire(plan.request.model);
  if (!lease) {
    (void)co_await exchange.respond(reply_of(dialect, lease.error()));
    co_return;
  }
  plan.format->open({.id = random_id(),
                     .model = plan.request.model.empty() ? lease->name() : plan.request.model,
                     .created = os::unix_seconds(),
                     .choices = plan.request.choices,
                     .loaded = lease->loaded()});
  Answering answering(co_await asio::this_coro::executor, *lease, plan.request);
  Inbox& inbox = answering.inbox();
  exchange.on_gone([&] { inbox.close(); });
  if (!plan.request.stream) {
    const auto reply = co_await collect(answering, plan);
    exchange.on_gone({});
    if (!inbox.closed())
      (void)co_await exchange.respond(reply ? *reply : reply_of(dialect, reply.error()));
    co_return;
  }
  // What fails before it begins has a status of its own.
  std::optional<Inbox::Item> first = co_await inbox.next(kPatience);
  if (first) {
    if (const auto* const failed = std::get_if<protocol::Failed>(&first->tell)) {
      exchange.on_gone({});
      (void)co_await exchange.respond(reply_of(dialect, server::problem_of(*failed)));
      co_return;
    }
    co_await stream(exchange, answering, plan, *std::move(first));
  }
  exchange.on_gone({});
}

}  // namespace hearth::http
