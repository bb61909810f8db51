"""Five times the capacity for a minute: how much of the peak is still decided, how soon the rest is refused, and how
soon all is well again.

A hold is decided when it is made (201), or when its user has all of his (409); the rest is refused (503). A hold costs
more the more of them an event has, so the peak is taken in the same event before and behind the minute: their mean.

Redis is the bottleneck of a hold, and it shares a CPU with the client where there are only two. A client that offers
five times as much would take that CPU from Redis, and what is lost then is not the server's doing. So Redis gets a
fifth of a CPU, in the measure of the capacity as in the overload.
"""

import dataclasses
import time

from perf.bench.buyers import bearer
from perf.bench.clocks import resident_bytes
from perf.bench.figures import Figures
from perf.bench.probe import Probe
from perf.bench.results import Result
from perf.bench.rig import Options, Rig
from perf.bench.slow_redis import SlowRedis
from perf.bench.workloads import PLACES_MAX, Hold

_TIMES = 5
_REDIS_PART = 0.2
_OVERLOAD_S = 60.0
_CONNECTIONS = 12_000  # more than the server lets wait, or the waiting would all be the client's
_FIRST_RATE = 20_000
_SUPPLY = 1.5
_AFTER_S = 3.0


@dataclasses.dataclass(frozen=True)
class Overload:
    name: str = "overload"
    about: str = f"holds at {_TIMES} times the capacity for {_OVERLOAD_S:.0f} s, open loop; Redis slowed to a fifth"

    def run(self, options: Options, say) -> Result:
        figures = Figures()
        with Rig(options) as rig:
            workload = Hold(rig.stand.env, 0)
            say(f"{self.name}: the capacity")
            rate = _capacity(rig, workload)
            decided = _overload(rig, workload, rate, figures, lambda text: say(f"{self.name}: {text}"))
            say(f"{self.name}: the capacity again")
            after = _capacity(rig, workload)
        for name, value in (("capacity", rate), ("capacity_after", after), ("goodput", decided)):
            figures.note(name, value, "/s", "higher")
        figures.note("ratio.goodput", 2 * decided / (rate + after), "", "higher")
        return Result(self.name, self.about, figures)


def _capacity(rig: Rig, workload: Hold) -> float:
    settings = rig.settings()
    rig.write_requests(workload.lines(_supply_of_capacity(rig)))
    with SlowRedis(rig.stand.redis, _REDIS_PART):
        return rig.measure_written(workload, settings).rate


def _supply_of_capacity(rig: Rig) -> int:
    return int(_FIRST_RATE * (rig.options.seconds + rig.options.warm_up_s))


def _overload(rig: Rig, workload: Hold, capacity: float, figures: Figures, say) -> float:
    """Holds decided a second."""
    places = PLACES_MAX - 2 * _supply_of_capacity(rig)
    lasting_s = places / _SUPPLY / capacity - 2 * rig.options.warm_up_s  # then the hall would be sold out
    seconds = min(rig.options.scaled(_OVERLOAD_S, 2.0), lasting_s)
    settings = rig.settings(seconds=seconds, rate=_TIMES * capacity, order="cycle", expected="201,409",
                            connections=rig.options.scaled(_CONNECTIONS, 512))
    # Walked again and again, as people do who were refused. Whoever has all of his holds is told so (409), so there are
    # more of them than can be served.
    say(f"letting in the buyers of {_SUPPLY * capacity * seconds:,.0f} holds")
    rig.write_requests(workload.lines(int(_SUPPLY * capacity * (seconds + settings.warm_up_s))))
    probing = workload.admit(1)[0]
    say(f"{settings.rate:,.0f} a second for {seconds:.0f} s")
    server = rig.stand.server
    before_bytes = resident_bytes(server.pid)
    with SlowRedis(rig.stand.redis, _REDIS_PART):
        load = rig.load(settings)
        load.start()
        try:
            load.wait(settings.warm_up_s + 0.9 * seconds)
            figures.note("memory_grown_mib", (resident_bytes(server.pid) - before_bytes) / 2**20, "MiB")
            with Probe(server.port, "GET", f"{workload.event.path}/me", bearer(probing)) as probe:
                report = load.report()
                ended_s = time.monotonic()
                time.sleep(_AFTER_S)
        finally:
            load.stop()
    return _note(figures, report, probe.recovered_s(ended_s, 200))


def _note(figures: Figures, report: dict, recovered_s: float | None) -> float:
    statuses = {int(status): count for status, count in report["statuses"].items()}
    figures.note("offered", report["requests"] / report["seconds"], "/s", "")
    for status in (201, 409, 503):
        figures.note(f"answers.{status}", statuses.get(status, 0), "", "")
    figures.note("answers.other", sum(statuses.values()) - sum(statuses.get(status, 0) for status in (201, 409, 503)))
    figures.note("errors", sum(report["errors"].values()))
    figures.note("served.p50_ms", report["latency_us"]["p50"] / 1000, "ms")
    figures.note("served.p99_ms", report["latency_us"]["p99"] / 1000, "ms")
    figures.note("refusal.p50_ms", report["refusal_latency_us"]["p50"] / 1000, "ms")
    figures.note("refusal.p99_ms", report["refusal_latency_us"]["p99"] / 1000, "ms")
    figures.note("seconds", report["seconds"], "s", "")
    figures.note("backlog_max", report["backlog_max"], "", "")
    figures.note("recovery_ms", None if recovered_s is None else recovered_s * 1000, "ms")
    return (statuses.get(201, 0) + statuses.get(409, 0)) / report["seconds"]
