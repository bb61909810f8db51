"""`./dev clean`: deletes what `./dev` has made, which it knows by marks of its own, and nothing else."""

import shutil

from app.stand.errors import StandError
from app.stand.folder import DataFolder
from app.stand.paths import BUILDS

_PROJECT = "CMAKE_PROJECT_NAME:STATIC=onsale\n"  # CMake writes it into the cache of every build folder of this tree


def clean(options):
    """Data and builds; what was left alone is an error."""
    remove_data(options.data)
    left = remove_builds(BUILDS)
    if left:
        raise StandError(f"no build folder of onsale, so left alone: {' '.join(map(str, left))}")
    return 0


def remove_data(directory):
    """A folder of somebody else is refused, before anything is deleted."""
    folder = DataFolder(directory)
    if not folder.directory.exists():
        return
    if not folder.is_ours:
        raise StandError(f"{folder.directory} is no data folder that ./dev has made; it is left alone")
    folder.acquire()
    folder.remove()
    folder.release()
    if folder.directory.exists():
        raise StandError(f"{folder.directory} cannot be deleted; do its files belong to somebody else?")


def remove_builds(directories):
    """Returns those that are there and are not ours: a link is none of ours, whatever it leads to."""
    there = [directory for directory in directories if directory.is_symlink() or directory.exists()]
    left = [directory for directory in there if directory.is_symlink() or not _is_build(directory)]
    for directory in there:
        if directory not in left:
            _delete(directory)
    return left


def _delete(directory):
    try:
        shutil.rmtree(directory)
    except OSError as error:
        raise StandError(f"{directory} cannot be deleted: {error.filename}: {error.strerror}") from None


def _is_build(directory):
    cache = directory / "CMakeCache.txt"
    return cache.is_file() and _PROJECT in cache.read_text(encoding="utf-8", errors="replace")
