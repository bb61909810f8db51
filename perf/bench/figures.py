"""Figures: what was measured, how much the repetitions disagree, and what changed since another day. Pure."""

import dataclasses
import statistics

NOISY_SPREAD = 0.10  # repetitions that lie further apart are marked
COMPARE_NOISE = 0.05  # a change below this is never called worse, however well the repetitions agreed


@dataclasses.dataclass(frozen=True)
class Figure:
    """One quantity. `values` has one entry a repetition; `better` is "lower", "higher" or "" (neither)."""

    values: tuple[float, ...]
    unit: str = ""
    better: str = "lower"

    @property
    def value(self) -> float:
        return statistics.median(self.values)

    @property
    def spread(self) -> float:
        """How far the repetitions lie apart, as a part of their median."""
        if len(self.values) < 2 or self.value == 0:
            return 0.0
        return (max(self.values) - min(self.values)) / abs(self.value)

    @property
    def noisy(self) -> bool:
        return self.spread > NOISY_SPREAD

    def to_json(self) -> dict:
        return {"value": self.value, "values": list(self.values), "spread": round(self.spread, 4), "unit": self.unit,
                "better": self.better}

    @classmethod
    def from_json(cls, data: dict) -> "Figure":
        return cls(tuple(data["values"]), data["unit"], data["better"])


class Figures:
    """Named figures in the order in which they were first noted; a repetition adds a value to each."""

    def __init__(self):
        self._values: dict[str, list[float]] = {}
        self._kinds: dict[str, tuple[str, str]] = {}

    def note(self, name: str, value: float | None, unit: str = "", better: str = "lower") -> None:
        """None is a quantity that could not be had: the figure is then missing, not zero."""
        if value is None:
            return
        self._values.setdefault(name, []).append(float(value))
        self._kinds[name] = (unit, better)

    def get(self, name: str) -> Figure | None:
        if name not in self._values:
            return None
        return Figure(tuple(self._values[name]), *self._kinds[name])

    def items(self) -> list[tuple[str, Figure]]:
        return [(name, self.get(name)) for name in self._values]

    def to_json(self) -> dict:
        return {name: figure.to_json() for name, figure in self.items()}

    @classmethod
    def from_json(cls, data: dict) -> "Figures":
        figures = cls()
        for name, entry in data.items():
            for value in entry["values"]:
                figures.note(name, value, entry["unit"], entry["better"])
        return figures


@dataclasses.dataclass(frozen=True)
class Change:
    """One figure of one bench on two days."""

    bench: str
    name: str
    old: Figure
    new: Figure

    @property
    def part(self) -> float | None:
        """By how much it grew, as a part of the old value; None when there was nothing to grow from."""
        return None if self.old.value == 0 else self.new.value / self.old.value - 1

    @property
    def noise(self) -> float:
        return max(self.old.spread, self.new.spread, COMPARE_NOISE)

    @property
    def verdict(self) -> str:
        """"worse", "better" or "": a change within the noise is none. From zero, anything is beyond the noise."""
        if not self.new.better or self.new.value == self.old.value:
            return ""
        if self.part is not None and abs(self.part) <= self.noise:
            return ""
        grew = self.new.value > self.old.value
        return "worse" if grew == (self.new.better == "lower") else "better"


def compare(old: dict, new: dict) -> list[Change]:
    """The figures that two reports (their JSON) share, bench by bench in the order of the new one."""
    changes = []
    for bench, result in new["benches"].items():
        before = old["benches"].get(bench, {}).get("figures", {})
        for name, entry in result["figures"].items():
            if name in before:
                changes.append(Change(bench, name, Figure.from_json(before[name]), Figure.from_json(entry)))
    return changes
