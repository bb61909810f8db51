#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>

#include "core/event.hpp"
#include "core/limits.hpp"

namespace {

constexpr std::string_view contract_example = R"({"name":"Winter Concert","venue":"Hall 1",
 "opens_at":"2026-11-20T10:00:00.000Z","closes_at":"2026-11-20T12:00:00.000Z","lobby_at":"2026-11-20T09:30:00.000Z",
 "currency":"KRW",
 "sections":[{"id":"A","name":"Floor A","amount":15400,
              "rows":[{"row":"1","seats":20},{"row":"2","seats":24,"first":1}]},
             {"id":"GA","name":"Standing","amount":9900,"general":500}],
 "admission":{"rate_per_s":700,"active_max":5000,"active_ttl_s":600,"orders_per_admission":1},
 "line":{"window_ms":250,"no_show_grace_s":30,"reform_s":10,"priority":{"vip":2}},
 "holds":{"ttl_s":300,"extensions":1,"payment_cap_s":600,"seats_per_user":4,"release_window_s":20}})";

// A definition that is good but for `members`.
std::string with(std::string_view members) {
  return fmt::format(
      R"({{"name":"n","opens_at":"2026-11-20T10:00:00Z","sections":[{{"id":"A","amount":1,"general":2}}]{}{}}})",
      members.empty() ? "" : ",", members);
}

std::string with_sections(std::string_view sections) {
  return fmt::format(R"({{"name":"n","opens_at":"2026-11-20T10:00:00Z","sections":{}}})", sections);
}

std::string problem_of(std::string_view definition) { return core::parse_event("e", definition).problem; }

bool names(std::string_view problem, std::string_view member) { return problem.starts_with(member); }

}  // namespace

TEST_CASE("the contract's example is read completely") {
  auto parsed = core::parse_event("winter", contract_example);
  REQUIRE_MESSAGE(parsed, parsed.problem);
  const auto& event = *parsed;
  CHECK(event.id == "winter");
  CHECK(event.name == "Winter Concert");
  CHECK(event.venue == "Hall 1");
  CHECK(event.currency == "KRW");
  CHECK(event.opens_at_ms == 1'795'168'800'000);
  CHECK(event.closes_at_ms == 1'795'176'000'000);
  CHECK(event.lobby_at_ms == 1'795'167'000'000);
  CHECK_FALSE(event.warm_at_ms.has_value());
  REQUIRE(event.sections.size() == 2);
  CHECK(event.sections[0].rows[1].first == 1);
  CHECK(event.sections[1].general);
  CHECK(event.sections[1].seats == 500);
  CHECK(event.seat_count == 544);
  CHECK(event.seat_id(543) == "GA-0-500");
  CHECK(event.admission.rate_per_s == 700);
  CHECK(event.admission.active_max == 5000);
  CHECK(event.line.priority.at("vip") == 2);
  CHECK(event.holds.ttl_s == 300);
  CHECK(event.state == core::EventState::draft);
}

TEST_CASE("everything but name, sections and opens_at has a default") {
  auto parsed = core::parse_event("e", with(""));
  REQUIRE_MESSAGE(parsed, parsed.problem);
  CHECK(parsed->venue == "");
  CHECK(parsed->currency == "KRW");
  CHECK_FALSE(parsed->closes_at_ms.has_value());
  CHECK(parsed->sections[0].name == "A");
  CHECK(parsed->admission.active_ttl_s == 600);
  CHECK(parsed->line.window_ms == 250);
  CHECK(parsed->line.priority.empty());
  CHECK(parsed->holds.seats_per_user == 4);
}

TEST_CASE("a missing member is named") {
  CHECK(problem_of("{}") == "name is missing");
  CHECK(problem_of(R"({"name":"n"})") == "opens_at is missing");
  CHECK(problem_of(R"({"name":"n","opens_at":"2026-11-20T10:00:00Z"})") == "sections is missing");
  CHECK(problem_of(with_sections(R"([{}])")) == "sections[0].id is missing");
  CHECK(problem_of(with_sections(R"([{"id":"A"}])")) == "sections[0].amount is missing");
  CHECK(names(problem_of(with_sections(R"([{"id":"A","amount":1}])")), "sections[0].rows is missing"));
  CHECK(problem_of(with_sections(R"([{"id":"A","amount":1,"rows":[{}]}])")) == "sections[0].rows[0].row is missing");
  CHECK(problem_of(with_sections(R"([{"id":"A","amount":1,"rows":[{"row":"1"}]}])")) ==
        "sections[0].rows[0].seats is missing");
}

