#include "tests/simulation/worlds/desk.hpp"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "net/problem.hpp"
#include "net/sleep.hpp"
#include "net/wire/resp.hpp"

namespace simulation {
namespace {

std::string filling() {
  std::string text;
  while (text.size() < 40'000) text += "0123456789abcdef";
  return text;
}

struct Text {
  std::string text;
  static core::Result<Text> decode(const net::resp::View& reply) noexcept {
    return {Text{std::string{reply.text()}}, core::Error::none};
  }
};
using TextAwait = core::Await<Text, net::resp::View>;

TextAwait wait_for(net::Batch& batch, std::string_view id) {
  return TextAwait{[&](core::Continuation<net::resp::View> sink) { return batch.add(std::array{id}, sink); }};
}

}  // namespace

// ---------------------------------------------------------------- the batch's other end

net::ScriptCarrier Echo::carrier() {
  return {[](void* echo, const net::Prepared&, std::string_view rendered, uint32_t parts, net::Sink sink) noexcept {
            return static_cast<Echo*>(echo)->take(rendered, parts, sink);
          },
          this};
}

core::Error Echo::take(std::string_view rendered, uint32_t parts, net::Sink sink) {
  if (chance_.happens(20)) return core::Error::unavailable;
  calls_.push_back({fmt::format("*{}\r\n{}", parts, rendered), sink});
  loop_.start(timer_, chance_.between(1, 200));
  return core::Error::none;
}

void Echo::answer() noexcept {
  const auto calls = std::exchange(calls_, {});
  for (const auto& call : calls) {
    const net::resp::View view{call.reply.data()};
    const auto fails = chance_.happens(50);
    call.sink.resume(call.sink.context, fails ? nullptr : &view, fails ? core::Error::timeout : core::Error::none);
  }
}

// ---------------------------------------------------------------- handlers

Desk::Desk(net::Loop& loop, Chance& chance)
    : loop_{loop}, echo_{loop, chance}, batch_{loop, echo_.carrier(), net::Prepared{}, {.width = 1}} {}

std::vector<net::Route> Desk::routes() {
  return {net::route<&Desk::now>("GET", "/now/{id}", *this), net::route<&Desk::echo>("POST", "/echo", *this),
          net::route<&Desk::large>("GET", "/large/{id}", *this), net::route<&Desk::sleep>("GET", "/sleep/{id}", *this),
          net::route<&Desk::batch>("GET", "/batch/{id}", *this)};
}

core::Async Desk::now(net::Exchange& x) {
  x.respond(net::Status::ok, x.param(0), "text/plain");
  return core::Async::finished();
}

core::Async Desk::echo(net::Exchange& x) {
  x.respond(net::Status::ok, x.body(), "text/plain");
  return core::Async::finished();
}

core::Async Desk::large(net::Exchange& x) {
  auto& out = x.scratch();
  out.append(x.param(0));
  out.append(filling());
  x.respond(net::Status::ok, out.view(), "text/plain");
  return core::Async::finished();
}

core::Async Desk::sleep(net::Exchange& x) {
  const std::string id{x.param(0)};
  co_await net::Sleep{loop_, static_cast<int64_t>(id.size() * 7 % 150)};
  x.respond(net::Status::ok, id, "text/plain");
}

core::Async Desk::batch(net::Exchange& x) {
  const auto text = co_await wait_for(batch_, x.param(0));
  if (text) co_return x.respond(net::Status::ok, text->text, "text/plain");
  net::problem(x, net::Code::backend_unavailable, "the batch failed");
}

// ---------------------------------------------------------------- what to ask

Request Desk::ask(std::string_view route, const std::string& id) {
  return {fmt::format("GET /{}/{} HTTP/1.1\r\nHost: a\r\n\r\n", route, id), id};
}

Request Desk::ask_large(const std::string& id) {
  auto request = ask("large", id);
  request.answer += filling();
  return request;
}

Request Desk::ask_echo(const std::string& body, bool expects) {
  return {fmt::format("POST /echo HTTP/1.1\r\nHost: a\r\n{}Content-Length: {}\r\n\r\n{}",
                      expects ? "Expect: 100-continue\r\n" : "", body.size(), body),
          body};
}

}  // namespace simulation
