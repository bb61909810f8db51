"""Hostile and torn HTTP: each stream ends its own connection and nobody else's.

`neighbour` is one keep-alive connection that lives through the whole file: it is asked after every attack, and must
never have been closed.
"""

import asyncio
import time

import pytest
from client import AsyncHttp, Raw, answers_to, parse_reply, replies_in
from hostile.vectors import check_each
from hostile.witness import Unbroken

CLOSE_S_MAX = 20.0
GOOD = b"GET /v1/events HTTP/1.1\r\nHost: a\r\n\r\n"
CODES = {400: "bad_request", 413: "body_too_large", 431: "headers_too_large", 501: "not_implemented"}


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


def check_vector(stand, vector, pieces):
    """One stream of the table between two good requests: what it gets, and what those get."""
    with Raw(stand.env["ONSALE_URL"], timeout_s=CLOSE_S_MAX) as raw:
        raw.send(GOOD + vector.data + (b"" if vector.end == "waits" else GOOD), pieces)
        raw.half_close()
        answers = answers_to(raw.read_until_closed(), ["GET"] + [request.method for request in vector.requests])
    wanted = 1 + len(vector.requests) + (vector.end in ("open", "refuse"))
    assert len(answers) == wanted, answers
    assert answers[0].status == 200 and all(answer.status < 500 or answer is answers[-1] for answer in answers)
    if vector.end == "open":
        assert answers[-1].status == 200
    if vector.end == "refuse":
        refusal = answers[-1]
        assert (refusal.status, refusal.code, refusal.closes) == (vector.status, CODES[vector.status], True)


@pytest.mark.sanitized
@pytest.mark.parametrize("pieces", [1, 7, 100_000], ids=["whole", "in pieces", "byte by byte"])
def test_the_whole_table_gets_what_it_says(stand, pieces):
    check_each(lambda vector: check_vector(stand, vector, pieces))


def test_a_request_that_never_ends_is_cut_and_others_are_served(stand, neighbour):
    with Raw(stand.env["ONSALE_URL"], timeout_s=CLOSE_S_MAX) as slow:
        slow.send(b"GET /v1/events HTTP/1.1\r\nHost: a\r\nX-Slow: ")
        for _ in range(15):
            slow.send(b"a")
            assert neighbour.request("GET", "/v1/events").status == 200
            time.sleep(0.1)
        assert slow.read_until_closed() == b""


def test_a_body_that_never_comes_is_cut(stand):
    assert attack(stand, post(b"Content-Length: 100", body=b"{")) == []


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
