"""Ten thousand clients of the worst kind, in a process of their own: they hold what a server has and give nothing back.

    python3 tests/hostile/crowd.py http://127.0.0.1:8080 slow_heads=2500 slow_readers=500      # until its input closes

    with CrowdProcess(url, {"silent": 2000, "resets": 1000}) as crowd:
        crowd.status.opened, crowd.status.cut["silent"]

Kinds: silent (connects and says nothing, as a peer that is gone), slow_heads and slow_bodies (a byte a second),
slow_readers (asks for much and reads nothing), floods (asks without end and reads nothing), half_closed (half a
request, then the end of its side), resets (a request or half of one, then a reset), oversized (announces and sends a
body without end). Whoever is cut comes again, unless `comes_again=0`. Standard library only. One thread; owns its
sockets.
"""

import collections
import contextlib
import dataclasses
import heapq
import json
import pathlib
import resource
import select
import socket
import subprocess
import sys
import threading
import time
import urllib.parse

STEP_S = 1.0  # between two signs of life
OPENED_AT_ONCE = 200  # connections begun in one turn, so that those that are open get their turn
DESCRIPTORS_BESIDE = 32  # Python's own, and ours
PATH = "/openapi.json"  # large, and costs the server nothing but sending

_GET = f"GET {PATH} HTTP/1.1\r\nHost: crowd\r\n".encode()
_FEW = b"GET /v1/crowd HTTP/1.1\r\nHost: crowd\r\n\r\n"
_ASKED_AT_ONCE = 1000
_POST = b"POST /v1/events/crowd/queue HTTP/1.1\r\nHost: crowd\r\n"


@dataclasses.dataclass
class Status:
    """What the crowd knows of itself. `cut` counts, by kind, connections that the server ended."""

    opened: int = 0
    open: int = 0
    refused: int = 0
    cut: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Kind:
    """How one kind behaves: what it sends first, what at each step, and whether it reads."""

    first: bytes = b""
    step: bytes = b""
    reads: bool = True
    then: str = "stays"  # or "half closes", "resets": done at the first step
    receive_bytes: int = 0


KINDS = {
    "silent": Kind(),
    "slow_heads": Kind(first=_GET + b"X-Slow: ", step=b"a"),
    "slow_bodies": Kind(first=_POST + b"Content-Length: 16384\r\n\r\n", step=b"{"),
    "slow_readers": Kind(first=(_GET + b"\r\n") * 20, reads=False, receive_bytes=4096),
    "floods": Kind(first=_FEW * _ASKED_AT_ONCE, step=_FEW * _ASKED_AT_ONCE, reads=False, receive_bytes=4096),
    "half_closed": Kind(first=_GET, then="half closes"),
    "resets": Kind(first=_GET + b"\r\n" + _GET, then="resets"),
    "oversized": Kind(first=_POST + b"Content-Length: 1000000000\r\n\r\n", step=b"{" * 65536),
}


class Member:
    """One connection."""

    def __init__(self, name):
        self.name = name
        self.kind = KINDS[name]
        self.socket = None
        self.greeted = False


class Crowd:
    """All of them, in one epoll. turn() is called until the owner has enough."""

    def __init__(self, url, members, comes_again=True):
        parts = urllib.parse.urlsplit(url)
        self.status = Status(cut=dict.fromkeys(members, 0))
        self._address = (parts.hostname, parts.port)
        self._comes_again = comes_again
        self._poll = select.epoll()
        self._open = {}
        self._waiting = collections.deque(Member(name) for name, count in members.items() for _ in range(count))
        self._steps = []

    def turn(self, timeout_s=0.05):
        for _ in range(min(OPENED_AT_ONCE, len(self._waiting))):
            self._connect(self._waiting.popleft())
        for number, events in self._poll.poll(timeout_s):
            if number in self._open:
                self._happened(self._open[number], events)
        now = time.monotonic()
        while self._steps and self._steps[0][0] <= now:
            self._step(heapq.heappop(self._steps)[2])
        self.status.open = len(self._open)

    def close(self):
        for member in list(self._open.values()):
            member.socket.close()
        self._open.clear()
        self._poll.close()

    def _connect(self, member):
        member.greeted = False
        member.socket = socket.socket()
        member.socket.setblocking(False)
        if member.kind.receive_bytes:
            member.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, member.kind.receive_bytes)
        try:
            member.socket.connect(self._address)
        except BlockingIOError:
            pass
        except OSError:
            self.status.refused += 1
            member.socket.close()
            self._waiting.append(member)
            return
        self._open[member.socket.fileno()] = member
        self._poll.register(member.socket, select.EPOLLOUT)

    def _happened(self, member, events):
        if not member.greeted and events & select.EPOLLOUT and not events & (select.EPOLLERR | select.EPOLLHUP):
            return self._greet(member)
        if events & select.EPOLLIN and member.kind.reads:
            with contextlib.suppress(OSError):
                if member.socket.recv(65536):
                    return None
        return self._ended(member)

    def _greet(self, member):
        member.greeted = True
        self.status.opened += 1
        self._poll.modify(member.socket, select.EPOLLRDHUP | (select.EPOLLIN if member.kind.reads else 0))
        self._send(member, member.kind.first)
        self._later(member)

    def _later(self, member):
        heapq.heappush(self._steps, (time.monotonic() + STEP_S, id(member), member))

    def _step(self, member):
        if not member.greeted:
            return
        if member.kind.then == "resets":
            member.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            self._forget(member)
        elif member.kind.then == "half closes":
            with contextlib.suppress(OSError):
                member.socket.shutdown(socket.SHUT_WR)
        elif member.kind.step:
            self._send(member, member.kind.step)
            self._later(member)

    def _send(self, member, data):
        with contextlib.suppress(OSError):  # the poll tells who has been cut
            member.socket.send(data)

    def _ended(self, member):
        if member.greeted:
            self.status.cut[member.name] += 1
        else:
            self.status.refused += 1
        self._forget(member)

    def _forget(self, member):
        member.greeted = False
        del self._open[member.socket.fileno()]
        member.socket.close()
        if self._comes_again:
            self._waiting.append(member)


class CrowdProcess:
    """A crowd in a process of its own, with as many descriptors as it may have. Ends with the block, or with us."""

    def __init__(self, url, members, comes_again=True):
        words = [f"{name}={count}" for name, count in members.items()] + [f"comes_again={int(comes_again)}"]
        self.status = Status()
        self._process = subprocess.Popen([sys.executable, str(pathlib.Path(__file__)), url, *words], text=True,
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        self._process.wait()
        self._reader.join()
        self._process.stdout.close()

    def _read(self):
        for line in self._process.stdout:
            self.status = Status(**json.loads(line))


def main(url, *words):
    """Reports its status as a line of JSON every tenth of a second."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    counts = {name: int(count) for name, _, count in (word.partition("=") for word in words)}
    comes_again = counts.pop("comes_again", 1)
    unknown = counts.keys() - KINDS
    if unknown:
        sys.exit(f"no such kind: {', '.join(sorted(unknown))}; there are {', '.join(KINDS)}")
    if sum(counts.values()) + DESCRIPTORS_BESIDE > hard:
        sys.exit(f"a crowd of {sum(counts.values())} needs more than the {hard} files a process may open: ulimit -Hn")
    crowd = Crowd(url, counts, bool(comes_again))
    told_at = 0.0
    while not select.select([sys.stdin], [], [], 0)[0]:
        crowd.turn()
        if time.monotonic() >= told_at + 0.1:
            told_at = time.monotonic()
            print(json.dumps(dataclasses.asdict(crowd.status)), flush=True)
    crowd.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
