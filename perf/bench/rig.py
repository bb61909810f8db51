"""One bench's surroundings: a stand in a temporary folder with every part on its CPU, and the measuring of one run."""

import dataclasses
import pathlib
import time

from app.stand.errors import StandError
from app.stand.processes import Nursery, children_of
from app.stand.stand import Stand
from perf.bench.clocks import Interval, Sampler, family_cpu_ns
from perf.bench.machine import Placement, pin
from perf.bench.programs import Load, LoadSettings
from perf.bench.redis import Redis
from perf.bench.workloads import Workload

_CONNECT_S_MAX = 60.0


@dataclasses.dataclass(frozen=True)
class Options:
    """What the person asked for."""

    seconds: float
    repeat: int
    quick: bool

    @property
    def warm_up_s(self) -> float:
        return 0.3 if self.quick else 1.0

    def scaled(self, full: int, quick: int) -> int:
        return quick if self.quick else full


@dataclasses.dataclass(frozen=True)
class Measured:
    """One run: what the client saw, and what the parts spent meanwhile."""

    report: dict
    interval: Interval

    @property
    def rate(self) -> float:
        return self.report["requests_per_second"]

    @property
    def answer_bytes(self) -> int:
        return round(self.report["bytes_received"] / max(1, self.report["requests"]))


class Rig:
    """`with Rig(...) as rig`: everything runs; after it, nothing. Used by one thread."""

    def __init__(self, options: Options, *, workers: int = 1, server_settings: dict | None = None):
        self.options = options
        self.cpus = Placement.on_this_machine()
        self.stand = Stand.temporary(kafka="none", workers=workers, settings=server_settings)
        self.nursery = Nursery()
        self.directory = pathlib.Path(self.stand.directory)
        self.requests_file = self.directory / "requests.tsv"

    def __enter__(self) -> "Rig":
        try:
            self.stand.start()
            self.redis = Redis(self.stand.redis.port)
            self.sampler = Sampler(self.stand, self.redis)
            self.pin_all()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_) -> None:
        if hasattr(self, "redis"):
            self.redis.close()
        self.nursery.close()
        self.stand.stop()

    def pin_all(self) -> None:
        pin(self.stand.server.pid, self.cpus.server)
        pin(self.stand.redis.pid, self.cpus.redis)
        for member in [self.stand.postgres.pid, *children_of(self.stand.postgres.pid)]:
            pin(member, self.cpus.postgres)

    def restart_server(self, environment: dict[str, str]) -> None:
        self.stand.server.stop()
        self.stand.server.extra_environment = environment
        self.stand.server.start()
        self.pin_all()

    def write_requests(self, lines: list[str]) -> None:
        self.requests_file.write_text("".join(line + "\n" for line in lines), encoding="ascii")

    def load(self, settings: LoadSettings, port: int | None = None) -> Load:
        """A load on the requests last written, not started; by default on the stand's server."""
        return Load(self.nursery, self.directory, port or self.stand.server.port, self.requests_file, settings,
                    self.cpus.client)

    def settings(self, **changes) -> LoadSettings:
        return LoadSettings(**{"seconds": self.options.seconds, "warm_up_s": self.options.warm_up_s, **changes})

    def measure(self, workload: Workload, settings: LoadSettings, supply: int) -> Measured:
        """Loads the server with `supply` requests more and reads all clocks after the warm-up and before the end."""
        self.write_requests(workload.lines(supply))
        return self.measure_written(workload, settings)

    def measure_written(self, workload: Workload, settings: LoadSettings) -> Measured:
        """The same with the requests last written."""
        load = self.load(workload.fitted(settings))
        load.start()
        try:
            interval = self._interval(load)
            return Measured(load.report(), interval)
        finally:
            load.stop()

    def _interval(self, load: Load) -> Interval:
        self.wait_until_loaded(load)
        before = self.sampler.read()
        load.wait(max(0.1, load.settings.seconds - 0.2))  # ends before when the supply does
        return Interval(before, self.sampler.read())

    def wait_until_loaded(self, load: Load) -> None:
        """Until all connections are there and the warm-up is over, or the load has ended."""
        wanted = 1 if load.settings.churn else load.settings.connections + load.settings.idle_connections
        deadline = time.monotonic() + load.settings.connect_s + _CONNECT_S_MAX
        while self.sampler.metrics()["http_connections"] < wanted and load.running and time.monotonic() < deadline:
            time.sleep(0.02)
        load.wait(load.settings.warm_up_s)

    def measure_other(self, port: int, pid: int, settings: LoadSettings) -> tuple[dict, float]:
        """A server without our metrics under the requests last written: (report, its CPU µs a request).

        Its requests are not counted by itself, so its clock is read all the time, and what lay well inside of the
        measured seconds is divided by the client's rate.
        """
        load = self.load(settings, port)
        load.start()
        readings = []
        try:
            while load.wait(0.05) is None:
                readings.append((time.monotonic(), family_cpu_ns(pid)))
            end_s = time.monotonic()
            report = load.report()
        finally:
            load.stop()
        return report, _cpu_us_per_request(readings, end_s, settings.seconds, report["requests_per_second"])


def _cpu_us_per_request(readings: list[tuple[float, int]], end_s: float, seconds: float, rate: float) -> float:
    inside = [reading for reading in readings if 0.1 * seconds <= end_s - reading[0] <= 0.9 * seconds]
    if len(inside) < 2 or rate == 0:
        raise StandError("the machine is too busy: the load ended before its server's clock could be read twice")
    (first_s, first_ns), (last_s, last_ns) = inside[0], inside[-1]
    return (last_ns - first_ns) / 1000 / (rate * (last_s - first_s))
