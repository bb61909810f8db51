"""Confirming: what becomes an order, what becomes a refund, and that neither happens twice."""

import pytest
from client import eventually
from sale import payment


def refused(reply, code, refund):
    assert (reply.status, reply.code) == (409, code), reply
    assert reply.json()["refund_required"] is refund, reply


@pytest.mark.sanitized
def test_an_order_is_in_postgresql_when_the_answer_says_so(sale, record):
    sale.open()
    buyer = sale.admitted()
    hold = buyer.held(["A-1-1", "A-1-2"])
    reply = buyer.confirm(hold["hold"], amount=30800)
    assert reply.status == 201, reply
    said = reply.json()
    assert said["order"] == hold["hold"]
    assert (said["state"], said["durable"]) == ("confirmed", "postgres")
    assert sorted(said["seats"]) == ["A-1-1", "A-1-2"]
    assert record.owners(sale.event) == {"A-1-1": said["order"], "A-1-2": said["order"]}
    assert buyer.order(said["order"]).json()["state"] == "confirmed"
    assert buyer.read_hold(hold["hold"]).json()["state"] == "confirmed"


def test_a_double_click_makes_one_order(sale, record):
    sale.open()
    buyer = sale.admitted()
    hold = buyer.held(["A-1-1"])["hold"]
    replies = [buyer.confirm(hold, reference="pay-1") for _ in range(3)]
    assert [reply.status for reply in replies] == [201, 201, 201], replies
    assert {reply.json()["order"] for reply in replies} == {hold}
    assert record.orders(sale.event) == {hold}


def test_a_second_payment_for_one_order_is_sent_back(sale):
    sale.open()
    buyer = sale.admitted()
    hold = buyer.held(["A-1-1"])["hold"]
    assert buyer.confirm(hold, reference="pay-1").status == 201
    refused(buyer.confirm(hold, reference="pay-2"), "already_paid", refund=True)
    assert buyer.order(hold).json()["state"] == "confirmed"


def test_one_payment_makes_one_order(sale, record):
    sale.open()
    buyer = sale.admitted()
    first, second = buyer.held(["A-1-1"])["hold"], buyer.held(["A-1-2"])["hold"]
    assert buyer.confirm(first, reference="pay-1").status == 201
    reply = buyer.confirm(second, reference="pay-1")
    assert (reply.status, reply.code) == (409, "already_paid"), reply
    assert reply.json()["refund_required"] is False, "that money has its order"
    assert record.orders(sale.event) == {first}


@pytest.mark.parametrize("amount, currency", [(15399, "KRW"), (15401, "KRW"), (0, "KRW"), (15400, "USD")])
def test_the_wrong_money_is_sent_back_and_the_hold_stays(sale, amount, currency):
    sale.open()
    buyer = sale.admitted()
    hold = buyer.held(["A-1-1"])["hold"]
    reply = buyer.confirm(hold, reference="wrong", amount=amount, currency=currency)
    refused(reply, "amount_mismatch", refund=True)
    refused(buyer.confirm(hold, reference="wrong", amount=amount, currency=currency), "amount_mismatch", refund=True)
    assert buyer.read_hold(hold).json()["state"] == "held"
    assert buyer.confirm(hold, reference="right").status == 201


def test_late_money_takes_the_seats_again_when_they_are_free(sale, record):
    sale.open()
    buyer = sale.admitted()
    hold = buyer.held(["A-1-1"])["hold"]
    buyer.release(hold)
    reply = buyer.confirm(hold)
    assert reply.status == 201, reply
    assert record.owners(sale.event) == {"A-1-1": hold}


def test_late_money_for_seats_that_went_to_others_is_sent_back(sale, record):
    sale.open()
    late, quick = sale.admitted(), sale.admitted()
    hold = late.held(["A-1-1", "A-1-2"])["hold"]
    late.release(hold)
    quicker = quick.ordered(["A-1-2"])["order"]
    refused(late.confirm(hold, amount=30800), "hold_expired", refund=True)
    refused(late.confirm(hold, amount=30800), "hold_expired", refund=True)
    assert record.owners(sale.event) == {"A-1-2": quicker}
    eventually(lambda: record.payment(sale.event, f"pay-{hold}") == ("hold_expired", True),
               what="the refused payment in the record")


def test_late_money_does_not_carry_a_user_past_the_limit(sale, record):
    """Hold, give back, hold others, and pay for all of it in the end."""
    sale.open(holds={"seats_per_user": 2})
    buyer = sale.admitted()
    holds = []
    for first in (1, 3, 5):
        holds.append(buyer.held([f"A-1-{first}", f"A-1-{first + 1}"])["hold"])
        buyer.release(holds[-1])
    replies = [buyer.confirm(hold, amount=30800) for hold in holds]
    assert replies[0].status == 201, replies[0]
    for reply in replies[1:]:
        refused(reply, "hold_expired", refund=True)
    assert len(record.owners(sale.event)) == 2


def test_a_released_order_is_not_released(sale):
    sale.open()
    buyer = sale.admitted()
    order = buyer.ordered(["A-1-1"])["order"]
    reply = buyer.release(order)
    assert reply.status == 409, reply
    assert buyer.order(order).json()["state"] == "confirmed"


def test_an_order_is_its_owners_alone(sale):
    sale.open()
    owner, other = sale.admitted(), sale.admitted()
    order = owner.ordered(["A-1-1"])["order"]
    reply = other.order(order)
    assert (reply.status, reply.code) == (404, "order_not_found"), reply
    assert owner.order(order).status == 200


def test_a_hold_is_no_order_yet(sale):
    sale.open()
    buyer = sale.admitted()
    reply = buyer.order(buyer.held(["A-1-1"])["hold"])
    assert (reply.status, reply.code) == (404, "order_not_found"), reply


def test_after_a_lost_answer_me_tells_everything(sale):
    sale.open()
    buyer = sale.admitted()
    order = buyer.ordered(["A-1-1"])["order"]
    hold = buyer.held(["A-1-2"])["hold"]
    for token in (buyer.ticket, buyer.admission):
        reply = buyer.ask("GET", "/me", token=token)
        assert reply.status == 200, reply
        said = reply.json()
        assert said["user"] == buyer.user and said["queue"]["state"] == "admitted"
        assert [found["hold"] for found in said["holds"]] == [hold]
        assert [(found["order"], found["state"]) for found in said["orders"]] == [(order, "confirmed")]


def test_an_order_can_be_confirmed_with_the_ticket(sale):
    sale.open()
    buyer = sale.admitted()
    hold = buyer.held(["A-1-1"])["hold"]
    reply = buyer.ask("POST", f"/holds/{hold}/confirm", token=buyer.ticket, body=payment("pay-1"))
    assert reply.status == 201, reply
