"""A Redis that has a part of a CPU, so that a client on the same machine can offer several times what it can take."""

import signal
import threading
import time

from perf.bench.clocks import thread_cpu_ns

_STEP_S = 0.001
SAVED_NS_MAX = 5_000_000  # what it may catch up with after it had nothing to do


class SlowRedis:
    """`with SlowRedis(redis, part)`: Redis' own thread gets that part of a CPU's time, and is stopped when it had it.

    By the time it was on a CPU, not by the clock: whoever shares its CPU then takes nothing from it. Needs no rights.
    Redis is never left stopped.
    """

    def __init__(self, redis, part: float):
        self._redis = redis
        self._part = part
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._slow_down)

    def __enter__(self) -> "SlowRedis":
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._ended.set()
        self._thread.join()

    def _slow_down(self) -> None:
        try:
            self._share_out()
        finally:
            self._redis.signal(signal.SIGCONT)

    def _share_out(self) -> None:
        pid, stopped = self._redis.pid, False
        allowance = Allowance(self._part, time.monotonic_ns(), thread_cpu_ns(pid, pid))
        while not self._ended.wait(_STEP_S):
            spent = allowance.spent(time.monotonic_ns(), thread_cpu_ns(pid, pid))
            if stopped != spent:
                stopped = spent
                self._redis.signal(signal.SIGSTOP if stopped else signal.SIGCONT)


class Allowance:
    """A part of the time that passes; what is not used is saved, but only a little of it."""

    def __init__(self, part: float, now_ns: int, used_ns: int):
        self._part = part
        self._last_ns, self._used_ns = now_ns, used_ns
        self._saved_ns = 0.0

    def spent(self, now_ns: int, used_ns: int) -> bool:
        """Whether more was used than there was, at an instant and with what was used until then."""
        earned_ns = self._part * (now_ns - self._last_ns)
        self._saved_ns = min(self._saved_ns + earned_ns, SAVED_NS_MAX) - (used_ns - self._used_ns)
        self._last_ns, self._used_ns = now_ns, used_ns
        return self._saved_ns < 0
