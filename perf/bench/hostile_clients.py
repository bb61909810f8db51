"""Clients of the worst kind, ten thousand of them in one thread: they hold what a server has and give nothing back.

    python3 -m perf.bench.hostile_clients http://127.0.0.1:8080 slow_heads=2500 floods=500    # until its input closes

    with HostileProcess(url, {"silent": 2000, "resets": 1000}) as hostile:                    # all of them are there
        hostile.status.opened, hostile.status.cut["silent"]

Kinds: silent (connects and says nothing, as a peer that is gone), slow_heads and slow_bodies (a byte each step),
slow_readers (asks for much and reads nothing), floods (asks without end and reads nothing), half_open, half_closed and
half_resets (half a request, then silence, the end of its side or a reset), resets (a request and half of another, then
a reset), oversized (announces and sends a body without end). Each acts once in a step: connects where it has no
connection, so whoever is cut comes again, else gives its sign of life.
"""

import argparse
import contextlib
import dataclasses
import ipaddress
import json
import os
import resource
import select
import socket
import struct
import subprocess
import sys
import threading
import time
import urllib.parse

from app.stand.errors import StandError
from app.stand.paths import ROOT

_ACTS_AT_ONCE = 200  # in one turn, so that those that are connected are heard meanwhile
_PAUSE_S = 0.02  # between two turns: acts and answers in bunches take little of the CPU that honest clients need
_STATUS_EVERY_S = 0.1
CONNECT_S_MAX = 60.0
_DESCRIPTORS_BESIDE = 32  # Python's own, and ours
_RESET = struct.pack("ii", 1, 0)  # struct linger: on, no time
_GET = b"GET /openapi.json HTTP/1.1\r\nHost: hostile\r\n"  # large, and costs the server nothing but sending
_FEW = b"GET /v1/hostile HTTP/1.1\r\nHost: hostile\r\n\r\n" * 1000
_POST = b"POST /v1/events/hostile/queue HTTP/1.1\r\nHost: hostile\r\n"


@dataclasses.dataclass(frozen=True)
class Kind:
    """How one kind behaves: what it sends first, what at each step, and whether it reads."""

    first: bytes = b""
    step: bytes = b""
    reads: bool = True
    then: str = "stays"  # or "half closes", "resets": done at a step
    receive_bytes: int = 0


KINDS = {
    "silent": Kind(),
    "slow_heads": Kind(first=_GET + b"X-Slow: ", step=b"a"),
    "slow_bodies": Kind(first=_POST + b"Content-Length: 16384\r\n\r\n", step=b"{"),
    "slow_readers": Kind(first=(_GET + b"\r\n") * 20, reads=False, receive_bytes=4096),
    "floods": Kind(first=_FEW, step=_FEW, reads=False, receive_bytes=4096),
    "half_open": Kind(first=_GET),
    "half_closed": Kind(first=_GET, then="half closes"),
    "half_resets": Kind(first=_GET, then="resets"),
    "resets": Kind(first=_GET + b"\r\n" + _GET, then="resets"),
    "oversized": Kind(first=_POST + b"Content-Length: 1000000000\r\n\r\n", step=b"{" * 65536),
}


@dataclasses.dataclass
class Status:
    """What they know of themselves: how many of them were ever connected; connections opened so far, those that nobody
    took, and by kind those that the server ended."""

    met: int = 0
    opened: int = 0
    refused: int = 0
    cut: dict[str, int] = dataclasses.field(default_factory=dict)


def mixed(counts: dict[str, int]) -> list[str]:
    """So many of each kind, in an order in which any stretch has all kinds in about their proportion."""
    places = ((nth + 0.5) / count for count in counts.values() for nth in range(count))
    names = (name for name, count in counts.items() for _ in range(count))
    return [name for _, name in sorted(zip(places, names))]


def acts_due(count: int, since_first_round_s: float, step_s: float) -> int:
    """How often one of `count` should have acted by now. The first round is due at once, so that all are there soon;
    from then on each has its place in the step, and the places are evenly spread."""
    return count + int(count * since_first_round_s / step_s)


class HostileClient:
    """One of them, and its connection while it has one."""

    def __init__(self, name: str, address: tuple[str, int]):
        self.name = name
        self.kind = KINDS[name]
        self.address = address
        self.socket: socket.socket | None = None
        self.greeted = False  # this connection is made, and what is said first is said
        self.met = False  # there was a connection, this one or another


