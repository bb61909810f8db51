"""Hostile HTTP through real proxies: front and onsale agree on where every request ends.

Each stream of the table goes through nginx and HAProxy on a connection of its own with a request behind it, the canary.
If the two saw different ends, one would count a request that the other does not, or an answer would go to the wrong
request. So three witnesses are asked: the answers, the front's access log, and onsale's own counters.
"""

import re
import select
import socket

import pytest
from client import BrokenAnswer, eventually, parse_reply
from hostile.fronts import SESSION_USER, HAProxy, Nginx, running, session_token
from hostile.vectors import load
from sale import Sale

from app.stand.ports import LOOPBACK

VECTORS = load()
CLOSE_S_MAX = 15.0
QUIET_S = 0.3  # then we shut our side: a front that waits for more says what it makes of that
FRONTS = {"nginx": Nginx, "haproxy": HAProxy}


@pytest.fixture(scope="module", params=FRONTS.values(), ids=FRONTS.keys())
def front(request, stand, tmp_path_factory):
    with running(request.param, stand, tmp_path_factory.mktemp("front")) as started:
        yield started


def reached(stand):
    """How many requests onsale itself has counted, good and bad."""
    counted = stand.server.metrics()
    return counted["http_requests_total"] + counted["http_requests_malformed_total"]


class Talk:
    """One visitor's connection: everything is sent, and what comes is read until nothing more can come."""

    def __init__(self, front, data, methods=(), last_id=None):
        self.answers = []
        self.ended = False
        self._methods = list(methods)
        self._data = bytearray()
        with socket.create_connection((LOOPBACK, front.port), timeout=CLOSE_S_MAX) as self._socket:
            self.port = self._socket.getsockname()[1]
            self._send(data)
            while not self.ended and not (last_id and last_id in self.ids()):
                self._read()

    def ids(self):
        return [answer.headers.get("x-request-id", "") for answer in self.answers]

    def _send(self, data):
        try:
            self._socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def _read(self):
        readable, _, _ = select.select([self._socket], [], [], QUIET_S)
        try:
            if not readable:
                self._socket.shutdown(socket.SHUT_WR)
            chunk = self._socket.recv(65536)
        except OSError as error:
            assert not isinstance(error, TimeoutError), "the front neither answers nor closes"
            chunk = b""
        self.ended = not chunk
        self._data += chunk
        while parsed := self._parsed():
            del self._data[:parsed[1]]
            if parsed[0].status >= 200:
                self.answers.append(parsed[0])

    def _parsed(self):
        method = self._methods[len(self.answers)] if len(self.answers) < len(self._methods) else "GET"
        return parse_reply(self._data, method)


def tagged(data, request_id):
    """The stream with an id in its first head, where that has a Host to put it behind."""
    host = b"\r\nHost: a\r\n"
    at = data.find(host)
    if at < 0 or data.find(b"\r\n\r\n") < at:
        return data
    return data[:at + len(host)] + b"X-Request-Id: " + request_id.encode() + b"\r\n" + data[at + len(host):]


def canary(request_id):
    return b"GET /v1/events HTTP/1.1\r\nHost: a\r\nX-Request-Id: " + request_id.encode() + b"\r\n\r\n"


def check_answers(talk, number, vector):
    """Nothing of another connection, nothing twice, and behind the canary nothing."""
    unfinished = vector.end == "waits" or b"\r\n\r\n" not in vector.data  # the canary's bytes may belong to it
    own = [name for name in talk.ids() if re.fullmatch(r"[vcw]-\d+", name)]
    assert set(own) <= {f"v-{number}", f"c-{number}"} and len(own) == len(set(own)), talk.ids()
    if f"c-{number}" in own:
        assert talk.ids()[-1] == f"c-{number}"
        assert unfinished or (talk.answers[-1].status == 200 and b"events" in talk.answers[-1].body)
    elif talk.answers:
        assert talk.answers[-1].status >= 400 or talk.answers[-1].closes, talk.answers[-1]


def check_counts(front, stand, before):
    """The front asked onsale exactly as often as onsale was asked."""
    eventually(lambda: before + sum(logged.tries for logged in front.log()) == reached(stand), deadline_s=CLOSE_S_MAX,
               every_s=0.002, what="front and back counting the same")


