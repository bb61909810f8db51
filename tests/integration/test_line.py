"""The waiting line: joining, polling, being admitted, leaving."""

import time

import pytest
from client import eventually
from sale import Sale, fresh_id

ONE_AT_A_TIME = {"active_max": 1}
POLL_MEMBERS = {"state", "position", "total", "estimated_wait_s", "estimated_wait_high_s", "next_poll_s"}


@pytest.mark.sanitized
def test_a_refresh_keeps_the_place(sale):
    sale.open(admission=ONE_AT_A_TIME)
    sale.admitted()
    waiting = sale.buyer()
    first = waiting.join()
    assert first.status == 201, first
    waiting.keep(first)
    behind = sale.buyer()
    assert behind.join().status == 201
    again = waiting.join()
    assert again.status == 200, again
    assert again.json()["position"] == first.json()["position"] == 1
    assert again.json()["user"] == waiting.user
    assert behind.join().json()["position"] == 2


def test_a_waiting_user_is_told_everything_the_contract_names(sale):
    sale.open(admission=ONE_AT_A_TIME)
    sale.admitted()
    buyer = sale.buyer()
    joined = buyer.join().json()
    assert POLL_MEMBERS | {"user", "ticket"} <= joined.keys()
    assert joined["state"] == "waiting"
    buyer.keep(buyer.join())
    reply = buyer.poll()
    assert reply.status == 200
    assert reply.headers["cache-control"] == "no-store"
    said = reply.json()
    assert POLL_MEMBERS <= said.keys()
    assert said["position"] == 1 and said["total"] >= 1
    assert said["next_poll_s"] >= 1
    assert said["estimated_wait_s"] <= said["estimated_wait_high_s"]


def test_the_line_moves_in_the_order_of_arrival(sale):
    sale.open(admission=ONE_AT_A_TIME)
    first = sale.admitted()
    others = [sale.buyer() for _ in range(3)]
    for buyer in others:
        buyer.keep(buyer.join())
    assert [buyer.poll().json()["position"] for buyer in others] == [1, 2, 3]
    for leaving, next_in_line in zip([first] + others, others):
        assert leaving.leave().status == 204
        next_in_line.until_admitted()
    assert others[-1].poll().json()["state"] == "admitted"


def test_an_admission_says_until_when(sale):
    sale.open()
    buyer = sale.admitted()
    said = buyer.poll().json()
    assert said["state"] == "admitted"
    assert said["admission"] and said["expires_at"].endswith("Z")


def test_a_ticket_alone_joins_as_its_user(sale):
    sale.open(admission=ONE_AT_A_TIME)
    sale.admitted()
    buyer = sale.buyer()
    buyer.keep(buyer.join())
    again = buyer.ask("POST", "/queue", token=buyer.ticket)
    assert again.status == 200, again
    assert again.json()["user"] == buyer.user


def test_another_identity_than_the_tickets_is_refused(sale):
    sale.open()
    buyer = sale.buyer()
    buyer.keep(buyer.join())
    reply = sale.buyer().ask("POST", "/queue", token=buyer.ticket, identity=True)
    assert (reply.status, reply.code) == (401, "token_invalid"), reply


def test_nobody_joins_without_a_name(sale):
    sale.open()
    reply = sale.buyer().ask("POST", "/queue")
    assert (reply.status, reply.code) == (401, "token_missing"), reply


def test_a_ticket_travels_as_a_cookie_too(sale):
    sale.open(admission=ONE_AT_A_TIME)
    sale.admitted()
    buyer = sale.buyer()
    buyer.keep(buyer.join())
    reply = buyer.ask("GET", "/queue", headers={"Cookie": f"a=b; onsale_ticket_{sale.event}={buyer.ticket}; c=d"})
    assert reply.status == 200, reply
    assert reply.json()["position"] == 1


