// What the scripts answer, read: each answer there is, and anything else is a protocol error, never a guess.
#include "seat/replies.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using core::Error;

namespace {

std::string bulk(const std::string& text) { return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n"; }
std::string integer(int64_t number) { return ":" + std::to_string(number) + "\r\n"; }
std::string array(const std::vector<std::string>& elements) {
  auto text = "*" + std::to_string(elements.size()) + "\r\n";
  for (const auto& element : elements) text += element;
  return text;
}
std::string texts(const std::vector<std::string>& words) {
  std::vector<std::string> elements;
  for (const auto& word : words) elements.push_back(bulk(word));
  return array(elements);
}

template <class Reply>
core::Result<Reply> decoded(const std::string& resp) {
  const auto view = net::resp::parse(resp);
  REQUIRE_MESSAGE(view, resp);
  return Reply::decode(*view);
}

// Neither ok nor a refusal of the contract: a handler that trusted one of these would answer nonsense.
template <class Reply>
void check_nonsense(const std::vector<std::string>& replies) {
  for (const auto& reply : replies) {
    CAPTURE(reply);
    CHECK(decoded<Reply>(reply).error == Error::protocol);
  }
}

const std::string id = "01KAFJ7M3Q8Z3RT5W9VHC2XEYD";
const std::string record = "H;u-1;1800000000000;1;200;0;3,4;;;";
const std::string stale = bulk("stale");
const std::vector<std::string> strange{"*0\r\n",
                                       "*-1\r\n",
                                       "$-1\r\n",
                                       ":7\r\n",
                                       "-ERR no\r\n",
                                       "+OK\r\n",
                                       bulk(""),
                                       texts({"hello"}),
                                       array({integer(1)}),
                                       array({texts({"ok"})})};

}  // namespace

TEST_CASE("a hold is read with its seats, deadline and amount") {
  const auto held = decoded<seat::Held>(texts({"ok", id, "1800000000000", "2", "3,4", "30800"}));
  REQUIRE(held);
  CHECK(held->verdict.ok());
  CHECK(!held->own);
  CHECK(!held->replayed);
  CHECK(held->hold.view() == id);
  CHECK(held->deadline_ms == 1'800'000'000'000);
  CHECK(held->extensions_left == 2);
  CHECK(held->amount == 30'800);
  CHECK(held->seats.text().view() == "3,4");
  CHECK(decoded<seat::Held>(texts({"own", id, "1", "0", "3", "100"}))->own);
}

TEST_CASE("the answer kept under an Idempotency-Key is read as the first one was") {
  const auto held = decoded<seat::Held>(texts({"replayed", "ok;" + id + ";1800000000000;2;3,4;30800"}));
  REQUIRE(held);
  CHECK(held->replayed);
  CHECK(held->verdict.ok());
  CHECK(held->amount == 30'800);
  const auto taken = decoded<seat::Held>(texts({"replayed", "seat_taken;3,4"}));
  CHECK(taken->replayed);
  CHECK(taken->verdict.code_is(net::Code::seat_taken));
  CHECK(taken->seats.text().view() == "3,4");
  CHECK(decoded<seat::Held>(texts({"replayed", "sold_out"}))->verdict.code_is(net::Code::sold_out));
}

TEST_CASE("every refusal of a hold keeps its code, and another epoch is stale") {
  for (const auto* word : {"sold_out", "hold_limit", "not_admitted", "admission_expired", "idempotency_mismatch",
                           "event_not_open", "event_closed", "frozen", "overloaded"}) {
    CAPTURE(word);
    const auto held = decoded<seat::Held>(texts({word}));
    CHECK(held->verdict.kind == queue::Verdict::Kind::refused);
    CHECK(net::entry(held->verdict.code).word == word);
  }
  CHECK(decoded<seat::Held>(stale)->verdict.stale());
}

TEST_CASE("a hold that cannot be read is no hold") {
  check_nonsense<seat::Held>(strange);
  check_nonsense<seat::Held>({texts({"ok"}), texts({"ok", "short", "1", "1", "3", "100"}),
                              texts({"ok", id, "soon", "1", "3", "100"}), texts({"ok", id, "1", "", "3", "100"}),
                              texts({"ok", id, "1", "1", "3", "1e+15"}), texts({"ok", id, "1", "1", "3;4", "100"}),
                              texts({"ok", id, "1", "1", "", "100"}), texts({"ok", id, "1", "1", "3"}),
                              texts({"seat_taken", "A-1-3"}), texts({"replayed"}), texts({"replayed", ""}),
                              texts({"replayed", "replayed"}), texts({"replayed", "ok;" + id})});
}

TEST_CASE("a hold that is looked up comes with Redis' time, because a deadline is judged by it") {
  const auto found = decoded<seat::Found>(texts({"ok", record, "1799999999999"}));
  REQUIRE(found);
  CHECK(found->record->user == "u-1");
  CHECK(found->now_ms == 1'799'999'999'999);
  CHECK(decoded<seat::Found>(texts({"hold_not_found"}))->verdict.code_is(net::Code::hold_not_found));
  CHECK(decoded<seat::Found>(texts({"extension_limit"}))->verdict.code_is(net::Code::extension_limit));
  CHECK(decoded<seat::Found>(stale)->verdict.stale());
  check_nonsense<seat::Found>(strange);
  check_nonsense<seat::Found>({texts({"ok"}), texts({"ok", record}), texts({"ok", record, "now"}),
                               texts({"ok", "Z" + record.substr(1), "1"}), texts({"ok", "H;u-1", "1"})});
}

TEST_CASE("a release is done, refused or stale; anything else is no answer") {
  CHECK(decoded<seat::Released>(texts({"ok"}))->verdict.ok());
  CHECK(decoded<seat::Released>(texts({"payment_in_progress"}))->verdict.code_is(net::Code::payment_in_progress));
  CHECK(decoded<seat::Released>(stale)->verdict.stale());
  check_nonsense<seat::Released>(strange);
}

TEST_CASE("what a user has is read whole or not at all") {
  const auto mine = decoded<seat::Mine>(texts({"ok", "1799999999999", id, record, id, record}));
  REQUIRE(mine);
  CHECK(mine->now_ms == 1'799'999'999'999);
  CHECK(mine->records.size() == 2);
  CHECK(mine->records[1].first == id);
  CHECK(decoded<seat::Mine>(texts({"ok", "1"}))->records.empty());
  CHECK(decoded<seat::Mine>(texts({"frozen"}))->verdict.code_is(net::Code::frozen));
  CHECK(decoded<seat::Mine>(stale)->verdict.stale());
  check_nonsense<seat::Mine>(strange);
  check_nonsense<seat::Mine>({texts({"ok"}), texts({"ok", "now"}), texts({"ok", "1", id}),
                              texts({"ok", "1", id, "nothing"}), texts({"ok", "1", id, record, id})});
}

TEST_CASE("a confirmation is an order with its record, and says when it is a repetition") {
  const auto order = "C" + record.substr(1);
  const auto first = decoded<seat::Confirmed>(array({bulk("ok"), bulk(order), integer(0)}));
  REQUIRE(first);
  CHECK(first->verdict.ok());
  CHECK(first->record->state == 'C');
  CHECK(!first->replayed);
  CHECK(!first->about_money);
  CHECK(decoded<seat::Confirmed>(array({bulk("ok"), bulk(order), integer(1)}))->replayed);
}

TEST_CASE("what becomes of money that bought nothing is never taken from a reply that does not say it") {
  for (const auto* word : {"hold_expired", "stale_fence", "already_paid", "amount_mismatch", "order_rejected"}) {
    for (const int64_t refund : {0, 1}) {
      CAPTURE(word);
      const auto refused = decoded<seat::Confirmed>(array({bulk(word), integer(refund), integer(0)}));
      REQUIRE(refused);
      CHECK(refused->about_money);
      CHECK(refused->refund_required == (refund == 1));
    }
  }
  for (const auto* word : {"hold_not_found", "idempotency_mismatch", "frozen"}) {
    const auto refused = decoded<seat::Confirmed>(texts({word}));
    CHECK(!refused->about_money);
    CHECK(net::entry(refused->verdict.code).word == word);
  }
  CHECK(decoded<seat::Confirmed>(stale)->verdict.stale());
  check_nonsense<seat::Confirmed>(strange);
  check_nonsense<seat::Confirmed>({texts({"ok"}), texts({"ok", "C;u-1"}), texts({"hold_expired"}),
                                   array({bulk("already_paid"), bulk("yes"), integer(0)}),
                                   array({bulk("stale_fence"), integer(2), integer(0)})});
}
