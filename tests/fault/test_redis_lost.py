"""Redis crashes, restarts, or forgets everything in the middle of confirms: no seat twice, no 201 lost, sales go on."""

import asyncio
import signal
import time

import pytest
from announced import announced
from client import eventually
from purchases import Purchases, confirming, holding_buyers, redis_of, unrecorded, until_told
from record import Record
from sale import Sale, seats_of

BUYERS = 200
BREAK_AFTER = 50
SEATS = 2 * BUYERS
HANG_S = 3


def crash(stand):
    stand.redis.kill9()
    stand.redis.start()


def restart(stand):
    stand.redis.stop()
    stand.redis.start()


def flush_everything(stand):
    redis_of(stand).flushall()


def lose_the_memory(stand):
    """A crash of a Redis whose disk is gone."""
    redis_of(stand).flushall()
    stand.redis.kill9()
    stand.redis.start()


def hang(stand):
    """Nothing is lost, but answers come after everybody stopped waiting for them."""
    stand.redis.signal(signal.SIGSTOP)
    time.sleep(HANG_S)
    stand.redis.signal(signal.SIGCONT)


@pytest.mark.parametrize("fault", [crash, restart, flush_everything, lose_the_memory, hang])
def test_no_seat_twice_and_no_201_lost(own_stand, fault):
    stand = own_stand()
    sale = Sale(stand.env).open(seats=SEATS, holds={"ttl_s": 600}, line={"reform_s": 1})
    with Record(stand.env["ONSALE_PG_DSN"]) as record:
        asyncio.run(break_redis_in_the_middle(stand, sale, record, fault))
        sold_out_exactly(stand, sale, record)


class Patient(Purchases):
    """Purchases that may end in a stated refusal: a hold that Redis lost has no answer but that."""

    def __init__(self):
        super().__init__()
        self.refused = {}

    def note(self, hold, reply):
        if reply.status in (201, 202):
            return super().note(hold, reply)
        assert reply.code in ("hold_expired", "hold_not_found", "order_rejected"), reply
        self.refused[hold] = reply


async def break_redis_in_the_middle(stand, sale, record, fault):
    purchases = Patient()
    buyers = await holding_buyers(sale, BUYERS)
    running = confirming(buyers, purchases)
    await until_told(purchases, BREAK_AFTER)
    await asyncio.to_thread(fault, stand)
    acknowledged = set(purchases.acknowledged)
    assert acknowledged <= record.orders(sale.event)
    await running
    await asyncio.to_thread(eventually, lambda: not unrecorded(stand, sale), what="nothing left unrecorded")
    assert purchases.acknowledged <= record.orders(sale.event), "an order that was 201 is gone"
    await every_answer_was_true(sale, record, buyers, purchases)


async def every_answer_was_true(sale, record, buyers, purchases):
    confirmed, rejected = record.orders(sale.event), record.orders(sale.event, "rejected")
    for buyer in buyers:
        if buyer.hold_id in purchases.refused:
            assert buyer.hold_id not in confirmed, "refused to the client, sold in the record"
            refund_is_kept(sale, record, buyer, purchases.refused[buyer.hold_id])
        elif buyer.hold_id not in confirmed:
            assert purchases.told[buyer.hold_id] != "confirmed" and buyer.hold_id in rejected
        else:
            again = await buyer.persist(lambda: buyer.confirm(buyer.hold_id))
            assert again.status == 201 and again.json()["order"] == buyer.hold_id, again
        buyer.http.close()
    owners = record.owners(sale.event)
    assert owners == {buyer.seat: buyer.hold_id for buyer in buyers if buyer.hold_id in confirmed}


def refund_is_kept(sale, record, buyer, reply):
    """Money that was reported for a hold Redis forgot is in the record, to be given back."""
    if reply.code == "hold_not_found":
        return
    assert reply.json()["refund_required"] is True, reply
    eventually(lambda: (record.payment(sale.event, f"pay-{buyer.hold_id}") or ("", False))[1],
               what="the refund in the record")


def sold_out_exactly(stand, sale, record):
    """Selling goes on after the fault: what the record calls sold cannot be held, all the rest can, and once."""
    sold = set(record.owners(sale.event))
    buyer = eventually(lambda: try_to_enter(sale), what="a buyer after the fault")
    shown = eventually(lambda: map_that_sold(buyer, sold), what="the map to show what the record calls sold")
    assert redis_of(stand).config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"
    for seat in sorted(sold)[:5]:
        reply = buyer.hold([seat])
        assert (reply.status, reply.code) == (409, "seat_taken"), reply
    free = [seat for seat, character in shown.items() if character == "."][:3]
    order = buyer.ordered(free)
    assert set(record.owners(sale.event)) == sold | set(free)
    assert record.orders(sale.event) >= {order["order"]}


