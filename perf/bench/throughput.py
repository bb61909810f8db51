"""Benches of one route at full load: the closed loop's maximum, latency at parts of it, cost of a request, and limits.

    closed loop            every connection asks again as soon as it is answered: the maximum
    open loop, 50 and 80 % requests are due at instants that do not depend on answers; latency counts from there
    bare responder         the closed loop once more, and the open loop at the last of onsaled's rates
    counted run            allocations and system calls of the core thread, apart, because counting costs
    Redis, PostgreSQL,     where the route uses them, see limits.py
    nginx with Lua
"""

import dataclasses
import mmap
import struct
import time

from app.stand.paths import programs
from perf.bench.clocks import core_threads
from perf.bench.figures import Figures
from perf.bench.limits import Replay, bare_limit, copy_limit, nginx_lua, zrank_rate
from perf.bench.programs import LoadSettings, NginxLua, count_system_calls
from perf.bench.results import Result
from perf.bench.rig import Measured, Options, Rig
from perf.bench.workloads import WORKLOADS, Workload

OPEN_PARTS = (50, 80)  # per cent of the closed loop's maximum
_COUNTED_S = 1.0
_REPLAYED_S = 1.0
_SUPPLY_SPARE = 1.6  # over what the last run used
_SLOT = struct.Struct("<4Q")  # shim/count_allocations.cpp


@dataclasses.dataclass(frozen=True)
class Throughput:
    """One route under one kind of load. `first_rate` is a guess at the maximum, for supplies that are used up."""

    name: str
    about: str
    workload: str
    connections: int = 256
    pipeline: int = 1
    churn: int = 0
    users: int = 10_000
    first_rate: int = 0
    redis_limit: bool = False
    nginx: bool = False
    copy: bool = False

    def run(self, options: Options, say) -> Result:
        with Rig(options) as rig:
            return _Run(self, rig, say).all()


