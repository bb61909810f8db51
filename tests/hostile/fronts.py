"""Real proxies in front of a stand, run with the project's example configurations and free ports.

A `Front` is one process with its access log as values. What it is given beside the example (ports, a log format,
folders) stands in `adapted` of each, so that what is tested is what a reader of conf/ would run.
"""

import base64
import contextlib
import dataclasses
import hashlib
import hmac
import http.server
import json
import os
import pathlib
import shutil
import subprocess
import threading
import time

from app.stand.paths import ROOT
from app.stand.ports import LOOPBACK, answers, free_port

START_S_MAX = 20.0
SESSION_KEY = "a key of the merchant"
SESSION_USER = "ada"


@dataclasses.dataclass(frozen=True)
class Logged:
    """A request as the front counted it: what it answered, and how often it asked onsale."""

    port: int
    status: int
    tries: int
    request_id: str


class Front:
    """One proxy. `url` is what a visitor speaks to. Ends with stop(), or with the stand's owner."""

    def __init__(self, stand, folder: pathlib.Path):
        self.port = free_port([stand.server.port, stand.server.ops_port])
        self.url = f"http://{LOOPBACK}:{self.port}"
        self._stand = stand
        self._folder = folder
        self._process = None
        self._log = folder / "access.log"
        self._log_read_bytes = 0
        self._logged = []

    def start(self):
        config = self._folder / "front.conf"
        config.write_text(self.adapted())
        with open(self._folder / "output.log", "wb") as output, open(self._log, "wb") as log:
            self._process = subprocess.Popen(self.command(config), stdin=subprocess.DEVNULL, stdout=log, stderr=output,
                                             start_new_session=True, env=os.environ | {"SESSION_KEY": SESSION_KEY})
        self._stand.watch(self._process.pid)
        end = time.monotonic() + START_S_MAX
        while not answers(self.port):
            assert self._process.poll() is None and time.monotonic() < end, (self._folder / "output.log").read_text()
            time.sleep(0.05)
        return self

    def stop(self):
        if self._process is not None:
            self._process.terminate()
            self._process.wait()

    def log(self) -> list[Logged]:
        """Every request so far."""
        with open(self._log, "rb") as log:
            log.seek(self._log_read_bytes)
            for line in log:
                if not line.endswith(b"\n"):
                    break
                self._log_read_bytes += len(line)
                if line.startswith(b"{"):
                    self._logged.append(self.logged(json.loads(line)))
        return self._logged

    def credentials(self) -> bytes:
        """Fields by which this front knows who a visitor is."""
        raise NotImplementedError

    def command(self, config: pathlib.Path) -> list[str]:
        raise NotImplementedError

    def adapted(self) -> str:
        raise NotImplementedError

    def logged(self, line: dict) -> Logged:
        raise NotImplementedError


class Nginx(Front):
    """conf/nginx.conf, with a session service and a shop beside it."""

    def __init__(self, stand, folder):
        super().__init__(stand, folder)
        self._services = Services()

    def stop(self):
        super().stop()
        self._services.stop()

    def credentials(self):
        return b""

    def command(self, config):
        return [program("nginx"), "-p", str(self._folder), "-c", str(config), "-e", "stderr"]

    def adapted(self):
        text = (ROOT / "conf" / "nginx.conf").read_text()
        onsale = f"{LOOPBACK}:{self._stand.server.port}"
        for old, new in ((f"{LOOPBACK}:8080", onsale), (f"{LOOPBACK}:3000", f"{LOOPBACK}:{self._services.port}"),
                         (f"{LOOPBACK}:3001", f"{LOOPBACK}:{self._services.port}"),
                         ("listen 80;", f"listen {LOOPBACK}:{self.port};"), ("http {", "http {\n" + self._more())):
            assert text.count(old) == 1, f"conf/nginx.conf has no {old}"
            text = text.replace(old, new)
        user = "user root;\n" if os.geteuid() == 0 else ""
        return f"daemon off;\npid nginx.pid;\n{user}" + text

    def _more(self):
        fields = {"port": "$remote_port", "status": "$status", "asked": "$upstream_addr", "id": "$http_x_request_id"}
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        return (f"  log_format seen escape=json '{json.dumps(fields)}';\n  access_log {self._log} seen;\n"
                + "".join(f"  {kind}_temp_path {kind};\n" for kind in kinds))

    def logged(self, line):
        asked = line["asked"].replace(":", ",").split(",")
        return Logged(int(line["port"]), int(line["status"]), asked.count(str(self._stand.server.port)), line["id"])


class HAProxy(Front):
    """conf/haproxy.cfg."""

    def credentials(self):
        return b"Cookie: session=" + session_token() + b"\r\n"

    def command(self, config):
        return [program("haproxy"), "-db", "-f", str(config)]

    def adapted(self):
        text = (ROOT / "conf" / "haproxy.cfg").read_text()
        server = self._stand.server
        for old, new in (("bind :80\n", f"bind {LOOPBACK}:{self.port}\n{self._more()}"),
                         (f"{LOOPBACK}:8080", f"{LOOPBACK}:{server.port}"), ("port 9090", f"port {server.ops_port}"),
                         ("  option httplog\n", ""), ("maxconn 16384", "maxconn 1024")):
            assert text.count(old) == 1, f"conf/haproxy.cfg has no {old}"
            text = text.replace(old, new)
        return text

    @staticmethod
    def _more():
        line = '{"port":"%cp","status":"%ST","server":"%s","id":"%[capture.req.hdr(0)]"}'
        return (f"  http-request capture req.hdr(X-Request-Id) len 64\n  log-format '{line}'\n")

    def logged(self, line):
        return Logged(int(line["port"]), int(line["status"]), int(not line["server"].startswith("<")), line["id"])


class Services:
    """What stands beside onsale behind conf/nginx.conf: the merchant's session service, and the shop."""

    def __init__(self):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("X-Session-User", SESSION_USER)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_GET

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer((LOOPBACK, 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()


def program(name: str) -> str:
    """Where a proxy is; Debian puts them where only root looks."""
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin")
    assert found, f"{name} is missing: apt-get install {name}"
    return found


def session_token(user: str = SESSION_USER, key: str = SESSION_KEY, algorithm: str = "HS256",
                  valid_s: int = 3600) -> bytes:
    """A session as the merchant signs it."""
    def part(value: bytes) -> bytes:
        return base64.urlsafe_b64encode(value).rstrip(b"=")

    head = part(json.dumps({"alg": algorithm, "typ": "JWT"}).encode())
    body = part(json.dumps({"sub": user, "exp": int(time.time()) + valid_s}).encode())
    signature = hmac.new(key.encode(), head + b"." + body, hashlib.sha256).digest()
    return b".".join((head, body, b"" if algorithm == "none" else part(signature)))


@contextlib.contextmanager
def running(kind: type, stand, folder: pathlib.Path):
    """One front for the time of a test."""
    front = kind(stand, folder)
    try:
        yield front.start()
    finally:
        front.stop()
