"""`./dev fuzz`: what is found is said, and what git keeps stays small. Programs of a few lines stand for libFuzzer."""

import stat

import pytest

from app.stand import fuzz

LOG = """#2	INITED cov: 10 ft: 11 corp: 2/9b exec/s: 0 rss: 33Mb
#4096	NEW    cov: 37 ft: 91 corp: 7/120b lim: 43 exec/s: 2048 rss: 36Mb L: 4/4 MS: 1 ChangeBit-
#9001	DONE   cov: 38 ft: 92 corp: 8/124b lim: 86 exec/s: 4500 rss: 40Mb
Done 9001 runs in 2 second(s)
stat::number_of_executed_units: 9001
stat::average_exec_per_sec:     4500
"""


@pytest.fixture
def target(tmp_path, monkeypatch):
    """A target in a tree of the test's own; `program(text)` gives it a program."""
    monkeypatch.setattr(fuzz, "_DIRECTORY", tmp_path / "build-fuzz")
    monkeypatch.setattr(fuzz, "_SOURCES", tmp_path / "tests")
    made = fuzz.Target("made")
    made.corpus.mkdir(parents=True)
    made.program.parent.mkdir()
    return made


def give_program(target, text):
    target.program.write_text("#!/bin/sh\n" + text)
    target.program.chmod(target.program.stat().st_mode | stat.S_IXUSR)


def run(target):
    (done,) = fuzz.run_all([target], seconds=1, jobs=1)
    return done


def test_a_finding_fails_the_run_and_is_named_with_the_command_that_repeats_it(target):
    give_program(target, """
        for word in "$@"; do case $word in -artifact_prefix=*) echo x > "${word#*=}crash-1" ;; esac; done
        echo 'onsale: assertion failed: it holds at it.cpp:7' >&2; exit 77
        """)
    done = run(target)
    assert done.failed and [path.name for path in done.findings] == ["crash-1"]
    words = fuzz.explain(done)
    assert "it holds at it.cpp:7" in words
    assert f"{fuzz._short(target.program)} {fuzz._short(done.findings[0])}" in words


def test_findings_of_an_earlier_run_are_not_told_again(target):
    target.findings.mkdir(parents=True)
    (target.findings / "crash-0").write_text("x")
    give_program(target, "exit 0")
    done = run(target)
    assert not done.failed and done.findings == []


def test_a_target_that_does_not_end_is_ended_and_counts_as_failed(target, monkeypatch):
    monkeypatch.setattr(fuzz, "_GRACE_S", -fuzz._INPUT_TIMEOUT_S)
    give_program(target, "exec sleep 600")
    assert run(target).failed


def test_the_sums_are_those_of_the_end(target):
    assert fuzz.sums_of(LOG) == fuzz.Sums(executions=9001, executions_per_s=4500, inputs=8, edges=38)
    assert fuzz.sums_of("no such program") == fuzz.Sums(0, 0, 0, 0)


def test_a_corpus_does_not_outgrow_git(target, tmp_path, monkeypatch):
    monkeypatch.setattr(fuzz, "_CORPUS_FILES_MAX", 4)
    monkeypatch.setattr(fuzz, "_CORPUS_BYTES_MAX", 100)
    (target.corpus / "seed").write_bytes(b"s")
    fresh = [tmp_path / name for name in ("a" * 40, "b" * 40, "c" * 40)]
    for path, size in zip(fresh, (80, 20, 19)):
        path.write_bytes(b"x" * size)
    assert fuzz._add_to_corpus(target, fresh) == 2, "with the second it would be one byte too many"
    assert sorted(path.name for path in target.corpus.iterdir()) == ["found-" + "a" * 12, "found-" + "c" * 12, "seed"]
    monkeypatch.setattr(fuzz, "_CORPUS_FILES_MAX", 3)
    monkeypatch.setattr(fuzz, "_CORPUS_BYTES_MAX", 1000)
    assert fuzz._add_to_corpus(target, fresh[1:2]) == 0, "three files are there"


def test_every_target_has_a_corpus_of_a_size_for_git():
    for target in fuzz.targets_of_tree():
        sizes = [path.stat().st_size for path in target.corpus.iterdir()]
        assert 0 < len(sizes) <= fuzz._CORPUS_FILES_MAX, target.name
        assert sum(sizes) <= fuzz._CORPUS_BYTES_MAX, target.name
