"""The table of hostile HTTP (vectors.txt) as values; says the same as vectors.hpp does for C++."""

import dataclasses
import pathlib
import re
from collections.abc import Callable

_TABLE = pathlib.Path(__file__).with_name("vectors.txt")
_ESCAPE = re.compile(r"\\(?:([rnt\\])|x([0-9a-f]{2})|\*\{(\d+)\}\{([^}]*)\})")
_PLAIN = {"r": b"\r", "n": b"\n", "t": b"\t", "\\": b"\\"}


@dataclasses.dataclass(frozen=True)
class Expected:
    """A request that must come out."""

    method: str
    target: str
    body: bytes


@dataclasses.dataclass
class Vector:
    """One stream of bytes. `end`: open, refuse, closes or waits; `status` is the refusal's."""

    group: str
    name: str
    data: bytes = b""
    requests: list[Expected] = dataclasses.field(default_factory=list)
    end: str = "open"
    status: int = 0


def unescaped(text: str) -> bytes:
    """The bytes that a line of the table stands for."""
    parts, at = [], 0
    for escape in _ESCAPE.finditer(text):
        parts += [text[at:escape.start()].encode("ascii"), _meaning(escape)]
        at = escape.end()
    return b"".join(parts) + text[at:].encode("ascii")


def _meaning(escape: re.Match) -> bytes:
    plain, hexadecimal, times, repeated = escape.groups()
    if plain:
        return _PLAIN[plain]
    return bytes.fromhex(hexadecimal) if hexadecimal else int(times) * unescaped(repeated)


def load() -> list[Vector]:
    """The whole table, in its order."""
    table, group = [], ""
    for line in _TABLE.read_text(encoding="ascii").splitlines():
        key, _, text = line.partition(" ")
        if key == "group":
            group = text
        elif key == "name":
            table.append(Vector(group, text.strip()))
        elif key and key != "#":
            _add(table[-1], key, text.lstrip())
    return table


def check_each(check: Callable[[Vector], None]) -> None:
    """Calls it for the whole table; what fails says of which line."""
    for vector in load():
        try:
            check(vector)
        except AssertionError as error:
            raise AssertionError(f"{vector.name}: {error}") from error


def _add(vector: Vector, key: str, text: str) -> None:
    if key == "bytes":
        vector.data += unescaped(text)
    elif key == "accept":
        method, target, body = (text.split(" ", 2) + [""])[:3]
        vector.requests.append(Expected(method, unescaped(target).decode(), unescaped(body)))
    elif key in ("refuse", "closes", "waits"):
        vector.end, vector.status = key, int(text or 0)
    elif key not in ("source", "beast"):
        raise ValueError(f"{_TABLE.name}: a word nobody knows: {key}")
