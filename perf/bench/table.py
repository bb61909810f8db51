"""The report as text, ratios first, at most 120 columns. Pure: reads the JSON of results.py and nothing else."""

from collections.abc import Callable

from perf.bench import machine
from perf.bench.figures import NOISY_SPREAD, Change, Figure

_NAME_COLUMNS = 16
_Columns = tuple[tuple[str, str, int, Callable[[float], str]], ...]


def amount(value: float) -> str:
    """A count or a rate, three digits that matter."""
    if value >= 999_500:
        return f"{value / 1e6:.2f}M"
    if value >= 9_995:
        return f"{value / 1e3:.0f}k"
    return f"{value:.0f}"


def milliseconds(value_us: float) -> str:
    value = value_us / 1000
    return f"{value:.0f}" if value >= 99.5 else f"{value:.1f}" if value >= 9.95 else f"{value:.2f}"


def small(value: float) -> str:
    """A cost or a ratio."""
    return f"{value:.0f}" if value >= 99.5 else f"{value:.1f}" if value >= 9.95 else f"{value:.2f}"


def percent(value: float) -> str:
    return f"{value:.0f}%"


# Title, figure, width, how it is written.
_RATIOS: _Columns = (
    ("CPU of bare", "ratio.bare_cpu", 12, small), ("at 80 %", "ratio.bare_cpu_at_rate", 9, small),
    ("rate of bare", "ratio.bare_rate", 13, small), ("CPU of Redis", "ratio.redis_cpu", 13, small),
    ("rate of COPY", "ratio.copy_rate", 13, small), ("nginx' CPU", "ratio.nginx_cpu", 11, small),
    ("nginx' rate", "ratio.nginx_rate", 12, small))
_SPEED: _Columns = (
    ("req/s", "requests_per_second", 8, amount), ("core", "busy.core", 6, percent),
    ("p50", "closed.p50_us", 7, milliseconds), ("p99", "closed.p99_us", 7, milliseconds),
    ("p99.9", "closed.p999_us", 7, milliseconds),
    ("50%: p50", "open50.p50_us", 10, milliseconds), ("p99", "open50.p99_us", 7, milliseconds),
    ("p99.9", "open50.p999_us", 7, milliseconds), ("80%: p50", "open80.p50_us", 10, milliseconds),
    ("p99", "open80.p99_us", 7, milliseconds), ("p99.9", "open80.p999_us", 7, milliseconds))
_COST: _Columns = (
    ("onsaled", "cpu.onsaled_us", 8, small), ("core", "cpu.core_us", 6, small), ("redis", "cpu.redis_us", 6, small),
    ("pg", "cpu.postgres_us", 6, small), ("bare", "bare.cpu_us", 6, small), ("nginx", "nginx.cpu_us", 6, small),
    ("alloc", "allocations", 7, small), ("calls", "system_calls", 6, small), ("cmds", "redis.commands", 6, small),
    ("inside", "redis.commands_inside", 7, small), ("users/call", "redis.users_per_call", 11, small),
    ("cmds/send", "redis.commands_per_send", 10, small), ("users/send", "redis.users_per_send", 11, small))
_SECTIONS = (
    ("ratios; bare responder, Redis alone, COPY: 1 is the limit; nginx with Lua: above 1 we are better", _RATIOS),
    ("speed: closed loop, then open loop at 50 and 80 % of it; milliseconds", _SPEED),
    ("cost of a request: CPU \u00b5s; of the core thread allocations and system calls; Redis' commands, sent and "
     "inside scripts", _COST))


def render(report: dict) -> str:
    """The whole report."""
    lines = _header(report)
    benches = report["benches"]
    for title, columns in _SECTIONS:
        lines += _section(title, columns, benches)
    lines += _scenarios(benches)
    lines += _notes(benches)
    lines += _noise(benches)
    return "\n".join(lines) + "\n"


def render_comparison(old: dict, new: dict, changes: list[Change]) -> str:
    """Both values and the change; what is worse by more than the noise is marked."""
    lines = [f"compared with {old['date']}, {old['commit']}; ! worse and + better by more than the noise"]
    different = _different_circumstances(old, new)
    if different:
        lines.append(f"careful: {', '.join(different)} {'differs' if len(different) == 1 else 'differ'}")
    if not changes:
        return "\n".join([*lines, "nothing in common"]) + "\n"
    for change in changes:
        mark = {"worse": "!", "better": "+", "": " "}[change.verdict]
        part = "from 0" if change.part is None else f"{100 * change.part:+.1f} %"
        lines.append(f"{mark} {change.bench:<{_NAME_COLUMNS}} {change.name:<26} {_plain(change.old):>16} "
                     f"{_plain(change.new):>16} {part:>9}  noise {100 * change.noise:.0f} %")
    worse = sum(change.verdict == "worse" for change in changes)
    return "\n".join([*lines, f"{worse} worse by more than the noise, of {len(changes)}"]) + "\n"


