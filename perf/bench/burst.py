"""A hundred thousand people arrive within ten seconds, while others poll: is anybody refused, does any poll stall."""

import dataclasses

from perf.bench.figures import Figures
from perf.bench.idle import CONNECTIONS, SPREAD, WORKERS
from perf.bench.results import Result
from perf.bench.rig import Options, Rig
from perf.bench.workloads import Poll

_BURST_S = 10.0
_POLL_RATE = 2000


@dataclasses.dataclass(frozen=True)
class Burst:
    name: str = "burst"
    about: str = f"{CONNECTIONS} connections opened within {_BURST_S:.0f} s, {_POLL_RATE} polls a second meanwhile"

    def run(self, options: Options, say) -> Result:
        figures = Figures()
        with Rig(options, workers=WORKERS, server_settings={"server": {"address": "0.0.0.0"}}) as rig:
            workload = Poll(rig.stand.env, options.scaled(10_000, 500))
            for _ in range(options.repeat):
                say(f"{self.name}: {options.scaled(CONNECTIONS, 500)} connections")
                _burst_once(rig, workload, figures)
        return Result(self.name, self.about, figures)


def _burst_once(rig: Rig, workload: Poll, figures: Figures) -> None:
    count, burst_s = rig.options.scaled(CONNECTIONS, 500), rig.options.scaled(_BURST_S, 0.5)
    rig.write_requests(workload.lines(0))
    settings = rig.settings(connections=64, idle_connections=count, rate=_POLL_RATE, connect_s=burst_s,
                            seconds=burst_s + 2, threads=WORKERS, spread=min(SPREAD, count))
    load = rig.load(settings)
    load.start()
    try:
        rig.wait_until_loaded(load)
        there = rig.sampler.metrics()["http_connections"]
        report = load.report()
    finally:
        load.stop()
    figures.note("connections", there, "", "")
    for percentile in ("p50", "p99", "max"):
        figures.note(f"connect.{percentile}_ms", report["connect_us"][percentile] / 1000, "ms")
    for error in ("connect", "reset", "protocol", "timeout"):
        figures.note(f"errors.{error}", report["errors"][error])
    figures.note("polls", report["requests"], "", "")
    for percentile in ("p50", "p99", "max"):
        figures.note(f"poll.{percentile}_ms", report["latency_us"][percentile] / 1000, "ms")
