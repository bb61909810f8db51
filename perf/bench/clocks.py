"""Clocks and counters of the parts while they work: CPU time by the scheduler's own account, memory, our metrics.

The scheduler counts nanoseconds a thread was on a CPU (/proc/PID/task/TID/schedstat), which is finer than the ticks
of /proc/PID/stat. What the kernel does in a soft interrupt is charged to whom it interrupts: on loopback, the sender.
"""

import contextlib
import dataclasses
import os
import pathlib
import re
import time

from app.stand.processes import children_of

CORE_THREAD = "core-"  # onsaled's loops name themselves core-0, core-1, ...


def thread_names(pid: int) -> dict[int, str]:
    """Thread id -> name; a thread that ends meanwhile is left out."""
    names = {}
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*"):
        with contextlib.suppress(OSError):
            names[int(task.name)] = (task / "comm").read_text(encoding="utf-8").strip()
    return names


def core_threads(pid: int) -> list[int]:
    return [thread for thread, name in thread_names(pid).items() if name.startswith(CORE_THREAD)]


def thread_cpu_ns(pid: int, thread: int) -> int:
    try:
        text = pathlib.Path(f"/proc/{pid}/task/{thread}/schedstat").read_text(encoding="ascii")
    except OSError:
        return 0
    return int(text.split()[0])


def process_cpu_ns(pid: int) -> int:
    """Of all threads it has now."""
    return sum(thread_cpu_ns(pid, thread) for thread in thread_names(pid))


def family_cpu_ns(pid: int) -> int:
    """Of a process, its children, and in ticks of 10 ms the children that have ended: postgres is one process a
    session, redis-server forks to rewrite its log."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    ended_ticks = int(fields[13]) + int(fields[14])  # cutime and cstime
    living_ns = sum(process_cpu_ns(member) for member in [pid, *children_of(pid)])
    return living_ns + ended_ticks * 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def resident_bytes(pid: int) -> int:
    return _kilobytes(pathlib.Path(f"/proc/{pid}/status").read_text(encoding="utf-8"), "VmRSS") * 1024


def kernel_bytes() -> int:
    """What the kernel keeps for itself in slabs (sockets, inodes, io_uring requests), of the whole machine."""
    return _kilobytes(pathlib.Path("/proc/meminfo").read_text(encoding="utf-8"), "Slab") * 1024


def socket_buffer_bytes() -> int:
    """Pages that TCP holds in send and receive queues, of the whole machine."""
    text = pathlib.Path("/proc/net/sockstat").read_text(encoding="ascii")
    return int(re.search(r"^TCP:.* mem (\d+)", text, re.MULTILINE)[1]) * 4096


def _kilobytes(text: str, name: str) -> int:
    return int(re.search(rf"^{name}:\s*(\d+) kB", text, re.MULTILINE)[1])


def summed(samples: dict[str, float]) -> dict[str, float]:
    """Metrics by their name alone, whatever their labels: a family of one sample a core becomes one number."""
    totals: dict[str, float] = {}
    for name, value in samples.items():
        family = name.partition("{")[0]
        totals[family] = totals.get(family, 0.0) + value
    return totals


def parse_command_calls(text: str) -> dict[str, int]:
    """INFO commandstats as command -> calls; those from inside scripts are counted there, too."""
    return {name: int(calls) for name, calls in re.findall(r"cmdstat_([^:]+):calls=(\d+)", text)}


@dataclasses.dataclass(frozen=True)
class Sample:
    """Everything at one instant. Two of them make an interval."""

    at_s: float
    cpu_ns: dict[str, int]
    metrics: dict[str, float]
    commands: dict[str, int]


class Sampler:
    """Reads a stand's clocks and counters."""

    def __init__(self, stand, redis):
        self._stand = stand
        self._redis = redis

    def metrics(self) -> dict[str, float]:
        return summed(self._stand.server.metrics())

    def read(self) -> Sample:
        server, commands = self._stand.server.pid, parse_command_calls(self._redis.info("commandstats"))
        metrics = self.metrics()
        cpu_ns = {
            "core": sum(thread_cpu_ns(server, thread) for thread in core_threads(server)),
            "onsaled": process_cpu_ns(server),
            "redis": family_cpu_ns(self._stand.redis.pid),
            "postgres": family_cpu_ns(self._stand.postgres.pid),
        }
        return Sample(time.monotonic(), cpu_ns, metrics, commands)


@dataclasses.dataclass(frozen=True)
class Interval:
    """What happened between two samples, a request."""

    before: Sample
    after: Sample

    @property
    def seconds(self) -> float:
        return self.after.at_s - self.before.at_s

    def grown(self, metric: str) -> float:
        return self.after.metrics.get(metric, 0.0) - self.before.metrics.get(metric, 0.0)

    @property
    def requests(self) -> float:
        """As the server counts them: whatever the client does at its ends, time and requests belong together."""
        return self.grown("http_requests_total")

    def cpu_us(self, part: str) -> float | None:
        """CPU time of a part a request."""
        return _ratio((self.after.cpu_ns[part] - self.before.cpu_ns[part]) / 1000, self.requests)

    def busy(self, part: str) -> float:
        """How much of the time a part was on a CPU; 1 is a whole one."""
        return (self.after.cpu_ns[part] - self.before.cpu_ns[part]) / 1e9 / self.seconds

    @property
    def commands_sent(self) -> float:
        return self.grown("redis_commands_total")

    @property
    def commands_inside_scripts(self) -> float:
        """Commands that Redis ran and nobody sent."""
        calls = sum(self.after.commands.values()) - sum(self.before.commands.values())
        own = sum(self.after.commands.get(name, 0) - self.before.commands.get(name, 0)
                  for name in ("evalsha", "eval", "script|load", "info", "ping"))
        return max(0.0, calls - own)

    def per_request(self, count: float) -> float | None:
        return _ratio(count, self.requests)

    def users_per_call(self) -> float | None:
        return _ratio(self.requests, self.commands_sent)

    def commands_per_send(self) -> float | None:
        return _ratio(self.commands_sent, self.grown("redis_sends_total"))

    def users_per_send(self) -> float | None:
        return _ratio(self.requests, self.grown("redis_sends_total")) if self.commands_sent else None


def _ratio(count: float, of: float) -> float | None:
    return count / of if of else None
