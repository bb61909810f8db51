"""The stand itself: what it starts must never outlive it, and what it refuses must be said in words."""

import os
import pathlib
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from app.stand import Stand, StandError
from app.stand.folder import DataFolder
from app.stand.paths import ROOT
from app.stand.ports import free_port
from app.stand.reaper import alive, start_time
from app.stand.testing import doctest_counts, junit_counts, lint_counts


@pytest.fixture
def make_stand():
    """Stands without onsaled, each in a folder of its own; all are gone when the test ends."""
    made = []

    def make(**options):
        made.append(Stand.temporary(kafka="none", **options))
        return made[-1]

    yield make
    for stand in made:
        stand.stop()


@pytest.fixture
def data(tmp_path):
    """A data folder; what a stand leaves in it, and for it elsewhere, goes when the test ends."""
    yield tmp_path / "data"
    DataFolder(tmp_path / "data").remove()


def wait_until(condition, timeout_s=20):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)


OWNER = """
    import sys, time
    from app.stand import Stand
    stand = Stand(sys.argv[1], kafka="none")
    stand.start_backends()
    print(stand.redis.pid, stand.postgres.pid, flush=True)
    time.sleep(600)
"""


def start_owner(directory):
    """A process that owns a stand with Redis and PostgreSQL running; (process, pids of the two)."""
    owner = subprocess.Popen([sys.executable, "-c", textwrap.dedent(OWNER), directory], stdout=subprocess.PIPE,
                             text=True, env=os.environ | {"PYTHONPATH": str(ROOT)})
    pids = [int(word) for word in owner.stdout.readline().split()]
    assert len(pids) == 2
    return owner, pids


def test_nothing_survives_an_owner_that_is_killed(data):
    owner, pids = start_owner(data)
    owner.kill()
    owner.wait()
    wait_until(lambda: not any(start_time(pid) for pid in pids))
    again = Stand(data, kafka="none")  # waits for the lock, which the reaper holds until all is down
    again.start_backends()
    again.stop()


def test_a_folder_in_use_is_refused_and_names_the_owner(data, monkeypatch):
    owner, _ = start_owner(data)
    try:
        with monkeypatch.context() as patch:
            patch.setattr("app.stand.folder._LOCK_WAIT_S", 0.2)
            with pytest.raises(StandError, match=f"in use by another stand .pid {owner.pid}."):
                Stand(data, kafka="none")
    finally:
        owner.kill()
        owner.wait()
    Stand(data, kafka="none").stop()


def test_a_pid_that_was_reused_is_never_signalled():
    start = start_time(os.getpid())
    assert alive({os.getpid(): (start, signal.SIGTERM)}) == [os.getpid()]
    assert alive({os.getpid(): (start - 1, signal.SIGTERM)}) == []


def test_data_survives_a_crash_of_redis_and_postgres(make_stand):
    psycopg2 = pytest.importorskip("psycopg2")
    stand = make_stand()
    stand.start_backends()
    assert stand.redis.call("SET", "kept", "yes") == "+OK"
    time.sleep(1.2)  # everysec: what is older than a second is on disk
    with psycopg2.connect(stand.postgres.dsn) as connection:
        connection.cursor().execute("CREATE TABLE kept AS SELECT 1 AS one")
    connection.close()
    for part in (stand.redis, stand.postgres):
        part.kill9()
        assert not part.running
        part.start()
    assert stand.redis.call("STRLEN", "kept") == ":3"
    with psycopg2.connect(stand.postgres.dsn) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT one FROM kept")
        assert cursor.fetchone() == (1,)
    connection.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts PostgreSQL as somebody else")
def test_a_cluster_postgres_cannot_get_to_lies_elsewhere_and_goes_with_the_folder(tmp_path):
    hidden = tmp_path / "hidden"
    hidden.mkdir(mode=0o700)
    stand = Stand(hidden / "data", kafka="none")
    try:
        stand.postgres.start()
        elsewhere = (hidden / "data" / "postgres").resolve()
        assert elsewhere.parent == pathlib.Path("/var") / "tmp"
    finally:
        stand.stop()
        DataFolder(hidden / "data").remove()
    assert not elsewhere.exists()


def test_a_part_that_does_not_start_shows_why(make_stand):
    stand = make_stand()
    stand.redis.extra_options = ["--no-such-option", "1"]
    with pytest.raises(StandError) as refused:
        stand.start_backends()
    assert "redis ended with exit status 1" in str(refused.value)
    assert "no-such-option" in str(refused.value)


def test_a_port_that_is_taken_is_named_before_anything_starts(make_stand):
    import socket

    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        with pytest.raises(StandError, match=f"port {port} is taken"):
            make_stand(port=port)


def test_a_program_that_crashed_before_its_summary_counts_no_test():
    assert doctest_counts("[doctest] test cases:  7 |  5 passed | 2 failed | 0 skipped") == (5, 2)
    assert doctest_counts("Segmentation fault") == (0, 0)


def test_a_linter_that_crashed_before_its_closing_line_is_no_clean_folder():
    assert lint_counts("lint: 421 files formatted, 1 not; 16 folders clean, 2 with findings\n") == [
        ("format", 421, 1), ("clang-tidy", 16, 2)]
    assert lint_counts("lint: 421 files") == []


def test_errors_in_fixtures_count_as_failures(tmp_path):
    report = tmp_path / "report.xml"
    report.write_text('<testsuites><testsuite tests="9" failures="1" errors="2" skipped="3"/></testsuites>')
    assert junit_counts(report) == (3, 3, 3)
    assert junit_counts(tmp_path / "none.xml") == (0, 0, 0)


def test_each_package_is_listed_once_and_says_why():
    lines = (ROOT / "app" / "stand" / "packages.txt").read_text().splitlines()
    packages = [line.split(None, 1) for line in lines if line and line[0] not in "#["]
    assert all(len(package) == 2 for package in packages)
    names = [name for name, _ in packages]
    assert sorted(set(names)) == sorted(names)
