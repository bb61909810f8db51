"""The programs around the server as people mistype them: nothing starts, and the message says what would have."""

import subprocess

import pytest

from app.stand.paths import programs

MISUSED = 2
ENDED_S_MAX = 30


def run(program, *words, **variables):
    """Runs it with these variables alone; it must end by itself."""
    return subprocess.run([programs() / program, *words], capture_output=True, text=True, env=variables,
                          timeout=ENDED_S_MAX)


@pytest.mark.parametrize("program, mistyped, likely", [
    ("onsale-load", "--conections", "--connections"), ("onsale-bare", "--prot", "--port"),
    ("onsale-crowd", "--byers", "--buyers"), ("onsale-kafka-embedded", "--broker", "--brokers"),
])
def test_a_mistyped_option_is_named_with_the_likely_one_and_not_ignored(program, mistyped, likely):
    done = run(program, mistyped, "1")
    assert done.returncode == MISUSED
    assert done.stdout == ""
    assert f"unknown option {mistyped}; did you mean {likely}?" in done.stderr
    assert f"{program} --help" in done.stderr


@pytest.mark.parametrize("program, words, variables, told", [
    ("onsale-load", ["--target", "localhost"], {}, '--target must be ADDRESS:PORT, not "localhost"'),
    ("onsale-bare", ["--cpu", "one"], {}, '--cpu must be processors like 1 or 0,2, not "one"'),
    ("onsale-crowd", ["--buyers", "0"], {}, "--buyers must be a number from 1 "),
    ("onsale-crowd", [], {"ONSALE_KAFKA_KIND": "reel"}, "ONSALE_KAFKA_KIND must be one of none, embedded, real"),
    ("onsale-crowd", [], {"ONSALE_ADMIN_TOKEN": ""}, "ONSALE_ADMIN_TOKEN) is needed"),
    ("onsale-kafka-embedded", ["--file=x", "--brokers=10"], {}, "--brokers must be a number from 1 to 9"),
    ("onsale-kafka-embedded", ["--file"], {}, "--file needs a value"),
    ("onsale-kafka-embedded", [], {}, "--file PATH is needed"),
])
def test_a_value_that_does_not_fit_starts_nothing_and_is_told_what_would(program, words, variables, told):
    done = run(program, *words, **variables)
    assert done.returncode == MISUSED
    assert told in done.stderr


@pytest.mark.parametrize("program, option, default", [
    ("onsale-load", "--connections N", "default 64"), ("onsale-bare", "--body-bytes N", "default 64"),
    ("onsale-crowd", "--url URL", "default http://127.0.0.1:8080 [ONSALE_URL]"),
    ("onsale-kafka-embedded", "--brokers N", "default 1"),
])
def test_help_needs_nothing_else_and_says_what_happens_when_nothing_is_said(program, option, default):
    done = run(program, "--help")
    assert done.returncode == 0
    assert done.stderr == ""
    line = next(line for line in done.stdout.splitlines() if line.strip().startswith(option))
    assert line.endswith(default)
    assert done.stdout.splitlines()[-1].startswith("exit status: 0 ")
