"""Where things are in the source tree."""

import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
STAND = pathlib.Path(__file__).resolve().parent
