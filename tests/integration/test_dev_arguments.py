"""The command line of `./dev`: what it cannot do it says at once, in words, before a build, a sale or a measurement."""

import contextlib
import os
import resource
import signal
import subprocess

import pytest

from app.stand import StandError
from app.stand.paths import ROOT
from app.stand.report_file import report_file, write_report


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


@pytest.mark.parametrize("folder", ["/proc/onsale", "/dev/null", "/dev/null/data"])
def test_a_folder_that_cannot_be_made_is_refused_in_words_before_anything_is_built(folder):
    answer = dev("up", "--data", folder)
    assert answer.returncode == 1 and answer.stdout == ""
    assert f"{folder} cannot be the data folder" in answer.stderr
