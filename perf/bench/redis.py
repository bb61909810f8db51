"""As much of Redis' protocol as the benches need: commands, a whole pipeline at once, and a MONITOR to copy from."""

import contextlib
import re
import socket
import threading

from app.stand.ports import LOOPBACK

_MONITORED = re.compile(rb'^\+?\d+\.\d+ \[\d+ (\S+)\] (.*)$')
_QUOTED = re.compile(rb'"((?:[^"\\]|\\.)*)"')
_ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|.)")
_ESCAPED = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"a": b"\a", b"b": b"\b"}


class RedisError(Exception):
    """Redis refused."""


def render(*words) -> bytes:
    """One command as bytes."""
    encoded = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded)


class Redis:
    """One blocking connection."""

    def __init__(self, port: int):
        self._socket = socket.create_connection((LOOPBACK, port), timeout=60)
        self._stream = self._socket.makefile("rb")

    def __enter__(self) -> "Redis":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        self._stream.close()
        self._socket.close()

    def hang_up(self) -> None:
        """Ends the connection under a thread that waits for replies; close() is still to be called."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def send(self, data: bytes) -> None:
        """Rendered commands, any number; their replies are the caller's to read."""
        self._socket.sendall(data)

    def call(self, *words):
        self.send(render(*words))
        return self.reply()

    def call_all(self, commands: list[bytes]) -> list:
        """The replies to rendered commands sent in one go. Few enough that their replies fit the socket's buffers."""
        self.send(b"".join(commands))
        return [self.reply() for _ in commands]

    def info(self, section: str) -> str:
        return self.call("INFO", section).decode()

    def receive(self) -> bytes:
        """Some bytes of the replies as they come, for those who read them by themselves."""
        chunk = self._stream.read1(1 << 20)
        if not chunk:
            raise RedisError("Redis closed the connection")
        return chunk

    def reply(self):
        line = self._stream.readline()
        if not line:
            raise RedisError("Redis closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RedisError(rest.decode(errors="replace"))
        if kind == b"+":
            return rest
        if kind == b":":
            return int(rest)
        count = int(rest)
        if kind == b"$":
            return None if count < 0 else self._stream.read(count + 2)[:-2]
        return None if count < 0 else [self.reply() for _ in range(count)]


class Monitor:
    """Copies what Redis executes between start() and stop(). Redis is slower meanwhile."""

    def __init__(self, port: int):
        self._redis = Redis(port)
        self._received = bytearray()
        self._thread = threading.Thread(target=self._receive)

    def start(self) -> None:
        self._redis.call("MONITOR")
        self._thread.start()

    def stop(self) -> list[list[bytes]]:
        """The commands of clients in their order, not those from inside scripts."""
        self._redis.hang_up()
        self._thread.join()
        self._redis.close()
        lines = bytes(self._received).split(b"\r\n")[:-1]  # what follows the last line break was cut off
        return [words for words in map(parse_monitored, lines) if words]

    def _receive(self) -> None:
        with contextlib.suppress(OSError, RedisError):
            while True:
                self._received += self._redis.receive()


def parse_monitored(line: bytes) -> list[bytes] | None:
    """The words of a line of MONITOR; None for a command from inside a script."""
    matched = _MONITORED.match(line)
    if not matched or matched[1] == b"lua":
        return None
    return [_ESCAPE.sub(_unescaped, word) for word in _QUOTED.findall(matched[2])]


def _unescaped(matched) -> bytes:
    text = matched[1]
    return bytes([int(text[1:], 16)]) if text[:1] == b"x" and len(text) == 3 else _ESCAPED.get(text, text)
