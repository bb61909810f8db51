"""`./dev` as a person uses it: what it promises to start, write, print and stop."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request

import pytest

from app.stand.build import STAND_TARGETS, build
from app.stand.paths import ROOT
from app.stand.ports import free_port
from app.stand.reaper import start_time

START_S_MAX = 120
LINES_OF_ENV = ("ONSALE_URL", "ONSALE_OPS_URL", "ONSALE_ADMIN_TOKEN", "ONSALE_USER_HEADER", "ONSALE_REDIS_URL",
                "ONSALE_PG_DSN", "ONSALE_KAFKA_BROKERS", "ONSALE_PID")
REPORT = ("buyers", "seats", "sold", "oversold", "places_lost", "orders_confirmed", "orders_recorded",
          "orders_announced", "violations", "errors", "steps", "kafka")


@pytest.fixture(scope="module", autouse=True)
def built():
    """`./dev` builds first, and how long that takes is not what is tested here."""
    build(targets=STAND_TARGETS, quiet=True)


@pytest.fixture
def data():
    """A data folder that PostgreSQL's user can get to."""
    folder = tempfile.mkdtemp(prefix="onsale-dev-", dir="/var/tmp")
    os.chmod(folder, 0o711)
    yield os.path.join(folder, "data")
    shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def dev(*arguments):
    """`./dev` running; ended by Ctrl-C when the test has not done so."""
    process = subprocess.Popen([ROOT / "dev", *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               text=True, start_new_session=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.wait(60)
        process.stdout.close()


def wait_until(condition, process, timeout_s=START_S_MAX):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert process.poll() is None, process.stdout.read()
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.05)


def read_env(folder):
    with open(os.path.join(folder, "env"), encoding="utf-8") as file:
        return dict(line.rstrip("\n").split("=", 1) for line in file)


def status_of(url):
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return answer.status
    except OSError:
        return None


def test_up_serves_tells_where_and_takes_everything_down_on_ctrl_c(data):
    port, ops_port = free_port(), free_port()
    with dev("up", "--data", data, "--kafka", "embedded", "--port", port, "--ops-port", ops_port,
             "--workers", 1) as process:
        wait_until(lambda: os.path.exists(os.path.join(data, "env")), process)
        env = read_env(data)
        assert set(LINES_OF_ENV) <= set(env)
        assert env["ONSALE_URL"] == f"http://127.0.0.1:{port}"
        assert env["ONSALE_OPS_URL"] == f"http://127.0.0.1:{ops_port}"
        assert status_of(env["ONSALE_URL"] + "/v1/events") == 200
        assert os.stat(os.path.join(data, "env")).st_mode & 0o077 == 0, "it holds the admin token"
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 0, output
        assert "embedded" in output, "the output says which Kafka ran"
    assert start_time(int(env["ONSALE_PID"])) is None
    assert not os.path.exists(os.path.join(data, "env"))


def test_up_brings_a_killed_onsaled_back_and_env_follows(data):
    with dev("up", "--data", data, "--kafka", "none", "--port", free_port(), "--ops-port", free_port(),
             "--workers", 1) as process:
        wait_until(lambda: os.path.exists(os.path.join(data, "env")), process)
        before = read_env(data)
        os.kill(int(before["ONSALE_PID"]), signal.SIGKILL)
        wait_until(lambda: read_env(data)["ONSALE_PID"] != before["ONSALE_PID"], process)
        assert status_of(before["ONSALE_OPS_URL"] + "/readyz") == 200


def test_demo_sells_out_and_reports_what_it_checked(data):
    report_file = os.path.join(os.path.dirname(data), "report.json")
    with dev("demo", "--exit", "--data", data, "--port", free_port(), "--ops-port", free_port(), "--buyers", 120,
             "--seats", 30, "--standing", 10, "--report", report_file) as process:
        output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    assert "embedded" in output, "the output says which Kafka ran"
    with open(report_file, encoding="utf-8") as file:
        report = json.load(file)
    assert set(REPORT) <= set(report)
    assert report["buyers"] == 120 and report["kafka"] == "embedded"
    assert report["oversold"] == 0 and report["places_lost"] == 0 and report["violations"] == []
    assert report["orders_confirmed"] == report["orders_recorded"] == report["orders_announced"] > 0
    for step in report["steps"].values():
        assert {"requests", "p50_ms", "p95_ms", "p99_ms", "max_ms"} <= set(step)
