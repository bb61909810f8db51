"""`./dev fuzz`: libFuzzer over the targets in tests/fuzz, several at a time, and a line for each of what came of it.

A target starts from its corpus, which git keeps, and from what earlier runs found, which lies in build-fuzz/work. What
breaks a property is kept in build-fuzz/findings and printed with the command that repeats it.
"""

import concurrent.futures
import dataclasses
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator

from app.stand.build import build
from app.stand.errors import StandError
from app.stand.paths import FUZZ_BUILD, ROOT
from app.stand.workers import Workers, run_program

JOBS = 2  # targets at a time
MINUTES = 1.0

_DIRECTORY = FUZZ_BUILD
_SOURCES = ROOT / "tests" / "fuzz"
_OPTIONS = ("-DONSALE_FUZZ=ON", "-DCMAKE_C_COMPILER=clang", "-DCMAKE_CXX_COMPILER=clang++")
# One input may take so long, in a build with sanitizers on a busy machine, before it counts as a hang.
_INPUT_TIMEOUT_S = 20
_MEMORY_MB_MAX = 2048
# How long a run may go on after its time, for the input in progress and the sums.
_GRACE_S = 60
# What git keeps of a target.
_CORPUS_FILES_MAX = 199
_CORPUS_BYTES_MAX = 300_000
_CHARACTERS_OF_HASH = 12


@dataclasses.dataclass(frozen=True)
class Target:
    """One program of tests/fuzz."""

    name: str

    @property
    def program(self) -> pathlib.Path:
        return _DIRECTORY / f"fuzz_{self.name}"

    @property
    def corpus(self) -> pathlib.Path:
        return _SOURCES / "corpus" / self.name

    @property
    def work(self) -> pathlib.Path:
        return _DIRECTORY / "work" / self.name

    @property
    def findings(self) -> pathlib.Path:
        return _DIRECTORY / "findings" / self.name

    @property
    def says(self) -> str:
        """The first sentence of the target's file."""
        comment = " ".join(re.findall(r"^// (.*)", (_SOURCES / f"{self.name}_fuzz.cpp").read_text(), re.MULTILINE))
        return comment.partition(" Properties:")[0]

    def command(self, *arguments: str | pathlib.Path) -> list[str]:
        dictionary = _SOURCES / f"{self.name}.dict"
        words = [f"-dict={dictionary}"] if dictionary.exists() else []
        limits = [f"-timeout={_INPUT_TIMEOUT_S}", f"-rss_limit_mb={_MEMORY_MB_MAX}",
                  f"-artifact_prefix={self.findings}/"]
        return [str(self.program), *words, *limits, *map(str, arguments)]


@dataclasses.dataclass(frozen=True)
class Sums:
    """What one run came to, as libFuzzer's words tell."""

    executions: int
    executions_per_s: int
    inputs: int
    edges: int


@dataclasses.dataclass(frozen=True)
class Run:
    """One target that has run, and what it found."""

    target: Target
    log: pathlib.Path
    seconds: float
    status: int | str
    findings: list[pathlib.Path]

    @property
    def sums(self) -> Sums:
        return sums_of(self.log.read_text(errors="replace"))

    @property
    def failed(self) -> bool:
        return self.status != 0


def fuzz(options) -> int:
    """The command; 0 when nothing was found."""
    targets = chosen(options.name)
    if options.list:
        for target in targets:
            print(f"{target.name:<10} {target.says}")
        return 0
    build_targets(targets, say=_say)
    _print_head()
    failed = False
    for run in run_all(targets, seconds=options.minutes * 60, jobs=options.jobs):
        _print_run(run)
        failed |= run.failed
    if options.keep:
        for target in targets:
            keep(target)
    return 1 if failed else 0


def targets_of_tree() -> list[Target]:
    return [Target(path.name.removesuffix("_fuzz.cpp")) for path in sorted(_SOURCES.glob("*_fuzz.cpp"))]


def chosen(names: list[str]) -> list[Target]:
    """The targets of these names, or all."""
    targets = targets_of_tree()
    unknown = set(names) - {target.name for target in targets}
    if unknown:
        raise StandError(f"no fuzz target {', '.join(sorted(unknown))}; `./dev fuzz --list` names them")
    return [target for target in targets if not names or target.name in names]


def build_targets(targets: list[Target], say) -> None:
    build(_DIRECTORY, targets=[target.program.name for target in targets], sanitize="address,undefined",
          options=_OPTIONS, say=say, quiet=True)


def replay(target: Target) -> subprocess.CompletedProcess:
    """Every input of the corpus once, and no other."""
    target.findings.mkdir(parents=True, exist_ok=True)
    return run_program(target.command("-runs=0", target.corpus), text=True, errors="replace")


