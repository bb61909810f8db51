"""`./dev test`: every test there is, leg after leg, a table, and the closing line `N passed, N failed`.

A leg that cannot run (the build fails, a program crashes) counts as one failure and the next leg runs all the same.
"""

import dataclasses
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree

from app.stand import coverage as counting
from app.stand import fuzz, simulate
from app.stand.build import build
from app.stand.errors import KafkaUnavailable, StandError
from app.stand.kafka import fetch_jars
from app.stand.paths import ASAN_BUILD, BUILD, ROOT, TSAN_BUILD
from app.stand.workers import Workers, run_program

LEGS = ("lint", "unit", "integration", "simulation", "servers", "asan", "tsan", "fuzz")

# What hands data from thread to thread: rings and snapshots, the writer pool, wakes of a loop. Not `app`: Asio uses
# fences, which the thread sanitizer does not understand.
_THREADED = ("unit_core", "unit_persist", "integration_net")
_PROGRAM_TIMEOUT_S = 300
_PROGRAMS_AT_ONCE = 2  # half of them mostly wait; each has servers, ports and folders of its own
_PYTEST_TIMEOUT_S = 1500
_FUZZ_S = 60  # of each target; `./dev fuzz` is for more
_SIMULATION_S = 15  # of new seeds, in each of the two builds; `./dev simulate` is for more
_SIMULATION_RUNS = 100  # of each world, from seeds that are the same in every CI run
# A folder of the product is compiled in a few pieces: in half the time, and nobody edits between two builds here.
_PIECES = "-DCMAKE_UNITY_BUILD=ON"


@dataclasses.dataclass
class Result:
    """What one program or one pytest run came to."""

    name: str
    passed: int
    failed: int
    seconds: float = 0.0
    note: str = ""


def test(options):
    """Runs the legs; 0 when nothing failed and something passed."""
    results = _run_legs(options.only or LEGS)
    _print_table(results)
    if "asan" in (options.only or LEGS):
        _print_coverage()
    passed, failed = sum(result.passed for result in results), sum(result.failed for result in results)
    print(f"{passed} passed, {failed} failed", flush=True)
    return 0 if passed and not failed else 1


def _run_legs(wanted):
    """Leg after leg. Lint goes beside them as soon as the first has built the tree, on what they leave of the
    processors: nothing waits for it, and they often wait for their servers."""
    legs = [leg for leg in LEGS if leg in wanted and leg != "lint"]
    with Workers(1) as aside:
        results = [result for leg in legs[:1] for result in _leg(leg)]
        lint = [aside.begin(_guarded, "lint", lambda: _lint(aside))] if "lint" in wanted else []
        results += [result for leg in legs[1:] for result in _leg(leg)]
        return results + [result for started in lint for result in started.result()]


def _leg(name):
    print(f"\n== {name} ==", flush=True)
    return _guarded(name, _RUNS[name])


def coverage(_options):
    """Runs what is counted, then says the counts; non-zero when a test failed, for then they say little."""
    results = _guarded("asan", _asan)
    _print_table(results)
    _print_coverage()
    return 1 if any(result.failed for result in results) else 0


def _guarded(leg, run):
    start = time.monotonic()
    results = []
    try:
        for result in run():
            results.append(result)
    except StandError as error:
        print(error, flush=True)
        results.append(Result(leg, 0, 1, time.monotonic() - start, "could not run"))
    return results


def _lint(workers):
    """A process of its own at the lowest priority; its words come in one piece, whatever is printed meanwhile."""
    start = time.monotonic()
    done = workers.run(["nice", "-n", "19", sys.executable, "-m", "app.stand", "lint"], cwd=ROOT,
                       env=os.environ | {"PYTHONPATH": str(ROOT)})
    output = done.stdout.decode(errors="replace")
    print(f"\n== lint ==\n{output}", end="", flush=True)
    seconds = time.monotonic() - start
    for name, passed, failed in lint_counts(output) or [("lint", 0, 1)]:
        yield Result(name, passed, failed, seconds)


def lint_counts(output):
    """[(name, passed, failed)] of the closing line of `./dev lint`; empty when it did not get that far."""
    counts = re.search(r"^lint: (\d+) files formatted, (\d+) not; (\d+) folders clean, (\d+) with findings$", output,
                       re.MULTILINE)
    if not counts:
        return []
    formatted, unformatted, clean, untidy = map(int, counts.groups())
    return [("format", formatted, unformatted), ("clang-tidy", clean, untidy)]


