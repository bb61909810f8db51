"""`./dev simulate`: the worlds of tests/simulation, run after run, until one breaks an invariant or the time is over.

The program `simulation` prints its seed and how many runs it made; when a run fails, its last line is the command that
repeats just that run.
"""

import os
import pathlib

from app.stand.build import build
from app.stand.errors import StandError
from app.stand.paths import ASAN_BUILD, BUILD, ROOT
from app.stand.workers import run_program

MINUTES = 1
WORLDS = sorted(path.name.removesuffix("_world.cpp") for path in (ROOT / "tests/simulation/worlds").glob("*_world.cpp"))


def simulate(options) -> int:
    """The command; 0 when every run held."""
    unknown = sorted(set(options.name) - set(WORLDS))
    if unknown:
        raise StandError(f"no world {', '.join(unknown)}; there are: {', '.join(WORLDS)}")
    directory = ASAN_BUILD if options.sanitized else BUILD
    build(directory, targets=("simulation",), sanitize="address,undefined" if options.sanitized else "", quiet=True)
    arguments = [*options.name]
    if options.seed is not None:
        arguments += ["--seed", str(options.seed)]
    if options.trace:
        arguments += ["--trace"]
    arguments += ["--runs", str(options.runs)] if options.runs else ["--seconds", str(round(options.minutes * 60))]
    command = [str(directory / "simulation"), *arguments]
    return run_program(command, stdout=None, stderr=None, cwd=ROOT).returncode


def run(directory: pathlib.Path, *arguments: str, timeout_s: float,
        env: dict[str, str] | None = None) -> tuple[int, str]:
    """(exit status, output) of the program of a build; for `./dev test`."""
    done = run_program([str(directory / "simulation"), *arguments], text=True, errors="replace", timeout_s=timeout_s,
                       cwd=ROOT, env=os.environ | (env or {}))
    return done.returncode, done.stdout
