"""The data folder: one running stand owns it, by a lock; everything the stand writes is under it."""

import contextlib
import fcntl
import os
import pathlib
import secrets
import shutil
import tempfile
import time

from app.stand.errors import StandError

CLUSTER_ELSEWHERE = "onsale-postgres-"  # prefix of a folder in /var/tmp

_LOCK_WAIT_S = 15.0
# What tells a folder that a stand made from one of somebody else: nothing without it is ever used or deleted.
_MARKER = "onsale-data"
_MARKED = "A data folder of onsale: `./dev up` and the tests write here, `./dev clean` deletes it whole.\n"


class DataFolder:
    """Paths and secrets of one stand. The lock is shared with the reaper, so it is free only when all is down."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory).resolve()
        self._lock = None

    def path(self, *names):
        return self.directory.joinpath(*names)

    def log(self, name):
        return self.path("log", f"{name}.log")

    @property
    def is_ours(self):
        """Whether a stand made it."""
        with contextlib.suppress(OSError, UnicodeDecodeError):
            return self.path(_MARKER).read_text(encoding="ascii") == _MARKED
        return False

    def make(self):
        """Makes the folder, or takes one that is empty or of an earlier stand; any other is refused."""
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            if not self.is_ours:
                if any(self.directory.iterdir()):
                    raise StandError(f"{self.directory} holds something that is not of onsale; "
                                     "choose a new or an empty folder with --data")
                self.path(_MARKER).write_text(_MARKED, encoding="ascii")
            self.path("log").mkdir(exist_ok=True)
        except OSError as error:
            raise StandError(f"{self.directory} cannot be the data folder ({error.strerror}); choose one with --data"
                             ) from None

    def acquire(self):
        """Makes the folder and locks it; returns the lock's descriptor, for the reaper to inherit."""
        self.make()
        self._lock = open(self.path("lock"), "a+", encoding="ascii")
        deadline = time.monotonic() + _LOCK_WAIT_S
        while not self._try_lock():
            if time.monotonic() > deadline:
                self._lock.seek(0)
                holder = self._lock.read().strip() or "unknown"
                self.release()
                raise StandError(f"{self.directory} is in use by another stand (pid {holder}); choose one with --data")
            time.sleep(0.1)
        self._lock.truncate(0)
        self._lock.write(f"{os.getpid()}\n")
        self._lock.flush()
        return self._lock.fileno()

    def release(self):
        if self._lock:
            self._lock.close()
            self._lock = None

    def secret(self, name, content):
        """The path of a file that only its owner reads; content() is called when the file is not there yet."""
        path = self.path("secrets", name)
        if not path.exists():
            path.parent.mkdir(mode=0o700, exist_ok=True)
            write_private(path, content())
        return path

    def remove(self):
        """Deletes the folder, and a cluster that had to lie elsewhere (postgres.py)."""
        link = self.path("postgres")
        if link.is_symlink() and link.resolve().name.startswith(CLUSTER_ELSEWHERE):
            shutil.rmtree(link.resolve(), ignore_errors=True)
        shutil.rmtree(self.directory, ignore_errors=True)

    def _try_lock(self):
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        return False


def write_private(path, text):
    """Replaces a file whole, readable by its owner only: a reader sees the old text or the new, never half of it."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=path.name + ".")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(name, path)


def random_hex(count_bytes=32):
    return secrets.token_hex(count_bytes)
