"""kill -9 of onsaled in the middle of confirms: nothing acknowledged is missing, a question has one answer."""

import asyncio

from client import eventually
from purchases import confirm_through, confirming, decided_in_redis, holding_buyers, Purchases, unrecorded, until_told
from record import Record
from sale import Sale, payment

BUYERS = 240
KILL_AFTER = 60  # orders the clients have been told of


def test_nothing_acknowledged_is_missing_after_a_crash(own_stand):
    stand = own_stand()
    sale = Sale(stand.env).open(seats=BUYERS, holds={"ttl_s": 600})
    with Record(stand.env["ONSALE_PG_DSN"]) as record:
        asyncio.run(crash_in_the_middle(stand, sale, record))


async def crash_in_the_middle(stand, sale, record):
    purchases = Purchases()
    buyers = await holding_buyers(sale, BUYERS)
    running = confirming(buyers, purchases)
    await until_told(purchases, KILL_AFTER)
    stand.server.kill9()
    assert not running.done(), "the crash came too late to cut anything"
    assert purchases.acknowledged <= record.orders(sale.event), "an order a client was told of is gone"
    await asyncio.to_thread(stand.server.start)
    await running
    await asyncio.to_thread(eventually, lambda: len(record.orders(sale.event)) == BUYERS, what="all orders recorded")
    assert set(purchases.told) == record.orders(sale.event)
    assert record.owners(sale.event) == {buyer.seat: buyer.hold_id for buyer in buyers}
    await everybody_asks_again(buyers)
    assert len(record.orders(sale.event)) == BUYERS


async def everybody_asks_again(buyers):
    for buyer in buyers:
        again = await buyer.confirm(buyer.hold_id)
        assert again.status == 201 and again.json()["order"] == buyer.hold_id, again
        assert (await buyer.order(buyer.hold_id)).json()["state"] == "confirmed"
        buyer.http.close()


def test_orders_nobody_asks_for_again_are_adopted(own_stand):
    """PostgreSQL is down, the confirms are Redis' alone, the node dies, no client comes back: recorded all the same."""
    stand = own_stand()
    sale = Sale(stand.env).open(seats=50, holds={"ttl_s": 600})
    holds = asyncio.run(confirm_and_vanish(stand, sale))
    eventually(lambda: decided_in_redis(stand, sale) == holds, what="the confirms in Redis")
    stand.server.kill9()
    stand.postgres.start()
    with Record(stand.env["ONSALE_PG_DSN"]) as record:
        assert not record.orders(sale.event)
        stand.server.start()
        eventually(lambda: record.orders(sale.event) == holds, what="the adoption of what Redis decided")
    eventually(lambda: not unrecorded(stand, sale), what="nothing left unrecorded")


async def confirm_and_vanish(stand, sale):
    buyers = await holding_buyers(sale, 50)
    stand.postgres.stop()
    for buyer in buyers:
        await buyer.http.send_and_vanish("POST", sale.path(f"/holds/{buyer.hold_id}/confirm"),
                                         buyer.headers(buyer.admission), payment(f"pay-{buyer.hold_id}"))
    return {buyer.hold_id for buyer in buyers}


def test_holds_and_places_survive_a_crash(own_stand):
    stand = own_stand()
    sale = Sale(stand.env).open(admission={"active_max": 1})
    buyer, waiting = sale.admitted(), [sale.buyer() for _ in range(3)]
    for user in waiting:
        user.keep(user.join())
    hold = buyer.held(["A-1-1"])
    stand.server.kill9()
    stand.server.start()
    assert [user.poll().json()["position"] for user in waiting] == [1, 2, 3]
    assert buyer.read_hold(hold["hold"]).json() == hold
    assert buyer.confirm(hold["hold"], amount=hold["amount"]).status == 201


def test_a_killed_node_starts_again_at_once(own_stand):
    """The kernel tears a killed node's rings down in the background: for a moment its listener is still there."""
    stand = own_stand()
    sale = Sale(stand.env).open()
    for _ in range(10):
        user = sale.buyer()
        user.keep(user.join())
        stand.server.kill9()
        stand.server.start()
        assert user.poll().status == 200


def test_one_of_two_nodes_dies_and_the_other_sells_on(own_stand):
    stand = own_stand()
    second = stand.add_server("second", workers=1)
    second.start()
    sale = Sale(stand.env).open(seats=120, holds={"ttl_s": 600})
    elsewhere = Sale({**stand.env, "ONSALE_URL": second.url, "ONSALE_OPS_URL": second.ops_url}, sale.event)
    with Record(stand.env["ONSALE_PG_DSN"]) as record:
        asyncio.run(go_on_elsewhere(stand, sale, elsewhere, record))


async def go_on_elsewhere(stand, sale, elsewhere, record):
    purchases = Purchases()
    buyers = await holding_buyers(sale, 120)
    running = confirming(buyers, purchases)
    await until_told(purchases, 30)
    stand.server.kill9()
    running.cancel()
    for buyer in buyers:
        buyer.http = elsewhere.async_buyer(buyer.user).http
        await confirm_through(buyer, purchases)
        buyer.http.close()
    await asyncio.to_thread(eventually, lambda: len(record.orders(sale.event)) == 120, what="all orders recorded")
    assert record.owners(sale.event) == {buyer.seat: buyer.hold_id for buyer in buyers}
