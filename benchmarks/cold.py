"""Cold starts: whole processes, run in turn on one machine, as ratios of their medians.

Editors, pre-commit hooks and scripts feel these at every call.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING

from benchmarks.page import Section, Target, milli, table, times
from benchmarks.timing import in_turn, median

if TYPE_CHECKING:
    from collections.abc import Sequence

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "lianhua"
RUNS = 15
STDLIB = sys.stdlib_module_names
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
    words = f"Wall-clock time of whole processes, in turn; medians of {runs}."
    if not other:
        words += " virt-install is not installed here."
    faster = taken.get(NAMED, float("nan")) / build
    return Section(
        title="Cold start",
        words=words,
        tables=(table(("command", "ms", "of a bare Python"), rows),),
        targets=(
            Target(
                what="Cold `kvmc check` of one file",
                wanted=f"{times(CHECK_TARGET)} `python -c pass` at most",
                measured=times(check / nothing),
                met=check <= CHECK_TARGET * nothing,
                reason=imports("check") if check > CHECK_TARGET * nothing else "",
            ),
            Target(
                what="Cold `kvmc build` of one domain",
                wanted=f"{times(BUILD_TARGET)} as fast as virt-install",
                measured=times(faster) if other else "virt-install is not installed",
                met=faster >= BUILD_TARGET,
                reason=imports("build") if faster < BUILD_TARGET else "",
            ),
        ),
    )


def imports(command: str) -> str:
    """Return in words where the imports of a command take their time."""
    run = [sys.executable, "-X", "importtime", *KVMC[1:], command, str(EXAMPLE)]
    said = subprocess.run(run, capture_output=True, text=True, check=False).stderr
    spent = by_package(said)
    whole = sum(spent.values())
    parts = ", ".join(f"{name} {own / 1000:,.0f}" for name, own in spent.most_common(4))
    return (
        f"-X importtime finds {whole / 1000:,.0f} ms of imports, Python's start included: {parts}"
    )


def by_package(said: str) -> Counter[str]:
    """Return the microseconds of each package, from what -X importtime says on stderr."""
    spent: Counter[str] = Counter()
    for line in said.splitlines():
        own, _, rest = line.removeprefix("import time:").partition("|")
        package = rest.partition("|")[2].strip().partition(".")[0]
        if own.strip().isdigit():
            spent["the standard library" if package in STDLIB else package] += int(own)
    return spent