def try_to_enter(sale):
    buyer = sale.buyer()
    if buyer.join().status not in (200, 201):
        return None
    return buyer.enter()


def map_that_sold(buyer, sold):
    """The map, once exactly these seats are sold on it; a node's map may be a moment behind."""
    shown = shown_seats(buyer)
    return shown if {seat for seat, character in shown.items() if character == "x"} == sold else None


def shown_seats(buyer):
    reply = buyer.map()
    return {} if reply.status != 200 else seats_of(reply.json())


def test_the_epoch_grows_when_redis_forgets(own_stand):
    """And with it every seq, so that a consumer can tell what came after what."""
    stand = own_stand(kafka="embedded")
    brokers = stand.env["ONSALE_KAFKA_BROKERS"]
    sale = Sale(stand.env).open(line={"reform_s": 1})
    sale.admitted().ordered(["A-1-1"])
    before = announced(brokers, "onsale.inventory", sale.event, lambda messages: len(messages) == 2)
    with Record(stand.env["ONSALE_PG_DSN"]) as record:
        epoch = record.epoch(sale.event)
        flush_everything(stand)
        eventually(lambda: record.epoch(sale.event) > epoch, what="a new epoch")
        epoch = record.epoch(sale.event)
    buyer = eventually(lambda: try_to_enter(sale), what="a buyer after the fault")
    eventually(lambda: map_that_sold(buyer, {"A-1-1"}), what="the sold seat on the map")
    buyer.ordered(["A-1-2"])
    after = announced(brokers, "onsale.inventory", sale.event, lambda messages: len(messages) >= 4)
    assert max(seqs(before)) < min(seqs(after) - seqs(before))
    assert min(seqs(after) - seqs(before)) >> 32 == epoch
    line = announced(brokers, "onsale.line", sale.event,
                     lambda messages: any(message.type == "event.reconciled" for message in messages))
    reconciled = [message for message in line if message.type == "event.reconciled"]
    assert reconciled[-1].data["epoch"] == epoch


def seqs(messages):
    return {message.data["seq"] for message in messages}


def test_the_line_survives_when_redis_forgets(own_stand):
    """Tickets bring the places back in their order, and whoever is new stands behind them."""
    stand = own_stand()
    sale = Sale(stand.env).open(admission={"active_max": 1}, line={"reform_s": 5})
    sale.admitted()
    waiting = [sale.buyer() for _ in range(5)]
    for buyer in waiting:
        buyer.keep(buyer.join())
    wait_for_the_recorded_head(stand, sale)
    flush_everything(stand)
    for buyer in reversed(waiting):
        eventually(lambda: buyer.join_again().status == 200, what="the place after the fault")
    newcomer = sale.buyer()
    newcomer.keep(newcomer.join())
    arrived = []
    for buyer in [*waiting, newcomer]:
        buyer.until_admitted()
        arrived.append(buyer)
        others = [other.poll().json()["state"] for other in [*waiting, newcomer] if other not in arrived]
        assert set(others) <= {"waiting"}, others
        assert buyer.leave().status == 204


def wait_for_the_recorded_head(stand, sale):
    with Record(stand.env["ONSALE_PG_DSN"]) as record:
        eventually(lambda: record.rows("SELECT head FROM event_heads WHERE event = %s AND head > 0", sale.event),
                   what="the head of the line in the record")


def test_redis_away_answers_503_and_comes_back(own_stand):
    stand = own_stand()
    sale = Sale(stand.env).open()
    buyer = sale.admitted()
    stand.redis.stop()
    reply = eventually(lambda: answer_503(buyer), what="503 while Redis is away")
    assert reply.code in ("backend_unavailable", "frozen", "overloaded")
    assert 1 <= int(reply.headers["retry-after"]) <= 10
    status, lines = eventually(lambda: not_ready(stand), what="a node that says it is not ready")
    assert "redis" in lines, lines
    stand.redis.start()
    eventually(lambda: buyer.hold(["A-1-1"]).status == 201, what="a hold after Redis is back")
    eventually(lambda: stand.server.readiness()[0] == 200, what="a node that is ready again")


def not_ready(stand):
    status, lines = stand.server.readiness()
    return (status, lines) if status == 503 else None


def answer_503(buyer):
    reply = buyer.hold(["A-1-1"])
    return reply if reply.status == 503 else None
