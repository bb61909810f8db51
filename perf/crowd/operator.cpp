#include "perf/crowd/operator.hpp"

#include <fmt/format.h>

#include <chrono>
#include <thread>

#include "core/time.hpp"
#include "perf/crowd/http_client.hpp"
#include "perf/crowd/json.hpp"

namespace crowd {
namespace {

core::Checked<Answer> ask_once(const std::string& url, Request request) {
  auto endpoint = resolve(url);
  if (!endpoint) return core::Checked<Answer>::failed(endpoint.problem);
  asio::io_context context{1};
  Connection connection{context, *endpoint};
  Branch<Answer> asking{context, connection.ask(request)};
  context.run();
  return asking.result();
}

}  // namespace

core::Status Operator::call(const std::string& what, const std::string& target, const std::string& body, bool put) {
  Request request{.method = put ? Method::put : Method::post, .target = target, .body = body};
  request.bearer = options_.admin_token;
  auto answer = ask_once(options_.ops_url, request);
  if (!answer) return {what + ": " + answer.problem};
  if (answer->status >= 200 && answer->status < 300) return {};
  if (answer->status == 0) return {fmt::format("{}: {} at {}", what, answer->trouble, options_.ops_url)};
  return {fmt::format("{}: answered {} {}", what, answer->status, answer->body)};
}

core::Status Operator::wait_for_state(const std::string& event, const std::string& state) {
  const int64_t end_ms = core::monotonic_ms() + 10'000;
  std::string seen = "nothing";
  while (core::monotonic_ms() < end_ms) {
    auto answer = ask_once(options_.url, {.target = "/v1/events/" + event});
    if (!answer) return {answer.problem};
    json::Document body{answer->body};
    seen =
        answer->status == 200 ? json::text(body.root(), "state") : fmt::format("{} {}", answer->status, answer->body);
    if (seen == state) return {};
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
  }
  return {fmt::format("event {} should be '{}' by now; the public listener says {}", event, state, seen)};
}

core::Status Operator::put_on_sale(const std::string& event, const std::string& definition) {
  const std::string target = "/admin/v1/events/" + event;
  if (auto done = call("creating the event", target, definition, true); !done) return done;
  if (auto done = call("warming the event", target + "/warm", "{}", false); !done) return done;
  if (auto done = call("opening the event", target + "/open", "{}", false); !done) return done;
  return wait_for_state(event, "open");
}

}  // namespace crowd
