"""What honest clients feel of ten thousand hostile ones beside them.

The hostile clients need some of the client's CPU, and honest answers would be late for that alone. So they are measured
twice: against onsaled, and against another server on another CPU's idle time, which is the same disturbance without
onsaled's part in it.
"""

import contextlib
import dataclasses
import pathlib

from perf.bench.figures import Figures
from perf.bench.hostile_clients import HostileProcess
from perf.bench.machine import pin
from perf.bench.programs import Bare
from perf.bench.results import Result
from perf.bench.rig import Measured, Options, Rig
from perf.bench.workloads import Poll

_COUNT = 10_000
_MIX = ("slow_heads", "slow_bodies", "half_open", "half_resets")
_STEP_S = 4.0  # below the server's patience for a request, so that dribbling looks alive
_SPREAD = 5  # addresses: whoever comes again takes a port that is not free again for a minute
_RATE = 10_000
_CYCLE_S = 10.0  # in which every hostile client was cut off and has come back


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
    mix = dict.fromkeys(_MIX, count // len(_MIX))
    with HostileProcess(f"http://127.0.2.1:{port}", mix, step_s=_STEP_S, spread=_SPREAD) as hostile:
        pin(hostile.pid, rig.cpus.client)
        _step_back(hostile.pid)
        return _polls(rig, workload)


def _step_back(pid: int) -> None:
    """The lowest priority there is: honest clients are to be late for what the server does, not for want of a CPU.
    By the session, because that is what the kernel shares its time among where it groups by sessions."""
    with contextlib.suppress(OSError):
        pathlib.Path(f"/proc/{pid}/autogroup").write_text("19", encoding="ascii")


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
