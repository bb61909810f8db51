"""Holding seats: all or nothing, limits, extension, release, expiry."""

import re

import pytest
from client import eventually
from sale import parse_instant

ULID = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")


def refused(reply, status, code):
    assert (reply.status, reply.code) == (status, code), reply
    return reply.json()


@pytest.mark.sanitized
def test_a_hold_says_what_is_held_until_when_and_for_how_much(sale):
    sale.open(holds={"ttl_s": 300, "extensions": 1})
    said = sale.admitted().held(["A-1-3", "A-1-4"])
    assert ULID.fullmatch(said["hold"])
    assert said["state"] == "held"
    assert sorted(said["seats"]) == ["A-1-3", "A-1-4"]
    assert (said["amount"], said["currency"], said["extensions_left"]) == (30800, "KRW", 1)
    parse_instant(said["expires_at"])


def test_places_of_a_standing_section_are_all_different(sale):
    sale.open(standing=6)
    first, second = sale.admitted(), sale.admitted()
    seats = []
    for buyer, quantity in ((first, 2), (second, 4)):
        reply = buyer.hold_places(quantity)
        assert reply.status == 201, reply
        assert reply.json()["amount"] == 9900 * quantity
        seats += reply.json()["seats"]
    assert sorted(seats) == [f"GA-0-{place}" for place in range(1, 7)]
    refused(sale.admitted().hold_places(1), 409, "sold_out")


def test_a_standing_place_given_back_can_be_held_again(sale):
    sale.open(standing=2)
    first = sale.admitted()
    hold = first.hold_places(2).json()["hold"]
    refused(sale.admitted().hold_places(1), 409, "sold_out")
    assert first.release(hold).status == 204
    assert sale.admitted().hold_places(2).status == 201


def test_all_or_nothing_names_the_seats_that_were_not_free(sale):
    sale.open()
    sale.admitted().held(["A-1-2"])
    buyer = sale.admitted()
    said = refused(buyer.hold(["A-1-1", "A-1-2", "A-1-3"]), 409, "seat_taken")
    assert said["seats"] == ["A-1-2"]
    assert sale.admitted().hold(["A-1-1", "A-1-3"]).status == 201, "the others stayed free"


def test_the_same_seats_again_are_the_same_hold(sale):
    sale.open()
    buyer = sale.admitted()
    first = buyer.held(["A-1-1", "A-1-2"])
    again = buyer.hold(["A-1-2", "A-1-1"])
    assert again.status == 200, again
    assert again.json() == first


def test_holds_and_orders_together_stay_within_the_users_limit(sale):
    sale.open(standing=9, holds={"seats_per_user": 3})
    buyer = sale.admitted()
    buyer.ordered(["A-1-1"])
    hold = buyer.held(["A-1-2"])
    refused(buyer.hold(["A-1-3", "A-1-4"]), 409, "hold_limit")
    refused(buyer.hold_places(2), 409, "hold_limit")
    assert buyer.hold_places(1).status == 201
    refused(buyer.hold(["A-1-3"]), 409, "hold_limit")
    buyer.release(hold["hold"])
    assert buyer.hold(["A-1-3"]).status == 201, "a released hold no longer counts"


def test_a_hold_is_its_owners_alone(sale):
    sale.open()
    owner, other = sale.admitted(), sale.admitted()
    hold = owner.held(["A-1-1"])["hold"]
    refused(other.read_hold(hold), 404, "hold_not_found")
    refused(other.extend(hold), 404, "hold_not_found")
    refused(other.release(hold), 404, "hold_not_found")
    refused(other.confirm(hold), 404, "hold_not_found")
    assert owner.read_hold(hold).json()["state"] == "held"


def test_a_hold_is_extended_as_often_as_the_event_allows(sale):
    sale.open(holds={"ttl_s": 60, "extensions": 1})
    buyer = sale.admitted()
    first = buyer.held(["A-1-1"])
    extended = buyer.extend(first["hold"])
    assert extended.status == 200, extended
    assert extended.json()["extensions_left"] == 0
    assert parse_instant(extended.json()["expires_at"]) >= parse_instant(first["expires_at"])
    refused(buyer.extend(first["hold"]), 409, "extension_limit")


def test_releasing_twice_is_releasing_once(sale):
    sale.open()
    buyer = sale.admitted()
    hold = buyer.held(["A-1-1"])["hold"]
    assert buyer.release(hold).status == 204
    assert sale.admitted().hold(["A-1-1"]).status == 201
    assert buyer.release(hold).status == 204
    assert buyer.read_hold(hold).json()["state"] == "released"
    refused(sale.admitted().hold(["A-1-1"]), 409, "seat_taken")


def test_a_hold_that_ran_out_frees_its_seats(sale):
    sale.open(holds={"ttl_s": 1})
    buyer, next_buyer = sale.admitted(), sale.admitted()
    hold = buyer.held(["A-1-1"])["hold"]
    refused(next_buyer.hold(["A-1-1"]), 409, "seat_taken")
    eventually(lambda: buyer.read_hold(hold).json()["state"] == "expired", what="the hold to run out")
    eventually(lambda: next_buyer.hold(["A-1-1"]).status == 201, what="the seat of the expired hold")
    refused(buyer.extend(hold), 409, "hold_expired")


def test_nobody_holds_before_being_admitted(sale):
    sale.open(admission={"active_max": 1})
    sale.admitted()
    waiting = sale.buyer()
    waiting.keep(waiting.join())
    reply = waiting.ask("POST", "/holds", token=waiting.ticket, body={"seats": ["A-1-1"]})
    assert (reply.status, reply.code) in ((403, "not_admitted"), (401, "token_invalid")), reply


def test_an_admission_that_ran_out_holds_nothing_but_still_buys(sale):
    sale.open(admission={"active_ttl_s": 2})
    buyer = sale.admitted()
    hold = buyer.held(["A-1-1"])
    eventually(lambda: buyer.gate().status == 401, what="the admission's end")
    refused(buyer.hold(["A-1-2"]), 403, "admission_expired")
    reply = buyer.map()
    assert (reply.status, reply.code) in ((403, "admission_expired"), (401, "token_expired")), reply
    assert buyer.read_hold(hold["hold"]).status == 200
    assert buyer.extend(hold["hold"]).status == 200
    confirmed = buyer.confirm(hold["hold"], amount=hold["amount"])
    assert confirmed.status == 201, confirmed
    assert buyer.order(confirmed.json()["order"]).status == 200


def test_who_left_holds_nothing_with_the_old_admission(sale):
    sale.open()
    buyer = sale.admitted()
    assert buyer.leave().status == 204
    refused(buyer.hold(["A-1-1"]), 403, "not_admitted")


def test_the_ticket_serves_for_ones_own_hold(sale):
    sale.open()
    buyer = sale.admitted()
    hold = buyer.held(["A-1-1"])
    reply = buyer.ask("GET", f"/holds/{hold['hold']}", token=buyer.ticket)
    assert reply.status == 200, reply
    reply = buyer.ask("DELETE", f"/holds/{hold['hold']}", token=buyer.ticket)
    assert reply.status == 204, reply
