"""Redis: AOF everysec, no eviction, loopback only. What onsale wants of a real one, in a folder of ours."""

import socket

from app.stand.ports import LOOPBACK
from app.stand.processes import Service


class Redis(Service):
    def __init__(self, nursery, folder, port):
        super().__init__("redis", nursery, folder.log("redis"))
        self.port = port
        self.directory = folder.path("redis")
        self.extra_options = []  # appended to the command line: ["--maxmemory-policy", "allkeys-lru"]

    @property
    def url(self):
        return f"redis://{LOOPBACK}:{self.port}"

    def prepare(self):
        self.directory.mkdir(parents=True, exist_ok=True)

    def command(self):
        return ["redis-server", "--bind", LOOPBACK, "--port", self.port, "--dir", self.directory, "--daemonize", "no",
                "--appendonly", "yes", "--appendfsync", "everysec", "--save", "", "--maxmemory-policy", "noeviction",
                "--loglevel", "notice", *self.extra_options]

    def is_ready(self):
        """PONG comes only when the AOF is loaded."""
        return self.call("PING") == "+PONG"

    def call(self, *words):
        """The first line of Redis' answer to one command, or None. For looks at a server, not for work."""
        request = b"*%d\r\n" % len(words)
        request += b"".join(b"$%d\r\n%s\r\n" % (len(word.encode()), word.encode()) for word in words)
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=1) as connection:
                connection.sendall(request)
                return connection.makefile("rb").readline().decode().rstrip()
        except OSError:
            return None
