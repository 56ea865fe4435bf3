"""`kvmc check`, `plan` and `build` of 1,000 VMs over 20 hosts: which stage takes how much of it."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import profiled
from benchmarks.page import Section, Target, percent, table
from benchmarks.repository import write_mixed

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.effort import Effort
    from benchmarks.profiled import Shares

HOSTS = 20
STAGES = {
    "source": "reading YAML: parsing",
    "spec": "validation and loading",
    "host": "hosts' descriptions",
    "planner": "planning",
    "render": "rendering",
    "report": "reports and the map",
    "files": "finding, reading and writing files",
    profiled.IMPORTS: "imports",
}
"""Folder or module of kvmc -> what it does; the rest is the command itself and Python."""
REST = "everything else"
GROUND = ("source", "spec")
"""Parsing and validation."""
SHOWN = 8
WORDS = """\
Shares of the CPU time under cProfile, one process on one core. What libraries and C functions take
counts for the stage that called them."""


def section(effort: Effort, say: Callable[[str], None]) -> Section:
    """Profile the three commands on one repository."""
    count = effort.profiled
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_mixed(root / "repository", count, HOSTS)
        found = {}
        for command in ("check", "plan", "build"):
            say(f"profile of kvmc {command}")
            out = ("-o", str(root / "built")) if command == "build" else ()
            found[command] = profiled.of_command(root, command, str(root / "repository"), *out)
    stages = {command: by_stage(profiled.by_module(stats)) for command, stats in found.items()}
    rows = [
        [stage, *(percent(shares.get(stage, 0.0), 1) for shares in stages.values())]
        for stage in (*STAGES.values(), REST)
    ]
    ground, ours = hottest(profiled.by_function(found["plan"]))
    words = f"{count:,} VMs over {HOSTS} hosts of five shapes, 16 to 896 CPUs. {WORDS}"
    return Section(
        title="Where the time goes",
        words=words,
        tables=(
            table(("stage", *(f"kvmc {command}" for command in found)), rows),
            "The functions that take most of `kvmc plan`:",
            table(("of parsing and validation", "share"), _shown(ground)),
            table(("of all the rest", "share"), _shown(ours)),
        ),
        targets=(verdict(count, ground, ours, stages["plan"]),),
    )


def by_stage(modules: Shares) -> Shares:
    """Return the shares of modules as those of stages."""
    found: Shares = defaultdict(float)
    for module, share in modules.items():
        place = "planner" if module in ("pipeline", "homes") else module.partition("/")[0]
        found[STAGES.get(place, REST)] += share
    return dict(sorted(found.items(), key=lambda one: -one[1]))


def hottest(functions: Shares) -> tuple[Shares, Shares]:
    """Return the functions of parsing and validation, and all others of kvmc."""
    ground: Shares = {}
    ours: Shares = {}
    for name, share in functions.items():
        if name not in (profiled.IMPORTS, profiled.OTHER):
            (ground if name.startswith(GROUND) else ours)[name] = share
    return ground, ours


def verdict(count: int, ground: Shares, ours: Shares, stages: Shares) -> Target:
    """Return whether nothing is hotter than parsing and validation, function or stage."""
    low = sum(stages.get(STAGES[place], 0.0) for place in GROUND)
    others = {stage: part for stage, part in stages.items() if stage not in map(STAGES.get, GROUND)}
    stage = max(others, key=lambda one: others[one])
    (first, top), (name, part) = next(iter(ground.items())), next(iter(ours.items()))
    return Target(
        what=f"`kvmc plan` of {count:,} VMs on {HOSTS} hosts: no hot spot above parsing and "
        "validation",
        wanted=f"below {percent(low)}, no function above `{first}`",
        measured=f"{stage} {percent(others[stage])}; hottest function `{name}` {percent(part, 1)} "
        f"against {percent(top, 1)}",
        met=others[stage] < low and part < top,
        reason=profiled.words(ours),
    )


def _shown(functions: Shares) -> list[list[str]]:
    return [[f"`{name}`", percent(share, 1)] for name, share in list(functions.items())[:SHOWN]]
