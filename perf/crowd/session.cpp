#include "perf/crowd/session.hpp"

#include "core/json_writer.hpp"
#include "perf/crowd/json.hpp"

namespace crowd {
namespace {

std::string render_confirm(const Payment& payment, const std::string& currency) {
  std::string body;
  core::JsonWriter<std::string> json{body};
  json.begin_object().key("payment").begin_object().member("reference", payment.reference);
  json.member("amount", payment.amount).member("currency", currency).end_object().end_object();
  return body;
}

HoldAnswer parse_hold(const Answer& answer, std::string code) {
  json::Document body{answer.body};
  HoldAnswer hold;
  hold.status = answer.status;
  hold.code = std::move(code);
  hold.hold = json::text(body.root(), "hold");
  hold.state = json::text(body.root(), "state");
  hold.seats = json::texts(body.root(), "seats");
  hold.amount = json::integer(body.root(), "amount").value_or(0);
  hold.currency = json::text(body.root(), "currency");
  hold.replayed = answer.replayed;
  hold.retry_after_s = answer.retry_after_s;
  return hold;
}

OrderAnswer parse_order(const Answer& answer, std::string code) {
  json::Document body{answer.body};
  OrderAnswer order;
  order.status = answer.status;
  order.code = std::move(code);
  order.order = json::text(body.root(), "order");
  order.state = json::text(body.root(), "state");
  order.durable = json::text(body.root(), "durable");
  order.seats = json::texts(body.root(), "seats");
  order.refund_required = json::boolean(body.root(), "refund_required");
  order.retry_after_s = answer.retry_after_s;
  return order;
}

// Ids in a list of objects that carry them under `name`, or in a list of plain texts.
std::vector<std::string> ids(const json::Document& body, std::string_view list, std::string_view name) {
  auto found = json::texts(body.root(), list);
  for (auto element : json::elements(body.root(), list)) {
    if (auto id = json::text(element, name); !id.empty()) found.push_back(std::move(id));
  }
  return found;
}

}  // namespace

Session::Session(Sale& sale, std::string user, bool cookies, std::optional<asio::ip::address> source)
    : sale_{sale},
      user_{std::move(user)},
      base_{"/v1/events/" + sale.event.id},
      cookies_{cookies},
      first_{sale.context, sale.endpoint, source},
      second_{sale.context, sale.endpoint, source} {}

void Session::rest() {
  first_.close();
  second_.close();
}

Request Session::request(Method method, std::string path, Credential credential) const {
  Request request{.method = method, .target = base_ + std::move(path)};
  const bool admitted = credential == Credential::admission;
  const auto& token = admitted ? admission_ : ticket_;
  if (cookies_) {
    request.cookie = (admitted ? "onsale_admission_" : "onsale_ticket_") + sale_.event.id + "=" + token;
  } else {
    request.bearer = token;
  }
  return request;
}

Task<Answer> Session::call(Step step, Tab tab, const Request& request, std::string& code) {
  Connection& connection = tab == Tab::first ? first_ : second_;
  Answer answer = co_await connection.ask(request);
  code = answer.trouble;
  if (answer.status >= 400) {
    json::Document body{answer.body};
    code = json::text(body.root(), "code");
  }
  if (code == "frozen") sale_.frozen_at = Clock::now();
  sale_.statistics.record(step, answer.status, code, answer.took_us);
  co_return answer;
}

Task<LineAnswer> Session::line(Step step, Tab tab, const Request& request) {
  LineAnswer line;
  Answer answer = co_await call(step, tab, request, line.code);
  json::Document body{answer.body};
  line.status = answer.status;
  line.retry_after_s = answer.retry_after_s;
  line.state = answer.status >= 400 ? "" : json::text(body.root(), "state");
  line.position = json::integer(body.root(), "position");
  line.next_poll_s = json::number(body.root(), "next_poll_s").value_or(1);
  if (auto ticket = json::text(body.root(), "ticket"); !ticket.empty()) ticket_ = ticket;
  if (auto admission = json::text(body.root(), "admission"); !admission.empty()) admission_ = admission;
  co_return line;
}

Task<LineAnswer> Session::join(Step step, Tab tab) {
  Request join{.method = Method::post, .target = base_ + "/queue"};
  if (has_ticket()) join = request(Method::post, "/queue", Credential::ticket);
  join.identity_header = sale_.options.user_header;
  join.user = user_;
  co_return co_await line(step, tab, join);
}

Task<LineAnswer> Session::poll(Tab tab) {
  Request poll = request(Method::get, "/queue", Credential::ticket);
  co_return co_await line(Step::poll, tab, poll);
}

Task<int> Session::leave() {
  Request leave = request(Method::del, "/queue", Credential::ticket);
  std::string code;
  Answer answer = co_await call(Step::leave, Tab::first, leave, code);
  co_return answer.status;
}

Task<int> Session::gate() {
  Request gate = request(Method::get, "/gate", Credential::admission);
  std::string code;
  Answer answer = co_await call(Step::gate, Tab::first, gate, code);
  co_return answer.status;
}

Task<MapAnswer> Session::map() {
  Request look = request(Method::get, "/seats", Credential::admission);
  MapAnswer seen;
  Answer answer = co_await call(Step::map, Tab::first, look, seen.code);
  seen.status = answer.status;
  seen.retry_after_s = answer.retry_after_s;
  if (answer.status == 200) seen.map = parse_seat_map(answer.body);
  co_return seen;
}

Task<HoldAnswer> Session::hold(Step step, Tab tab, Pick pick, std::string idempotency_key, Credential credential) {
  Request hold = request(Method::post, "/holds", credential);
  hold.body = render_pick(pick);
  hold.idempotency_key = idempotency_key;
  std::string code;
  Answer answer = co_await call(step, tab, hold, code);
  co_return parse_hold(answer, code);
}

Task<HoldAnswer> Session::look(Step step, std::string hold) {
  Request look = request(Method::get, "/holds/" + hold, Credential::ticket);
  std::string code;
  Answer answer = co_await call(step, Tab::first, look, code);
  co_return parse_hold(answer, code);
}

Task<HoldAnswer> Session::extend(std::string hold) {
  Request extend = request(Method::post, "/holds/" + hold + "/extend", Credential::admission);
  std::string code;
  Answer answer = co_await call(Step::extend, Tab::first, extend, code);
  co_return parse_hold(answer, code);
}

Task<int> Session::release(std::string hold) {
  Request release = request(Method::del, "/holds/" + hold, Credential::admission);
  std::string code;
  Answer answer = co_await call(Step::release, Tab::first, release, code);
  co_return answer.status;
}

Request Session::confirm_request(const Payment& payment, const std::string& idempotency_key) const {
  Request confirm = request(Method::post, "/holds/" + payment.hold + "/confirm", Credential::ticket);
  confirm.body = render_confirm(payment, sale_.event.currency);
  confirm.idempotency_key = idempotency_key;
  return confirm;
}

Task<OrderAnswer> Session::confirm(Step step, Tab tab, Payment payment, std::string idempotency_key) {
  Request confirm = confirm_request(payment, idempotency_key);
  std::string code;
  Answer answer = co_await call(step, tab, confirm, code);
  co_return parse_order(answer, code);
}

Task<bool> Session::confirm_and_drop(Payment payment, std::string idempotency_key) {
  Request confirm = confirm_request(payment, idempotency_key);
  co_return co_await second_.send_and_drop(confirm);
}

Task<OrderAnswer> Session::order(std::string order) {
  Request look = request(Method::get, "/orders/" + order, Credential::ticket);
  std::string code;
  Answer answer = co_await call(Step::order, Tab::first, look, code);
  co_return parse_order(answer, code);
}

Task<MeAnswer> Session::me() {
  Request look = request(Method::get, "/me", Credential::ticket);
  std::string code;
  Answer answer = co_await call(Step::me, Tab::first, look, code);
  json::Document body{answer.body};
  MeAnswer me;
  me.status = answer.status;
  me.holds = ids(body, "holds", "hold");
  me.orders = ids(body, "orders", "order");
  co_return me;
}

}  // namespace crowd