class _Run:
    """One bench on one stand."""

    def __init__(self, bench: Throughput, rig: Rig, say):
        self._bench = bench
        self._rig = rig
        self._say = say
        self._figures = Figures()
        self._notes: list[str] = []
        self._rate = float(bench.first_rate)
        users = rig.options.scaled(bench.users, min(bench.users, 500))
        self._workload = WORKLOADS[bench.workload](rig.stand.env, users)

    def all(self) -> Result:
        repeat = self._rig.options.repeat
        for repetition in range(1, repeat + 1):
            part = f"{self._bench.name} {repetition}/{repeat}: " if repeat > 1 else f"{self._bench.name}: "
            closed = self._closed(part)
            paced = [self._open(part, closed.rate, percent) for percent in OPEN_PARTS][-1]
            self._bare(part, closed, paced)
            if self._bench.nginx:
                self._nginx(part)
        self._counted()
        if self._bench.redis_limit:
            self._redis_limit()
        return Result(self._bench.name, self._bench.about, self._figures, self._notes)

    def _settings(self, **changes) -> LoadSettings:
        return self._rig.settings(connections=self._connections, pipeline=self._bench.pipeline,
                                  churn=self._bench.churn, **changes)

    @property
    def _connections(self) -> int:
        return self._rig.options.scaled(self._bench.connections, min(self._bench.connections, 64))

    def _supply(self, settings: LoadSettings) -> int:
        return int((settings.rate or self._rate) * (settings.seconds + settings.warm_up_s) * _SUPPLY_SPARE) + 1000

    def _measure(self, settings: LoadSettings) -> Measured:
        measured = self._rig.measure(self._workload, settings, self._supply(settings))
        self._note_surprises(measured.report, settings)
        return measured

    def _closed(self, part: str) -> Measured:
        self._say(f"{part}closed loop, {self._connections} connections")
        measured = self._measure(self._settings())
        self._rate = measured.rate
        self._note_speed(measured)
        self._note_cost(measured)
        return measured

    def _open(self, part: str, maximum: float, percent: int) -> Measured:
        rate = maximum * percent / 100
        self._say(f"{part}open loop at {percent} %, {rate:,.0f} a second")
        measured = self._measure(self._settings(rate=rate))
        self._note_latency(f"open{percent}", measured.report)
        self._figures.note(f"open{percent}.cpu_us", measured.interval.cpu_us("onsaled"), "us")
        return measured

    def _note_speed(self, measured: Measured) -> None:
        note = self._figures.note
        note("requests_per_second", measured.rate, "/s", "higher")
        self._note_latency("closed", measured.report)
        note("busy.core", 100 * measured.interval.busy("core"), "%", "")
        note("busy.redis", 100 * measured.interval.busy("redis"), "%", "")
        note("client.cpu_us", measured.report["client_cpu_us_per_request"], "us", "")

    def _note_latency(self, prefix: str, report: dict) -> None:
        for percentile in ("p50", "p99", "p999"):
            self._figures.note(f"{prefix}.{percentile}_us", report["latency_us"][percentile], "us")

    def _note_cost(self, measured: Measured) -> None:
        interval, note = measured.interval, self._figures.note
        for part in ("onsaled", "core", "redis", "postgres"):
            note(f"cpu.{part}_us", interval.cpu_us(part), "us")
        note("answer_bytes", measured.answer_bytes, "B")
        note("redis.commands", interval.per_request(interval.commands_sent))
        note("redis.commands_inside", interval.per_request(interval.commands_inside_scripts))
        note("redis.users_per_call", interval.users_per_call(), "", "higher")
        note("redis.commands_per_send", interval.commands_per_send(), "", "higher")
        note("redis.users_per_send", interval.users_per_send(), "", "higher")

    def _note_surprises(self, report: dict, settings: LoadSettings) -> None:
        """What makes a figure one of something else than the route."""
        unexpected = {status: count for status, count in report["statuses"].items()
                      if status != self._workload.expected and count}
        errors = {name: count for name, count in report["errors"].items() if count}
        if unexpected or errors:
            self._notes.append(f"not all answers were {self._workload.expected}: "
                               + ", ".join(f"{count} x {name}" for name, count in (unexpected | errors).items()))
        if report["seconds"] < 0.9 * settings.seconds:
            self._notes.append(f"requests ran out after {report['seconds']:.1f} s of {settings.seconds:.1f} s")

    def _bare(self, part: str, closed: Measured, paced: Measured) -> None:
        """The cost at the maximum of each, and once more when both are asked equally often and evenly: a core that is
        less busy works in smaller batches, and those cost more."""
        self._say(f"{part}bare responder with answers of {closed.answer_bytes} bytes")
        bare = bare_limit(self._rig, self._settings(), closed.answer_bytes)
        at_rate = bare_limit(self._rig, self._settings(rate=paced.rate), closed.answer_bytes)
        note, ours_us = self._figures.note, closed.interval.cpu_us("onsaled")
        note("bare.requests_per_second", bare.rate, "/s", "")
        note("bare.cpu_us", bare.cpu_us, "us", "")
        note("bare.cpu_us_at_rate", at_rate.cpu_us, "us", "")
        note("ratio.bare_rate", closed.rate / bare.rate, "", "higher")
        note("ratio.bare_cpu", bare.cpu_us / ours_us, "", "higher")
        note("ratio.bare_cpu_at_rate", at_rate.cpu_us / paced.interval.cpu_us("onsaled"), "", "higher")

    def _nginx(self, part: str) -> None:
        if not NginxLua.installed():
            self._notes.append("nginx with Lua is not installed (packages.txt, group bench)")
            return
        self._say(f"{part}nginx with Lua")
        peer = nginx_lua(self._rig, self._settings())
        rate, cpu_us = self._figures.get("requests_per_second"), self._figures.get("cpu.onsaled_us")
        self._figures.note("nginx.requests_per_second", peer.rate, "/s", "")
        self._figures.note("nginx.cpu_us", peer.cpu_us, "us", "")
        self._figures.note("nginx.p99_us", peer.report["latency_us"]["p99"], "us", "")
        self._figures.note("ratio.nginx_rate", rate.values[-1] / peer.rate, "", "higher")
        self._figures.note("ratio.nginx_cpu", peer.cpu_us / cpu_us.values[-1], "", "higher")

    def _counted(self) -> None:
        """Another short run: allocations by the preloaded counter, system calls by perf."""
        self._say(f"{self._bench.name}: counted run")
        path = self._rig.directory / "allocations"
        self._rig.restart_server({"LD_PRELOAD": str(programs() / "onsale-count-allocations.so"),
                                  "ONSALE_COUNT_FILE": str(path)})
        core = core_threads(self._rig.stand.server.pid)[0]
        settings = self._settings(seconds=3 * _COUNTED_S)
        self._rig.write_requests(self._workload.lines(self._supply(settings)))
        load = self._rig.load(self._workload.fitted(settings))
        load.start()
        try:
            self._rig.wait_until_loaded(load)
            self._note_counts(path, core)
        finally:
            load.stop()
            self._rig.restart_server({})

    def _note_counts(self, path, core: int) -> None:
        before, requests = allocations(path, core), self._requests()
        time.sleep(_COUNTED_S)
        counted, over = allocations(path, core) - before, self._requests() - requests
        self._figures.note("allocations", counted / over if over else None)
        requests = self._requests()
        calls = count_system_calls(core, _COUNTED_S)
        if calls is None:
            self._notes.append("system calls were not counted: perf may not look at raw_syscalls:sys_enter here")
            return
        over = self._requests() - requests
        self._figures.note("system_calls", calls / over if over else None)

    def _requests(self) -> float:
        return self._rig.sampler.metrics()["http_requests_total"]

    def _redis_limit(self) -> None:
        """Last of all: it leaves the stand without onsaled."""
        self._say(f"{self._bench.name}: Redis alone")
        if self._bench.workload == "poll":
            rate = zrank_rate(self._rig, "{%s}:line" % self._workload.event.id, "waiting-250")
            self._figures.note("redis_benchmark.zrank", rate, "/s", "")
        if self._bench.copy:
            self._copy_limit()
        settings = self._settings(seconds=_REPLAYED_S, warm_up_s=0.0)
        self._rig.write_requests(self._workload.lines(self._supply(settings)))
        replay = Replay(self._rig, self._workload.event.id)
        replay.record(self._workload, settings)
        limit = replay.run()
        self._figures.note("redis_limit.cpu_us", limit.cpu_us, "us", "")
        self._figures.note("redis_limit.users_per_call", replay.requests / limit.report["calls"], "", "")
        ours = self._figures.get("cpu.redis_us").value
        self._figures.note("ratio.redis_cpu", limit.cpu_us / ours, "", "higher")

    def _copy_limit(self) -> None:
        self._say(f"{self._bench.name}: COPY of the same rows")
        limit = copy_limit(self._rig)
        self._figures.note("copy.orders_per_second", limit.rate, "/s", "")
        self._figures.note("copy.cpu_us", limit.cpu_us, "us", "")
        self._figures.note("ratio.copy_rate", self._figures.get("requests_per_second").value / limit.rate, "", "higher")


def allocations(path, thread: int) -> int:
    """What a thread has taken from the heap so far, as the preloaded counter keeps it."""
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as slots:
        for at in range(0, len(slots), _SLOT.size):
            owner, count, _, _ = _SLOT.unpack_from(slots, at)
            if owner == thread:
                return count
    return 0