def _unit():
    build(quiet=True, say=_say)
    yield from _doctest_programs(BUILD, "unit_*", "tidy")


def _integration():
    build(quiet=True, say=_say)
    yield from _doctest_programs(BUILD, "integration_*")


def _simulation():
    build(quiet=True, say=_say)
    yield from _simulated(BUILD, "simulation")


def _simulated(directory, label, env=None):
    """The same seeds as every time, then new ones."""
    for name, arguments in ((f"{label}: known seeds", ("--seed", "1", "--runs", str(_SIMULATION_RUNS))),
                            (f"{label}: new seeds", ("--seconds", str(_SIMULATION_S)))):
        start = time.monotonic()
        try:
            status, output = simulate.run(directory, *arguments, timeout_s=_PROGRAM_TIMEOUT_S, env=env)
        except subprocess.TimeoutExpired:
            status, output = "a timeout", ""
        print(_tail(output) if status == 0 else f"{name} ended with {status}:\n{_tail(output)}", flush=True)
        worlds = len(re.findall(r"^\w+: \d+ runs", output, re.MULTILINE))
        yield Result(name, worlds, 0 if status == 0 and worlds else 1, time.monotonic() - start)


def _servers():
    build(quiet=True, say=_say)
    kafka = _best_kafka()
    yield _pytest(f"real servers, Kafka {kafka}", "tests/integration", "tests/browser", "tests/fault", kafka=kafka)


def _asan():
    """All programs; this build also counts which lines run."""
    build(ASAN_BUILD, targets=("programs_under_test", "simulation", "onsaled", "onsale-kafka-embedded"),
          sanitize="address,undefined", options=[_PIECES, "-DONSALE_COVERAGE=ON"], quiet=True, say=_say)
    counting.forget(ASAN_BUILD)
    reports = ASAN_BUILD / "reports"
    shutil.rmtree(reports, ignore_errors=True)
    reports.mkdir()
    env = {"ASAN_OPTIONS": f"log_path={reports}/asan", "UBSAN_OPTIONS": f"print_stacktrace=1:log_path={reports}/ubsan",
           "ONSALE_BUILD_DIR": str(ASAN_BUILD)}
    yield from _doctest_programs(ASAN_BUILD, "unit_*", "integration_*", env=env, label="asan")
    yield from _simulated(ASAN_BUILD, "asan: simulation", env)
    yield _pytest("asan: onsaled, Kafka embedded", "tests/integration", "-m", "sanitized", kafka="embedded", env=env)
    yield _report_of_reports(reports)


def _tsan():
    build(TSAN_BUILD, targets=_THREADED, sanitize="thread", options=[_PIECES], quiet=True, say=_say)
    yield from _doctest_programs(TSAN_BUILD, *_THREADED, env={"TSAN_OPTIONS": "halt_on_error=1"}, label="tsan",
                                 prefix=_without_randomisation())


def _fuzz():
    """Each target: its corpus once, so that what was ever found stays found; then a while of new inputs."""
    targets = fuzz.targets_of_tree()
    fuzz.build_targets(targets, say=_say)
    replayed = {target.name: _replay(target) for target in targets}
    for run in fuzz.run_all(targets, seconds=_FUZZ_S, jobs=fuzz.JOBS):
        if run.failed:
            print(fuzz.explain(run), flush=True)
        outcomes = (replayed[run.target.name], not run.failed)
        result = Result(f"fuzz: {run.target.name}", outcomes.count(True), outcomes.count(False), run.seconds,
                        f"{run.sums.executions} executions, {run.sums.edges} edges")
        _say(f"  {result.name}: {result.note}")
        yield result


def _replay(target):
    """False when an input of the corpus breaks a property."""
    done = fuzz.replay(target)
    if done.returncode != 0:
        print(f"{target.name}: an input of {target.corpus.relative_to(ROOT)} fails:\n{_tail(done.stdout)}", flush=True)
    return done.returncode == 0


def _without_randomisation():
    """GCC 12's thread sanitizer cannot place its shadow under the address randomisation of some kernels. A container
    may forbid turning it off; then it has to do without."""
    prefix = ["setarch", "-R"]
    return prefix if subprocess.run([*prefix, "true"], capture_output=True).returncode == 0 else []


_RUNS = {"unit": _unit, "integration": _integration, "simulation": _simulation, "servers": _servers,
         "asan": _asan, "tsan": _tsan, "fuzz": _fuzz}


