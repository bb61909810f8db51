"""Building: cmake and ninja into build/, or into a folder of its own for each sanitizer."""

import json
import os
import subprocess

from app.stand.errors import StandError
from app.stand.paths import BUILD, ROOT
from app.stand.workers import run_program

# What demo and up need; `./dev build` and `./dev test` build everything.
STAND_TARGETS = ("onsaled", "onsale-kafka-embedded", "onsale-crowd")

# For the sanitizer legs: optimised little, so that the compiler is fast and reports name real lines.
SANITIZER_FLAGS = "-O1 -g1"


def build(directory=BUILD, *, targets=(), sanitize="", options=(), say=print, quiet=False):
    """Configures and builds. Prints the compiler's words only when something is wrong, or ninja's progress."""
    configure(directory, sanitize, options)
    say(f"Building {' '.join(targets) or 'everything'} in {directory.name}/"
        + (f" with {sanitize} sanitizer" if sanitize else ""))
    command = ["ninja", "-C", str(directory), *targets]
    done = run_program(command, stdout=subprocess.PIPE if quiet else None, text=True)
    if done.returncode != 0:
        raise StandError("the build failed" + (f":\n{_failures(done.stdout)}" if quiet else ""))


def configure(directory, sanitize="", options=()):
    """Runs cmake when the folder is new; ninja runs it again by itself when a CMake file has changed."""
    if (directory / "build.ninja").exists():
        return
    command = ["cmake", "-S", str(ROOT), "-B", str(directory), "-G", "Ninja", "-DCMAKE_BUILD_TYPE=RelWithDebInfo",
               *options]
    if sanitize:
        command += [f"-DONSALE_SANITIZE={sanitize}", f"-DCMAKE_CXX_FLAGS_RELWITHDEBINFO={SANITIZER_FLAGS}",
                    f"-DCMAKE_C_FLAGS_RELWITHDEBINFO={SANITIZER_FLAGS}"]
    done = run_program(command, stderr=subprocess.PIPE, text=True, env=os.environ | {"LC_ALL": "C"})
    if done.returncode != 0:
        (directory / "build.ninja").unlink(missing_ok=True)
        raise StandError(f"cmake failed:\n{done.stderr.strip() or done.stdout}")


def compile_commands(directory=BUILD):
    """The compiler's command line of every source; nothing has to be built for it."""
    configure(directory)
    listed = subprocess.run(["ninja", "-C", str(directory), "-t", "compdb"], capture_output=True, text=True, check=True)
    return [entry["command"] for entry in json.loads(listed.stdout) if entry["file"].endswith(".cpp")]


def _failures(output):
    """What ninja said from the first failure on."""
    at = output.find("FAILED:")
    return output[max(at, 0):][-6000:]
