"""`./dev up` and `./dev demo`: the stand for a person, until Ctrl-C."""

import contextlib
import os
import subprocess
import sys
import time

from app.stand.build import STAND_TARGETS, build
from app.stand.errors import StandError
from app.stand.folder import DataFolder
from app.stand.kafka import fetch_jars
from app.stand.paths import BUILD
from app.stand.ports import is_free
from app.stand.processes import ending
from app.stand.signals import Stopped
from app.stand.stand import Stand

_RESTARTS_MAX = 5  # of one part within the window below; more is a part that cannot live, not one that was killed
_RESTART_WINDOW_S = 30.0


def up(options):
    """Serves until somebody asks us to stop."""
    with _stand(options) as stand:
        _print_urls(stand)
        print("Ctrl-C stops everything.", flush=True)
        _watch(stand)
    return 0


def demo(options):
    """One sale; the exit status is the crowd's verdict, with --exit or after Ctrl-C."""
    with _stand(options) as stand:
        verdict = _run_crowd(stand, options)
        if not options.exit:
            _print_urls(stand)
            print("The server stays up. Ctrl-C stops everything.", flush=True)
            _watch(stand)
    return verdict


def _stand(options):
    """Builds what is needed and makes the stand; `with` starts it. A folder it cannot have is refused before."""
    DataFolder(options.data).make()
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
    with contextlib.suppress(Stopped):
        while True:
            time.sleep(0.5)
            for part in stand.parts:
                if part.pid is not None and not part.running:
                    restarts = _restart(stand, part, restarts)


def _restart(stand, part, restarts):
    """Starts the part again; returns the instants of the latest restarts, and refuses when they are too many."""
    print(part.explain(f"{part.name} ended with {ending(part.stop())}; starting it again"), file=sys.stderr)
    now = time.monotonic()
    restarts = [at for at in restarts if now - at < _RESTART_WINDOW_S] + [now]
    if len(restarts) > _RESTARTS_MAX:
        raise StandError(f"{part.name} ends again and again; giving up")
    part.start()
    stand.write_env()
    return restarts


def _say(text):
    print(text, flush=True)
