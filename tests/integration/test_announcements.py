"""Announcements on Kafka: every order once, every seat transition in order, in the contract's form."""

import asyncio
import re

import pytest
from announced import announced, of_event, once, read_topic
from sale import in_parallel


@pytest.fixture
def brokers(stand):
    if not stand.env["ONSALE_KAFKA_BROKERS"]:
        pytest.skip("this stand has no Kafka")
    return stand.env["ONSALE_KAFKA_BROKERS"]


def cloud_event(message):
    """The form every announcement has."""
    headers = message.headers
    assert headers["ce_specversion"] == "1.0"
    assert headers["ce_id"] and headers["ce_type"] and headers["ce_source"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", headers["ce_time"]), headers
    assert headers["content-type"].startswith("application/json")


def test_an_order_is_announced_with_its_id_as_key(sale, brokers):
    sale.open()
    order = sale.admitted().ordered(["A-1-1", "A-1-2"])["order"]
    found = announced(brokers, "onsale.orders", sale.event, lambda messages: messages)
    assert [(message.id, message.type, message.key) for message in found] == [
        (f"{order}:order.confirmed", "order.confirmed", order)]
    cloud_event(found[0])
    assert sorted(found[0].data["seats"]) == ["A-1-1", "A-1-2"]
    assert (found[0].data["amount"], found[0].data["currency"]) == (30800, "KRW")


def test_a_refund_is_announced_with_its_order(sale, brokers):
    sale.open()
    buyer = sale.admitted()
    hold = buyer.held(["A-1-1"])["hold"]
    assert buyer.confirm(hold, reference="wrong", amount=1).code == "amount_mismatch"
    found = announced(brokers, "onsale.orders", sale.event, lambda messages: messages)
    assert [(message.id, message.type, message.key) for message in found] == [
        (f"{hold}:refund.required", "refund.required", hold)]
    assert (found[0].data["reference"], found[0].data["amount"]) == ("wrong", 1)


def test_a_seats_life_is_announced_in_order(sale, brokers):
    sale.open(holds={"extensions": 1})
    buyer = sale.admitted()
    hold = buyer.held(["A-1-1"])["hold"]
    assert buyer.extend(hold).status == 200
    assert buyer.release(hold).status == 204
    order = buyer.ordered(["A-1-1"])["order"]
    # Two keys may be two partitions, of which the later one may be read first.
    found = announced(brokers, "onsale.inventory", sale.event, lambda messages: len(messages) >= 5)
    in_order = sorted(found, key=lambda message: message.data["seq"])
    assert [(message.type, message.key) for message in in_order] == [
        ("seats.held", hold), ("hold.extended", hold), ("seats.released", hold),
        ("seats.held", order), ("seats.confirmed", order)]
    for message in in_order:
        cloud_event(message)
        assert message.id == f"{sale.event}:{message.data['seq']}"
        assert message.data["seats"] == ["A-1-1"]


def test_a_hold_that_ran_out_is_announced(sale, brokers):
    sale.open(holds={"ttl_s": 1})
    hold = sale.admitted().held(["A-1-1"])["hold"]
    found = announced(brokers, "onsale.inventory", sale.event,
                      lambda messages: any(message.type == "seats.expired" for message in messages))
    assert [message.key for message in found] == [hold, hold]


def test_the_line_is_announced_under_the_event(sale, brokers):
    sale.open(seats=1)
    sale.admitted().ordered(["A-1-1"])

    def told(messages, kind, count=1):
        return sum(message.type == kind for message in messages) >= count

    announced(brokers, "onsale.line", sale.event,
              lambda messages: told(messages, "line.admitted") and told(messages, "line.sold_out"))
    sale.move("close")
    found = announced(brokers, "onsale.line", sale.event, lambda messages: told(messages, "event.state_changed", 2))
    assert {message.key for message in found} == {sale.event}
    for message in found:
        cloud_event(message)


def test_a_whole_sale_is_announced_once_and_in_order(sale, brokers, record):
    """Sixty buyers at once; the seq of the sale's log is strictly increasing and names each transition once."""
    sale.open(seats=60)
    asyncio.run(everybody_buys(sale, 60))
    orders = record.orders(sale.event)
    assert len(orders) == 60
    told = announced(brokers, "onsale.orders", sale.event, lambda messages: len(messages) >= 60)
    assert {message.key for message in told} == orders
    assert [message.type for message in told] == ["order.confirmed"] * 60
    moves = announced(brokers, "onsale.inventory", sale.event, lambda messages: len(messages) >= 120)
    assert sorted(message.type for message in moves) == ["seats.confirmed"] * 60 + ["seats.held"] * 60
    numbers = [message.data["seq"] for message in moves]
    assert len(set(numbers)) == len(numbers)
    by_key = {}
    for message in of_event(read_topic(brokers, "onsale.inventory"), sale.event):
        by_key.setdefault(message.key, []).append(message)
    for key, of_one_hold in by_key.items():
        sequence = [message.data["seq"] for message in once(of_one_hold)]
        assert sequence == sorted(sequence), f"hold {key} out of order"
        assert len({message.partition for message in of_one_hold}) == 1


async def everybody_buys(sale, count):
    buyers = [sale.async_buyer() for _ in range(count)]
    await in_parallel(buyers, lambda buyer: buyer.enter())

    async def buy(buyer, seat):
        hold = (await buyer.hold([seat])).json()["hold"]
        reply = await buyer.confirm(hold)
        assert reply.status == 201, reply
        buyer.http.close()

    await asyncio.gather(*(buy(buyer, f"A-1-{number + 1}") for number, buyer in enumerate(buyers)))
