"""Kafka away: users notice nothing, and what was not announced is announced when it is back."""

import asyncio

from announced import announced
from purchases import Purchases, confirming, holding_buyers, until_told
from record import Record
from sale import Sale

NOWHERE = {"kafka": {"brokers": "127.0.0.1:1"}}


def test_a_sale_goes_on_without_kafka_and_is_announced_later(own_stand):
    stand = own_stand(kafka="embedded", settings=NOWHERE)
    sale = Sale(stand.env).open()
    orders = {sale.admitted().ordered([f"A-1-{seat}"])["order"] for seat in range(1, 11)}
    assert stand.server.stop() == 0, "a clean exit with all announcements still to make"
    stand.server.settings = {}
    stand.server.start()
    brokers = stand.env["ONSALE_KAFKA_BROKERS"]
    told = announced(brokers, "onsale.orders", sale.event, lambda messages: len(messages) >= 10)
    assert {message.key for message in told} == orders
    moves = announced(brokers, "onsale.inventory", sale.event, lambda messages: len(messages) >= 20)
    assert sorted(message.type for message in moves) == ["seats.confirmed"] * 10 + ["seats.held"] * 10


def test_a_crash_in_the_middle_of_announcing_leaves_nothing_out(own_stand):
    stand = own_stand(kafka="embedded")
    sale = Sale(stand.env).open(seats=150, holds={"ttl_s": 600})
    asyncio.run(crash_while_selling(stand, sale))
    with Record(stand.env["ONSALE_PG_DSN"]) as record:
        orders = record.orders(sale.event)
    assert len(orders) == 150
    brokers = stand.env["ONSALE_KAFKA_BROKERS"]
    told = announced(brokers, "onsale.orders", sale.event, lambda messages: len(messages) >= 150)
    assert {message.key for message in told} == orders
    assert {message.type for message in told} == {"order.confirmed"}
    moves = announced(brokers, "onsale.inventory", sale.event, lambda messages: len(messages) >= 300)
    numbers = [message.data["seq"] for message in moves]
    assert len(set(numbers)) == len(numbers) == 300


async def crash_while_selling(stand, sale):
    purchases = Purchases()
    buyers = await holding_buyers(sale, 150)
    running = confirming(buyers, purchases)
    await until_told(purchases, 50)
    stand.server.kill9()
    await asyncio.to_thread(stand.server.start)
    await running
    for buyer in buyers:
        buyer.http.close()
