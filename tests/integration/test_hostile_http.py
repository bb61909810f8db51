"""Hostile and torn HTTP: each stream ends its own connection and nobody else's.

`neighbour` is one keep-alive connection that lives through the whole file: it is asked after every attack, and must
never have been closed.
"""

import asyncio
import time

import pytest
from client import AsyncHttp, Http, Raw, parse_reply, replies_in
from sale import Sale

CLOSE_S_MAX = 20.0
GOOD = b"GET /v1/events HTTP/1.1\r\nHost: a\r\n\r\n"


class Unbroken(Http):
    """A connection that is never opened twice."""

    def _closed_meanwhile(self):
        assert not super()._closed_meanwhile(), "the neighbour's connection was closed"
        return False


@pytest.fixture(scope="module")
def neighbour(stand):
    http = Unbroken(stand.env["ONSALE_URL"])
    assert http.request("GET", "/v1/events").status == 200
    yield http
    http.close()


@pytest.fixture(autouse=True)
def neighbour_lives(neighbour):
    yield
    assert neighbour.request("GET", "/v1/events").status == 200


def attack(stand, data, pieces=1):
    """Sends `data` and returns the answers; the server must close by itself."""
    with Raw(stand.env["ONSALE_URL"], timeout_s=CLOSE_S_MAX) as raw:
        raw.send(data, pieces)
        return replies_in(raw.read_until_closed())


def request(*lines, body=b""):
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def get(*more):
    return request(b"GET /v1/events HTTP/1.1", b"Host: a", *more)


def post(*more, body=b""):
    return request(b"POST /v1/events/e/queue HTTP/1.1", b"Host: a", *more, body=body)


MALFORMED = {
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 60 + b"\r\n\r\n",
    "a line of nothing": b"hello\r\n\r\n",
    "bare LF": b"GET / HTTP/1.1\nHost: a\n\n",
    "bare CR": b"GET / HTTP/1.1\rHost: a\r\r",
    "two spaces": b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
    "no version": b"GET /\r\nHost: a\r\n\r\n",
    "HTTP/0.9": b"GET / HTTP/0.9\r\nHost: a\r\n\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/1.10": b"GET / HTTP/1.10\r\nHost: a\r\n\r\n",
    "a method nobody knows": b"STEAL / HTTP/1.1\r\nHost: a\r\n\r\n",
    "a lower-case method": b"get / HTTP/1.1\r\nHost: a\r\n\r\n",
    "no host": b"GET /v1/events HTTP/1.1\r\n\r\n",
    "two hosts": get(b"Host: b"),
    "an empty host and another": request(b"GET /v1/events HTTP/1.1", b"Host:", b"Host: a"),
    "a folded header": get(b"X-Long: a\r\n  b"),
    "a space before the colon": get(b"X-Space : a"),
    "no colon": get(b"X-No-Colon"),
    "an empty name": get(b": a"),
    "a control byte in a value": get(b"X-Bad: a\x01b"),
    "a zero byte in a value": get(b"X-Bad: a\x00b"),
    "a zero byte in a name": get(b"X-B\x00ad: a"),
    "a zero byte in the path": b"GET /v1/\x00events HTTP/1.1\r\nHost: a\r\n\r\n",
    "a space in the path": b"GET /v1/ev ents HTTP/1.1\r\nHost: a\r\n\r\n",
    "length with a sign": post(b"Content-Length: +2", body=b"{}"),
    "length below zero": post(b"Content-Length: -1"),
    "length in hex": post(b"Content-Length: 0x2", body=b"{}"),
    "length with a space": post(b"Content-Length: 1 1", body=b"{}"),
    "length as a list": post(b"Content-Length: 2, 2", body=b"{}"),
    "two lengths": post(b"Content-Length: 2", b"Content-Length: 3", body=b"{}"),
    "the same length twice": post(b"Content-Length: 2", b"Content-Length: 2", body=b"{}"),
    "a length beyond all numbers": post(b"Content-Length: 99999999999999999999999999"),
    "an empty length": post(b"Content-Length:"),
    "length and chunks": post(b"Content-Length: 5", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
    "chunks and length": post(b"Transfer-Encoding: chunked", b"Content-Length: 5", body=b"0\r\n\r\n"),
}


@pytest.mark.sanitized
@pytest.mark.parametrize("pieces", [1, 7, 10_000], ids=["whole", "in pieces", "byte by byte"])
@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED.keys())
def test_what_is_no_request_is_refused_and_closed(stand, data, pieces):
    replies = attack(stand, data, pieces)
    assert len(replies) <= 1, replies
    for reply in replies:
        assert 400 <= reply.status < 600 and reply.closes, reply
        assert reply.code, reply
        assert reply.status != 500, reply


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_good_request_in_front_is_answered_first(stand, data):
    replies = attack(stand, GOOD + data)
    assert replies and replies[0].status == 200, replies


