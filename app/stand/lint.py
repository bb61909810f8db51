"""`./dev lint`: the layout of the C++ sources (clang-format) and what clang-tidy has to say about them.

clang-tidy spends its time on the standard library's headers, once for each source. So a folder is read as one unit: a
file that includes its sources, whose name makes the static analyser take them for the main file. What was clean stays
known by a hash of everything of ours that the answer depends on; a second run takes seconds.
"""

import dataclasses
import hashlib
import os
import pathlib
import re
import shlex
import subprocess
import threading

from app.stand.build import compile_commands
from app.stand.errors import StandError
from app.stand.paths import BUILD, ROOT
from app.stand.processes import ending
from app.stand.workers import Workers, run_program

FOLDERS = ("app", "core", "lua", "net", "perf", "persist", "queue", "seat", "tests")

_PRODUCT = ("app", "core", "lua", "net", "perf", "persist", "queue", "seat")
_SUFFIXES = (".cpp", ".hpp")
_INCLUDE = re.compile(r'^#include "([^"]+)"', re.MULTILINE)
_CLASH = "clang-diagnostic-error"
# clang 14 calls its coroutines by the name of the draft, so Boost.Asio does not find them; they are there.
_CLANG_FLAGS = ("-std=c++20", "-DBOOST_ASIO_HAS_CO_AWAIT=1", "-DBOOST_ASIO_HAS_STD_COROUTINE=1")


@dataclasses.dataclass
class Tree:
    """The sources that are looked at, where clean units are remembered, the compiler's flags, and who does the work."""

    root: pathlib.Path
    known: pathlib.Path
    flags: tuple
    workers: Workers


def lint(options):
    """0 when both have nothing to say."""
    files = sources()
    unformatted = misformatted(files)
    if unformatted and options.fix:
        reformat(unformatted)
        print(f"reformatted {' '.join(unformatted)}")
        unformatted = []
    if unformatted:
        print(words_on_format(unformatted))
    untidy = tidy(lambda text: print(text, flush=True))
    print(f"lint: {len(files) - len(unformatted)} files formatted, {len(unformatted)} not; "
          f"{len(units()) - len(untidy)} folders clean, {len(untidy)} with findings")
    return 1 if unformatted or untidy else 0


def sources(root=ROOT):
    """Every C++ file of ours, relative to the root."""
    return sorted(str(path.relative_to(root)) for folder in FOLDERS for path in (root / folder).rglob("*")
                  if path.suffix in _SUFFIXES)


def misformatted(files, root=ROOT):
    """Those that clang-format would write otherwise."""
    done = run_program(["clang-format", "--dry-run", "--ferror-limit=1", *files], cwd=root, text=True)
    if done.returncode != 0:
        raise StandError(f"clang-format failed:\n{done.stdout[-2000:]}")
    return sorted(set(re.findall(r"^(\S+?):\d+:\d+: warning:", done.stdout, re.MULTILINE)))


def words_on_format(files):
    return f"not as clang-format writes it; ./dev lint --fix mends it:\n    clang-format -i {' '.join(files)}"


def reformat(files, root=ROOT):
    subprocess.run(["clang-format", "-i", *files], cwd=root, check=True)


def tidy(say, root=ROOT, known=BUILD / "lint", flags=()):
    """The units with findings, which are said as they come; every core at work."""
    known.mkdir(parents=True, exist_ok=True)
    with Workers(os.cpu_count()) as workers:
        tree = Tree(root, known, tuple(flags) or build_flags(), workers)
        groups = units(root)
        clean = workers.map(lambda name: _is_clean(tree, name, groups[name], say), groups)
        return [name for name, is_clean in zip(groups, clean) if not is_clean]


def units(root=ROOT):
    """{name: sources} of the product, a folder each; the largest first, so that the cores end together. Programs stay
    alone: each has its main()."""
    groups = {}
    for name in sources(root):
        path = pathlib.PurePath(name)
        if path.suffix == ".cpp" and path.parts[0] in _PRODUCT:
            groups.setdefault(name if path.parent.name == "main" else str(path.parent), []).append(name)
    return dict(sorted(groups.items(), key=lambda item: -len(item[1])))


def build_flags():
    """What the build gives the compiler to find and configure headers, of all sources together."""
    flags = list(_CLANG_FLAGS)
    for command in compile_commands():
        words = iter(shlex.split(command))
        for word in words:
            wanted = [word, next(words)] if word == "-isystem" else [word] if word[:2] in ("-I", "-D") else []
            if wanted and wanted[-1] not in flags:
                flags += wanted
    return tuple(flags)


def _is_clean(tree, name, files, say):
    known = tree.known / f"{name.replace('/', '-')}.clean"
    mark = _fingerprint(tree, files)
    if known.exists() and known.read_text(encoding="utf-8") == mark:
        return True
    findings = _findings(tree, files, say)
    say(f"  clang-tidy {name}: {findings or 'clean'}")
    if not findings:
        known.write_text(mark, encoding="utf-8")
    return not findings


def _fingerprint(tree, files):
    """Changes with everything of ours that clang-tidy's answer on these files depends on."""
    digest = hashlib.sha256("\0".join(tree.flags).encode())
    for name in sorted({".clang-tidy", *_closure(tree.root, files)}):
        digest.update(name.encode() + b"\0" + (tree.root / name).read_bytes())
    return digest.hexdigest()


def _closure(root, files):
    """The files and all that they include of ours; an include of ours names its path from the root."""
    seen, waiting = set(), list(files)
    while waiting:
        name = waiting.pop()
        if name not in seen and (root / name).exists():
            seen.add(name)
            waiting += _INCLUDE.findall((root / name).read_text(encoding="utf-8"))
    return seen


def _findings(tree, files, say):
    """clang-tidy's words on the files as one unit. Two that use one name for different things do not compile so: then
    each half is a unit."""
    unit = tree.known / f"UnifiedSource-{threading.get_ident()}.cpp"
    unit.write_text("".join(f'#include "{file}"\n' for file in files), encoding="utf-8")
    try:
        done = tree.workers.run(["clang-tidy", "--quiet", f"--config-file={tree.root / '.clang-tidy'}", str(unit), "--",
                                 *tree.flags], cwd=tree.root, stderr=subprocess.PIPE)
    finally:
        unit.unlink()
    if done.returncode == 0:
        return ""
    words = (done.stdout or done.stderr).decode(errors="replace").replace(f"{tree.root}/", "")
    words = words.strip() or f"clang-tidy ended with {ending(done.returncode)}"
    if _CLASH not in words or len(files) == 1:
        return words
    error = next(line for line in words.splitlines() if _CLASH in line)
    say(f"  {files[0]} and {len(files) - 1} more do not compile as one unit, so they take longer:\n    {error}")
    middle = len(files) // 2
    return _findings(tree, files[:middle], say) + _findings(tree, files[middle:], say)
