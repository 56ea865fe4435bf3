"""Cold starts: whole processes, run in turn on one machine, as ratios of their medians.

Editors, pre-commit hooks and scripts feel these at every call.
"""

from __future__ import annotations

import sys
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING

from benchmarks.page import Section, milli, table, times
from benchmarks.timing import in_turn, median

if TYPE_CHECKING:
    from collections.abc import Sequence

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "lianhua"
RUNS = 15
NAMED = "virt-install --print-xml --osinfo linux2022"
"""As it is meant to be called: it refuses to start without an OS; `generic` knows least."""
CHECK_TARGET, BUILD_TARGET = 6.0, 5.0
"""At most this many times `python -c pass`; at least this much faster than virt-install."""
KVMC = (sys.executable, "-c", "from kvmc.cli import main; raise SystemExit(main())")
VIRT_INSTALL = (
    "virt-install", "--connect", "test:///default", "--print-xml", "--import",
    "--name", "lianhua", "--memory", "32768", "--vcpus", "6,sockets=3,cores=1,threads=2",
    "--cpu", "host-model,numa.cell0.id=0,numa.cell0.cpus=0-5,numa.cell0.memory=33554432",
    "--cputune", ",".join(
        f"vcpupin{n}.vcpu={n},vcpupin{n}.cpuset={cpu}"
        for n, cpu in enumerate((6, 34, 9, 37, 11, 39))
    ),
    "--numatune", "0", "--disk", "none", "--network", "none", "--graphics", "none",
    "--osinfo",
)  # fmt: skip


def section(runs: int = RUNS) -> Section:
    """Measure `kvmc check` and `kvmc build` of the first example."""
    commands: dict[str, Sequence[str]] = {
        "python -c pass": (sys.executable, "-c", "pass"),
        "kvmc check": (*KVMC, "check", str(EXAMPLE)),
        "kvmc build": (*KVMC, "build", str(EXAMPLE)),
    }
    other = which("virt-install")
    if other:
        commands[NAMED] = (*VIRT_INSTALL, "linux2022")
        commands["virt-install --print-xml --osinfo generic"] = (*VIRT_INSTALL, "generic")
    taken = {
        name: median([r.wall for r in found]) for name, found in in_turn(commands, runs).items()
    }
    nothing, check, build = (taken[name] for name in list(commands)[:3])
    rows = [[name, milli(wall), times(wall / nothing)] for name, wall in taken.items()]
    missed = []
    if check > CHECK_TARGET * nothing:
        missed.append(f"check is {times(check / nothing)} a bare Python, wanted 6.0x at most")
    words = f"Wall-clock time of whole processes, in turn; medians of {runs}."
    if other:
        faster = taken[NAMED] / build
        words += f" `kvmc build` is {times(faster)} as fast as virt-install for the same domain."
        if faster < BUILD_TARGET:
            missed.append(f"build is {times(faster)} as fast as virt-install, wanted 5.0x")
    else:
        words += " virt-install is not installed here."
    head = ("command", "ms", "of a bare Python")
    return Section(
        title="Cold start", words=words, tables=(table(head, rows),), missed=tuple(missed)
    )
