"""`./dev up` and `./dev demo`: the stand for a person, until Ctrl-C."""

import contextlib
import os
import signal
import subprocess
import sys
import time

from app.stand.build import STAND_TARGETS, build
from app.stand.errors import StandError
from app.stand.kafka import fetch_jars
from app.stand.paths import BUILD
from app.stand.ports import is_free
from app.stand.processes import ending
from app.stand.stand import Stand

_RESTARTS_MAX = 5  # of one part within the window below; more is a part that cannot live, not one that was killed
_RESTART_WINDOW_S = 30.0


class Stopped(BaseException):
    """Somebody asked us to stop: Ctrl-C, SIGTERM, a closed terminal."""


def up(options):
    with _signals_as_exceptions():
        with _stand(options) as stand:
            _print_urls(stand)
            print("Ctrl-C stops everything.", flush=True)
            return _watch(stand)


def demo(options):
    with _signals_as_exceptions():
        with _stand(options) as stand:
            verdict = _run_crowd(stand, options)
            if options.exit:
                return verdict
            _print_urls(stand)
            print("The server stays up. Ctrl-C stops everything.", flush=True)
            with contextlib.suppress(Stopped):
                _watch(stand)
            return verdict


def _stand(options):
    """Builds what is needed and makes the stand; `with` starts it."""
    if options.kafka == "real":
        fetch_jars(_say)
    build(targets=STAND_TARGETS, say=_say)
    stand = Stand(options.data, kafka=options.kafka, workers=options.workers, port=_port(options.port, 8080),
                  ops_port=_port(options.ops_port, 9090), say=_say)
    _say(f"Starting Redis, PostgreSQL and onsaled in {stand.directory}; {stand.kafka.sentence}")
    return stand


def _port(given, usual):
    """The port given, or the usual one, or 0 (any) when the usual one is taken: only a port that was asked for must be
    had."""
    if given is not None:
        return given
    if is_free(usual):
        return usual
    _say(f"  port {usual} is taken by another program; finding a free one")
    return 0


def _print_urls(stand):
    print(f"""
  public API   {stand.server.url}/v1/events
  operations   {stand.server.ops_url}/readyz  /metrics
  environment  {stand.directory / 'env'}  (URLs, admin token, Redis, PostgreSQL, Kafka)
  logs         {stand.directory / 'log'}
  {stand.kafka.sentence}
""")


def _run_crowd(stand, options):
    """Runs the simulated buyers over the stand; their exit status is the verdict."""
    command = [str(BUILD / "onsale-crowd"), "--buyers", str(options.buyers), "--seats", str(options.seats),
               "--standing", str(options.standing)]
    if options.report:
        command += ["--report", os.path.abspath(options.report)]
    _say(f"A crowd of {options.buyers} buyers for {options.seats} seats and {options.standing} standing places")
    # Where everything is goes by the environment: the admin token is nothing for a list of processes.
    # A group of its own: Ctrl-C comes to us, and we stop the crowd before the servers under it.
    crowd = subprocess.Popen(command, start_new_session=True, env=os.environ | stand.env)
    stand.watch(crowd.pid)
    try:
        status = crowd.wait()
    except BaseException:
        crowd.terminate()
        crowd.wait()
        raise
    if status < 0:
        raise StandError(f"the crowd ended with {ending(status)}")
    return status


def _watch(stand):
    """Until Ctrl-C: a part that ends is started again, as systemd would. So one can kill any part and look."""
    restarts = []
    while True:
        time.sleep(0.5)
        for part in stand.parts:
            if part.running or part.pid is None:
                continue
            print(part.explain(f"{part.name} ended with {ending(part.stop())}; starting it again"), file=sys.stderr)
            now = time.monotonic()
            restarts = [at for at in restarts if now - at < _RESTART_WINDOW_S] + [now]
            if len(restarts) > _RESTARTS_MAX:
                raise StandError(f"{part.name} ends again and again; giving up")
            part.start()
            stand.write_env()


class _signals_as_exceptions:
    """Turns SIGTERM, SIGHUP and SIGINT into Stopped while we run, once: a second Ctrl-C does not cut the stopping."""

    _numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def __enter__(self):
        self._before = {number: signal.signal(number, self._stop) for number in self._numbers}

    def __exit__(self, kind, *_):
        for number, handler in self._before.items():
            signal.signal(number, handler)
        return False

    def _stop(self, number, _frame):
        for other in self._numbers:
            signal.signal(other, signal.SIG_IGN)
        print("\nStopping everything ...", flush=True)
        raise Stopped(signal.Signals(number).name)


def _say(text):
    print(text, flush=True)