def _best_kafka():
    """The real broker; where it cannot be had, the stand-in, and everybody is told."""
    try:
        fetch_jars(_say)
        return "real"
    except KafkaUnavailable as error:
        _say(f"{error}\nThe tests run on the embedded stand-in for Kafka instead.")
        return "embedded"


def _doctest_programs(directory, *patterns, env=None, label="", prefix=()):
    programs = sorted(path for pattern in patterns for path in directory.glob(pattern) if os.access(path, os.X_OK))
    if not programs:
        raise StandError(f"no program {' or '.join(patterns)} in {directory.name}/")
    with Workers(_PROGRAMS_AT_ONCE) as workers:
        env = (env or {}) | {"TMPDIR": workers.scratch_folder()}
        for result in workers.map(lambda program: _doctest(workers, [*prefix, str(program)], env), programs):
            result.name = f"{label}: {result.name}" if label else result.name
            _say(f"  {result.name}: {result.passed} passed, {result.failed} failed ({result.seconds:.1f} s)")
            yield result


def _doctest(workers, command, env):
    name = pathlib.Path(command[-1]).name
    start = time.monotonic()
    try:
        done = workers.run([*command, "--no-colors=true"], timeout_s=_PROGRAM_TIMEOUT_S, cwd=ROOT, env=os.environ | env)
        output, status = done.stdout.decode(errors="replace"), done.returncode
    except subprocess.TimeoutExpired as expired:
        output, status = expired.output.decode(errors="replace"), "a timeout"
    passed, failed = doctest_counts(output)
    if status != 0:
        failed = max(failed, 1)
        print(f"{name} ended with {status}:\n{_tail(output)}", flush=True)
    return Result(name, passed, failed, time.monotonic() - start)


def doctest_counts(output):
    """(passed, failed) test cases of doctest's summary line; (0, 0) when the program did not get that far."""
    summary = re.search(r"\[doctest\] test cases: *\d+ \| *(\d+) passed \| *(\d+) failed", output)
    return (int(summary[1]), int(summary[2])) if summary else (0, 0)


def _pytest(name, *arguments, kafka, env=None):
    """One pytest run with its output as progress. pytest's exit status 5 (no test) is a failure here."""
    report = BUILD / "pytest.xml"
    report.unlink(missing_ok=True)
    environment = os.environ | {"ONSALE_TEST_KAFKA": kafka, "PYTHONPATH": str(ROOT)} | (env or {})
    start = time.monotonic()
    try:
        status = run_program([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--durations=8",
                              f"--junitxml={report}", *arguments], stdout=None, stderr=None, cwd=ROOT, env=environment,
                             timeout_s=_PYTEST_TIMEOUT_S, stop_signal=signal.SIGINT).returncode
    except subprocess.TimeoutExpired:
        status = "a timeout"
    passed, failed, skipped = junit_counts(report)
    if status != 0:
        failed = max(failed, 1)
    return Result(name, passed, failed, time.monotonic() - start, f"{skipped} skipped" if skipped else "")


def junit_counts(report):
    """(passed, failed, skipped) of a JUnit file; (0, 0, 0) when there is none."""
    if not pathlib.Path(report).exists():
        return 0, 0, 0
    suites = xml.etree.ElementTree.parse(report).getroot().iter("testsuite")
    tests = failed = skipped = 0
    for suite in suites:
        tests += int(suite.get("tests", 0))
        failed += int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        skipped += int(suite.get("skipped", 0))
    return max(tests - failed - skipped, 0), failed, skipped


def _report_of_reports(reports):
    """A sanitizer's report is a failure, also when no test saw it: one at exit, say."""
    written = sorted(reports.iterdir())
    for report in written:
        print(f"{report.name}:\n{_tail(report.read_text(errors='replace'))}", flush=True)
    return Result("asan: no report written", 0 if written else 1, len(written))


def _print_table(results):
    width = max([len(result.name) for result in results] + [4])
    print(f"\n{'test':<{width}}  passed  failed  seconds")
    for result in results:
        print(f"{result.name:<{width}}  {result.passed:>6}  {result.failed:>6}  {result.seconds:>7.1f}  {result.note}"
              .rstrip())
    print()


def _print_coverage():
    try:
        print(counting.report(ASAN_BUILD), flush=True)
    except StandError as error:
        print(error, flush=True)


def _tail(output, lines=80):
    return "\n".join("    " + line for line in output.splitlines()[-lines:])


def _say(text):
    print(text, flush=True)
