"""Buyers in the middle of a purchase while something breaks, and what they were told."""

import asyncio

import redis

from sale import in_parallel

AT_ONCE = 20


class Purchases:
    """What clients were told: hold -> state of every 201 and 202. `acknowledged` are the 201s."""

    def __init__(self):
        self.told = {}
        self.acknowledged = set()

    def note(self, hold, reply):
        assert reply.status in (201, 202), reply
        said = reply.json()
        assert said["order"] == hold, "another order than the one asked for"
        assert said["durable"] == ("postgres" if reply.status == 201 else "redis"), said
        self.told[hold] = said["state"]
        if reply.status == 201:
            self.acknowledged.add(hold)


async def holding_buyers(sale, count):
    """Admitted buyers who each hold one seat: A-1-1, A-1-2 and so on."""
    buyers = [sale.async_buyer(f"buyer-{number}") for number in range(count)]
    await in_parallel(buyers, lambda buyer: buyer.enter(), at_once=50)
    for number, buyer in enumerate(buyers):
        buyer.seat = f"A-1-{number + 1}"
        reply = await buyer.hold([buyer.seat])
        assert reply.status == 201, reply
        buyer.hold_id = reply.json()["hold"]
    return buyers


async def confirm_through(buyer, purchases):
    """Confirms and, when the answer is lost or is 503, asks again as a person would."""
    reply = await buyer.persist(lambda: buyer.confirm(buyer.hold_id), deadline_s=60)
    purchases.note(buyer.hold_id, reply)


def confirming(buyers, purchases):
    """A running task in which all confirm, AT_ONCE at a time, so that a fault cuts some, and finds some not begun."""
    return asyncio.create_task(
        in_parallel(buyers, lambda buyer: confirm_through(buyer, purchases), at_once=AT_ONCE))


async def until_told(purchases, count):
    while len(purchases.told) < count:
        await asyncio.sleep(0.001)


def redis_of(stand):
    return redis.Redis.from_url(stand.env["ONSALE_REDIS_URL"])


def decided_in_redis(stand, sale):
    """Holds that Redis made orders of, read from the hold records: C confirmed, R recorded."""
    records = redis_of(stand).hgetall(f"{{{sale.event}}}:hold")
    return {hold.decode() for hold, packed in records.items() if packed[:1] in (b"C", b"R")}


def unrecorded(stand, sale):
    """How many orders and refused payments wait for PostgreSQL."""
    return redis_of(stand).zcard(f"{{{sale.event}}}:unrecorded")
