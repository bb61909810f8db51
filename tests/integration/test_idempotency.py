"""Idempotency-Key: the first answer again, or a plain no; never a second effect."""

import pytest
from sale import Sale, fresh_id


def replayed(reply):
    return reply.headers.get("idempotency-replayed") == "true"


def same_answer(first, again):
    assert (again.status, again.json()) == (first.status, first.json()), (first, again)
    assert not replayed(first) and replayed(again)


@pytest.mark.sanitized
def test_the_same_key_gets_the_first_hold_again(sale):
    sale.open(standing=9)
    buyer = sale.admitted()
    first = buyer.hold_places(2, key="k-1")
    assert first.status == 201, first
    same_answer(first, buyer.hold_places(2, key="k-1"))
    assert buyer.hold_places(2).json()["hold"] != first.json()["hold"], "without the key it is a new hold"


def test_a_hold_is_replayed_even_when_it_is_gone(sale):
    sale.open(standing=9)
    buyer = sale.admitted()
    first = buyer.hold_places(2, key="k-1")
    buyer.release(first.json()["hold"])
    again = buyer.hold_places(2, key="k-1")
    assert again.status == 201 and replayed(again), again
    assert again.json()["hold"] == first.json()["hold"]


def test_a_refusal_is_replayed_too(sale):
    sale.open()
    first, second = sale.admitted(), sale.admitted()
    hold = first.held(["A-1-1"])["hold"]
    refused = second.hold(["A-1-1"], key="k-1")
    assert refused.code == "seat_taken"
    first.release(hold)
    again = second.hold(["A-1-1"], key="k-1")
    assert (again.status, again.code) == (409, "seat_taken") and replayed(again), again
    assert again.json()["seats"] == ["A-1-1"]


def test_the_same_key_for_another_request_is_refused(sale):
    sale.open()
    buyer = sale.admitted()
    buyer.held(["A-1-1"], key="k-1")
    reply = buyer.hold(["A-1-2"], key="k-1")
    assert (reply.status, reply.code) == (422, "idempotency_mismatch"), reply
    assert sale.admitted().hold(["A-1-2"]).status == 201, "the seat stayed free"


def test_a_key_of_a_hold_is_no_key_of_a_confirm(sale):
    sale.open()
    buyer = sale.admitted()
    hold = buyer.held(["A-1-1"], key="k-1")["hold"]
    reply = buyer.confirm(hold, key="k-1")
    assert (reply.status, reply.code) == (422, "idempotency_mismatch"), reply
    assert buyer.read_hold(hold).json()["state"] == "held"


def test_a_confirm_is_replayed_as_it_was(sale):
    sale.open()
    buyer = sale.admitted()
    hold = buyer.held(["A-1-1"])["hold"]
    first = buyer.confirm(hold, key="k-1")
    assert first.status == 201, first
    same_answer(first, buyer.confirm(hold, key="k-1"))
    other = buyer.confirm(hold, reference="another", key="k-1")
    assert (other.status, other.code) == (422, "idempotency_mismatch"), other


def test_an_extension_is_used_once_by_one_key(sale):
    sale.open(holds={"extensions": 2})
    buyer = sale.admitted()
    hold = buyer.held(["A-1-1"])["hold"]
    first = buyer.extend(hold, key="k-1")
    assert first.status == 200 and first.json()["extensions_left"] == 1, first
    same_answer(first, buyer.extend(hold, key="k-1"))
    assert buyer.extend(hold, key="k-2").json()["extensions_left"] == 0


def test_a_release_is_replayed_and_no_other_key_serves_for_it(sale):
    sale.open()
    buyer = sale.admitted()
    hold = buyer.held(["A-1-1"], key="k-1")["hold"]
    for reply in (buyer.release(hold, key="k-1"), buyer.extend(hold, key="k-1")):
        assert (reply.status, reply.code) == (422, "idempotency_mismatch"), reply
    assert buyer.release(hold, key="k-2").status == 204
    again = buyer.release(hold, key="k-2")
    assert again.status == 204 and replayed(again), again


def test_two_keys_in_one_request_are_none(sale):
    sale.open()
    buyer = sale.admitted()
    reply = buyer.hold(["A-1-1"], headers={"Idempotency-Key": "k-1", "idempotency-key": "k-2"})
    assert (reply.status, reply.code) == (400, "bad_request"), reply
    assert sale.admitted().hold(["A-1-1"]).status == 201, "the seat stayed free"


def test_a_quoted_key_is_the_same_key(sale):
    sale.open(standing=9)
    buyer = sale.admitted()
    first = buyer.hold_places(1, key="k-1")
    same_answer(first, buyer.hold_places(1, key='"k-1"'))


def test_a_key_belongs_to_one_user_and_one_event(sale, stand):
    sale.open(standing=9)
    other_sale = Sale(stand.env).open(standing=9)
    name = fresh_id("u")
    here, there, neighbour = sale.admitted(name), other_sale.admitted(name), sale.admitted()
    holds = {buyer.hold_places(1, key="k-1").json()["hold"] for buyer in (here, there, neighbour)}
    assert len(holds) == 3


@pytest.mark.parametrize("key", ["k" * 65, '""', "k 1", "k\xe91"])
def test_a_key_that_is_no_key_is_named(sale, key):
    sale.open()
    buyer = sale.admitted()
    reply = buyer.hold(["A-1-1"], key=key)
    assert (reply.status, reply.code) == (400, "bad_request"), reply
    assert "Idempotency-Key" in reply.json()["detail"]
    assert sale.admitted().hold(["A-1-1"]).status == 201, "the seat stayed free"


def test_the_longest_key_is_a_key(sale):
    sale.open()
    assert sale.admitted().hold(["A-1-1"], key="k" * 64).status == 201
