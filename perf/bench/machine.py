"""What the machine is, without which no figure means anything; and which part runs on which of its CPUs."""

import dataclasses
import datetime
import os
import pathlib
import platform
import subprocess
import textwrap

from app.stand.paths import ROOT

_LINE_COLUMNS = 120
_VULNERABILITIES = pathlib.Path("/sys/devices/system/cpu/vulnerabilities")


@dataclasses.dataclass(frozen=True)
class Placement:
    """One CPU for each part. onsaled has its own; what the others share depends on how many there are."""

    server: int
    client: int
    redis: int
    postgres: int

    @classmethod
    def on_this_machine(cls) -> "Placement":
        cpus = sorted(os.sched_getaffinity(0))
        others = cpus[1:] or cpus
        return cls(cpus[0], others[0], others[1 % len(others)], others[2 % len(others)])

    def sentence(self) -> str:
        return (f"onsaled on CPU {self.server}, the client on CPU {self.client}, redis-server on CPU {self.redis}, "
                f"postgres on CPU {self.postgres}")


def pin(pid: int, cpu: int) -> None:
    """Moves a process to a CPU, all threads it has; what it starts later inherits it."""
    for thread in os.listdir(f"/proc/{pid}/task"):
        os.sched_setaffinity(int(thread), {cpu})


def facts() -> dict:
    """The machine in words, read before the load starts."""
    return {
        "cpu": _cpu_model(),
        "cpus": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "kernel": platform.release(),
        "virtual": _runs_under_hypervisor(),
        "mitigations": _mitigations(),
        "load_before": list(os.getloadavg()),
    }


def describe(machine: dict) -> list[str]:
    load = " ".join(f"{value:.2f}" for value in machine["load_before"])
    kind = "virtual machine, " if machine["virtual"] else ""
    return [f"{machine['cpu']}, {kind}{machine['cpus']} CPUs, {machine['memory_gib']} GiB, Linux {machine['kernel']}; "
            f"load before: {load}",
            *textwrap.wrap("mitigations: " + ("; ".join(machine["mitigations"]) or "none needed"), _LINE_COLUMNS)]


def now() -> str:
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def commit() -> str:
    """The commit measured, "+" behind it when the tree had changes; empty outside of a checkout."""
    head = _git("rev-parse", "--short", "HEAD")
    return head + ("+" if head and _git("status", "--porcelain", "--untracked-files=no") else "")


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True)
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _cpu_info() -> str:
    return pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")


def _cpu_model() -> str:
    for line in _cpu_info().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _runs_under_hypervisor() -> bool:
    return " hypervisor" in _cpu_info()


def _mitigations() -> list[str]:
    """The weaknesses that cost time on this machine, or would if the kernel cared."""
    found = []
    for path in sorted(_VULNERABILITIES.glob("*")):
        text = path.read_text(encoding="utf-8").strip()
        if text != "Not affected":
            found.append(f"{path.name}: {text.removeprefix('Mitigation: ')}")
    return found