TEST_CASE("a wrong type or value is named with what is allowed") {
  struct Sample {
    const char *members, *member;
  };
  for (const auto& [members, member] :
       std::initializer_list<Sample>{{R"("venue":7)", "venue"},
                                     {R"("venue":"a\nb")", "venue"},
                                     {R"("currency":"krw")", "currency"},
                                     {R"("currency":"KRWW")", "currency"},
                                     {R"("currency":null)", "currency"},
                                     {R"("closes_at":"tomorrow")", "closes_at"},
                                     {R"("closes_at":1795168800)", "closes_at"},
                                     {R"("closes_at":"2026-11-20T10:00:00Z")", "closes_at"},
                                     {R"("lobby_at":"2026-11-20T10:00:01Z")", "lobby_at"},
                                     {R"("warm_at":"2026-11-20T10:00:01Z")", "warm_at"},
                                     {R"("admission":[])", "admission"},
                                     {R"("admission":{"rate_per_s":0})", "admission.rate_per_s"},
                                     {R"("admission":{"rate_per_s":"7"})", "admission.rate_per_s"},
                                     {R"("admission":{"rate_per_s":1e9})", "admission.rate_per_s"},
                                     {R"("admission":{"active_max":0})", "admission.active_max"},
                                     {R"("admission":{"active_max":1.5})", "admission.active_max"},
                                     {R"("admission":{"active_ttl_s":true})", "admission.active_ttl_s"},
                                     {R"("admission":{"orders_per_admission":-1})", "admission.orders_per_admission"},
                                     {R"("line":1)", "line"},
                                     {R"("line":{"window_ms":0})", "line.window_ms"},
                                     {R"("line":{"no_show_grace_s":-1})", "line.no_show_grace_s"},
                                     {R"("line":{"reform_s":"10s"})", "line.reform_s"},
                                     {R"("line":{"priority":[]})", "line.priority"},
                                     {R"("line":{"priority":{"a b":1}})", "line.priority"},
                                     {R"("line":{"priority":{"vip":0}})", "line.priority.vip"},
                                     {R"("holds":"x")", "holds"},
                                     {R"("holds":{"ttl_s":0})", "holds.ttl_s"},
                                     {R"("holds":{"extensions":-1})", "holds.extensions"},
                                     {R"("holds":{"payment_cap_s":9223372036854775808})", "holds.payment_cap_s"},
                                     {R"("holds":{"seats_per_user":65})", "holds.seats_per_user"},
                                     {R"("holds":{"release_window_s":3601})", "holds.release_window_s"}}) {
    CAPTURE(members);
    const auto problem = problem_of(with(members));
    CHECK_MESSAGE(names(problem, member), problem);
    CHECK(problem.size() > std::string_view{member}.size());
  }
  CHECK(problem_of(with(R"("holds":{"ttl_s":0})")) == "holds.ttl_s must be an integer from 1 to 86400");
}

