"""The table of states: what each call answers in each state of an event's life."""

import pytest
from client import eventually
from sale import instant


def refused(reply, status, code):
    assert (reply.status, reply.code) == (status, code), reply


def known(reply):
    """The answer, once the node has heard of the event."""
    return reply if reply.code != "event_not_found" else None


def test_before_the_lobby_there_is_no_line(sale):
    sale.create()
    for state in ("draft", "warmed"):
        assert sale.state() == state
        buyer = sale.buyer()
        refused(eventually(lambda: known(buyer.join()), what="the event on every core"), 409, "event_not_open")
        if state == "draft":
            sale.move("warm")


def accepted(reply):
    """The answer, once the clock has moved the event on."""
    return reply if reply.status == 201 else None


def test_the_lobby_takes_people_in_and_lets_nobody_through(sale):
    sale.create(lobby_at=instant(-1), opens_at=instant(3600)).move("warm")
    buyer = sale.buyer()
    joined = eventually(lambda: accepted(buyer.join()), what="the lobby")
    assert buyer.keep(joined) == "lobby"
    assert "position" not in joined.json() or joined.json()["position"] is None
    assert joined.json()["opens_at"].endswith("Z")
    polled = buyer.poll().json()
    assert polled["state"] == "lobby" and polled["next_poll_s"] >= 1
    held = buyer.ask("POST", "/holds", token=buyer.ticket, body={"seats": ["A-1-1"]})
    assert (held.status, held.code) in ((409, "event_not_open"), (403, "not_admitted")), held
    sale.move("open")
    buyer.until_admitted()


def test_an_event_opens_and_closes_by_itself(sale):
    sale.create(opens_at=instant(2), closes_at=instant(5))
    buyer = sale.buyer()
    eventually(lambda: sale.state() == "open", what="open by itself")
    buyer.enter()
    eventually(lambda: sale.state() == "closed", what="closed by itself")
    assert buyer.poll().json()["state"] == "closed"


def test_a_pause_keeps_the_admitted_and_lets_nobody_hold(sale):
    sale.open(admission={"active_max": 1})
    buyer, waiting = sale.admitted(), sale.buyer()
    waiting.keep(waiting.join())
    hold = buyer.held(["A-1-1"])
    sale.move("pause")
    assert buyer.poll().json()["state"] == "admitted"
    polled = waiting.poll().json()
    assert polled["state"] == "paused" and polled["estimated_wait_s"] is None and polled["position"] == 1
    assert sale.buyer().join().status == 201, "joining goes on"
    refused(buyer.hold(["A-1-2"]), 409, "event_not_open")
    assert buyer.read_hold(hold["hold"]).json()["state"] == "held"
    confirmed = buyer.confirm(hold["hold"], amount=hold["amount"])
    assert confirmed.status == 201, confirmed
    sale.move("resume")
    assert buyer.hold(["A-1-2"]).status == 201


def test_a_pause_does_not_eat_the_admission(sale):
    sale.open(admission={"active_max": 1, "active_ttl_s": 3})
    buyer = sale.admitted()
    sale.move("pause")
    before = buyer.poll().json()["expires_at"]
    eventually(lambda: buyer.poll().json()["state"] == "admitted" and past(before), what="three seconds of pause")
    sale.move("resume")
    said = buyer.poll().json()
    assert said["state"] == "admitted" and said["expires_at"] > before, "prolonged by the pause"
    buyer.keep(buyer.poll())
    assert buyer.hold(["A-1-1"]).status == 201


def past(text):
    return text < instant(0)


def test_a_closed_event_sells_nothing_new_and_serves_what_was_held(sale):
    sale.open()
    buyer = sale.admitted()
    hold = buyer.held(["A-1-1"])
    sale.move("close")
    refused(sale.buyer().join(), 409, "event_closed")
    assert buyer.poll().json()["state"] == "closed"
    refused(buyer.hold(["A-1-2"]), 409, "event_closed")
    assert buyer.read_hold(hold["hold"]).json()["state"] == "held"
    confirmed = buyer.confirm(hold["hold"], amount=hold["amount"])
    assert confirmed.status == 201, confirmed
    assert buyer.order(confirmed.json()["order"]).status == 200


@pytest.mark.parametrize("lived, verb", [((), "pause"), ((), "resume"), (("warm",), "pause"), (("warm",), "resume"),
                                         (("warm", "open"), "open"), (("warm", "open"), "resume"),
                                         (("warm", "open", "close"), "open"), (("warm", "open", "close"), "pause"),
                                         (("warm", "open", "pause"), "pause")])
def test_a_transition_that_is_none_changes_nothing(sale, lived, verb):
    sale.create().move(*lived)
    before = sale.state()
    refused(sale.operator.move(sale.event, verb), 409, "bad_transition")
    assert sale.state() == before
