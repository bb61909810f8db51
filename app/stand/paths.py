"""Where things are in the source tree."""

import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
ASAN_BUILD, TSAN_BUILD, FUZZ_BUILD = (BUILD.with_name(f"build-{kind}") for kind in ("asan", "tsan", "fuzz"))
BUILDS = (BUILD, ASAN_BUILD, TSAN_BUILD, FUZZ_BUILD)  # every folder that ./dev builds in; `./dev clean` deletes them
STAND = pathlib.Path(__file__).resolve().parent


def programs():
    """Where the programs under test are: ONSALE_BUILD_DIR, as the sanitizer legs set it, or build/."""
    return pathlib.Path(os.environ.get("ONSALE_BUILD_DIR") or BUILD).resolve()
