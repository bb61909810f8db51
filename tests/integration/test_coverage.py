"""The coverage table: a number that flatters would be believed."""

import subprocess

from app.stand import coverage

PROGRAM = """\
#include "core/half.hpp"
int never(int value) {
  return value + 1;
}
int main() { return half(4) - 2; }
"""
HEADER = """\
template <class T> T half(T value) {
  if (value < 0)
    return -value / 2;
  return value / 2;
}
"""
IDLE = "int idle(int value) {\n  return value;\n}\n"


def compiled(root, *names):
    for name in names:
        subprocess.run(["g++", "--coverage", "-O0", "-I.", "-c", name, "-o", f"{name}.o"], cwd=root, check=True)


def a_program_that_ran(root):
    (root / "core").mkdir()
    (root / "core/main.cpp").write_text(PROGRAM, encoding="utf-8")
    (root / "core/half.hpp").write_text(HEADER, encoding="utf-8")
    (root / "core/idle.cpp").write_text(IDLE, encoding="utf-8")
    compiled(root, "core/main.cpp", "core/idle.cpp")
    subprocess.run(["g++", "--coverage", "core/main.cpp.o", "-o", "program"], cwd=root, check=True)
    subprocess.run([root / "program"], check=True)


def test_lines_and_branches_that_never_ran_are_not_counted_as_run(tmp_path):
    a_program_that_ran(tmp_path)
    files = coverage.measure(tmp_path, tmp_path)
    assert {line for line, count in files["core/main.cpp"].lines.items() if not count} == {2, 3}
    assert {line for line, count in files["core/half.hpp"].lines.items() if not count} == {3}
    assert sorted(files["core/half.hpp"].branches.values()) == [0, 1]


def test_a_source_that_no_program_runs_is_in_the_table(tmp_path):
    a_program_that_ran(tmp_path)
    assert not any(coverage.measure(tmp_path, tmp_path)["core/idle.cpp"].lines.values())
    assert "2 of    2 lines never ran  core/idle.cpp" in coverage.report(tmp_path, tmp_path)


def test_forgotten_counts_do_not_come_back(tmp_path):
    a_program_that_ran(tmp_path)
    coverage.forget(tmp_path)
    assert not any(coverage.measure(tmp_path, tmp_path)["core/main.cpp"].lines.values())
