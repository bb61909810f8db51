#include "seat/requests.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/encoding.hpp"
#include "core/sha256.hpp"

namespace seat {
namespace {

using simdjson::dom::element;
using simdjson::dom::object;

template <class... Arguments>
void refuse(BadRequest& problem, fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  std::array<char, 256> text;
  const auto end = fmt::format_to_n(text.data(), text.size(), format, std::forward<Arguments>(arguments)...).size;
  problem.detail.assign({text.data(), std::min(end, text.size())});
}

// What a client sent, shortened and without what would spoil a line of text.
core::FixedText<72> shown(std::string_view text) {
  core::FixedText<72> safe;
  for (const char c : text.substr(0, 64))
    safe.append(c > ' ' && c < 127 && c != '"' && c != '\\' ? std::string_view{&c, 1} : "?");
  return safe;
}

bool has(const object& body, std::string_view member) { return body.at_key(member).error() == simdjson::SUCCESS; }

void read_seat(HoldRequest& request, const core::Event& event, std::size_t index, const element& item) {
  std::string_view id;
  if (item.get(id) != simdjson::SUCCESS)
    return refuse(request.problem, "seats[{}] must be a seat id, such as A-1-3", index);
  const auto seat = event.seat_index(id);
  if (!seat) return refuse(request.problem, "seats[{}]: this event has no seat {}", index, shown(id).view());
  if (event.section_of(*seat).general)
    return refuse(request.problem, "seats[{}]: places of a standing section are held by section and quantity", index);
  if (request.seats.full())
    return refuse(request.problem, "seats must name at most {} seats", core::limits::seats_per_user_max);
  request.seats.push_back(*seat);
  request.amount += event.section_of(*seat).amount;
}

void read_seats(HoldRequest& request, const core::Event& event, const object& body) {
  simdjson::dom::array seats;
  if (body["seats"].get(seats) != simdjson::SUCCESS || seats.size() == 0)
    return refuse(request.problem, "seats must be a list of at least one seat id");
  std::size_t index = 0;
  for (const auto item : seats) {
    read_seat(request, event, index++, item);
    if (request.problem.bad()) return;
  }
  if (!request.seats.sort_unique()) return refuse(request.problem, "seats must not name a seat twice");
  request.quantity = static_cast<int64_t>(request.seats.size());
}

void read_places(HoldRequest& request, const core::Event& event, const object& body) {
  std::string_view section_id;
  if (body["section"].get(section_id) != simdjson::SUCCESS)
    return refuse(request.problem, "section must be the id of a section, or name the seats in seats");
  const auto* section = event.section(section_id);
  if (section == nullptr)
    return refuse(request.problem, "section: this event has no section {}", shown(section_id).view());
  if (body["quantity"].get(request.quantity) != simdjson::SUCCESS || request.quantity < 1 ||
      request.quantity > core::limits::seats_per_user_max)
    return refuse(request.problem, "quantity must be an integer from 1 to {}", core::limits::seats_per_user_max);
  bool best = false;
  if (has(body, "best_available") && body["best_available"].get(best) != simdjson::SUCCESS)
    return refuse(request.problem, "best_available must be true or false");
  if (best || !section->general) {
    request.problem.code = best ? net::Code::not_implemented : net::Code::bad_request;
    return refuse(request.problem, "Seats of a section with rows are held by their ids in seats in this version");
  }
  request.section = section;
  request.amount = section->amount;
}

void read_payment(ConfirmRequest& request, const object& body) {
  object payment;
  std::string_view reference, currency;
  if (body["payment"].get(payment) != simdjson::SUCCESS)
    return refuse(request.problem, "payment must be an object with reference, amount and currency");
  const auto visible = [](char c) { return c > ' ' && c < 127; };
  if (payment["reference"].get(reference) != simdjson::SUCCESS || reference.empty() ||
      reference.size() > core::limits::reference_bytes_max || !std::ranges::all_of(reference, visible))
    return refuse(request.problem, "payment.reference must be 1 to {} visible ASCII characters",
                  core::limits::reference_bytes_max);
  if (payment["amount"].get(request.amount) != simdjson::SUCCESS || request.amount < 0)
    return refuse(request.problem, "payment.amount must be an integer, not negative, in minor units");
  const auto capital = [](char c) { return c >= 'A' && c <= 'Z'; };
  if (payment["currency"].get(currency) != simdjson::SUCCESS || currency.size() != 3 ||
      !std::ranges::all_of(currency, capital))
    return refuse(request.problem, "payment.currency must be an ISO 4217 code, such as KRW");
  request.reference.assign(reference);
  request.currency.assign(currency);
}

void read_fence(ConfirmRequest& request, const object& body) {
  const auto member = body.at_key("fence");
  if (member.error() == simdjson::NO_SUCH_FIELD || member.is_null()) return;
  int64_t fence = 0;
  if (member.get(fence) != simdjson::SUCCESS || fence < 0)
    return refuse(request.problem, "fence must be the number the payment attempt was given");
  request.fence.assign(core::Digits{fence}.view());
}

// 22 characters of base64url: 16 bytes of a SHA-256.
void put_digest(core::FixedText<22>& out, const core::Digest& digest) {
  std::array<char, core::base64url_size(16)> text;
  core::put_base64url(digest.view().substr(0, 16), text.data());
  out.assign({text.data(), text.size()});
}

}  // namespace

SeatList::Text HoldRequest::wanted(const core::Event& event) const {
  if (section == nullptr) return seats.text();
  SeatList::Text text{"g:"};
  const int64_t fields[] = {section - event.sections.data(), section->seat_base, section->seats, quantity};
  for (const auto field : fields) {
    if (text.view() != "g:") text.append(":");
    text.append(core::Digits{field}.view());
  }
  return text;
}

RequestReader::RequestReader() {
  // Room for the largest body at once: no request grows the parser later.
  if (parser_.allocate(core::limits::body_bytes_max, 32) != simdjson::SUCCESS)
    core::assertion_failed("parser room", __FILE__, __LINE__);
}

bool RequestReader::object(net::Exchange& x, simdjson::dom::object& body, BadRequest& problem) {
  const auto text = x.body();
  // The exchange leaves simdjson's padding behind every body, so nothing is copied here.
  if (parser_.parse(text.data(), text.size(), false).get(body) == simdjson::SUCCESS) return true;
  refuse(problem, "The body must be a JSON object");
  return false;
}

HoldRequest RequestReader::hold(net::Exchange& x, const core::Event& event) {
  HoldRequest request;
  simdjson::dom::object body;
  if (!object(x, body, request.problem)) return request;
  if (has(body, "seats")) {
    read_seats(request, event, body);
  } else {
    read_places(request, event, body);
  }
  return request;
}

ConfirmRequest RequestReader::confirm(net::Exchange& x) {
  ConfirmRequest request;
  simdjson::dom::object body;
  if (!object(x, body, request.problem)) return request;
  read_fence(request, body);
  if (!request.problem.bad()) read_payment(request, body);
  return request;
}

IdempotencyKey idempotency_key(net::Exchange& x, std::string_view user) {
  IdempotencyKey key;
  auto text = x.header("idempotency-key");
  if (text.empty()) return key;
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') text = text.substr(1, text.size() - 2);
  const auto visible = [](char c) { return c > ' ' && c < 127; };
  key.malformed =
      text.empty() || text.size() > core::limits::idempotency_key_bytes_max || !std::ranges::all_of(text, visible);
  if (key.malformed) return key;
  put_digest(key.digest, core::sha256({user, std::string_view{"\0", 1}, text}));
  put_digest(key.fingerprint, core::sha256({x.path(), std::string_view{"\0", 1}, x.body()}));
  return key;
}

}  // namespace seat
