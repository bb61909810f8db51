"""`./dev lint`: a finding that nobody sees, or an old answer on new sources, would let the fault through."""

import subprocess

import pytest

from app.stand import lint
from app.stand.paths import ROOT

FAULT = """#include <string>
inline std::size_t use(std::string text) {
  std::string moved = std::move(text);
  return text.size();
}
"""
CLEAN = "inline int use(int value) { return value; }\n"
CLASH = "namespace {\nconst int value = {};\n}\nint use_{}() { return value; }\n"


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "core").mkdir()
    for name in (".clang-tidy", ".clang-format"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    return tmp_path


def write(tree, name, text):
    (tree / name).write_text(text, encoding="utf-8")


def untidy(tree, say=lambda _text: None):
    return lint.tidy(say, tree, tree / "known", ["-std=c++20", f"-I{tree}"])


def test_a_fault_is_found_each_time_until_it_is_mended(tree):
    write(tree, "core/a.cpp", FAULT)
    for _ in range(2):
        said = []
        assert untidy(tree, said.append) == ["core"]
        assert "core/a.cpp:4" in said[0] and "bugprone-use-after-move" in said[0]
    write(tree, "core/a.cpp", CLEAN)
    assert not untidy(tree)


def test_a_changed_header_asks_again(tree):
    write(tree, "core/a.hpp", CLEAN)
    write(tree, "core/a.cpp", '#include "core/a.hpp"\n')
    assert not untidy(tree)
    write(tree, "core/a.hpp", FAULT)
    assert untidy(tree)


def test_two_sources_with_one_name_are_read_apart_and_the_fault_behind_them_is_found(tree):
    write(tree, "core/a.cpp", CLASH.replace("{}", "1"))
    write(tree, "core/b.cpp", CLASH.replace("{}", "2"))
    assert not untidy(tree)
    write(tree, "core/b.cpp", CLASH.replace("{}", "2") + FAULT)
    assert untidy(tree) == ["core"]


def test_a_source_that_does_not_compile_is_a_finding(tree):
    write(tree, "core/a.cpp", "int use() { return unknown; }\n")
    assert untidy(tree) == ["core"]


def test_a_linter_that_dies_without_a_word_has_not_found_the_folder_clean(tree, monkeypatch):
    dying = tree / "clang-tidy"
    dying.write_text("#!/bin/sh\nkill -9 $$\n", encoding="utf-8")
    dying.chmod(0o755)
    write(tree, "core/a.cpp", CLEAN)
    with monkeypatch.context() as poorer:
        poorer.setenv("PATH", str(tree), prepend=":")
        said = []
        assert untidy(tree, said.append) == ["core"] and "SIGKILL" in said[0]
    assert not untidy(tree)


def test_layout_names_the_file_and_fix_mends_it(tree):
    write(tree, "core/a.cpp", "int  use( ) { return 1; }\n")
    write(tree, "core/b.cpp", CLEAN)
    assert lint.misformatted(lint.sources(tree), tree) == ["core/a.cpp"]
    lint.reformat(["core/a.cpp"], tree)
    assert lint.misformatted(lint.sources(tree), tree) == []


def test_every_source_of_the_tree_has_a_folder_that_lint_knows():
    listed = subprocess.run(["git", "ls-files", "*.cpp", "*.hpp"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert {name.split("/")[0] for name in listed.stdout.split()} <= set(lint.FOLDERS)
