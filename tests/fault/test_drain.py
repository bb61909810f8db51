"""SIGTERM: no new connections, what runs is finished, the exit is clean."""

import asyncio
import signal

from client import Http, Raw, eventually
from purchases import Purchases, holding_buyers
from record import Record
from sale import Sale


def test_sigterm_finishes_what_runs_and_leaves_nothing_behind(own_stand):
    stand = own_stand()
    sale = Sale(stand.env).open(seats=100, holds={"ttl_s": 600})
    with Record(stand.env["ONSALE_PG_DSN"]) as record:
        told = asyncio.run(terminate_in_the_middle(stand, sale))
        assert told.acknowledged <= record.orders(sale.event)
    assert stand.server.wait(30) == 0, "a clean exit"
    stand.server.start()
    with Record(stand.env["ONSALE_PG_DSN"]) as record:
        eventually(lambda: set(told.told) <= record.orders(sale.event), what="every told order in the record")


async def terminate_in_the_middle(stand, sale):
    """All confirms are on the wire when the signal comes; an answer may be missing, a torn one may not."""
    told = Purchases()
    buyers = await holding_buyers(sale, 100)

    async def confirm(buyer):
        try:
            reply = await buyer.confirm(buyer.hold_id)
        except (OSError, asyncio.TimeoutError):
            return
        if reply.status != 503:
            told.note(buyer.hold_id, reply)

    running = [asyncio.create_task(confirm(buyer)) for buyer in buyers]
    await asyncio.sleep(0)
    stand.server.signal(signal.SIGTERM)
    await asyncio.gather(*running)
    return told


def test_a_draining_node_takes_nobody_new_and_says_so(own_stand):
    stand = own_stand()
    sale = Sale(stand.env).open()
    http = Http(sale.url)
    assert http.request("GET", sale.path()).status == 200
    stand.server.signal(signal.SIGTERM)
    assert stand.server.wait(30) == 0
    try:
        Raw(sale.url, timeout_s=2).send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    except OSError:
        return
    raise AssertionError("a node that has gone still takes connections")


def test_idle_connections_do_not_hold_a_drain_up(own_stand):
    stand = own_stand()
    idle = [Raw(stand.env["ONSALE_URL"]) for _ in range(50)]
    half_sent = Raw(stand.env["ONSALE_URL"])
    half_sent.send(b"GET /v1/events HTTP/1.1\r\nHost: ")
    stand.server.signal(signal.SIGTERM)
    assert stand.server.wait(30) == 0
    for connection in [*idle, half_sent]:
        connection.read_until_closed()
