"""`./dev coverage`: which lines and branches of the product the C++ tests run.

The compiler counts (ONSALE_COVERAGE) in the address sanitizer's build, which runs every unit and integration program
and many of the black-box tests anyway; gcov says the counts as JSON. A source that no program runs counts too: with
nothing. Branches are those the compiler sees, without the ones that only an exception takes.
"""

import collections
import dataclasses
import json
import os
import pathlib
import subprocess

from app.stand.errors import StandError
from app.stand.paths import ROOT
from app.stand.workers import Workers

FOLDERS = ("core", "lua", "net", "persist", "queue", "seat", "app", "perf")
LEAST_COVERED = 10


@dataclasses.dataclass
class Counts:
    """How often each line and each branch of one file ran, over all programs and all instances of a template."""

    lines: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    branches: collections.Counter = dataclasses.field(default_factory=collections.Counter)


@dataclasses.dataclass
class Share:
    """So many of so many ran."""

    ran: int = 0
    all: int = 0

    def __add__(self, other):
        return Share(self.ran + other.ran, self.all + other.all)

    def __str__(self):
        return f"{100 * self.ran / self.all:6.1f} %" if self.all else "       -"


def forget(directory):
    """So that the next run counts from nothing."""
    for counts in directory.rglob("*.gcda"):
        counts.unlink()


def report(directory, root=ROOT):
    """The table of folders and the files of which the least ran, as text."""
    files = measure(directory, root)
    if not files:
        raise StandError(f"nothing was counted in {directory.name}/: delete it and try again")
    return "\n".join([*_folder_table(files), "", *_least_covered(files)])


def measure(directory, root=ROOT):
    """{file: Counts} of the product's files, from every object that the compiler wrote notes on."""
    files = collections.defaultdict(Counts)
    with Workers(os.cpu_count()) as workers:
        for documents in workers.map(lambda notes: _gcov(workers, notes), sorted(directory.rglob("*.gcno"))):
            for document in documents:
                for file in document["files"]:
                    name = _of_ours(file["file"], document["current_working_directory"], root)
                    if name:
                        _add(files[name], file["lines"])
    return dict(files)


def _gcov(workers, notes):
    done = workers.run(["gcov", "--json-format", "--stdout", "--branch-probabilities", str(notes)],
                       cwd=notes.parent, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise StandError(f"gcov failed on {notes.name}:\n{done.stderr[-2000:]}")
    return [json.loads(line) for line in done.stdout.splitlines() if line]


def _of_ours(name, compiled_in, root):
    path = pathlib.Path(os.path.normpath(os.path.join(compiled_in, name)))
    relative = path.relative_to(root) if path.is_relative_to(root) else None
    return str(relative) if relative and relative.parts[0] in FOLDERS else ""


def _add(counts, lines):
    """An instance of a template says a line of its own each time; a branch is known by its place in the line."""
    for line in lines:
        number = line["line_number"]
        counts.lines[number] += line["count"]
        branches = [branch for branch in line["branches"] if not branch["throw"]]
        for place, branch in enumerate(branches):
            counts.branches[number, len(branches), place] += branch["count"]


def _share(counters):
    return Share(sum(1 for count in counters.values() if count), len(counters))


def _folder_table(files):
    folders = collections.defaultdict(lambda: [Share(), Share()])
    for name, counts in files.items():
        folder = folders[str(pathlib.PurePath(name).parent)]
        folder[0] += _share(counts.lines)
        folder[1] += _share(counts.branches)
    rows = sorted(folders.items(), key=lambda row: (FOLDERS.index(row[0].split("/")[0]), row[0]))
    total = [sum((shares[0] for _, shares in rows), Share()), sum((shares[1] for _, shares in rows), Share())]
    yield f"{'coverage':<16} {'lines':>6} {'run':>8}  {'branches':>8} {'taken':>8}"
    for folder, (lines, branches) in [*rows, ("all", total)]:
        yield f"{folder:<16} {lines.all:>6} {lines}  {branches.all:>8} {branches}"


def _least_covered(files):
    shares = {name: _share(counts.lines) for name, counts in files.items() if counts.lines}
    order = sorted(shares, key=lambda name: (shares[name].ran / max(shares[name].all, 1), name))
    yield "least covered files"
    for name in order[:LEAST_COVERED]:
        share = shares[name]
        yield f"{share}  {share.all - share.ran:>4} of {share.all:>4} lines never ran  {name}"
