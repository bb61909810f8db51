"""PostgreSQL away for ten seconds: confirmations say pending and nothing else changes; then all are recorded."""

import asyncio
import time

import psycopg2
from client import eventually
from purchases import Purchases, confirm_through, confirming, holding_buyers, unrecorded, until_told
from record import Record
from sale import Sale

BUYERS = 100
DOWN_S = 10


def test_ten_seconds_without_postgresql(own_stand):
    stand = own_stand()
    sale = Sale(stand.env).open(seats=BUYERS, standing=50, holds={"ttl_s": 600})
    asyncio.run(sell_while_it_is_down(stand, sale))


async def sell_while_it_is_down(stand, sale):
    purchases = Purchases()
    buyers = await holding_buyers(sale, BUYERS)
    before, during = buyers[:20], buyers[20:]
    for buyer in before:
        await confirm_through(buyer, purchases)
    assert len(purchases.acknowledged) == 20
    await asyncio.to_thread(stand.postgres.stop)
    stopped = time.monotonic()
    running = confirming(during, purchases)
    await until_told(purchases, 40)
    assert len(purchases.acknowledged) == 20, "nothing is durable in a database that is down"
    await everything_else_goes_on(sale, buyers[0], next(buyer for buyer in during if buyer.hold_id in purchases.told))
    await asyncio.sleep(max(0.0, DOWN_S - (time.monotonic() - stopped)))
    await asyncio.to_thread(stand.postgres.start)
    await running
    await all_recorded(stand, sale, buyers)


async def everything_else_goes_on(sale, buyer, pending):
    assert (await pending.order(pending.hold_id)).json()["state"] == "pending"
    again = await pending.confirm(pending.hold_id)
    assert (again.status, again.json()["durable"]) == (202, "redis"), again
    assert (await buyer.poll()).json()["state"] == "admitted"
    assert (await buyer.map()).status == 200
    held = await buyer.hold_places(1)
    assert held.status == 201, held
    assert (await buyer.release(held.json()["hold"])).status == 204
    newcomer = sale.async_buyer()
    assert (await newcomer.join()).status == 201
    newcomer.http.close()


async def all_recorded(stand, sale, buyers):
    with Record(stand.env["ONSALE_PG_DSN"]) as record:
        await asyncio.to_thread(eventually, lambda: len(record.orders(sale.event)) == len(buyers),
                                what="the backlog in the record")
        assert record.owners(sale.event) == {buyer.seat: buyer.hold_id for buyer in buyers}
    await asyncio.to_thread(eventually, lambda: not unrecorded(stand, sale), what="nothing left unrecorded")
    for buyer in buyers:
        reply = await buyer.confirm(buyer.hold_id)
        assert (reply.status, reply.json()["state"]) == (201, "confirmed"), reply
        buyer.http.close()


def test_postgresql_crashes_in_the_middle_of_confirms(own_stand):
    stand = own_stand()
    sale = Sale(stand.env).open(seats=200, holds={"ttl_s": 600})
    asyncio.run(crash_postgresql(stand, sale))


async def crash_postgresql(stand, sale):
    purchases = Purchases()
    buyers = await holding_buyers(sale, 200)
    running = confirming(buyers, purchases)
    await until_told(purchases, 40)
    await asyncio.to_thread(stand.postgres.kill9)
    acknowledged = set(purchases.acknowledged)
    await asyncio.to_thread(stand.postgres.start)
    await running
    with Record(stand.env["ONSALE_PG_DSN"]) as record:
        assert acknowledged <= record.orders(sale.event), "an order that was 201 is gone"
    await all_recorded(stand, sale, buyers)


def test_a_database_that_hangs_makes_nobody_wait_for_ever(own_stand):
    """A lock that somebody took by hand: confirmations say pending in time, and are recorded once it is gone."""
    stand = own_stand()
    sale = Sale(stand.env).open(seats=40, holds={"ttl_s": 600})
    blocker = psycopg2.connect(stand.env["ONSALE_PG_DSN"])
    try:
        asyncio.run(sell_behind_a_lock(stand, sale, blocker))
    finally:
        blocker.close()


async def sell_behind_a_lock(stand, sale, blocker):
    purchases = Purchases()
    buyers = await holding_buyers(sale, 40)
    blocker.cursor().execute("LOCK TABLE order_seats IN ACCESS EXCLUSIVE MODE")
    started = time.monotonic()
    await confirming(buyers[:20], purchases)
    assert time.monotonic() - started < 20
    assert not purchases.acknowledged and set(purchases.told.values()) == {"pending"}
    running = confirming(buyers[20:], purchases)
    blocker.rollback()
    await running
    await all_recorded(stand, sale, buyers)
