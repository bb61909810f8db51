"""Clients that nobody wants, thousands of them in one thread: run as `python3 -m perf.bench.hostile_clients`.

Each of them is one of four, by turns, and begins anew when the server has had enough of it:
  slow header    a byte of a request now and then
  slow body      a whole head, then a byte of the announced body now and then
  half open      half a request, then silence
  reset          half a request, a moment later a reset

They act every few seconds each, spread evenly, so that they take little of the CPU that honest clients need.
Prints `ready` once all are connected; ends on SIGTERM.
"""

import argparse
import itertools
import selectors
import socket
import struct
import sys
import time

_EVERY_S = 4.0  # below the server's patience for a request, so that dribbling looks alive
_CONNECTS_AT_ONCE = 50
_HEADER = b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
_BODY = b"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
_RESET = struct.pack("ii", 1, 0)


class Hostile:
    """One of them. Owns its socket."""

    def __init__(self, number: int, port: int):
        self._opening = (_HEADER, _BODY, _HEADER, _HEADER)[number % 4]
        self._dribbles = number % 4 < 2
        self._resets = number % 4 == 3
        self._address = (f"127.0.{2 + number // 2000}.1", port)
        self.socket: socket.socket | None = None

    def act(self, selector: selectors.BaseSelector) -> None:
        """What it does next. A peer that is gone is met again next time."""
        try:
            if self.socket is None:
                self._connect(selector)
            elif self._resets:
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                self.leave(selector)
            elif self._dribbles:
                self.socket.send(b"x")
        except OSError:
            self.leave(selector)

    def leave(self, selector: selectors.BaseSelector) -> None:
        if self.socket is not None:
            selector.unregister(self.socket)
            self.socket.close()
            self.socket = None

    def _connect(self, selector: selectors.BaseSelector) -> None:
        fresh = socket.create_connection(self._address, timeout=2)
        fresh.setblocking(False)
        self.socket = fresh
        selector.register(fresh, selectors.EVENT_READ, self)
        fresh.send(self._opening)


def drop_refused(selector: selectors.BaseSelector, timeout_s: float) -> None:
    """Whoever is answered or cut hangs up."""
    for key, _ in selector.select(timeout_s):
        key.data.leave(selector)


def run(port: int, count: int) -> None:
    selector = selectors.DefaultSelector()
    crowd = [Hostile(number, port) for number in range(count)]
    for number, hostile in enumerate(crowd):
        hostile.act(selector)
        if number % _CONNECTS_AT_ONCE == 0:
            drop_refused(selector, 0.001)
    print("ready", flush=True)
    start_s = time.monotonic()
    for turn in itertools.count():
        crowd[turn % count].act(selector)
        ahead_s = start_s + turn * _EVERY_S / count - time.monotonic()
        if turn % _CONNECTS_AT_ONCE == 0:
            drop_refused(selector, max(0.0, ahead_s))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--count", type=int, required=True)
    options = parser.parse_args()
    try:
        run(options.port, options.count)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
