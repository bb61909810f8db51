"""The programs of a bench beside the stand: the load generator, the bare responder, nginx with Lua.

All are `Service`s of the bench's own nursery, so nothing of them outlives `./dev bench`.
"""

import base64
import dataclasses
import hashlib
import hmac
import json
import pathlib
import secrets
import socket
import subprocess

from app.stand.errors import StandError
from app.stand.paths import ROOT, programs
from app.stand.ports import LOOPBACK, answers, free_port
from app.stand.processes import Service, ending

_NGINX_SOURCE = ROOT / "perf" / "nginx-lua"
_NGINX_MODULES = pathlib.Path("/usr/lib/nginx/modules")
_NGINX_REDIS = pathlib.Path("/usr/share/lua/5.1/nginx/redis.lua")


@dataclasses.dataclass(frozen=True)
class LoadSettings:
    """One run of onsale-load; see its --help. `rate` 0 is the closed loop: as fast as answers come."""

    seconds: float
    warm_up_s: float = 1.0
    connections: int = 256
    pipeline: int = 1
    rate: float = 0.0
    churn: int = 0
    idle_connections: int = 0
    connect_s: float = 0.0
    threads: int = 1
    spread: int = 1
    order: str = "cycle"
    expected: str = "200"

    def arguments(self) -> list:
        found = ["--seconds", self.seconds, "--warm-up-seconds", self.warm_up_s, "--connections", self.connections,
                 "--pipeline", self.pipeline, "--threads", self.threads, "--spread", self.spread,
                 "--order", self.order, "--expect", self.expected]
        for option, value in (("--rate", self.rate), ("--churn", self.churn), ("--connect-seconds", self.connect_s),
                              ("--idle-connections", self.idle_connections)):
            if value:
                found += [option, value]
        return found


class Load(Service):
    """One run of onsale-load. It ends by itself; `report()` waits for that."""

    stop_timeout_s = 5.0

    def __init__(self, nursery, directory: pathlib.Path, port: int, requests: pathlib.Path, settings: LoadSettings,
                 cpu: int):
        super().__init__("onsale-load", nursery, directory / "log" / "onsale-load.log")
        self.settings = settings
        self._json = directory / "load.json"
        self._json.unlink(missing_ok=True)
        self._command = [programs() / "onsale-load", "--target", f"{LOOPBACK}:{port}", "--requests", requests,
                         "--cpu", cpu, "--json", self._json, *settings.arguments()]

    def command(self):
        return self._command

    def is_ready(self):
        return True

    def report(self) -> dict:
        """What it measured."""
        patience_s = self.settings.seconds + self.settings.warm_up_s + self.settings.connect_s + 60
        status = self.wait(patience_s)
        if status is None:
            self.kill9()
            raise StandError(self.explain(f"onsale-load did not end within {patience_s:.0f} s"))
        if status != 0:
            raise StandError(self.explain(f"onsale-load ended with {ending(status)}"))
        return json.loads(self._json.read_text(encoding="utf-8"))


class Bare(Service):
    """The bare responder: our ring code that answers a constant; the physical limit of a core."""

    def __init__(self, nursery, directory: pathlib.Path, cpu: int, body_bytes: int, address: str = LOOPBACK):
        super().__init__("onsale-bare", nursery, directory / "log" / "onsale-bare.log")
        self._address = address
        self._cpu = cpu
        self._body_bytes = body_bytes

    @property
    def port(self) -> int:
        return int(self._announced().split()[1])

    def command(self):
        return [programs() / "onsale-bare", "--address", self._address, "--port", 0, "--threads", 1, "--cpu", self._cpu,
                "--body-bytes", self._body_bytes]

    def is_ready(self):
        return bool(self._announced())

    def _announced(self) -> str:
        return next((line for line in self.log_tail().splitlines() if line.startswith("listening ")), "")


class NginxLua(Service):
    """perf/nginx-lua on a CPU of its own choice, over the stand's Redis."""

    def __init__(self, nursery, directory: pathlib.Path, cpu: int, redis_port: int):
        super().__init__("nginx", nursery, directory / "log" / "nginx.log")
        self.port = free_port()
        self._directory = directory / "nginx"
        self._cpu = cpu
        self._redis_port = redis_port
        self._secret = secrets.token_hex(16)

    @staticmethod
    def installed() -> bool:
        return all(path.exists() for path in (_NGINX_MODULES / "ngx_http_lua_module.so", _NGINX_REDIS))

    def ticket(self, user: str) -> str:
        signature = hmac.new(self._secret.encode(), user.encode(), hashlib.sha1).digest()
        return f"{user}.{base64.b64encode(signature).decode()}"

    def prepare(self):
        self._directory.mkdir(exist_ok=True)
        text = (_NGINX_SOURCE / "nginx.conf").read_text(encoding="utf-8")
        for name, value in (("DIRECTORY", self._directory), ("MODULES", _NGINX_MODULES), ("PORT", self.port),
                            ("SECRET", self._secret), ("REDIS_PORT", self._redis_port), ("SOURCE", _NGINX_SOURCE)):
            text = text.replace(f"@{name}@", str(value))
        (self._directory / "nginx.conf").write_text(text, encoding="utf-8")

    def command(self):
        return ["taskset", "-c", self._cpu, "/usr/sbin/nginx", "-p", self._directory, "-e",
                self._directory / "error.log", "-c", self._directory / "nginx.conf"]

    def is_ready(self):
        return answers(self.port)


def head_bytes_of(port: int, request: bytes) -> int:
    """How long the head of an answer is, so that another's body can be made as long as needed to be equal."""
    with socket.create_connection((LOOPBACK, port), timeout=5) as connection:
        connection.sendall(request)
        received = b""
        while b"\r\n\r\n" not in received:
            chunk = connection.recv(65536)
            if not chunk:
                raise StandError(f"nobody answers at port {port}")
            received += chunk
    return received.index(b"\r\n\r\n") + 4


def count_system_calls(thread: int, seconds: float) -> int | None:
    """How many system calls a thread made in that time; None where perf may not look."""
    command = ["perf", "stat", "-x", ",", "-e", "raw_syscalls:sys_enter", "-t", str(thread), "--", "sleep",
               str(seconds)]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        return None
    for line in done.stderr.splitlines():
        count, _, rest = line.partition(",")
        if "sys_enter" in rest and count.isdigit():
            return int(count)
    return None
