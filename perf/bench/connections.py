"""Fifteen thousand people who ask slowly, and some more who only stay: what an answer costs when no socket is warm."""

import dataclasses

from perf.bench.clocks import resident_bytes
from perf.bench.figures import Figures
from perf.bench.limits import bare_limit
from perf.bench.results import Result
from perf.bench.rig import Options, Rig
from perf.bench.workloads import Poll

_ASKING = 15_000
_IDLE = 4000  # with those who ask, as many as a ring can hold where a process may open 20 000 files
_RATE = 15_000
_CONNECT_S = 3.0


@dataclasses.dataclass(frozen=True)
class Connections:
    name: str = "connections"
    about: str = f"{_ASKING} connections that poll once a second each, and {_IDLE} that never ask"

    def run(self, options: Options, say) -> Result:
        figures = Figures()
        with Rig(options, server_settings={"server": {"address": "0.0.0.0"}}) as rig:
            workload = Poll(rig.stand.env, options.scaled(_ASKING, 500))
            for _ in range(options.repeat):
                say(f"{self.name}: polls")
                _measure(rig, workload, figures)
        return Result(self.name, self.about, figures)


def _measure(rig: Rig, workload: Poll, figures: Figures) -> None:
    settings = rig.settings(connections=rig.options.scaled(_ASKING, 200), rate=rig.options.scaled(_RATE, 200),
                            idle_connections=rig.options.scaled(_IDLE, 50), spread=10)
    measured = rig.measure(workload, settings, 0)
    bare = bare_limit(rig, settings, measured.answer_bytes, address="0.0.0.0")
    for percentile in ("p50", "p99", "p999", "max"):
        figures.note(f"{percentile}_us", measured.report["latency_us"][percentile], "us")
    for part in ("onsaled", "redis"):
        figures.note(f"cpu.{part}_us", measured.interval.cpu_us(part), "us")
    figures.note("bare.cpu_us", bare.cpu_us, "us", "")
    figures.note("bare.p99_us", bare.report["latency_us"]["p99"], "us", "")
    figures.note("ratio.bare_cpu", bare.cpu_us / measured.interval.cpu_us("onsaled"), "", "higher")
    figures.note("resident_mib", resident_bytes(rig.stand.server.pid) / 2**20, "MiB")
    figures.note("unexpected", sum(count for status, count in measured.report["statuses"].items() if status != "200"))
    figures.note("errors", sum(measured.report["errors"].values()))
