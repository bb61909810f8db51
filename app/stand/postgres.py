"""PostgreSQL: a cluster of our own, made by initdb, on loopback only.

PostgreSQL refuses to run as root. When we are root it runs as user postgres (or nobody), and the cluster lies in the
data folder when that user can get there, else in /var/tmp with a link in the data folder.
Trust authentication: only this machine can connect, and there is nothing in it but simulated sales.
"""

import os
import pathlib
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import time

from app.stand import reaper
from app.stand.errors import StandError
from app.stand.folder import CLUSTER_ELSEWHERE
from app.stand.ports import LOOPBACK
from app.stand.processes import Service, children_of

DATABASE = "onsale"
USER = "onsale"


class Postgres(Service):
    stop_signal = signal.SIGINT  # fast shutdown: sessions are cut, transactions rolled back, files in order

    def __init__(self, nursery, folder, port):
        super().__init__("postgres", nursery, folder.log("postgres"))
        self.port = port
        self.extra_options = []  # appended to the command line: ["-c", "fsync=off"]
        self._link = folder.path("postgres")
        self._programs = find_programs()
        self._identity = unprivileged_user()

    @property
    def dsn(self):
        return f"postgresql://{USER}@{LOOPBACK}:{self.port}/{DATABASE}"

    def user(self):
        return self._identity

    def prepare(self):
        home = self._home()
        if not (home / "cluster" / "PG_VERSION").exists():
            self._initialise(home)

    def command(self):
        return [self._programs / "postgres", "-D", self._home() / "cluster", "-c", f"port={self.port}",
                "-c", f"listen_addresses={LOOPBACK}", "-c", "unix_socket_directories=", "-c", "max_connections=64",
                "-c", "log_min_messages=warning", *self.extra_options]

    def is_ready(self):
        """True when the cluster takes connections and the database is there (made once)."""
        if self._run("pg_isready", "-q", "-h", LOOPBACK, "-p", self.port, "-t", 1).returncode != 0:
            return False
        marker = self._home() / "database-made"
        if not marker.exists():
            made = self._run("createdb", "-h", LOOPBACK, "-p", self.port, "-U", USER, DATABASE)
            if made.returncode != 0 and "already exists" not in made.stderr:
                raise StandError(self.explain(f"createdb failed: {made.stderr.strip()}"))
            marker.touch()
        return True

    def launch(self):
        """As Service.launch, after a crash too: the children of a killed postmaster may take a moment to go."""
        deadline = time.monotonic() + 10
        super().launch()
        while self._ended_on_leftovers() and time.monotonic() < deadline:
            time.sleep(0.2)
            super().launch()

    def kill9(self):
        """The whole server at once. Its children lead process groups of their own, so each is killed by itself."""
        if self.running:
            family = children_of(self.pid)
            status = super().kill9()
            for child in family:
                reaper.send(child, signal.SIGKILL)
            while any(reaper.start_time(child) for child in family):
                time.sleep(0.01)
            return status
        return super().kill9()

    def _ended_on_leftovers(self):
        status = self.wait(0.2)
        return status is not None and "still in use" in self.log_tail()

    def _home(self):
        return self._link.resolve()

    def _initialise(self, home):
        """Makes a fresh cluster. A half-made one (killed in initdb) is thrown away: it holds nothing."""
        home = home if self._reachable(self._own(home)) else self._own(self._elsewhere())
        shutil.rmtree(home / "cluster", ignore_errors=True)
        made = self._run("initdb", "-D", home / "making", "-U", USER, "-E", "UTF8", "--locale=C", "-A", "trust",
                         "--no-sync")
        if made.returncode != 0:
            shutil.rmtree(home / "making", ignore_errors=True)
            raise StandError(f"initdb failed: {made.stderr.strip() or made.stdout.strip()}")
        os.rename(home / "making", home / "cluster")

    def _own(self, home):
        home.mkdir(parents=True, exist_ok=True)
        if self._identity:
            os.chown(home, *self._identity)
        shutil.rmtree(home / "making", ignore_errors=True)
        return home

    def _reachable(self, home):
        return self._run("/usr/bin/test", "-w", home).returncode == 0

    def _elsewhere(self):
        """A folder that everybody can get to, linked from the data folder."""
        home = pathlib.Path(tempfile.mkdtemp(prefix=CLUSTER_ELSEWHERE, dir="/var/tmp"))
        if self._link.is_symlink():
            self._link.unlink()
        elif self._link.exists():
            self._link.rmdir()
        self._link.symlink_to(home)
        return home

    def _run(self, program, *arguments):
        extra = {}
        if self._identity:
            extra = {"user": self._identity[0], "group": self._identity[1], "extra_groups": []}
        path = program if program.startswith("/") else self._programs / program
        return subprocess.run([str(word) for word in (path, *arguments)], capture_output=True, text=True, cwd="/",
                              env=os.environ | {"LC_ALL": "C"}, **extra)


def unprivileged_user():
    """Who runs PostgreSQL: (uid, gid) when we are root, None when we run it ourselves."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
            return entry.pw_uid, entry.pw_gid
        except KeyError:
            continue
    raise StandError("PostgreSQL refuses to run as root, and there is neither a user postgres nor a user nobody")


def find_programs():
    """The folder of the newest PostgreSQL programs: Debian keeps them out of PATH, one folder a version."""
    versions = pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb")
    found = sorted(versions, key=lambda path: int(re.sub(r"\D", "", path.parts[-3]) or 0))
    if found:
        return found[-1].parent
    in_path = shutil.which("initdb")
    if in_path:
        return pathlib.Path(in_path).resolve().parent
    raise StandError("no PostgreSQL server programs (initdb); package postgresql")
