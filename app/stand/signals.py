"""Being asked to stop: Ctrl-C, SIGTERM or a closed terminal become one exception, so that everything is taken down."""

import signal

_NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """Somebody asked us to stop. Not an Exception: nobody may swallow it by the way."""


class StopSignals:
    """Within `with`, the first such signal raises Stopped; further ones are ignored, so nothing cuts the stopping."""

    def __enter__(self):
        self._before = {number: signal.signal(number, self._stop) for number in _NUMBERS}

    def __exit__(self, *_):
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _stop(self, number, _frame):
        for other in _NUMBERS:
            signal.signal(other, signal.SIG_IGN)
        print("\nStopping everything ...", flush=True)
        raise Stopped(signal.Signals(number).name)
