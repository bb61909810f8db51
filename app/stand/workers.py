"""Programs that we run and wait for, one or several at once, none of which outlives the block that runs them.

Each has a process group of its own. When the block is left by an exception, Ctrl-C say, and when our own process is
killed, the reaper asks what still runs to end, so that it ends in its turn what it has started: ninja its compilers,
pytest its servers. What has not ended after the reaper's grace is killed.
"""

import concurrent.futures
import os
import signal
import subprocess
import tempfile
import threading

from app.stand import reaper
from app.stand.processes import Nursery


def run_program(command, **options):
    """As Workers.run, for one program. A thread starts it: a signal cuts the main thread anywhere, between the start of
    a program and our knowing of it, too."""
    with Workers(1) as worker:
        return worker.begin(lambda: worker.run(command, **options)).result()


class Workers:
    """`with Workers(2) as workers`: map() calls a function for several items at once, which runs programs by run().

    Once the block is left by an exception nothing more is started.
    """

    def __init__(self, count):
        self._pool = concurrent.futures.ThreadPoolExecutor(count)
        self._nursery = Nursery()
        self._lock = threading.Lock()
        self._ending = False

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._end()
        self._pool.shutdown()
        self._nursery.close()

    def begin(self, function, *arguments):
        """The call's future."""
        return self._pool.submit(function, *arguments)

    def map(self, function, items):
        """As the builtin, in order; the work begins at once."""
        return self._pool.map(function, items)

    def scratch_folder(self):
        """A folder that goes with the block. Everybody can pass through: PostgreSQL refuses to be root."""
        folder = tempfile.mkdtemp(prefix="onsale-scratch-")
        self._nursery.remove_at_end(folder)
        os.chmod(folder, 0o711)
        return folder

    def run(self, command, *, timeout_s=None, stop_signal=signal.SIGTERM, **options):
        """As subprocess.run with the output kept as bytes, standard error in it, unless `options` say otherwise.

        What was ended because the block was left has no result: CancelledError."""
        process = self._start(command, stop_signal, {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, **options})
        try:
            output, errors = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            reaper.send(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
            raise subprocess.TimeoutExpired(command, timeout_s, output) from None
        finally:
            self._nursery.forget(process.pid)
        if self._ending:
            raise concurrent.futures.CancelledError
        return subprocess.CompletedProcess(command, process.returncode, output, errors)

    def _start(self, command, stop_signal, options):
        with self._lock:
            if self._ending:
                raise concurrent.futures.CancelledError
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, **options)
            self._nursery.watch(process.pid, stop_signal)
        return process

    def _end(self):
        with self._lock:
            self._ending = True
            self._nursery.close()
