#include "seat/requests.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/encoding.hpp"
#include "core/sha256.hpp"

namespace seat {
namespace {

bool visible(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c < 127; });
}

// What a client sent, shortened and without what would spoil a line of text.
core::FixedText<72> shown(std::string_view text) {
  core::FixedText<72> safe;
  for (const char c : text.substr(0, 64))
    safe.append(c > ' ' && c < 127 && c != '"' && c != '\\' ? std::string_view{&c, 1} : "?");
  return safe;
}

// 22 characters of base64url: 16 bytes of a SHA-256.
void put_digest(core::FixedText<22>& out, const core::Digest& digest) {
  std::array<char, core::base64url_size(16)> text;
  core::put_base64url(digest.view().substr(0, 16), text.data());
  out.assign({text.data(), text.size()});
}

}  // namespace

void RequestReader::read_seats(HoldRequest& request, const core::Event& event) {
  SeatList seats;
  std::array<std::string_view, core::limits::seats_per_user_max> ids;
  const auto count = json_.texts("seats", ids);
  for (std::size_t at = 0; at < count; ++at) {
    const auto seat = event.seat_index(ids[at]);
    if (!seat)
      return json_.fail(fmt::format("seats[{}]:", at), fmt::format("this event has no seat {}", shown(ids[at]).view()));
    const auto& section = event.section_of(*seat);
    if (section.general)
      return json_.fail(fmt::format("seats[{}]:", at), "places of a standing section are held by section and quantity");
    seats.push_back(*seat);
    request.amount += section.amount;
  }
  if (!seats.sort_unique()) json_.fail("seats", "must not name a seat twice");
  request.wanted = seats.text();
}

void RequestReader::read_places(HoldRequest& request, const core::Event& event) {
  if (!json_.has("section")) return json_.fail("section", "is missing, and so is seats: name one of them");
  const auto id = json_.text("section", 0, core::limits::body_bytes_max);
  const auto quantity = json_.integer("quantity", 1, core::limits::seats_per_user_max);
  const bool best = json_.boolean("best_available", false);
  if (!json_.good()) return;
  const auto* section = event.section(id);
  if (section == nullptr) return json_.fail("section:", fmt::format("this event has no section {}", shown(id).view()));
  if (best) request.code = net::Code::not_implemented;
  if (best || !section->general)
    return json_.fail("seats", "of a section with rows are held by their ids in this version");
  request.wanted.assign("g");
  for (const int64_t field :
       {section - event.sections.data(), int64_t{section->seat_base}, int64_t{section->seats}, quantity}) {
    request.wanted.append(":");
    request.wanted.append(core::Digits{field}.view());
  }
  request.amount = section->amount;
}

HoldRequest RequestReader::hold(std::string_view body, const core::Event& event) {
  HoldRequest request;
  if (json_.parse(body)) json_.has("seats") ? read_seats(request, event) : read_places(request, event);
  request.problem = json_.problem();
  return request;
}

ConfirmRequest RequestReader::confirm(std::string_view body) {
  ConfirmRequest request;
  json_.parse(body);
  const auto fence = json_.integer("fence", 0, INT64_MAX, -1);
  const auto reference = json_.text("payment.reference", 1, core::limits::reference_bytes_max);
  request.amount = json_.integer("payment.amount", 0, INT64_MAX);
  const auto currency = json_.text("payment.currency", 3, 3);
  if (!visible(reference)) json_.fail("payment.reference", "must be visible ASCII characters");
  if (!std::ranges::all_of(currency, [](char c) { return c >= 'A' && c <= 'Z'; }))
    json_.fail("payment.currency", "must be an ISO 4217 code, such as KRW");
  request.problem = json_.problem();
  if (request.bad()) return request;
  request.reference.assign(reference);
  request.currency.assign(currency);
  if (fence >= 0) request.fence.assign(core::Digits{fence}.view());
  return request;
}

IdempotencyKey idempotency_key(std::string_view header, std::string_view user, std::string_view path,
                               std::string_view body) {
  IdempotencyKey key;
  if (header.empty()) return key;
  const bool quoted = header.size() >= 2 && header.front() == '"' && header.back() == '"';
  const auto text = quoted ? header.substr(1, header.size() - 2) : header;
  key.malformed = text.empty() || text.size() > core::limits::idempotency_key_bytes_max || !visible(text);
  if (key.malformed) return key;
  put_digest(key.digest, core::sha256({user, std::string_view{"\0", 1}, text}));
  put_digest(key.fingerprint, core::sha256({path, std::string_view{"\0", 1}, body}));
  return key;
}

}  // namespace seat
