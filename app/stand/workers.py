"""Programs run by several threads at once, none of which outlives the block that runs them."""

import concurrent.futures
import subprocess
import threading


class Workers:
    """`with Workers(2) as workers`: map() calls a function for several items at once, which runs programs by run().

    When the block is left by an exception, Ctrl-C say, what runs is told to end and nothing more is started.
    """

    def __init__(self, count):
        self._pool = concurrent.futures.ThreadPoolExecutor(count)
        self._lock = threading.Lock()
        self._running = set()
        self._ending = False

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            self._end()
        self._pool.shutdown(cancel_futures=kind is not None)

    def begin(self, function, *arguments):
        """The call's future."""
        return self._pool.submit(function, *arguments)

    def map(self, function, items):
        """As the builtin, in order; the work begins at once."""
        return self._pool.map(function, items)

    def run(self, command, *, timeout_s=None, **options):
        """As subprocess.run with the output kept as bytes, standard error in it unless `options` say otherwise."""
        process = self._start(command, {"stderr": subprocess.STDOUT, **options})
        try:
            output, errors = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
            raise subprocess.TimeoutExpired(command, timeout_s, output) from None
        finally:
            with self._lock:
                self._running.discard(process)
        return subprocess.CompletedProcess(command, process.returncode, output, errors)

    def _start(self, command, options):
        with self._lock:
            if self._ending:
                raise concurrent.futures.CancelledError
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, **options)
            self._running.add(process)
        return process

    def _end(self):
        with self._lock:
            self._ending = True
            for process in self._running:
                process.terminate()