REFUSED = {
    "chunks": (post(b"Transfer-Encoding: chunked", body=b"2\r\n{}\r\n0\r\n\r\n"), 501, "not_implemented"),
    "another coding": (post(b"Transfer-Encoding: gzip", body=b"xx"), 501, "not_implemented"),
    "a request line of 3 KiB": (b"GET /" + b"a" * 3072 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 400, "bad_request"),
    "a query of 3 KiB": (b"GET /v1/events?" + b"a" * 3072 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 400, "bad_request"),
    "a header of 9 KiB": (get(b"X-Long: " + b"a" * 9216), 431, "headers_too_large"),
    "headers of 9 KiB in all": (get(*[b"X-%d: " % n + b"a" * 300 for n in range(30)]), 431, "headers_too_large"),
    "65 headers": (get(*[b"X-%d: a" % n for n in range(64)]), 431, "headers_too_large"),
    "a body of 17 KiB": (post(b"Content-Length: 17408", body=b"a" * 17408), 413, "body_too_large"),
    "a body of a terabyte": (post(b"Content-Length: 1099511627776"), 413, "body_too_large"),
}


@pytest.mark.sanitized
@pytest.mark.parametrize("pieces", [1, 50], ids=["whole", "in pieces"])
@pytest.mark.parametrize("data, status, code", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_too_much_is_refused_by_its_name(stand, data, status, code, pieces):
    replies = attack(stand, data, pieces)
    # A peer that still sends may lose the answer to the reset that follows it.
    assert [(reply.status, reply.code) for reply in replies] in ([(status, code)], []), replies
    if pieces == 1 and len(data) < 16384:
        assert replies, "the answer came before the close"


def test_no_more_than_what_was_asked_is_answered_after_a_smuggled_body(stand):
    smuggled = b"GET /v1/events HTTP/1.1\r\nHost: evil\r\n\r\n"
    for framing in ((b"Content-Length: 4", b"Transfer-Encoding: chunked"), (b"Transfer-Encoding: chunked, identity",),
                    (b"Transfer-Encoding : chunked",), (b"Transfer-Encoding: \x0bchunked",)):
        replies = attack(stand, post(*framing, body=b"0\r\n\r\n" + smuggled))
        assert [reply.status for reply in replies if reply.status == 200] == [], (framing, replies)


def test_a_request_that_never_ends_is_cut_and_others_are_served(stand, neighbour):
    with Raw(stand.env["ONSALE_URL"], timeout_s=CLOSE_S_MAX) as slow:
        slow.send(b"GET /v1/events HTTP/1.1\r\nHost: a\r\nX-Slow: ")
        started = time.monotonic()
        while time.monotonic() - started < 1.5:
            slow.send(b"a")
            assert neighbour.request("GET", "/v1/events").status == 200
            time.sleep(0.1)
        slow.read_until_closed()
        assert time.monotonic() - started < CLOSE_S_MAX


def test_a_body_that_never_comes_is_cut(stand):
    started = time.monotonic()
    attack(stand, post(b"Content-Length: 100", body=b"{"))
    assert 2 < time.monotonic() - started < CLOSE_S_MAX


@pytest.mark.parametrize("cut", [1, 10, 30, 35])
@pytest.mark.parametrize("how", ["close", "reset", "half close"])
def test_a_peer_that_goes_in_the_middle_of_a_request(stand, cut, how):
    with Raw(stand.env["ONSALE_URL"], timeout_s=CLOSE_S_MAX) as raw:
        raw.send(GOOD[:cut])
        if how == "reset":
            raw.reset()
        elif how == "half close":
            raw.half_close()
            assert all(reply.status >= 400 for reply in replies_in(raw.read_until_closed()))


def test_a_peer_that_goes_before_its_answer(stand):
    for _ in range(50):
        with Raw(stand.env["ONSALE_URL"]) as raw:
            raw.send(GOOD * 10)
            raw.reset()


def test_a_half_closed_peer_still_gets_its_answer(stand):
    with Raw(stand.env["ONSALE_URL"], timeout_s=CLOSE_S_MAX) as raw:
        raw.send(GOOD)
        raw.half_close()
        assert [reply.status for reply in replies_in(raw.read_until_closed())] == [200]


@pytest.mark.sanitized
@pytest.mark.parametrize("pieces", [1, 3, 10_000], ids=["whole", "in pieces", "byte by byte"])
def test_pipelined_requests_are_answered_in_order(stand, pieces):
    wanted = [b"/v1/events", b"/v1/events/nobody-knows", b"/nowhere", b"/v1/events"] * 3
    with Raw(stand.env["ONSALE_URL"]) as raw:
        raw.send(b"".join(b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % path for path in wanted), pieces)
        replies = raw.read_replies(len(wanted))
    assert [reply.status for reply in replies] == [200, 404, 404, 200] * 3


def test_a_burst_of_pipelined_requests_far_beyond_the_depth_loses_none(stand):
    with Raw(stand.env["ONSALE_URL"]) as raw:
        raw.send(GOOD * 500)
        assert len(raw.read_replies(500)) == 500


def test_the_peer_may_ask_to_close(stand):
    replies = attack(stand, get(b"Connection: close") + GOOD)
    assert [(reply.status, reply.closes) for reply in replies] == [(200, True)]


def test_http_1_0_is_answered_and_closed(stand):
    replies = attack(stand, b"GET /v1/events HTTP/1.0\r\n\r\n")
    assert len(replies) == 1 and replies[0].status in (200, 400, 505), replies


def test_an_unknown_method_and_path_have_their_answers(neighbour):
    missing = neighbour.request("GET", "/nowhere")
    assert (missing.status, missing.code) == (404, "not_found"), missing
    wrong = neighbour.request("PUT", "/v1/events", {}, {})
    assert (wrong.status, wrong.code) == (405, "method_not_allowed"), wrong
    assert "GET" in wrong.headers["allow"]


def test_a_valid_request_id_comes_back_and_another_is_replaced(neighbour):
    assert neighbour.request("GET", "/v1/events", {"X-Request-Id": "abc-123"}).headers["x-request-id"] == "abc-123"
    made = neighbour.request("GET", "/v1/events", {"X-Request-Id": "a b<script>" * 20}).headers["x-request-id"]
    assert made and "<" not in made


def test_every_answer_is_dated_and_problems_are_whole(neighbour):
    good, bad = neighbour.request("GET", "/v1/events"), neighbour.request("GET", "/v1/events/nobody-knows")
    for reply in (good, bad):
        assert reply.headers["date"].endswith("GMT") and reply.headers["x-request-id"]
    assert {"type", "title", "status", "detail", "code"} <= bad.json().keys()


def test_two_hundred_slow_connections_delay_nobody(stand):
    sale = Sale(stand.env).open()
    buyer = sale.admitted()
    slow = []
    try:
        for _ in range(200):
            slow.append(Raw(stand.env["ONSALE_URL"]))
            slow[-1].send(b"GET /v1/events HTTP/1.1\r\nHost: a\r\nX-Slow: a")
        started = time.monotonic()
        for _ in range(50):
            assert buyer.poll().status == 200
        assert time.monotonic() - started < 10
    finally:
        for raw in slow:
            raw.reset()


def test_a_thousand_idle_connections_are_kept(stand):
    async def hold_them():
        connections = [AsyncHttp(stand.env["ONSALE_URL"]) for _ in range(1000)]
        first = await asyncio.gather(*(one.request("GET", "/v1/events") for one in connections))
        again = await asyncio.gather(*(one.request("GET", "/v1/events") for one in connections))
        for one in connections:
            one.close()
        return {reply.status for reply in first + again}

    assert asyncio.run(hold_them()) == {200}


def test_the_reader_of_answers_is_strict_itself():
    assert parse_reply(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{") is None
    reply, length = parse_reply(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}HTTP")
    assert (reply.status, reply.body, length) == (200, b"{}", 40)