class HostileClients:
    """All of them, in one epoll. turn() is called until the owner has enough. Owns their sockets.

    `spread` is over how many addresses they go, from that of `url` on: an address has 28 000 ephemeral ports.
    """

    def __init__(self, url: str, counts: dict[str, int], *, step_s: float, spread: int, comes_again: bool):
        parts = urllib.parse.urlsplit(url)
        address = ipaddress.ip_address(socket.gethostbyname(parts.hostname))
        self.status = Status(cut=dict.fromkeys(counts, 0))
        self._clients = [HostileClient(name, (str(address + number % spread), parts.port))
                         for number, name in enumerate(mixed(counts))]
        self._step_s = step_s
        self._comes_again = comes_again
        self._poll = select.epoll()
        self._connected: dict[int, HostileClient] = {}
        self._acts = 0
        self._first_round_over_s = 0.0

    def turn(self) -> None:
        """Those who are due act, then all are heard; then a pause, unless more are due."""
        due = self._due()
        for _ in range(min(due, _ACTS_AT_ONCE)):
            self._act()
        for number, events in self._poll.poll(0):
            self._happened(self._connected[number], events)
        if due <= _ACTS_AT_ONCE:
            time.sleep(_PAUSE_S)

    def close(self) -> None:
        for client in self._connected.values():
            client.socket.close()
        self._connected.clear()
        self._poll.close()

    def _due(self) -> int:
        now_s = time.monotonic()
        if self._acts < len(self._clients):
            self._first_round_over_s = now_s
        return acts_due(len(self._clients), now_s - self._first_round_over_s, self._step_s) - self._acts

    def _act(self) -> None:
        """The next in the order. Who waits for its connection goes on waiting."""
        client = self._clients[self._acts % len(self._clients)]
        self._acts += 1
        if client.greeted:
            self._step(client)
        elif client.socket is None and (self._comes_again or not client.met):
            self._connect(client)

    def _connect(self, client: HostileClient) -> None:
        fresh = socket.socket()
        fresh.setblocking(False)
        if client.kind.receive_bytes:
            fresh.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, client.kind.receive_bytes)
        try:
            fresh.connect(client.address)
        except BlockingIOError:
            pass
        except OSError:
            self.status.refused += 1
            fresh.close()
            return
        client.socket = fresh
        self._connected[fresh.fileno()] = client
        self._poll.register(fresh, select.EPOLLOUT)

    def _happened(self, client: HostileClient, events: int) -> None:
        if not client.greeted and not events & (select.EPOLLERR | select.EPOLLHUP):
            return self._greet(client)
        if events & select.EPOLLIN and client.kind.reads:
            with contextlib.suppress(OSError):
                if client.socket.recv(65536):
                    return None
        return self._ended(client)

    def _greet(self, client: HostileClient) -> None:
        self.status.met += not client.met
        self.status.opened += 1
        client.greeted = client.met = True
        self._poll.modify(client.socket, select.EPOLLRDHUP | (select.EPOLLIN if client.kind.reads else 0))
        self._send(client, client.kind.first)

    def _step(self, client: HostileClient) -> None:
        if client.kind.then == "resets":
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._forget(client)
        elif client.kind.then == "half closes":
            with contextlib.suppress(OSError):
                client.socket.shutdown(socket.SHUT_WR)
        elif client.kind.step:
            self._send(client, client.kind.step)

    def _send(self, client: HostileClient, data: bytes) -> None:
        with contextlib.suppress(OSError):  # the poll tells who has been cut
            client.socket.send(data)

    def _ended(self, client: HostileClient) -> None:
        if client.greeted:
            self.status.cut[client.name] += 1
        else:
            self.status.refused += 1
        self._forget(client)

    def _forget(self, client: HostileClient) -> None:
        del self._connected[client.socket.fileno()]
        client.socket.close()
        client.socket = None
        client.greeted = False


class HostileProcess:
    """All of them in a process of their own, with as many descriptors as it may have. When the block begins, each has
    been connected. Ends with the block, or with us."""

    def __init__(self, url: str, counts: dict[str, int], *, step_s: float = 1.0, spread: int = 1,
                 comes_again: bool = True):
        self.status = Status()
        self._count = sum(counts.values())
        self._command = [sys.executable, "-P", "-m", "perf.bench.hostile_clients", url, "--step-seconds", str(step_s),
                         "--spread", str(spread), *([] if comes_again else ["--once"]),
                         *(f"{name}={count}" for name, count in counts.items())]

    def __enter__(self) -> "HostileProcess":
        # A session of its own: the kernel shares its time among sessions, and an interrupt is ours to handle.
        self._process = subprocess.Popen(self._command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         start_new_session=True, env=os.environ | {"PYTHONPATH": str(ROOT)})
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self._wait_until_connected()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_) -> None:
        self._process.stdin.close()
        self._process.wait()
        self._reader.join()
        self._process.stdout.close()

    @property
    def pid(self) -> int:
        return self._process.pid

    def _wait_until_connected(self) -> None:
        deadline_s = time.monotonic() + CONNECT_S_MAX
        while self.status.met < self._count:
            if self._process.poll() is not None:
                raise StandError("the hostile clients have ended; their last words stand above")
            if time.monotonic() > deadline_s:
                raise StandError(f"of {self._count} hostile clients, {self.status.met} were connected within "
                                 f"{CONNECT_S_MAX:.0f} s and {self.status.refused} refused")
            time.sleep(0.02)

    def _read(self) -> None:
        for line in self._process.stdout:
            self.status = Status(**json.loads(line))


def run(clients: HostileClients) -> None:
    """Reports the status as a line of JSON ten times a second; ends when the input does."""
    told_s = 0.0
    while not select.select([sys.stdin], [], [], 0)[0]:
        clients.turn()
        if time.monotonic() >= told_s + _STATUS_EVERY_S:
            told_s = time.monotonic()
            print(json.dumps(dataclasses.asdict(clients.status)), flush=True)
    clients.close()


def count_of_kind(word: str) -> tuple[str, int]:
    """KIND=COUNT."""
    name, _, count = word.partition("=")
    if name not in KINDS or not count.isdecimal():
        raise argparse.ArgumentTypeError(f"{word!r} is not KIND=COUNT; there are {', '.join(KINDS)}")
    return name, int(count)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="http://ADDRESS:PORT of the server")
    parser.add_argument("counts", nargs="+", type=count_of_kind, metavar="KIND=COUNT")
    parser.add_argument("--step-seconds", type=float, default=1.0, help="how often each acts")
    parser.add_argument("--spread", type=int, default=1, help="over how many addresses, from that of the URL on")
    parser.add_argument("--once", action="store_true", help="who is cut does not come again")
    options = parser.parse_args()
    counts = dict(options.counts)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if sum(counts.values()) + _DESCRIPTORS_BESIDE > hard:
        parser.error(f"{sum(counts.values())} clients need more than the {hard} files a process may open: ulimit -Hn")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    run(HostileClients(options.url, counts, step_s=options.step_seconds, spread=options.spread,
                       comes_again=not options.once))


if __name__ == "__main__":
    main()
