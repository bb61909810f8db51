"""Brings an event and its buyers as far as a bench needs them, through the HTTP API alone, as fast as Python can ask.

The requests of one `Crowd` go over many connections, a few at a time on each: the server answers a connection's
requests one after the other, so it is connections that keep it busy.
"""

import json
import socket
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator

_CONNECTIONS = 64
_REQUESTS_AT_ONCE = 16  # on each connection
_ADMISSION_S_MAX = 60.0


class Refused(Exception):
    """The server answered something else than what the preparation needs."""


def render_request(host: str, method: str, path: str, headers: dict[str, str], body: str = "") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *(f"{name}: {value}" for name, value in headers.items())]
    if method == "POST":
        lines += ["Content-Type: application/json", f"Content-Length: {len(body.encode())}"]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def instant(seconds_from_now: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(time.time() + seconds_from_now))


class Connection:
    """One connection; several requests may be on their way."""

    def __init__(self, address: tuple[str, int]):
        self._socket = socket.create_connection(address, timeout=30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = bytearray()

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def answer(self) -> tuple[int, bytes]:
        """The next answer's status and body. Every answer we ask for has a length."""
        while (end := self._received.find(b"\r\n\r\n")) < 0:
            self._receive()
        status = int(self._received[9:12])
        at = self._received.find(b"\r\nContent-Length: ", 0, end + 2)
        size = int(self._received[at + 18:self._received.find(b"\r", at + 18)]) if at >= 0 else 0
        while len(self._received) < end + 4 + size:
            self._receive()
        body = bytes(self._received[end + 4:end + 4 + size])
        del self._received[:end + 4 + size]
        return status, body

    def close(self) -> None:
        self._socket.close()

    def _receive(self) -> None:
        chunk = self._socket.recv(1 << 18)
        if not chunk:
            raise Refused("the server closed a connection during preparation")
        self._received += chunk


class Crowd:
    """Asks for many at once."""

    def __init__(self, url: str, user_header: str):
        parts = urllib.parse.urlsplit(url)
        self._address = (parts.hostname, parts.port)
        self.host = parts.netloc
        self.user_header = user_header

    def ask(self, method: str, path: str, headers: dict[str, str], body: str = "") -> tuple[int, bytes]:
        return next(iter(self.ask_all([render_request(self.host, method, path, headers, body)])))

    def ask_all(self, requests: list[bytes]) -> Iterator[tuple[int, bytes]]:
        """The answers to rendered requests, in their order."""
        round_size = _CONNECTIONS * _REQUESTS_AT_ONCE
        connections = [Connection(self._address) for _ in range(min(_CONNECTIONS, len(requests)))]
        try:
            for start in range(0, len(requests), round_size):
                yield from _ask_round(connections, requests[start:start + round_size])
        finally:
            for connection in connections:
                connection.close()


def _ask_round(connections: list[Connection], requests: list[bytes]) -> Iterator[tuple[int, bytes]]:
    shares = [requests[number::len(connections)] for number in range(len(connections))]
    for connection, share in zip(connections, shares):
        if share:
            connection.send(b"".join(share))
    answers = [[connection.answer() for _ in share] for connection, share in zip(connections, shares)]
    for number in range(len(requests)):
        yield answers[number % len(connections)][number // len(connections)]


class Event:
    """One event made for a bench, open for sale, and the buyers in it."""

    def __init__(self, env: dict[str, str], name: str, sections: list[dict], *, let_in: bool, buyers: int,
                 seats_per_user: int = 4):
        self.id = f"{name}-{time.time_ns() // 1_000_000}"
        self.path = f"/v1/events/{self.id}"
        self.crowd = Crowd(env["ONSALE_URL"], env["ONSALE_USER_HEADER"])
        self._env = env
        self._operate("PUT", "", {
            "name": "Bench", "venue": "Hall 1", "currency": "KRW", "opens_at": instant(3600),
            "closes_at": instant(86400), "sections": sections,
            "admission": {"rate_per_s": 100_000 if let_in else 1, "active_max": max(buyers, 1) if let_in else 1,
                          "active_ttl_s": 7200, "orders_per_admission": 1000},
            "holds": {"ttl_s": 7200, "extensions": 0, "seats_per_user": seats_per_user, "release_window_s": 0}})
        self._operate("POST", "/warm", {})
        self._operate("POST", "/open", {})

    def join(self, users: Iterable[str]) -> list[str]:
        """The users' tickets."""
        requests = [render_request(self.crowd.host, "POST", f"{self.path}/queue", {self.crowd.user_header: user})
                    for user in users]
        return [json.loads(expect("join", answer, 200, 201))["ticket"] for answer in self.crowd.ask_all(requests)]

    def admissions(self, tickets: list[str]) -> list[str]:
        """Waits until all are let in; their admissions."""
        found, waiting = {}, list(tickets)
        deadline = time.monotonic() + _ADMISSION_S_MAX
        while waiting:
            if time.monotonic() > deadline:
                raise Refused(f"{len(waiting)} users were not let in within {_ADMISSION_S_MAX:.0f} s")
            requests = [render_request(self.crowd.host, "GET", f"{self.path}/queue", bearer(ticket))
                        for ticket in waiting]
            for ticket, answer in zip(waiting, self.crowd.ask_all(requests)):
                found[ticket] = json.loads(expect("poll", answer, 200)).get("admission")
            waiting = [ticket for ticket in waiting if not found[ticket]]
        return [found[ticket] for ticket in tickets]

    def holds(self, admissions: list[str], body: str) -> list[dict]:
        """A hold for each of the admissions; what the server said to it."""
        requests = [render_request(self.crowd.host, "POST", f"{self.path}/holds", bearer(admission), body)
                    for admission in admissions]
        return [json.loads(expect("hold", answer, 201)) for answer in self.crowd.ask_all(requests)]

    def _operate(self, method: str, call: str, body: dict) -> None:
        request = urllib.request.Request(f"{self._env['ONSALE_OPS_URL']}/admin/v1/events/{self.id}{call}",
                                         method=method, data=json.dumps(body).encode(),
                                         headers=bearer(self._env["ONSALE_ADMIN_TOKEN"]))
        request.add_header("Content-Type", "application/json")
        try:
            urllib.request.urlopen(request, timeout=30).close()
        except urllib.error.HTTPError as error:
            raise Refused(f"{method} {request.full_url}: {error.code} {error.read().decode()}") from error


def expect(what: str, answer: tuple[int, bytes], *statuses: int) -> bytes:
    status, body = answer
    if status not in statuses:
        raise Refused(f"{what} was answered {status}: {body[:300].decode(errors='replace')}")
    return body