def run_all(targets: list[Target], seconds: float, jobs: int) -> Iterator[Run]:
    """Each target for so long, `jobs` of them at a time; yields each when it has ended."""
    with Workers(jobs) as workers:
        begun = [workers.begin(_run, workers, target, seconds) for target in targets]
        for ended in concurrent.futures.as_completed(begun):
            yield ended.result()


def _run(workers: Workers, target: Target, seconds: float) -> Run:
    for folder in (target.work, target.findings):
        folder.mkdir(parents=True, exist_ok=True)
    before = set(target.findings.iterdir())
    log = _DIRECTORY / f"{target.name}.log"
    command = target.command(f"-max_total_time={max(1, round(seconds))}", "-print_final_stats=1", target.work,
                             target.corpus)
    start = time.monotonic()
    try:
        with open(log, "wb") as output:
            status = workers.run(command, stdout=output, timeout_s=seconds + _GRACE_S + _INPUT_TIMEOUT_S).returncode
    except subprocess.TimeoutExpired:  # libFuzzer ends by itself; one that does not has failed
        status = "a timeout"
    return Run(target, log, time.monotonic() - start, status, sorted(set(target.findings.iterdir()) - before))


def sums_of(log: str) -> Sums:
    """libFuzzer's final statistics, and its last status line: `#123 DONE   cov: 12 ft: 34 corp: 5/67b ...`"""
    status = re.findall(r"^#(\d+)\s.* cov: (\d+) .*corp: (\d+)/", log, re.MULTILINE)
    runs, edges, inputs = map(int, status[-1]) if status else (0, 0, 0)
    executed = re.search(r"stat::number_of_executed_units: *(\d+)", log)
    speed = re.search(r"stat::average_exec_per_sec: *(\d+)", log)
    return Sums(int(executed[1]) if executed else runs, int(speed[1]) if speed else 0, inputs, edges)


def explain(run: Run) -> str:
    """A failed run in words: what was broken, the input that breaks it, and the command that repeats it."""
    log = run.log.read_text(errors="replace")
    broken = re.search(r"^.*(assertion failed|runtime error|ERROR: (\w+Sanitizer|libFuzzer)).*$", log, re.MULTILINE)
    lines = [f"{run.target.name}: {broken[0].strip() if broken else f'ended with {run.status}'}"]
    for finding in run.findings:
        lines += [f"  found    {_short(finding)}", f"  repeat   {_short(run.target.program)} {_short(finding)}"]
    return "\n".join([*lines, f"  log      {_short(run.log)}"])


def keep(target: Target) -> None:
    """Adds inputs that reach code the corpus does not, up to what git should hold. How often code ran is not counted:
    that would be hundreds of files a target."""
    with tempfile.TemporaryDirectory() as folder:
        merged = pathlib.Path(folder)
        for seed in target.corpus.iterdir():
            shutil.copy(seed, merged / seed.name)
        known = {path.name for path in merged.iterdir()}
        done = run_program(target.command("-set_cover_merge=1", "-use_counters=0", merged, target.work), text=True,
                           errors="replace")
        if done.returncode != 0:
            raise StandError(f"merging the inputs of {target.name} failed:\n{done.stdout[-2000:]}")
        fresh = [path for path in merged.iterdir() if path.name not in known]
        fresh.sort(key=lambda path: path.stat().st_size, reverse=True)  # a large one reaches what several small ones do
        print(f"{target.name}: {_add_to_corpus(target, fresh)} of {len(fresh)} new inputs kept")


def _add_to_corpus(target: Target, fresh: list[pathlib.Path]) -> int:
    """How many of them fitted."""
    have = list(target.corpus.iterdir())
    files, size = len(have), sum(path.stat().st_size for path in have)
    added = 0
    for path in fresh:
        if files + added == _CORPUS_FILES_MAX or size + path.stat().st_size > _CORPUS_BYTES_MAX:
            continue
        shutil.copy(path, target.corpus / f"found-{path.name[:_CHARACTERS_OF_HASH]}")
        size += path.stat().st_size
        added += 1
    return added


def _print_head() -> None:
    print(f"{'target':<10} {'executions':>12} {'a second':>10} {'corpus':>8} {'edges':>8} {'seconds':>8}  findings",
          flush=True)


def _print_run(run: Run) -> None:
    sums = run.sums
    print(f"{run.target.name:<10} {sums.executions:>12,} {sums.executions_per_s:>10,} {sums.inputs:>8,} "
          f"{sums.edges:>8,} {run.seconds:>8.0f}  {len(run.findings) or 'none'}".replace(",", " "), flush=True)
    if run.failed:
        print(explain(run), flush=True)


def _short(path: pathlib.Path) -> str:
    """As one would type it here."""
    return os.path.relpath(path)


def _say(text: str) -> None:
    print(text, flush=True)
