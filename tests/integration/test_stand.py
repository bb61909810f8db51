"""The stand itself: what it starts must never outlive it, and what it refuses must be said in words."""

import contextlib
import os
import pathlib
import resource
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import CancelledError

import pytest
from client import eventually

from app.stand import Stand, StandError, clean
from app.stand.folder import DataFolder
from app.stand.paths import ROOT
from app.stand.ports import free_port
from app.stand.reaper import alive, start_time
from app.stand.report_file import report_file, write_report
from app.stand.signals import Stopped
from app.stand.testing import doctest_counts, junit_counts, lint_counts
from app.stand.workers import Workers


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


def test_whoever_is_stopped_leaves_no_program_behind_and_starts_none(tmp_path):
    begun = []

    def run(number):
        return workers.run(["sh", "-c", f"echo $$ > {tmp_path}/{number}; exec sleep 600"])

    with pytest.raises(Stopped), Workers(2) as workers:
        begun += [workers.begin(run, number) for number in range(4)]
        eventually(lambda: len(list(tmp_path.iterdir())) == 2, what="the first two")
        raise Stopped("SIGINT")
    for future in begun:
        with pytest.raises(CancelledError):
            future.result()
    assert len(list(tmp_path.iterdir())) == 2
    assert not any(start_time(int(path.read_text())) for path in tmp_path.iterdir())


STOPPED = """
    import pathlib, sys
    from app.stand import testing
    from app.stand.build import build
    from app.stand.signals import Stopped, StopSignals
    folder = testing.BUILD = pathlib.Path(sys.argv[1])
    try:
        with StopSignals():
            {work}
    except Stopped:
        pass
"""
NINJA = """
rule compile
  command = echo $$$$ > new; mv new started; exec sleep 600
build object: compile
"""
HALF_DONE_TEST = """
import pathlib, time, pytest
@pytest.fixture
def servers():
    yield
    pathlib.Path("taken-down").touch()
def test_long(servers):
    pathlib.Path("started").touch()
    time.sleep(600)
"""


def stopped_at_work(folder, work, number):
    """A process that does the work in the folder, until `started` is there and the signal comes, to it alone."""
    program = textwrap.dedent(STOPPED).format(work=work)
    process = subprocess.Popen([sys.executable, "-c", program, folder], stdout=subprocess.DEVNULL, cwd=folder,
                               env=os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(folder)})
    wait_until(lambda: (folder / "started").exists() or process.poll() is not None)
    process.send_signal(number)
    process.wait(60)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_build_that_is_stopped_leaves_no_compiler_at_work(tmp_path, number):
    (tmp_path / "build.ninja").write_text(NINJA)
    stopped_at_work(tmp_path, "build(folder)", number)
    compiler = int((tmp_path / "started").read_text())
    wait_until(lambda: start_time(compiler) is None)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_test_program_that_is_stopped_leaves_no_folder_and_runs_no_longer(tmp_path, number):
    program = tmp_path / "unit_made"
    program.write_text(f'#!/bin/sh\nmkdir "$TMPDIR/cluster"\necho $$ "$TMPDIR" > {tmp_path}/new\n'
                       f"mv {tmp_path}/new {tmp_path}/started\nexec sleep 600\n")
    program.chmod(0o755)
    stopped_at_work(tmp_path, 'list(testing._doctest_programs(folder, "unit_*"))', number)
    pid, folder = (tmp_path / "started").read_text().split()
    wait_until(lambda: start_time(int(pid)) is None and not os.path.exists(folder))
    assert tmp_path.exists() and pathlib.Path(folder) != tmp_path


def test_tests_that_are_stopped_take_down_what_they_have_started(tmp_path):
    (tmp_path / "test_made.py").write_text(HALF_DONE_TEST)
    work = 'testing.ROOT = folder; testing._pytest("made", "test_made.py", kafka="none")'
    stopped_at_work(tmp_path, work, signal.SIGTERM)
    assert (tmp_path / "taken-down").exists()


def test_errors_in_fixtures_count_as_failures(tmp_path):
    report = tmp_path / "report.xml"
    report.write_text('<testsuites><testsuite tests="9" failures="1" errors="2" skipped="3"/></testsuites>')
    assert junit_counts(report) == (3, 3, 3)
    assert junit_counts(tmp_path / "none.xml") == (0, 0, 0)


def dev(*arguments, **environment):
    return subprocess.run([ROOT / "dev", *arguments], capture_output=True, text=True, env=os.environ | environment)


def test_help_names_every_command_and_option():
    answer = dev("--help")
    assert answer.returncode == 0
    for word in ("demo", "up", "test", "build", "clean", "--port", "--ops-port", "--workers", "--data", "--kafka",
                 "--buyers", "--seats", "--report", "--exit"):
        assert word in answer.stdout


