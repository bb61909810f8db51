"""Clients that hold connections, and nothing else: cut within the limits, and nobody beside them notices.

The hostile ones are a process of their own (perf/bench/hostile_clients.py); here are the good clients, and the
server's own account. What they do to the latency of others is measured by `./dev bench hostile`, not judged here.
"""

from client import Raw, eventually, replies_in
from hostile.witness import Neighbours, cut, unsent_kib
from sale import Sale

from perf.bench.clocks import resident_bytes
from perf.bench.hostile_clients import HostileProcess

NEIGHBOURS = 20
CUT_S_MAX = 60.0  # the limits are 5 s for a request and 15 s for a reader; only a broken server takes longer
TEN_THOUSAND = {"silent": 2000, "slow_heads": 2500, "slow_bodies": 2300, "slow_readers": 400, "floods": 400,
                "half_closed": 1000, "resets": 1200, "oversized": 200}
UNREAD = ("slow_readers", "floods")
# Resident memory of the server. Who reads nothing may have 64 KiB of answers before its next request waits, the last
# of them as large as the largest there is, and 32 KiB of requests behind; buffers are powers of two.
UNREAD_KIB_MAX, OTHERS_KIB_MAX = 320, 8
KEPT_BYTES_MAX = 64 * 2**20  # of a core, for the next ones; twice what the buffer pool keeps
KERNEL_KIB_MAX = 512  # what one who reads nothing may hold of the kernel; it would give four megabytes by itself


def connections(stand):
    return stand.server.metrics()["http_connections"]


def check_nothing_is_left(stand):
    """When everybody has gone, the server owes nothing to anybody."""
    eventually(lambda: connections(stand) == 0, what="no connection left")
    assert stand.server.metrics()["http_exchanges"] == 0


def check_all_slow_ones_were_cut(stand, hostile):
    late = TEN_THOUSAND["slow_heads"] + TEN_THOUSAND["slow_bodies"]
    eventually(lambda: cut(stand, "request_timeout") >= late, CUT_S_MAX, what="slow requests cut")
    unread = sum(TEN_THOUSAND[kind] for kind in UNREAD)
    eventually(lambda: cut(stand, "slow_reader") >= unread, CUT_S_MAX, what="slow readers cut")
    for kind in ("slow_heads", "slow_bodies", "floods", "half_closed", "oversized"):
        eventually(lambda kind=kind: hostile.status.cut[kind] >= TEN_THOUSAND[kind], CUT_S_MAX, what=f"{kind} cut")


def test_ten_thousand_clients_that_only_hold_are_cut_and_take_nothing_from_others(own_stand):
    stand = own_stand()
    sale = Sale(stand.env).open()
    buyer = sale.admitted()
    before_bytes = resident_bytes(stand.server.pid)
    with Neighbours(stand, NEIGHBOURS) as neighbours, HostileProcess(sale.url, TEN_THOUSAND) as hostile:
        assert buyer.poll().status == 200
        check_all_slow_ones_were_cut(stand, hostile)
        grown_bytes = resident_bytes(stand.server.pid) - before_bytes
        assert buyer.poll().status == 200
    neighbours.check()
    assert grown_bytes / 1024 < sum(count * (UNREAD_KIB_MAX if kind in UNREAD else OTHERS_KIB_MAX)
                                    for kind, count in TEN_THOUSAND.items())
    buyer.http.close()
    check_nothing_is_left(stand)


def test_ten_thousand_resets_leave_nothing_behind(own_stand):
    stand = own_stand()
    resets = HostileProcess(stand.env["ONSALE_URL"], {"resets": 2500}, step_s=0.5)  # each: one step there, one gone
    with Neighbours(stand, NEIGHBOURS) as neighbours, resets as hostile:
        eventually(lambda: hostile.status.opened >= 12_500, CUT_S_MAX, what="ten thousand resets")
    neighbours.check()
    check_nothing_is_left(stand)


def test_a_flood_of_connections_is_answered_or_closed_and_nobody_inside_suffers(own_stand):
    stand = own_stand(workers=1, settings={"server": {"connections_max": 500}})
    url = stand.env["ONSALE_URL"]
    with Neighbours(stand, NEIGHBOURS) as neighbours:
        eventually(lambda: connections(stand) == NEIGHBOURS, what="everybody inside")
        with HostileProcess(url, {"silent": 3000}, comes_again=False) as hostile:
            eventually(lambda: hostile.status.cut.get("silent") == 3000 - (500 - NEIGHBOURS), CUT_S_MAX,
                       what="everybody beyond the limit closed")
            assert connections(stand) == 500
            check_turned_away(url)
        assert cut(stand, "connections_max") > 2500
        eventually(lambda: connections(stand) == NEIGHBOURS, what="only the good ones left")
    neighbours.check()
    check_nothing_is_left(stand)


def test_readers_that_never_read_hold_little_of_the_kernels_memory(own_stand):
    stand = own_stand(workers=1)
    held_kib = []

    def all_were_cut():
        held_kib.extend(unsent_kib(stand.server.port))
        return cut(stand, "slow_reader") >= 200

    with HostileProcess(stand.env["ONSALE_URL"], {"slow_readers": 100, "floods": 100}, comes_again=False):
        eventually(all_were_cut, CUT_S_MAX, every_s=0.5, what="slow readers cut")
    assert held_kib and max(held_kib) < KERNEL_KIB_MAX
    check_nothing_is_left(stand)


def test_the_memory_that_a_thousand_readers_needed_goes_back_when_they_are_gone(own_stand):
    stand = own_stand(workers=1)
    before_bytes = resident_bytes(stand.server.pid)

    def grown_bytes():
        return resident_bytes(stand.server.pid) - before_bytes

    with HostileProcess(stand.env["ONSALE_URL"], {"slow_readers": 1000}, comes_again=False):
        eventually(lambda: grown_bytes() > KEPT_BYTES_MAX, what="a thousand answers waiting")
    check_nothing_is_left(stand)
    eventually(lambda: grown_bytes() < KEPT_BYTES_MAX, what="the memory back")


def check_turned_away(url):
    """503 and when to come back, unless the close has overtaken it."""
    for _ in range(20):
        with Raw(url) as raw:
            raw.send(b"GET /v1/events HTTP/1.1\r\nHost: a\r\n\r\n")
            for reply in replies_in(raw.read_until_closed()):
                assert (reply.status, reply.code, reply.closes) == (503, "overloaded", True), reply
                assert reply.headers["retry-after"].isdigit()
