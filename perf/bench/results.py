"""What a bench found, and the report of all of them as JSON."""

import dataclasses

from perf.bench import machine
from perf.bench.figures import Figures


@dataclasses.dataclass(frozen=True)
class Result:
    name: str
    about: str
    figures: Figures
    notes: list[str] = dataclasses.field(default_factory=list)

    def to_json(self) -> dict:
        return {"about": self.about, "figures": self.figures.to_json(), "notes": self.notes}


def report(results: list[Result], facts: dict, options) -> dict:
    """Everything, with what is needed to know later what it was."""
    return {
        "format": 1,
        "date": machine.now(),
        "commit": machine.commit(),
        "machine": facts,
        "placement": dataclasses.asdict(machine.Placement.on_this_machine()),
        "seconds": options.seconds,
        "repeat": options.repeat,
        "quick": options.quick,
        "benches": {result.name: result.to_json() for result in results},
    }
