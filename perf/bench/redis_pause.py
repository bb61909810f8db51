"""Redis stands still for three seconds under load: what people are told meanwhile, and how soon all is well again."""

import dataclasses
import signal
import time

from perf.bench.buyers import bearer
from perf.bench.clocks import resident_bytes
from perf.bench.figures import Figures
from perf.bench.probe import Probe
from perf.bench.results import Result
from perf.bench.rig import Options, Rig
from perf.bench.workloads import Poll

_PAUSE_S = 3.0
_RATE = 10_000
_CONNECTIONS = 15_000  # more than can wait for an answer at once, or the longest wait would be the client's own


@dataclasses.dataclass(frozen=True)
class RedisPause:
    name: str = "redis-pause"
    about: str = f"Redis stopped for {_PAUSE_S:.0f} s while {_RATE} polls a second are due"

    def run(self, options: Options, say) -> Result:
        figures, notes = Figures(), []
        with Rig(options) as rig:
            workload = Poll(rig.stand.env, options.scaled(10_000, 500))
            rig.write_requests(workload.lines(0))
            for _ in range(options.repeat):
                say(f"{self.name}: polls, and Redis stopped in the middle")
                _pause_once(rig, workload, figures)
        return Result(self.name, self.about, figures, notes)


def _pause_once(rig: Rig, workload: Poll, figures: Figures) -> None:
    settings = rig.settings(rate=rig.options.scaled(_RATE, 500), expected="200",
                            connections=rig.options.scaled(_CONNECTIONS, 1000),
                            seconds=_PAUSE_S + 2 * rig.options.scaled(3, 1))
    server, redis = rig.stand.server, rig.stand.redis
    before_bytes = resident_bytes(server.pid)
    load = rig.load(settings)
    load.start()
    try:
        rig.wait_until_loaded(load)
        time.sleep(rig.options.scaled(3, 1))
        with Probe(server.port, "GET", f"{workload.event.path}/queue", bearer(workload.tickets[-1])) as probe:
            redis.signal(signal.SIGSTOP)
            try:
                time.sleep(_PAUSE_S)
                grown_bytes = resident_bytes(server.pid) - before_bytes
            finally:
                redis.signal(signal.SIGCONT)
            continued_s = time.monotonic()
            report = load.report()
    finally:
        load.stop()
    _note(figures, report, grown_bytes, probe.recovered_s(continued_s, 200))


def _note(figures: Figures, report: dict, grown_bytes: int, recovered_s: float | None) -> None:
    statuses = {int(status): count for status, count in report["statuses"].items()}
    refused = statuses.get(503, 0)
    figures.note("answers.200", statuses.get(200, 0), "", "")
    figures.note("answers.503", refused, "", "")
    figures.note("answers.other", sum(statuses.values()) - statuses.get(200, 0) - refused)
    figures.note("errors", sum(report["errors"].values()))
    figures.note("longest_ms", max(report["latency_us"]["max"], report["refusal_latency_us"]["max"]) / 1000, "ms")
    figures.note("refusal.p50_ms", report["refusal_latency_us"]["p50"] / 1000, "ms")
    figures.note("memory_grown_mib", grown_bytes / 2**20, "MiB")
    figures.note("recovery_ms", None if recovered_s is None else recovered_s * 1000, "ms")
