"""The verb `./dev bench`: builds, runs the benches one after the other, prints the table, keeps the JSON."""

import json
import pathlib
import resource
import sys

from app.stand.build import STAND_TARGETS, build
from app.stand.errors import StandError
from app.stand.paths import programs
from app.stand.report_file import write_report
from perf.bench import machine
from perf.bench.buyers import Refused
from perf.bench.catalogue import BENCHES, chosen
from perf.bench.figures import compare
from perf.bench.redis import RedisError
from perf.bench.results import Result, report
from perf.bench.rig import Options
from perf.bench.table import render, render_comparison

TARGETS = (*STAND_TARGETS, "onsale-load", "onsale-bare", "onsale-count-allocations")


def bench(options) -> int:
    """The exit status: 1 when a bench could not run."""
    if options.list:
        _print_list()
        return 0
    benches = chosen(options.names)
    old = _read_report(options.compare) if options.compare is not None else None
    settings = Options(seconds=options.seconds or (1.0 if options.quick else 5.0),
                       repeat=options.repeat or (1 if options.quick else 3), quick=options.quick)
    facts = machine.facts()
    build(programs(), targets=TARGETS, say=_say, quiet=True)
    _raise_file_limit()
    results, failed = _run_all(benches, settings)
    done = report(results, facts, settings)
    print(render(done), end="")
    if options.json:
        write_report(options.json, json.dumps(done, indent=1) + "\n")
    if old:
        print("\n" + render_comparison(old, done, compare(old, done)), end="")
    for name, problem in failed:
        print(f"{name} could not run: {problem}")
    return 1 if failed else 0


def _run_all(benches, settings: Options) -> tuple[list[Result], list[tuple[str, str]]]:
    """A bench that cannot run does not keep the others from it."""
    results, failed = [], []
    for one in benches:
        try:
            results.append(one.run(settings, _say))
        except (StandError, Refused, RedisError) as error:
            _say(f"{one.name}: {error}")
            failed.append((one.name, str(error)))
    return results, failed


def _read_report(path: str) -> dict:
    """A report that can be compared with: it is, with itself, before anything is measured."""
    try:
        found = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StandError(f"--compare {path}: {error}") from None
    if not isinstance(found, dict) or found.get("format") != 1 or not _is_comparable(found):
        raise StandError(f"--compare {path} is no report that ./dev bench --json has written")
    return found


def _is_comparable(found: dict) -> bool:
    try:
        render_comparison(found, found, compare(found, found))
    except (AttributeError, LookupError, TypeError, ValueError):
        return False
    return True


def _raise_file_limit() -> None:
    """Fifteen thousand connections are open files of the client; what we start inherits the limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _print_list() -> None:
    for name, one in BENCHES.items():
        print(f"{name:<16} {one.about}")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
