"""A Redis that has a part of a CPU, so that a client on the same machine can offer several times what it can take."""

import signal
import threading
import time

from perf.bench.clocks import thread_cpu_ns

_STEP_S = 0.001
_SAVED_NS_MAX = 5_000_000  # what it may catch up with after it had nothing to do


class SlowRedis:
    """`with SlowRedis(redis, part)`: Redis' own thread gets that part of a CPU's time, and is stopped when it has had it.

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
        last_ns, used_ns, saved_ns = time.monotonic_ns(), thread_cpu_ns(pid, pid), 0.0
        while not self._ended.wait(_STEP_S):
            now_ns, total_ns = time.monotonic_ns(), thread_cpu_ns(pid, pid)
            saved_ns = min(saved_ns + self._part * (now_ns - last_ns), _SAVED_NS_MAX) - (total_ns - used_ns)
            last_ns, used_ns = now_ns, total_ns
            if stopped != (saved_ns < 0):
                stopped = not stopped
                self._redis.signal(signal.SIGSTOP if stopped else signal.SIGCONT)
