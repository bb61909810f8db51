"""onsaled itself: its configuration, its schema, its life."""

import json
import subprocess
import urllib.error
import urllib.request

from app.stand.errors import StandError
from app.stand.folder import random_hex, write_private
from app.stand.ports import LOOPBACK
from app.stand.processes import Service

USER_HEADER = "Onsale-User"


class Server(Service):
    """One node. `settings` overrides the configuration, section by section: {"confirm": {"deadline": "200ms"}}."""

    def __init__(self, nursery, folder, build, *, parts, port, ops_port, workers=None, settings=None, name="onsaled"):
        super().__init__(name, nursery, folder.log(name))
        self.port = port
        self.ops_port = ops_port
        self.settings = settings or {}
        self.extra_environment = {}  # {"LD_PRELOAD": "counts.so"}
        self.config_path = folder.path(f"{name}.toml")
        self.program = build / "onsaled"
        self._folder = folder
        self._parts = parts
        self._workers = workers

    @property
    def url(self):
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def ops_url(self):
        return f"http://{LOOPBACK}:{self.ops_port}"

    @property
    def admin_token(self):
        return self._admin_token_file.read_text(encoding="ascii").strip()

    def prepare(self):
        write_private(self.config_path, render_toml(self.configuration()))

    def command(self):
        return [self.program, "-c", self.config_path]

    def environment(self):
        return self.extra_environment

    def is_ready(self):
        return self.readiness()[0] == 200

    def readiness(self):
        """(status, text) of GET /readyz; (None, "") when nobody answers."""
        try:
            with urllib.request.urlopen(f"{self.ops_url}/readyz", timeout=2) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(errors="replace")
        except OSError:
            return None, ""

    def metrics(self):
        """Every sample of GET /metrics as a number, by its name without our prefix, labels as they stand there."""
        with urllib.request.urlopen(f"{self.ops_url}/metrics", timeout=10) as answer:
            return parse_metrics(answer.read().decode())

    def explain(self, what):
        """The log's end, and what readyz says when somebody answers there."""
        _, checks = self.readiness()
        return super().explain(what) + (f"\n  {self.ops_url}/readyz:\n    " + checks.replace("\n", "\n    ")
                                        if checks else "")

    def migrate(self):
        """Brings PostgreSQL to the schema of this program."""
        self.prepare()
        done = self.run("--migrate", "-c", self.config_path)
        if done.returncode != 0:
            raise StandError(f"{self.name} --migrate failed:\n{done.stdout}{done.stderr}")

    def run(self, *arguments, timeout_s=60):
        """Runs the program to its end with other arguments, as `-t` or `--version`."""
        return subprocess.run([str(self.program), *map(str, arguments)], capture_output=True, text=True,
                              timeout=timeout_s)

    def configuration(self):
        """The configuration as sections of keys, with `settings` laid over it."""
        redis, postgres, kafka = self._parts
        sections = {
            "server": {"address": LOOPBACK, "port": self.port},
            "operations": {"address": LOOPBACK, "port": self.ops_port, "admin_token_file": str(self._admin_token_file)},
            "redis": {"host": LOOPBACK, "port": redis.port},
            "postgres": {"dsn": postgres.dsn, "writers": 2},
            "kafka": {"brokers": kafka.brokers},
            "identity": {"mode": "header", "header": USER_HEADER, "trusted_proxies": ["127.0.0.0/8"]},
            "tokens": {"keys_file": str(self._keys_file)},
            "payments": {"mode": "trusted"},
            "log": {"format": "text", "level": "info"},
        }
        if self._workers:
            sections["server"]["workers"] = self._workers
        for name, keys in self.settings.items():
            sections[name] = sections.get(name, {}) | keys
        return sections

    @property
    def _admin_token_file(self):
        return self._folder.secret("admin-token", lambda: random_hex() + "\n")

    @property
    def _keys_file(self):
        return self._folder.secret("token-keys", lambda: f"1:{random_hex()}\n")


def parse_metrics(text):
    """Prometheus text as {'http_connections_cut_total{cause="idle"}': 3.0}."""
    samples = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            samples[name.removeprefix("onsale_")] = float(value)
    return samples


def render_toml(sections):
    """Sections of plain values as TOML; JSON's strings, numbers, booleans and arrays are TOML's too."""
    lines = ["# Written by ./dev at each start."]
    for name, keys in sections.items():
        lines.append(f"\n[{name}]")
        lines += [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in keys.items()]
    return "\n".join(lines) + "\n"
