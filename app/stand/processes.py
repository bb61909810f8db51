"""Processes: one part is one process group with a log; nothing started here survives the process that started it.

A `Service` is owned by the Stand, may be started, killed and started again any number of times, and is used by one
thread at a time. A `Nursery` is the handle to the reaper (reaper.py) that all services of a Stand share.
"""

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

from app.stand import reaper
from app.stand.errors import StandError

_LOG_LINES = 20


class Nursery:
    """Tells the reaper what to take down when this process is gone. May be used from several threads."""

    def __init__(self, inherited_files=()):
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-S", "-E", str(pathlib.Path(reaper.__file__))],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, start_new_session=True,
            pass_fds=tuple(inherited_files))

    def watch(self, pid, stop_signal):
        start = reaper.start_time(pid)
        if start is not None and not self._order(f"watch {pid} {start} {int(stop_signal)}"):
            reaper.send(pid, signal.SIGKILL)
            raise StandError("the reaper is gone; nothing more is started")

    def forget(self, pid):
        self._order(f"forget {pid}")

    def remove_at_end(self, folder):
        """The folder is deleted when everything is down, also when our own process is killed."""
        self._order(f"remove {folder}")

    def close(self):
        """Ends the reaper, which first takes down what is still watched. May be called twice."""
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()

    def _order(self, line):
        """False when the reaper is gone or told to end."""
        with self._lock:
            try:
                self._process.stdin.write(line + "\n")
                self._process.stdin.flush()
            except (BrokenPipeError, ValueError):
                return False
            return True


class Service:
    """One server process. A part says how it is started and how one sees that it is ready; the rest is here."""

    stop_signal = signal.SIGTERM
    stop_timeout_s = 20.0
    start_timeout_s = 30.0

    def __init__(self, name, nursery, log_path):
        self.name = name
        self.log_path = pathlib.Path(log_path)
        self._nursery = nursery
        self._process = None
        self._log_from = 0

    # What a part says.
    def command(self):
        """The argument vector."""
        raise NotImplementedError

    def is_ready(self):
        """One quick look; called until it is true."""
        raise NotImplementedError

    def prepare(self):
        """What must be in place before the process is started."""

    def user(self):
        """The user the process runs as: (uid, gid), or None for our own."""
        return None

    def environment(self):
        """Environment variables beside our own."""
        return {}

    # What everybody uses.
    @property
    def pid(self):
        """Of the process last started; None before the first start."""
        return self._process.pid if self._process else None

    @property
    def running(self):
        return self._process is not None and self._process.poll() is None

    def start(self, timeout_s=None):
        """Starts the part and waits until it is ready."""
        self.launch()
        self.wait_ready(timeout_s)

    def launch(self):
        """Starts the process and returns at once."""
        if self.running:
            raise StandError(f"{self.name} is already running (pid {self.pid})")
        self.prepare()
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.log_path, "ab") as log:
            self._log_from = log.tell()
            self._process = self._spawn(log)
        self._nursery.watch(self._process.pid, self.stop_signal)

    def wait_ready(self, timeout_s=None):
        """Waits until the part is ready; a StandError carries the end of its log."""
        timeout_s = timeout_s or self.start_timeout_s
        deadline = time.monotonic() + timeout_s
        while not self.is_ready():
            if not self.running:
                raise StandError(self.explain(f"{self.name} ended with {ending(self._process.returncode)} at start"))
            if time.monotonic() > deadline:
                raise StandError(self.explain(f"{self.name} was not ready after {timeout_s:.0f} s"))
            time.sleep(0.02)

    def stop(self):
        """Asks the part to stop, waits, kills it when it does not. Returns the exit status; None when not running."""
        if not self.running:
            return self._collect()
        self.signal(self.stop_signal)
        try:
            self._process.wait(self.stop_timeout_s)
        except subprocess.TimeoutExpired:
            self.kill9()
        return self._collect()

    def kill9(self):
        """As a crash: the whole group, at once, without a word. Returns when it is gone."""
        if self.running:
            reaper.send(self._process.pid, signal.SIGKILL)
            self._process.wait()
        return self._collect()

    def wait(self, timeout_s):
        """Waits until the process ends by itself; its exit status, or None when it still runs."""
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None
        return self._collect()

    def signal(self, number):
        """Signals the process, not its children."""
        if self.running:
            os.kill(self._process.pid, number)

    def log_tail(self, lines=_LOG_LINES):
        """The last lines that the process last started has logged."""
        try:
            with open(self.log_path, "rb") as log:
                log.seek(self._log_from)
                return "\n".join(log.read().decode(errors="replace").splitlines()[-lines:])
        except OSError:
            return ""

    def explain(self, what):
        """A sentence, and what the log says to it."""
        tail = self.log_tail()
        if not tail:
            return what
        return f"{what}\n  {self.log_path}:\n" + "\n".join(f"    {line}" for line in tail.splitlines())

    def _spawn(self, log):
        identity = self.user()
        extra = {} if identity is None else {"user": identity[0], "group": identity[1], "extra_groups": []}
        try:
            return subprocess.Popen(
                [str(word) for word in self.command()], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
                start_new_session=True, env=os.environ | self.environment(), **extra)
        except FileNotFoundError as error:
            raise StandError(f"{self.name}: no program {error.filename}") from None

    def _collect(self):
        if self._process is None:
            return None
        self._nursery.forget(self._process.pid)
        return self._process.returncode


def ending(status):
    """An exit status in words."""
    return f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"


def children_of(pid):
    """The direct children of a process."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_bytes().rpartition(b")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(entry.name))
    return found
