"""What honest clients feel of ten thousand hostile ones beside them.

The hostile clients need some of the client's CPU, and honest answers would be late for that alone. So they are measured
twice: against onsaled, and against another server on another CPU's idle time, which is the same disturbance without
onsaled's part in it.
"""

import contextlib
import dataclasses
import pathlib
import sys

from app.stand.paths import ROOT
from app.stand.processes import Service
from perf.bench.figures import Figures
from perf.bench.programs import Bare
from perf.bench.results import Result
from perf.bench.rig import Measured, Options, Rig
from perf.bench.workloads import Poll

_COUNT = 10_000
_RATE = 10_000
_CYCLE_S = 10.0  # in which every hostile client was cut off and has come back


class HostileClients(Service):
    """hostile_clients.py as a process of its own."""

    stop_timeout_s = 10.0

    def __init__(self, rig: Rig, port: int, count: int):
        super().__init__("hostile-clients", rig.nursery, rig.directory / "log" / "hostile-clients.log")
        self._command = ["taskset", "-c", rig.cpus.client, sys.executable, "-m", "perf.bench.hostile_clients",
                         "--port", port, "--count", count]

    def command(self):
        return self._command

    def environment(self):
        return {"PYTHONPATH": str(ROOT)}

    def is_ready(self):
        return "ready" in self.log_tail()

    def step_back(self) -> None:
        """The lowest priority there is: honest clients are to be late for what the server does, not for want of a CPU.
        By the session, because that is what the kernel shares its time among where it groups by sessions."""
        with contextlib.suppress(OSError):
            pathlib.Path(f"/proc/{self.pid}/autogroup").write_text("19", encoding="ascii")


@dataclasses.dataclass(frozen=True)
class HostileBench:
    name: str = "hostile"
    about: str = f"{_RATE} polls a second, alone and beside {_COUNT} hostile connections"

    def run(self, options: Options, say) -> Result:
        figures = Figures()
        count = options.scaled(_COUNT, 200)
        with Rig(options, server_settings={"server": {"address": "0.0.0.0"}}) as rig:
            workload = Poll(rig.stand.env, options.scaled(10_000, 500))
            for _ in range(options.repeat):
                say(f"{self.name}: polls alone")
                alone = _polls(rig, workload)
                say(f"{self.name}: {count} hostile connections elsewhere")
                elsewhere = _beside_others(rig, workload, count)
                say(f"{self.name}: {count} hostile connections here")
                beside = _beside(rig, workload, rig.stand.server.port, count)
                _note(figures, alone, elsewhere, beside)
        note = "elsewhere: the hostile connections go to another server, so that only the client is disturbed"
        return Result(self.name, self.about, figures, [note])


def _polls(rig: Rig, workload: Poll) -> Measured:
    seconds = rig.options.scaled(max(rig.options.seconds, _CYCLE_S), 1)
    return rig.measure(workload, rig.settings(rate=rig.options.scaled(_RATE, 1000), seconds=seconds), 0)


def _beside(rig: Rig, workload: Poll, port: int, count: int) -> Measured:
    hostile = HostileClients(rig, port, count)
    hostile.start()
    try:
        hostile.step_back()
        return _polls(rig, workload)
    finally:
        hostile.stop()


def _beside_others(rig: Rig, workload: Poll, count: int) -> Measured:
    other = Bare(rig.nursery, rig.directory, rig.cpus.client, 100, address="0.0.0.0")
    other.start()
    try:
        return _beside(rig, workload, other.port, count)
    finally:
        other.stop()


def _note(figures: Figures, alone: Measured, elsewhere: Measured, beside: Measured) -> None:
    for name, measured in (("alone", alone), ("elsewhere", elsewhere), ("beside", beside)):
        for percentile in ("p50", "p99", "p999"):
            figures.note(f"{name}.{percentile}_us", measured.report["latency_us"][percentile], "us")
    figures.note("ratio.p99", beside.report["latency_us"]["p99"] / elsewhere.report["latency_us"]["p99"])
    figures.note("cpu.core_us", beside.interval.cpu_us("core"), "us")
    figures.note("cpu.onsaled_us", beside.interval.cpu_us("onsaled"), "us")
    figures.note("cut", beside.interval.grown("http_connections_cut_total"), "", "")
    figures.note("unexpected", sum(count for status, count in beside.report["statuses"].items() if status != "200"))
    figures.note("errors", sum(beside.report["errors"].values()))
