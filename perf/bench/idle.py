"""What a connection costs that never asks: memory of onsaled, and of the kernel."""

import dataclasses
import time

from app.stand.errors import StandError
from perf.bench.clocks import kernel_bytes, resident_bytes, socket_buffer_bytes
from perf.bench.figures import Figures
from perf.bench.results import Result
from perf.bench.rig import Options, Rig
from perf.bench.workloads import Poll

# A ring holds as many connections as a process may open files, 20 000 where this was written; they share by a hash.
WORKERS = 6
CONNECTIONS = 100_000
SPREAD = 60  # addresses to connect to: thousands to one make the kernel search for free ports
_SETTLE_S = 1.0


@dataclasses.dataclass(frozen=True)
class Idle:
    name: str = "idle"
    about: str = f"memory of {CONNECTIONS} connections that never ask, {WORKERS} workers"

    def run(self, options: Options, say) -> Result:
        figures = Figures()
        count = options.scaled(CONNECTIONS, 500)
        with Rig(options, workers=WORKERS, server_settings={"server": {"address": "0.0.0.0"}}) as rig:
            workload = Poll(rig.stand.env, options.scaled(1000, 100))
            say(f"{self.name}: warming up")
            rig.measure(workload, rig.settings(seconds=options.scaled(2, 1)), 0)
            say(f"{self.name}: {count} connections")
            _measure(rig, count, figures)
        note = "kernel memory is of both ends: the client is on this machine, too"
        return Result(self.name, self.about, figures, [note])


def _measure(rig: Rig, count: int, figures: Figures) -> None:
    time.sleep(_SETTLE_S)  # until the sockets of the warm-up are gone
    server = rig.stand.server.pid
    before = resident_bytes(server), kernel_bytes(), socket_buffer_bytes()
    settings = rig.settings(connections=0, idle_connections=count, threads=WORKERS, spread=min(SPREAD, count),
                            seconds=60, warm_up_s=0)
    load = rig.load(settings)
    load.start()
    try:
        rig.wait_until_loaded(load)
        time.sleep(_SETTLE_S)
        there = rig.sampler.metrics()["http_connections"]
        after = resident_bytes(server), kernel_bytes(), socket_buffer_bytes()
    finally:
        load.stop()
    if there < count:
        raise StandError(load.explain(f"only {there:.0f} of {count} connections were there"))
    figures.note("connections", there, "", "")
    for name, was, now in zip(("user_bytes", "kernel_bytes", "queue_bytes"), before, after):
        figures.note(f"{name}_per_connection", (now - was) / count, "B")