@pytest.mark.parametrize("arguments, said", [
    (["up", "--port", "70000"], "no number from 1 to 65535"),
    (["demo", "--buyers", "many"], "no number from 1"),
    (["up", "--kafka", "imaginary"], "invalid choice"),
    (["party"], "invalid choice"),
    (["demo", "--buyers", "\u00b2"], "'\u00b2' is no number from 1"),
    (["demo", "--buyers", "9" * 5000], "no number from 1"),
    (["demo", "--report", "/no/such/folder/report.json"], "cannot be written"),
    (["bench", "--json", ""], "no file that can be written"),
    (["bench", "--json", "/"], "no file that can be written"),
    (["bench", "--json", "/dev/full"], "no file that can be written"),
    (["bench", "--json", "/proc/report.json"], "cannot be written"),
])
def test_a_wrong_argument_is_named_and_nothing_starts(arguments, said):
    answer = dev(*arguments)
    assert answer.returncode == 2
    assert said in answer.stderr and answer.stdout == ""


def test_a_world_that_does_not_exist_is_refused_before_anything_is_built():
    answer = dev("simulate", "nope")
    assert answer.returncode == 1 and answer.stdout == ""
    assert "no world nope; there are: redis, sale, server" in answer.stderr


def test_ctrl_c_while_dev_is_still_loading_ends_it_without_a_traceback(tmp_path):
    (tmp_path / "argparse.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    answer = dev("--help", PYTHONPATH=str(tmp_path))
    assert (answer.returncode, answer.stdout, answer.stderr) == (-signal.SIGINT, "", "")


def test_a_report_that_cannot_be_written_whole_leaves_the_old_one(tmp_path):
    report = report_file(str(tmp_path / "report.json"))
    assert list(tmp_path.iterdir()) == [], "trying leaves nothing behind"
    write_report(report, "old")
    with pytest.raises(StandError, match="cannot be written: File too large"), limited_files(100):
        write_report(report, "new" * 1000)
    assert report.read_text() == "old" and list(tmp_path.iterdir()) == [report]


@contextlib.contextmanager
def limited_files(size):
    """As a disk that is full: no file grows beyond `size`."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("name", ["precious", "lock", "onsale-data"])
def test_clean_leaves_a_folder_alone_that_no_stand_has_made(tmp_path, name):
    precious = tmp_path / name
    precious.write_text("mine")
    answer = dev("clean", "--data", tmp_path)
    assert answer.returncode == 1 and "left alone" in answer.stderr
    assert precious.exists()


def test_a_folder_with_files_of_somebody_else_is_refused_and_so_never_cleaned(tmp_path):
    (tmp_path / "precious").write_text("mine")
    with pytest.raises(StandError, match="holds something that is not of onsale"):
        Stand(tmp_path, kafka="none")
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]


def test_clean_deletes_a_folder_that_a_stand_has_made(data):
    Stand(data, kafka="none").stop()
    clean.remove_data(data)
    assert not data.exists()


@pytest.mark.parametrize("folder", ["/proc/onsale", "/dev/null", "/dev/null/data"])
def test_a_folder_that_cannot_be_made_is_refused_in_words_before_anything_is_built(folder):
    answer = dev("up", "--data", folder)
    assert answer.returncode == 1 and answer.stdout == ""
    assert f"{folder} cannot be the data folder" in answer.stderr


def test_clean_deletes_the_builds_of_dev_and_nothing_that_is_only_called_so(tmp_path):
    def build_folder(name, project):
        (tmp_path / name).mkdir()
        (tmp_path / name / "CMakeCache.txt").write_text(f"CMAKE_PROJECT_NAME:STATIC={project}\n")
        return tmp_path / name

    ours, others = build_folder("build", "onsale"), build_folder("build-asan", "somebody-elses")
    link, file, elsewhere = tmp_path / "build-tsan", tmp_path / "build-fuzz", build_folder("elsewhere", "onsale")
    link.symlink_to(elsewhere)
    file.write_text("mine")
    gone = tmp_path / "build-gone"
    assert clean.remove_builds([ours, others, link, file, gone]) == [others, link, file]
    assert not ours.exists()
    assert others.exists() and link.is_symlink() and elsewhere.exists() and file.exists()


def test_each_package_is_listed_once_and_says_why():
    lines = (ROOT / "app" / "stand" / "packages.txt").read_text().splitlines()
    packages = [line.split(None, 1) for line in lines if line and line[0] not in "#["]
    assert all(len(package) == 2 for package in packages)
    names = [name for name, _ in packages]
    assert sorted(set(names)) == sorted(names)