def play(front, number, vector):
    """One stream and its canary; then a visitor who knows nothing of it and must get an answer of its own."""
    stream = tagged(vector.data, f"v-{number}") + canary(f"c-{number}")
    try:
        talk = Talk(front, stream, [request.method for request in vector.requests], f"c-{number}")
    except BrokenAnswer:
        assert vector.name.startswith("no version"), "only HTTP/0.9 is answered without a head"
        talk = None
    victim = Talk(front, canary(f"w-{number}"), last_id=f"w-{number}")
    assert [answer.status for answer in victim.answers] == [200]
    return talk


def play_table(front, stand):
    """How many canaries were served. The front is fresh: what it has logged is what was played."""
    before, served = reached(stand), 0
    for number, vector in enumerate(VECTORS):
        try:
            talk = play(front, number, vector)
            if talk:
                check_answers(talk, number, vector)
                eventually(lambda: len(talk.answers) <= sum(line.port == talk.port for line in front.log()),
                           deadline_s=CLOSE_S_MAX, every_s=0.002, what="a line of the log for each answer")
                served += f"c-{number}" in talk.ids()
            check_counts(front, stand, before)
        except AssertionError as error:
            raise AssertionError(f"{vector.name}: {error}") from error
    return served


@pytest.mark.parametrize("kind", FRONTS.values(), ids=FRONTS.keys())
def test_no_request_is_hidden_from_the_front_and_no_answer_goes_astray(kind, stand, tmp_path):
    with running(kind, stand, tmp_path) as front:
        served = play_table(front, stand)
    assert served >= 80, "most of the sound streams, or this test has tested nothing"


SPOOFS = {
    "its own header": b"Onsale-User: admin\r\n",
    "another case": b"onsale-USER: admin\r\n",
    "twice": b"Onsale-User: admin\r\nOnsale-User: admin\r\n",
    "an underscore": b"Onsale_User: admin\r\n",
    "a blank before the colon": b"Onsale-User : admin\r\n",
    "a folded line": b"X: 1\r\n Onsale-User: admin\r\n",
    "a control byte in the name": b"Onsale-User\x01: admin\r\n",
    "Connection names the header": b"Connection: Onsale-User\r\nOnsale-User: admin\r\n",
    "Connection names the forwarded address": b"Connection: X-Forwarded-For, Host\r\nX-Forwarded-For: 127.0.0.1\r\n",
    "the session's own answer": b"X-Session-User: admin\r\n",
}


def join(front, sale, fields):
    """The one answer to a join that carries these fields."""
    path = sale.path("/queue").encode()
    talk = Talk(front, b"POST " + path + b" HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nX-Request-Id: join\r\n"
                + fields + b"\r\n", last_id="join")
    assert len(talk.answers) == 1, talk.answers
    return talk.answers[0]


@pytest.mark.parametrize("fields", SPOOFS.values(), ids=SPOOFS.keys())
def test_a_visitor_cannot_choose_who_it_is(front, sale, fields):
    sale.open()
    reply = join(front, sale, front.credentials() + fields)
    assert reply.status == 400 or reply.json()["user"] == SESSION_USER, reply


SESSIONS = {
    "none": b"",
    "no token": b"Cookie: session=admin\r\n",
    "another key": b"Cookie: session=" + session_token(key="guessed") + b"\r\n",
    "no signature": b"Cookie: session=" + session_token(algorithm="none") + b"\r\n",
    "too old": b"Cookie: session=" + session_token(valid_s=-1) + b"\r\n",
}


@pytest.mark.parametrize("front", [HAProxy], ids=["haproxy"], indirect=True)
@pytest.mark.parametrize("fields", SESSIONS.values(), ids=SESSIONS.keys())
def test_a_session_that_the_merchant_has_not_signed_is_nobody(front, sale, fields):
    sale.open()
    assert join(front, sale, fields + b"Onsale-User: admin\r\n").status == 401
    assert join(front, sale, front.credentials()).json()["user"] == SESSION_USER
