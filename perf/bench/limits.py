"""The limits a bench is held against, measured beside it: what the machine could do if only the unavoidable were done.

- bare responder: the same requests and answers of the same size, by our ring code without HTTP and without decisions
- Redis: the very same script calls on the very same keys, deeply pipelined over one connection
- PostgreSQL: COPY of the rows that were recorded
- nginx with Lua and a Redis client: no limit, but what one would otherwise pick
"""

import dataclasses
import re
import subprocess
import time

from app.stand.errors import StandError
from app.stand.ports import LOOPBACK
from perf.bench.clocks import family_cpu_ns
from perf.bench.machine import pin
from perf.bench.programs import Bare, LoadSettings, NginxLua, head_bytes_of
from perf.bench.redis import Monitor, Redis, render
from perf.bench.rig import Rig
from perf.bench.workloads import Workload, line

_PROBE = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
_CALLS_AT_ONCE = 64  # script calls between two looks at the replies
_END = b"$7\r\nno-more\r\n"
_PEER_USERS = 10_000


@dataclasses.dataclass(frozen=True)
class Limit:
    """What one server of the same work did."""

    rate: float
    cpu_us: float
    report: dict


def bare_limit(rig: Rig, settings: LoadSettings, answer_bytes: int, address: str = LOOPBACK) -> Limit:
    """The requests last written, answered by a constant of `answer_bytes`. onsaled idles meanwhile."""
    head_bytes = _bare_head_bytes(rig)
    bare = Bare(rig.nursery, rig.directory, rig.cpus.server, max(0, answer_bytes - head_bytes), address)
    bare.start()
    try:
        report, cpu_us = rig.measure_other(bare.port, bare.pid, dataclasses.replace(settings, order="cycle",
                                                                                     expected="200"))
    finally:
        bare.stop()
    return Limit(report["requests_per_second"], cpu_us, report)


def _bare_head_bytes(rig: Rig) -> int:
    probe = Bare(rig.nursery, rig.directory, rig.cpus.server, 100)
    probe.start()
    try:
        return head_bytes_of(probe.port, _PROBE)
    finally:
        probe.stop()


def nginx_lua(rig: Rig, settings: LoadSettings) -> Limit:
    """The same poll by nginx, on onsaled's CPU, over the stand's Redis. onsaled idles meanwhile."""
    nginx = NginxLua(rig.nursery, rig.directory, rig.cpus.server, rig.stand.redis.port)
    users = [f"waiting-{number}" for number in range(_PEER_USERS)]
    rig.redis.call_all([render("ZADD", "{peer}:peer", number, user) for number, user in enumerate(users)])
    rig.write_requests([line("GET", "/v1/events/peer/queue", token=nginx.ticket(user)) for user in users])
    nginx.start()
    try:
        report, cpu_us = rig.measure_other(nginx.port, nginx.pid, settings)
    finally:
        nginx.stop()
    return Limit(report["requests_per_second"], cpu_us, report)


class Replay:
    """Redis' own limit for a workload: what a run decided is undone, and decided again as fast as Redis can.

    The keys are copied, a run's script calls are recorded, the keys are put back, the calls are sent once more. So
    every call finds what it found the first time, whatever the script does, and nothing of onsaled is in the way.
    """

    def __init__(self, rig: Rig, event: str):
        self._rig = rig
        self._event = event
        self._keys: dict[bytes, bytes] = {}
        self._calls: list[list[bytes]] = []
        self.requests = 0.0

    def record(self, workload: Workload, settings: LoadSettings) -> None:
        """A short run of the requests last written, under MONITOR."""
        monitor = Monitor(self._rig.stand.redis.port)
        monitor.start()
        self._keys = self._dump()
        before = self._rig.sampler.metrics()
        try:
            self._rig.measure_written(workload, settings)
        finally:
            monitored = monitor.stop()
        self.requests = self._rig.sampler.metrics()["http_requests_total"] - before["http_requests_total"]
        dumped = max(at for at, words in enumerate(monitored) if words[0].upper() == b"DUMP")
        self._calls = [words for words in monitored[dumped + 1:]
                       if words[0].lower() == b"evalsha" and self._tag() in words[3]]

    def run(self) -> Limit:
        """Stops onsaled, whose crank would meddle. Redis has onsaled's CPU meanwhile: the feeder needs the other."""
        self._rig.stand.server.stop()
        self._forbid_rewrites()
        self._restore()
        calls = [render(*words) for words in self._calls]
        chunks = [b"".join(calls[at:at + _CALLS_AT_ONCE]) + render("ECHO", "no-more")
                  for at in range(0, len(calls), _CALLS_AT_ONCE)]
        redis = self._rig.stand.redis
        pin(redis.pid, self._rig.cpus.server)
        try:
            before_ns, start_s = family_cpu_ns(redis.pid), time.monotonic()
            with Redis(redis.port) as feeding:
                _Feeder(feeding).feed(chunks)
            seconds, cpu_ns = time.monotonic() - start_s, family_cpu_ns(redis.pid) - before_ns
        finally:
            pin(redis.pid, self._rig.cpus.redis)
        return Limit(self.requests / seconds, cpu_ns / 1000 / self.requests, {"calls": len(calls)})

    def _forbid_rewrites(self) -> None:
        """Keys that are put back grow the log by all they hold; Redis would rewrite it in the midst of the replay."""
        redis = self._rig.redis
        redis.call("CONFIG", "SET", "auto-aof-rewrite-percentage", 0)
        while "aof_rewrite_in_progress:1" in redis.info("persistence"):
            time.sleep(0.05)

    def _tag(self) -> bytes:
        return b"{%s}" % self._event.encode()

    def _dump(self) -> dict[bytes, bytes]:
        keys = self._rig.redis.call("KEYS", self._tag() + b":*")
        replies = self._rig.redis.call_all([render("MULTI"), *(render("DUMP", key) for key in keys), render("EXEC")])
        return dict(zip(keys, replies[-1]))

    def _restore(self) -> None:
        redis = self._rig.redis
        for key in redis.call("KEYS", self._tag() + b":*"):
            redis.call("DEL", key)
        for key, value in self._keys.items():
            redis.call("RESTORE", key, 0, value)


