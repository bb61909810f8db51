// The JSON bodies of the seat routes, as seat::RequestReader reads them. Properties:
// - the verdict and the values depend on the body alone: not on what lies behind it (nothing, or anything), nor on the
//   body read before;
// - a member nobody knows, and white space around the body, change nothing;
// - a body that was taken is refused once a member it used stands there twice;
// - what is taken lies within the limits that the scripts and the database rely on.
// Input: a byte that chooses the route, then the body.
#include <span>
#include <string>

#include "core/event.hpp"
#include "seat/requests.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

const core::Event& event() {
  static const core::Event made = [] {
    auto parsed = core::parse_event("concert", R"({"name":"n","opens_at":"2026-11-20T10:00:00Z","sections":[
      {"id":"A","amount":15400,"rows":[{"row":"1","seats":20},{"row":"2","seats":70,"first":5}]},
      {"id":"GA","amount":9900,"general":500}]})");
    ONSALE_ASSERT(parsed);
    return std::move(*parsed);
  }();
  return made;
}

// What a handler goes on with, as text; begins with '!' when the body was refused.
std::string refusal(const seat::Judgement& judgement) {
  return "!" + std::to_string(static_cast<int>(judgement.code)) + std::string{judgement.problem};
}

std::string read_hold(seat::RequestReader& reader, std::string_view body) {
  const auto request = reader.hold(body, event());
  if (request.bad()) return refusal(request);
  const auto wanted = request.wanted.view();
  ONSALE_ASSERT(!wanted.empty() && request.amount >= 0);
  if (!wanted.starts_with("g:")) {
    seat::SeatList seats;
    ONSALE_ASSERT(seats.parse(wanted) && seats.size() > 0 && seats.sort_unique());
    for (const auto seat : seats.seats()) ONSALE_ASSERT(!event().section_of(seat).general);
  }
  return std::string{wanted} + " " + std::to_string(request.amount);
}

std::string read_confirm(seat::RequestReader& reader, std::string_view body) {
  const auto request = reader.confirm(body);
  if (request.bad()) return refusal(request);
  ONSALE_ASSERT(!request.reference.empty() && request.currency.view().size() == 3 && request.amount >= 0);
  return std::string{request.reference.view()} + " " + std::string{request.currency.view()} + " " +
         std::to_string(request.amount) + " " + std::string{request.fence.view()};
}

using Read = std::string (*)(seat::RequestReader&, std::string_view);

// From memory that ends where the body ends, by a reader that has read nothing before.
std::string read_alone(Read read, std::string_view body) {
  const fuzz::Exact memory{body, 0, '\0'};
  seat::RequestReader reader;
  return read(reader, memory.view());
}

std::string read_before(Read read, std::string_view body, char filler, seat::RequestReader& reader) {
  const fuzz::Exact memory{body, 64, filler};
  return read(reader, memory.view());
}

// The body with a member put in front. It holds at least one already, or nothing would have been taken.
std::string with_member(std::string_view body, std::string_view member) {
  const auto brace = body.find('{');
  return std::string{body.substr(0, brace + 1)}.append(member).append(",").append(body.substr(brace + 1));
}

// A hold by seats looks at no other member, and one by section has looked for seats before.
std::span<const std::string_view> members_used(Read read, std::string_view verdict) {
  static constexpr std::string_view by_seats[] = {"seats"}, by_section[] = {"seats", "section", "quantity"},
                                    by_confirm[] = {"payment", "fence"};
  if (read == &read_confirm) return by_confirm;
  return verdict.starts_with("g:") ? std::span<const std::string_view>{by_section} : by_seats;
}

void check_members(Read read, std::string_view body, const std::string& verdict) {
  ONSALE_ASSERT(read_alone(read, with_member(body, R"("nobody knows":[{"seats":{}},null,-0.5e3])")) == verdict);
  ONSALE_ASSERT(read_alone(read, " \t" + std::string{body} + "\r\n") == verdict);
  for (const auto member : members_used(read, verdict)) {
    const auto null = "\"" + std::string{member} + "\":null";
    const auto twice = read_alone(read, with_member(body, null + "," + null));
    ONSALE_ASSERT(twice.ends_with(std::string{member} + " appears twice"));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  static seat::RequestReader used_reader;
  fuzz::Script script{fuzz::text_of(data, size)};
  const Read read = script.one_in(2) ? &read_confirm : &read_hold;
  const auto body = script.rest();
  const auto verdict = read_alone(read, body);
  ONSALE_ASSERT(read_before(read, body, '"', used_reader) == verdict);
  ONSALE_ASSERT(read_before(read, body, '}', used_reader) == verdict);
  if (!verdict.starts_with('!')) check_members(read, body, verdict);
  return 0;
}
