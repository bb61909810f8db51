#include "app/operations/routes.hpp"

#include <doctest/doctest.h>

using app::EventMove;
using app::operations::Action;
using app::operations::call_of;
using app::operations::is_admin;

TEST_CASE("every call of the contract is known, also those of a later version") {
  struct Sample {
    const char *method, *target;
    Action action;
  };
  for (const auto& [method, target, action] :
       std::initializer_list<Sample>{{"GET", "/livez", Action::livez},
                                     {"HEAD", "/livez", Action::livez},
                                     {"GET", "/readyz?verbose", Action::readyz},
                                     {"GET", "/metrics", Action::metrics},
                                     {"GET", "/admin/v1/events", Action::list_events},
                                     {"GET", "/admin/v1/events/e", Action::show_event},
                                     {"PUT", "/admin/v1/events/e", Action::put_event},
                                     {"POST", "/admin/v1/events/e/close", Action::move_event},
                                     {"PATCH", "/admin/v1/events/e/admission", Action::later},
                                     {"POST", "/admin/v1/events/e/reconcile", Action::later},
                                     {"GET", "/admin/v1/events/e/audit", Action::later},
                                     {"POST", "/admin/v1/orders/01ARYZ6S41TSV4RRFFQ69G5FAV/cancel", Action::later},
                                     {"GET", "/admin/v1/blocks/192.0.2.1", Action::later},
                                     {"PUT", "/admin/v1/blocks/192.0.2.0/24", Action::later},
                                     {"DELETE", "/admin/v1/blocks/2001:db8::%2F32", Action::later},
                                     {"GET", "/admin/v1/dead-letters", Action::later},
                                     {"POST", "/admin/v1/dead-letters/7/replay", Action::later}}) {
    CAPTURE(method);
    CAPTURE(target);
    CHECK(call_of(method, target).action == action);
  }
}

TEST_CASE("a move carries its event") {
  for (auto move : {EventMove::warm, EventMove::open, EventMove::pause, EventMove::resume, EventMove::close}) {
    const auto target = "/admin/v1/events/winter-1/" + std::string{app::name(move)};
    const auto call = call_of("POST", target);
    CHECK(call.action == Action::move_event);
    CHECK(call.event == "winter-1");
    CHECK(call.move == move);
    CHECK(app::event_move(app::name(move)) == move);
  }
  CHECK_FALSE(app::event_move("freeze").has_value());
}

TEST_CASE("what is not in the contract is not found") {
  for (const auto* target :
       {"", "/", "*", "//", "/livez/", "/livezz", "/LIVEZ", "livez", "http://a/livez", "/admin/v1/events/",
        "/admin/v1/events/e/", "/admin/v1/events/e/freeze", "/admin/v1/events/e/open/now", "/admin/v1/events//open",
        "/admin/v2/events", "/admin/v1/blocks/", "/admin/v1/blocks"}) {
    CAPTURE(target);
    const auto action = call_of("GET", target).action;
    CHECK((action == Action::not_found || action == Action::bad_event));
  }
}

TEST_CASE("a wrong method is told the right ones") {
  CHECK(call_of("DELETE", "/admin/v1/events/e").allow == "GET, HEAD, PUT");
  CHECK(call_of("GET", "/admin/v1/events/e/open").allow == "POST");
  CHECK(call_of("POST", "/admin/v1/blocks/192.0.2.0/24").allow == "GET, HEAD, PUT, DELETE");
  CHECK(call_of("get", "/livez").action == Action::wrong_method);
  CHECK(call_of("HEAD", "/admin/v1/events/e/open").action == Action::wrong_method);
}

TEST_CASE("an event's id that is malformed never becomes part of a key") {
  for (const auto* id : {"a%20b", "{e}", "a;b", "%00"}) {
    CHECK(call_of("PUT", std::string{"/admin/v1/events/"} + id).action == Action::bad_event);
  }
  CHECK(call_of("PUT", "/admin/v1/events/" + std::string(64, 'e')).action == Action::put_event);
  CHECK(call_of("PUT", "/admin/v1/events/" + std::string(65, 'e')).action == Action::bad_event);
}

TEST_CASE("everything below /admin needs the token, nothing else does") {
  for (const auto* target : {"/admin", "/admin/", "/admin?x", "/admin/v1/events", "/admin/nothing"})
    CHECK(is_admin(target));
  for (const auto* target : {"/livez", "/administration", "/", "", "/metrics?x=/admin/"}) CHECK_FALSE(is_admin(target));
}