TEST_CASE("a hall that cannot be numbered is refused with the place of the mistake") {
  struct Sample {
    const char *sections, *problem;
  };
  for (const auto& [sections, problem] : std::initializer_list<Sample>{
           {R"({})", "sections must be an array"},
           {R"([])", "sections must be an array"},
           {R"([1])", "sections[0] must be an object"},
           {R"([{"id":"A","amount":1,"general":1},{"id":"A","amount":1,"general":1}])", "sections[1].id repeats \"A\""},
           {R"([{"id":"A/B","amount":1,"general":1}])", "sections[0].id must match"},
           {R"([{"id":"A","amount":-1,"general":1}])", "sections[0].amount must be"},
           {R"([{"id":"A","amount":1.0,"general":1}])", "sections[0].amount must be"},
           {R"([{"id":"A","amount":1,"general":0}])", "sections[0].general must be"},
           {R"([{"id":"A","amount":1,"general":true}])", "sections[0].general must be"},
           {R"([{"id":"A","amount":1,"general":1000001}])", "sections[0].general must be"},
           {R"([{"id":"A","amount":1,"general":1,"rows":[{"row":"1","seats":1}]}])", "sections[0].rows must not stand"},
           {R"([{"id":"A","amount":1,"rows":[]}])", "sections[0].rows must be an array"},
           {R"([{"id":"A","amount":1,"rows":[{"row":"0","seats":1}]}])", "sections[0].rows[0].row must not be \"0\""},
           {R"([{"id":"A","amount":1,"rows":[{"row":"1-2","seats":1}]}])", "sections[0].rows[0].row must match"},
           {R"([{"id":"A","amount":1,"rows":[{"row":1,"seats":1}]}])", "sections[0].rows[0].row must match"},
           {R"([{"id":"A","amount":1,"rows":[{"row":"1","seats":1},{"row":"1","seats":1}]}])",
            "sections[0].rows[1].row repeats \"1\""},
           {R"([{"id":"A","amount":1,"rows":[{"row":"1","seats":0}]}])",
            "sections[0].rows[0].seats must be an integer from 1 to 1000000"},
           {R"([{"id":"A","amount":1,"rows":[{"row":"1","seats":1,"first":-1}]}])",
            "sections[0].rows[0].first must be"},
           {R"([{"id":"A","amount":1,"general":600000},{"id":"B","amount":1,"general":600000}])",
            "sections must have at most 1000000 seats together, not 1200000"}}) {
    CAPTURE(sections);
    const auto found = problem_of(with_sections(sections));
    CHECK_MESSAGE(names(found, problem), found);
  }
}

TEST_CASE("more sections than the limit are refused") {
  std::string sections = "[";
  for (uint32_t at = 0; at <= core::limits::sections_max; ++at) {
    sections += fmt::format(R"({}{{"id":"s{}","amount":1,"general":1}})", at ? "," : "", at);
  }
  CHECK(names(problem_of(with_sections(sections + "]")), "sections must be an array of 1 to 1024"));
}

TEST_CASE("a member that appears twice is refused, at any depth") {
  CHECK(problem_of(with(R"("venue":"a","venue":"b")")) == "venue appears twice");
  CHECK(problem_of(with(R"("holds":{"ttl_s":1,"ttl_s":2})")) == "holds.ttl_s appears twice");
  CHECK(problem_of(with(R"("line":{"priority":{"vip":1,"vip":2}})")) == "line.priority.vip appears twice");
}

TEST_CASE("unknown members are ignored, null stands for an absent instant") {
  CHECK(core::parse_event("e", with(R"("color":{"of":["the",1]},"closes_at":null)")));
}

TEST_CASE("what is no JSON object is refused at every place where it may be cut") {
  CHECK(problem_of("") != "");
  CHECK(problem_of("[]") == "the body must be a JSON object");
  CHECK(problem_of("7") == "the body must be a JSON object");
  for (std::size_t size = 0; size < contract_example.size(); ++size) {
    CAPTURE(size);
    CHECK(names(problem_of(contract_example.substr(0, size)), "the body is not valid JSON"));
  }
  CHECK(names(problem_of(with("") + "}"), "the body is not valid JSON"));
  CHECK(names(problem_of(with("\"venue\":\"\xff\"")), "the body is not valid JSON"));
}

TEST_CASE("a text PostgreSQL could not keep is refused before it gets there") {
  CHECK(problem_of(with(R"("venue":"a\u0000b")")) == "the body must not contain \\u0000");
  CHECK(problem_of(with(R"("note":"\\\u0000")")) == "the body must not contain \\u0000");
  CHECK(core::parse_event("e", with(R"("note":"\\u0000")")));  // an escaped backslash and digits
}

TEST_CASE("an id, a title or a body beyond its limit is refused") {
  CHECK(names(core::parse_event("a/b", with("")).problem, "the event's id must match"));
  CHECK(core::parse_event("e", with(fmt::format(R"("venue":"{}")", std::string(256, 'x')))));
  CHECK(names(problem_of(with(fmt::format(R"("venue":"{}")", std::string(257, 'x')))), "venue must be a text"));
  const std::string huge(core::limits::definition_bytes_max, ' ');
  CHECK(names(problem_of(with("") + huge), "the body must have at most"));
}