class _Feeder:
    """Sends chunk after chunk and stays one ahead of the replies.

    Each chunk ends with an echo: only that is looked for, because Python would else be the slower of the two.
    """

    def __init__(self, redis: Redis):
        self._redis = redis
        self._unread = b""

    def feed(self, chunks: list[bytes]) -> None:
        for at, chunk in enumerate(chunks):
            self._redis.send(chunk)
            if at > 0:
                self._skip_chunk()
        if chunks:
            self._skip_chunk()

    def _skip_chunk(self) -> None:
        pieces = [self._unread]
        while _END not in pieces[-1]:
            # The echo may be cut anywhere: its beginning is looked at again together with what follows.
            tail = pieces[-1][-len(_END):]
            pieces[-1] = pieces[-1][:-len(_END)]
            pieces.append(tail + self._redis.receive())
        replies, _, self._unread = pieces[-1].partition(_END)
        for refusal in (b"$5\r\nstale\r\n", b"-NOSCRIPT", b"-ERR"):
            if any(refusal in piece for piece in [*pieces[:-1], replies]):
                raise StandError(f"Redis' state was not put back as it was: a script answered {refusal.decode()!r}")


def zrank_rate(rig: Rig, key: str, member: str) -> float:
    """redis-benchmark's ZRANK, 64 deep: a second."""
    command = ["taskset", "-c", str(rig.cpus.client), "redis-benchmark", "-p", str(rig.stand.redis.port), "-P", "64",
               "-n", str(rig.options.scaled(2_000_000, 200_000)), "--csv", "ZRANK", key, member]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise StandError(f"redis-benchmark failed: {done.stderr.strip()}")
    return float(done.stdout.strip().splitlines()[-1].split(",")[1].strip('"'))


def copy_limit(rig: Rig) -> Limit:
    """COPY of the recorded orders, their seats and payments into tables of the same shape, with their indexes.

    A transaction a table. The outbox is not among them: what was announced is deleted again.
    """
    tables = ("orders", "order_seats", "payments")
    orders = int(_psql(rig, "SELECT count(*) FROM orders"))
    directory = _psql(rig, "SHOW data_directory")
    for table in tables:
        _psql(rig, f"CREATE TABLE bench_{table} (LIKE {table} INCLUDING ALL)")
        _psql(rig, f"COPY {table} TO '{directory}/bench_{table}.copy'")
    before_ns = family_cpu_ns(rig.stand.postgres.pid)
    copies = [f"COPY bench_{table} FROM '{directory}/bench_{table}.copy'" for table in tables]
    timed = _psql(rig, "\\timing on", *copies)
    cpu_ns = family_cpu_ns(rig.stand.postgres.pid) - before_ns
    seconds = sum(float(text) for text in re.findall(r"Time: ([\d.]+) ms", timed)) / 1000
    return Limit(orders / seconds, cpu_ns / 1000 / orders, {"orders": orders})


def _psql(rig: Rig, *commands: str) -> str:
    """Runs commands in one session; what it printed."""
    arguments = [word for command in commands for word in ("-c", command)]
    done = subprocess.run(["psql", rig.stand.postgres.dsn, "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", *arguments],
                          capture_output=True, text=True)
    if done.returncode != 0:
        raise StandError(f"psql failed: {done.stderr.strip()}")
    return done.stdout.strip()
