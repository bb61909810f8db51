"""The file that a person names for a report: refused before the work when it cannot be written, then written whole."""

import argparse
import os
import pathlib

from app.stand.errors import StandError


def report_file(text):
    """A type for argparse. It tries: permissions do not tell all that a file system refuses."""
    path = pathlib.Path(text).resolve()
    if path.exists() and not (path.is_file() and os.access(path, os.W_OK)):
        raise argparse.ArgumentTypeError(f"{text!r} is no file that can be written")
    try:
        _beside(path).touch()
        _beside(path).unlink()
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{text!r} cannot be written: {error.strerror}") from None
    return path


def write_report(path, text):
    """A full disk leaves an older report as it was."""
    try:
        _beside(path).write_text(text, encoding="utf-8")
        os.replace(_beside(path), path)
    except OSError as error:
        _beside(path).unlink(missing_ok=True)
        raise StandError(f"{path} cannot be written: {error.strerror}") from None


def _beside(path):
    return path.with_name(f"{path.name}.{os.getpid()}")
