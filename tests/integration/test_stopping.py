"""Whoever stops `./dev`, by Ctrl-C, SIGTERM to it alone or kill -9, stops everything that it has started."""

import os
import pathlib
import signal
import subprocess
import sys
import textwrap
from concurrent.futures import CancelledError

import pytest
from client import eventually

from app.stand.paths import ROOT
from app.stand.reaper import start_time
from app.stand.signals import Stopped
from app.stand.workers import Workers


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
    eventually(lambda: (folder / "started").exists() or process.poll() is not None, what="the work")
    process.send_signal(number)
    process.wait(60)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_build_that_is_stopped_leaves_no_compiler_at_work(tmp_path, number):
    (tmp_path / "build.ninja").write_text(NINJA)
    stopped_at_work(tmp_path, "build(folder)", number)
    compiler = int((tmp_path / "started").read_text())
    eventually(lambda: start_time(compiler) is None, what="the end of the compiler")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_test_program_that_is_stopped_leaves_no_folder_and_runs_no_longer(tmp_path, number):
    program = tmp_path / "unit_made"
    program.write_text(f'#!/bin/sh\nmkdir "$TMPDIR/cluster"\necho $$ "$TMPDIR" > {tmp_path}/new\n'
                       f"mv {tmp_path}/new {tmp_path}/started\nexec sleep 600\n")
    program.chmod(0o755)
    stopped_at_work(tmp_path, 'list(testing._doctest_programs(folder, "unit_*"))', number)
    pid, folder = (tmp_path / "started").read_text().split()
    eventually(lambda: start_time(int(pid)) is None and not os.path.exists(folder), what="the end of the program")
    assert tmp_path.exists() and pathlib.Path(folder) != tmp_path


def test_tests_that_are_stopped_take_down_what_they_have_started(tmp_path):
    (tmp_path / "test_made.py").write_text(HALF_DONE_TEST)
    work = 'testing.ROOT = folder; testing._pytest("made", "test_made.py", kafka="none")'
    stopped_at_work(tmp_path, work, signal.SIGTERM)
    assert (tmp_path / "taken-down").exists()
