"""The stand as one thing: Redis, PostgreSQL, Kafka and onsaled in one data folder.

    with Stand(folder, kafka="embedded") as stand:
        urllib.request.urlopen(stand.env["ONSALE_URL"] + "/v1/events")
        stand.redis.kill9(); stand.redis.start()

Used by one thread at a time. Everything it starts ends with it, also when its own process is killed.
"""

import contextlib
import os
import pathlib
import shutil
import signal
import tempfile

from app.stand.errors import StandError
from app.stand.folder import DataFolder, write_private
from app.stand.kafka import KINDS, EmbeddedKafka, NoKafka, RealKafka
from app.stand.paths import programs
from app.stand.ports import free_port, is_free
from app.stand.postgres import Postgres
from app.stand.processes import Nursery
from app.stand.redis import Redis
from app.stand.server import USER_HEADER, Server


class Stand:
    """See above. `port` and `ops_port` of 0 are found free; `settings` goes over the configuration (server.py)."""

    def __init__(self, data_dir, *, kafka="embedded", workers=None, port=0, ops_port=0, settings=None, build_dir=None,
                 say=lambda text: None):
        if kafka not in KINDS:
            raise StandError(f"kafka is one of {', '.join(KINDS)}, not {kafka!r}")
        self._folder = DataFolder(data_dir)
        self._build = pathlib.Path(build_dir).resolve() if build_dir else programs()
        self._say = say
        self._ports = []
        self._nursery = Nursery([self._folder.acquire()])
        with self._undone_on_error():
            self._make_parts(kafka, workers, port, ops_port, settings)

    @classmethod
    def temporary(cls, **options):
        """A stand in a fresh folder that is deleted when all is down; ONSALE_KEEP_DATA in the environment keeps it.

        The folder is where an unprivileged PostgreSQL can get to.
        """
        directory = tempfile.mkdtemp(prefix="onsale-stand-", dir="/var/tmp")
        os.chmod(directory, 0o711)
        try:
            stand = cls(directory, **options)
        except BaseException:
            shutil.rmtree(directory, ignore_errors=True)
            raise
        if not os.environ.get("ONSALE_KEEP_DATA"):
            stand._nursery.remove_at_end(directory)
        return stand

    @property
    def directory(self):
        return self._folder.directory

    @property
    def parts(self):
        """All parts in the order of their start."""
        return [self.redis, self.postgres, self.kafka, self.server]

    @property
    def env(self):
        """What another program needs to drive the stand: the lines of DIR/env."""
        return {
            "ONSALE_URL": self.server.url,
            "ONSALE_OPS_URL": self.server.ops_url,
            "ONSALE_ADMIN_TOKEN": self.server.admin_token,
            "ONSALE_USER_HEADER": USER_HEADER,
            "ONSALE_REDIS_URL": self.redis.url,
            "ONSALE_PG_DSN": self.postgres.dsn,
            "ONSALE_KAFKA_BROKERS": self.kafka.brokers,
            "ONSALE_KAFKA_KIND": self.kafka.kind,
            "ONSALE_PID": str(self.server.pid or ""),
        }

    def start(self):
        """Starts everything and waits until onsaled is ready; then DIR/env is there. On failure nothing runs."""
        with self._undone_on_error():
            self.start_backends()
            self.server.migrate()
            self.server.start()
            self.write_env()
        return self

    def start_backends(self):
        """Redis, PostgreSQL and Kafka, side by side, without onsaled."""
        with self._undone_on_error():
            backends = [part for part in self.parts[:3] if not part.running]
            for part in backends:
                part.launch()
            for part in backends:
                part.wait_ready()
                self._say(f"  {part.name}: {'ready' if part.running else 'none'}")

    def add_server(self, name, **options):
        """One more node on the same backends, not started. It is stopped with the stand."""
        server = self._server(name, self._port(), self._port(), options.get("workers"), options.get("settings"))
        self._more_servers.append(server)
        return server

    def watch(self, pid):
        """Takes the process group of another program into the stand's care: it ends when our own process is killed."""
        self._nursery.watch(pid, signal.SIGTERM)

    def write_env(self):
        """DIR/env; written whole, so who waits for it never reads half."""
        write_private(self._folder.path("env"), "".join(f"{key}={value}\n" for key, value in self.env.items()))

    def stop(self):
        """Stops everything, onsaled first, so that it drains into living backends. May be called twice."""
        self._folder.path("env").unlink(missing_ok=True)
        for part in [*getattr(self, "_more_servers", []), *reversed(getattr(self, "_made", []))]:
            part.stop()
        self._nursery.close()
        self._folder.release()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def _make_parts(self, kafka, workers, port, ops_port, settings):
        self._made = []
        self._more_servers = []
        self.redis = self._part(Redis(self._nursery, self._folder, self._port()))
        self.postgres = self._part(Postgres(self._nursery, self._folder, self._port()))
        self.kafka = self._part(self._make_kafka(kafka))
        server = self._server("onsaled", self._given(port), self._given(ops_port), workers, settings)
        self.server = self._part(server)

    def _make_kafka(self, kind):
        if kind == "real":
            return RealKafka(self._nursery, self._folder, self._port(), self._port())
        return EmbeddedKafka(self._nursery, self._folder, self._build) if kind == "embedded" else NoKafka()

    def _server(self, name, port, ops_port, workers, settings):
        return Server(self._nursery, self._folder, self._build, parts=(self.redis, self.postgres, self.kafka),
                      port=port, ops_port=ops_port, workers=workers, settings=settings, name=name)

    def _part(self, part):
        self._made.append(part)
        return part

    def _port(self):
        port = free_port(self._ports)
        self._ports.append(port)
        return port

    def _given(self, port):
        if not port:
            return self._port()
        if not is_free(port):
            raise StandError(f"port {port} is taken by another program; choose one with --port or --ops-port")
        self._ports.append(port)
        return port

    @contextlib.contextmanager
    def _undone_on_error(self):
        try:
            yield
        except BaseException:
            self.stop()
            raise