def test_leaving_gives_the_place_and_the_held_seats_back(sale):
    sale.open(admission=ONE_AT_A_TIME)
    leaving, waiting = sale.admitted(), sale.buyer()
    waiting.keep(waiting.join())
    hold = leaving.held(["A-1-1"])["hold"]
    assert leaving.leave().status == 204
    assert leaving.leave().status == 204, "leaving twice is leaving once"
    assert leaving.read_hold(hold).json()["state"] == "released"
    assert leaving.poll().json()["state"] == "done"
    waiting.until_admitted()
    eventually(lambda: sale.seats(waiting)["A-1-1"] == ".", what="the seat of the one who left")


def test_leaving_the_line_moves_those_behind(sale):
    sale.open(admission=ONE_AT_A_TIME)
    sale.admitted()
    first, second = sale.buyer(), sale.buyer()
    for buyer in (first, second):
        buyer.keep(buyer.join())
    assert first.leave().status == 204
    assert second.poll().json()["position"] == 1


def test_who_left_may_join_again_at_the_end(sale):
    sale.open(admission=ONE_AT_A_TIME)
    sale.admitted()
    first, second = sale.buyer(), sale.buyer()
    for buyer in (first, second):
        buyer.keep(buyer.join())
    first.leave()
    again = first.join()
    assert again.status == 201, again
    assert again.json()["position"] == 2


def test_a_user_whose_orders_are_made_is_done_and_makes_room(sale):
    sale.open(admission={"active_max": 1, "orders_per_admission": 1})
    buyer, waiting = sale.admitted(), sale.buyer()
    waiting.keep(waiting.join())
    buyer.ordered(["A-1-1"])
    assert buyer.poll().json()["state"] == "done"
    waiting.until_admitted()


def test_an_admission_that_ran_out_is_expired_and_makes_room(sale):
    sale.open(admission={"active_max": 1, "active_ttl_s": 2})
    buyer, waiting = sale.admitted(), sale.buyer()
    waiting.keep(waiting.join())
    eventually(lambda: buyer.poll().json()["state"] == "expired", what="the admission's end")
    waiting.until_admitted()


def test_the_cap_on_active_users_holds_to_the_user(sale):
    sale.open(admission={"active_max": 3, "rate_per_s": 1000})
    buyers = [sale.buyer() for _ in range(8)]
    for buyer in buyers:
        buyer.keep(buyer.join())

    def states():
        return [buyer.poll().json()["state"] for buyer in buyers]

    eventually(lambda: states().count("admitted") == 3, what="three admitted")
    assert states().count("admitted") == 3
    assert sale.operator.show(sale.event).json()["active"] == 3


def test_the_rate_of_admission_is_kept(sale):
    """Twenty a second, of which a quarter of a second's worth may have been saved up: sixty need 2.7 s at least."""
    sale.open(admission={"rate_per_s": 20})
    buyers = [sale.buyer() for _ in range(60)]
    started = time.monotonic()
    for buyer in buyers:
        buyer.keep(buyer.join())

    def admitted():
        return sum(buyer.poll().json()["state"] == "admitted" for buyer in buyers)

    eventually(lambda: admitted() == 60, what="everybody admitted")
    assert time.monotonic() - started >= (60 - 5 - 1) / 20


def test_a_sale_without_a_seat_left_says_so_to_those_who_wait(sale):
    sale.open(seats=2, admission=ONE_AT_A_TIME)
    buyer, waiting = sale.admitted(), sale.buyer()
    waiting.keep(waiting.join())
    buyer.ordered(["A-1-1", "A-1-2"])
    eventually(lambda: waiting.poll().json()["state"] == "sold_out", what="sold_out")


def test_two_events_are_two_lines(sale, stand):
    sale.open(admission=ONE_AT_A_TIME)
    other = Sale(stand.env).open(admission=ONE_AT_A_TIME)
    name = fresh_id("u")
    sale.admitted(name)
    other.admitted(name)
    assert sale.operator.show(sale.event).json()["active"] == 1
    assert other.operator.show(other.event).json()["active"] == 1