def _different_circumstances(old: dict, new: dict) -> list[str]:
    """What makes two reports hard to compare."""
    machines = [{key: report["machine"][key] for key in ("cpu", "cpus", "kernel", "mitigations")}
                for report in (old, new)]
    found = ["machine"] if machines[0] != machines[1] else []
    return found + [key for key in ("placement", "quick", "seconds", "repeat") if old[key] != new[key]]


def _header(report: dict) -> list[str]:
    placement = machine.Placement(**report["placement"])
    sizes = "quick, so the figures mean little; " if report["quick"] else ""
    return [f"onsale bench, {report['date']}, commit {report['commit'] or 'unknown'}",
            *machine.describe(report["machine"]), placement.sentence() + "; Kafka: none",
            f"{sizes}{report['seconds']:g} s a run, {report['repeat']} repetition(s), the median is shown", ""]


def _section(title: str, columns: _Columns, benches: dict) -> list[str]:
    present = [column for column in columns if any(column[1] in bench["figures"] for bench in benches.values())]
    rows = [(name, bench["figures"]) for name, bench in benches.items()
            if any(figure in bench["figures"] for _, figure, _, _ in present) and _is_route(bench)]
    if not rows:
        return []
    lines = [title, " " * _NAME_COLUMNS + "".join(f"{heading:>{width}}" for heading, _, width, _ in present)]
    for name, figures in rows:
        cells = (_cell(figures.get(figure), width, write) for _, figure, width, write in present)
        lines.append(f"{name:<{_NAME_COLUMNS}}" + "".join(cells))
    return [*lines, ""]


def _is_route(bench: dict) -> bool:
    return "requests_per_second" in bench["figures"]


def _cell(entry: dict | None, width: int, write: Callable[[float], str]) -> str:
    if entry is None:
        return f"{'-':>{width}}"
    figure = Figure.from_json(entry)
    return f"{('~' if figure.noisy else '') + write(figure.value):>{width}}"


def _scenarios(benches: dict) -> list[str]:
    """Benches that are no route under load say what they found line by line."""
    lines = []
    for name, bench in benches.items():
        if _is_route(bench):
            continue
        lines.append(f"{name}: {bench['about']}")
        words = [f"{figure} {'~' if Figure.from_json(entry).noisy else ''}{_plain(Figure.from_json(entry))}"
                 for figure, entry in bench["figures"].items()]
        lines += [*_wrapped(words), ""]
    return lines


def _wrapped(words: list[str]) -> list[str]:
    lines, line = [], ""
    for word in words:
        if line and len(line) + 3 + len(word) > 116:
            lines.append(f"  {line}")
            line = ""
        line = f"{line} \u00b7 {word}" if line else word
    return [*lines, f"  {line}"] if line else lines


def _plain(figure: Figure) -> str:
    number = f"{figure.value:,.0f}" if figure.value >= 999.5 else f"{figure.value:.3g}"
    return f"{number}{'' if figure.unit in ('', '/s') else ' '}{figure.unit}"


def _notes(benches: dict) -> list[str]:
    found = [f"{name}: {note}" for name, bench in benches.items() for note in dict.fromkeys(bench["notes"])]
    return [*found, ""] if found else []


def _noise(benches: dict) -> list[str]:
    """Every figure whose repetitions disagree, and how far."""
    found = []
    for name, bench in benches.items():
        figures = {title: Figure.from_json(entry) for title, entry in bench["figures"].items()}
        words = [f"{title} {_extremes(figure)}" for title, figure in figures.items() if figure.noisy]
        if words:
            found += [f"~ {name}", *_wrapped(words)]
    return [f"~ repetitions lie more than {100 * NOISY_SPREAD:.0f} % apart:", *found, ""] if found else []


def _extremes(figure: Figure) -> str:
    return f"{min(figure.values):.3g}..{max(figure.values):.3g} ({100 * figure.spread:.0f} %)"
