"""A repository of a thousand specs on ten hosts, beside the least that any program must do."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import profiled
from benchmarks.hotspots import by_stage
from benchmarks.page import Section, Target, milli, number, spread, table, times
from benchmarks.repository import A_HOST, write_equal
from benchmarks.timing import REPORT, Run, in_turn, median, process

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

HOSTS = 10
KVMC = (sys.executable, "-c", f"{REPORT} from kvmc.cli import main; raise SystemExit(main())")
CHECK_TARGET, BUILD_TARGET, MEMORY_TARGET = 1.5, 2.0, 500
"""check over CSafeLoader, build over the floor, MiB (issue 6)."""
LINEAR = 1.1
"""Growth that counts as linear: a tenth more than that of the specs."""
CHECK = "kvmc check"
WROTE = ", but it wrote"

PARSE = """
import sys, time, yaml
from pathlib import Path
start = time.perf_counter()
for path in sorted(Path(sys.argv[1]).glob("vms/*.yaml")):
    yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader)
sys.stderr.write(f"seconds: {time.perf_counter() - start}\\n")
"""
FLOOR = """
import json, sys, jsonschema, yaml
from pathlib import Path
schema = json.loads(Path(sys.argv[3]).read_text())
valid = jsonschema.Draft7Validator(schema).is_valid
out = Path(sys.argv[2])
out.mkdir(exist_ok=True)
text = "<domain type='kvm'><name>{name}</name><vcpu>{cpu[count]}</vcpu></domain>"
for path in sorted(Path(sys.argv[1]).glob("vms/*.yaml")):
    spec = yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader)
    assert valid(spec), path
    (out / (spec["name"] + ".xml")).write_text(text.format(**spec))
"""
SCHEMA = Path(__file__).resolve().parents[1] / "schemas" / "vm.json"


def section(counts: Sequence[int], runs: int, say: Callable[[str], None]) -> Section:
    """Measure each size of repository; the ratios wanted are those of the first."""
    found: dict[int, dict[str, list[Run]]] = {}
    for turn, count in enumerate(counts):
        say(f"{count:,} specs")
        with tempfile.TemporaryDirectory() as folder:
            found[count] = _measure(Path(folder), count, runs if not turn else 1)
    words = (
        f"Specs of 40 lines on {HOSTS} hosts of 896 CPUs ({A_HOST} VMs a host where there are "
        "more). *CSafeLoader* is what reading and parsing them takes within one process. The "
        "*floor* reads, parses with CSafeLoader, validates with one jsonschema validator, fills "
        "one format string and writes. All but the first are whole processes by wall clock, the "
        f"start of Python included; medians of {runs} (larger repositories once). Memory is the "
        "peak of one process."
    )
    first = counts[0]
    targets = [*_pace_targets(first, found[first]), _silent(found), _memory(found)]
    if len(counts) > 1:
        targets.append(_linear(found))
    rows = [row for count, taken in found.items() for row in _rows(count, taken)]
    return Section(
        title="Thousands of specs",
        words=words,
        tables=(table(("command", "specs", "ms", "ratio", "MiB"), rows),),
        targets=tuple(targets),
    )


def _measure(folder: Path, count: int, runs: int) -> dict[str, list[Run]]:
    root = folder / "repository"
    write_equal(root, count, max(HOSTS, -(-count // A_HOST)))
    python = sys.executable
    built = str(folder / "built")
    commands: dict[str, Sequence[str]] = {
        "CSafeLoader": (python, "-c", REPORT + PARSE, str(root)),
        CHECK: (*KVMC, "check", str(root)),
        "floor": (python, "-c", REPORT + FLOOR, str(root), str(folder / "floor"), str(SCHEMA)),
    }
    found = in_turn(commands, runs)
    found["kvmc build -o, nothing locked"] = [_fresh(root, f"{built}{n}") for n in range(runs)]
    found["kvmc build -o, all locked"] = [
        process(*KVMC, "build", str(root), "-o", f"{built}-locked{n}") for n in range(runs)
    ]
    before = _stamps(Path(f"{built}0"))
    again = [process(*KVMC, "build", str(root), "-o", f"{built}0") for _ in range(runs)]
    silent = before == _stamps(Path(f"{built}0"))
    found[f"kvmc build -o, nothing changed{'' if silent else WROTE}"] = again
    return found


def _fresh(root: Path, out: str) -> Run:
    """Build a repository without locks."""
    for lock in (root / "hosts").glob("*.lock.yaml"):
        lock.unlink()
    return process(*KVMC, "build", str(root), "-o", out)


def _stamps(folder: Path) -> dict[str, tuple[int, int]]:
    """Return each file's inode and time of change: a file written again has another."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): (path.stat().st_ino, path.stat().st_mtime_ns) for path in files}


def _wall(taken: Sequence[Run]) -> float:
    return median([run.wall for run in taken])


def _ratio(name: str, found: dict[str, list[Run]]) -> float:
    base = "CSafeLoader" if name in ("CSafeLoader", CHECK) else "floor"
    return _wall(found[name]) / _wall(found[base])


def _mib(taken: Sequence[Run]) -> float:
    return max(run.rss_kib for run in taken) / 1024


def _rows(count: int, found: dict[str, list[Run]]) -> list[list[str]]:
    return [
        [
            name,
            number(count),
            milli(_wall(taken)),
            times(_ratio(name, found)),
            number(_mib(taken)),
        ]
        for name, taken in found.items()
    ]


def _pace_targets(count: int, found: dict[str, list[Run]]) -> list[Target]:
    """Return check over CSafeLoader and the builds over the floor (issue 6)."""
    builds = [name for name in found if name.startswith("kvmc build")]
    targets = [_pace_target(name, count, found, "the floor", BUILD_TARGET) for name in builds]
    return [_pace_target(CHECK, count, found, "CSafeLoader", CHECK_TARGET), *targets]


def _pace_target(
    name: str, count: int, found: dict[str, list[Run]], base: str, wanted: float
) -> Target:
    ratio = _ratio(name, found)
    return Target(
        what=f"{name}: {count:,} specs",
        wanted=f"{times(wanted)} {base} at most",
        measured=times(ratio),
        met=ratio <= wanted,
        reason="" if ratio <= wanted else _why(name.split()[1], count),
    )


def _why(command: str, count: int) -> str:
    """Return where one process spends its time on so many specs."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_equal(root / "repository", count, HOSTS)
        out = ("-o", str(root / "built")) if command == "build" else ()
        stats = profiled.of_command(root, command, str(root / "repository"), *out)
    return profiled.words(by_stage(profiled.by_module(stats)), most=5)


def _silent(found: dict[int, dict[str, list[Run]]]) -> Target:
    wrote = [count for count, taken in found.items() if any(WROTE in name for name in taken)]
    return Target(
        what="A second build that changes nothing",
        wanted="writes nothing",
        measured=f"writes with {wrote} specs" if wrote else "writes nothing",
        met=not wrote,
    )


def _memory(found: dict[int, dict[str, list[Run]]]) -> Target:
    most = max(_mib(runs) for taken in found.values() for n, runs in taken.items() if "kvmc" in n)
    return Target(
        what=f"Memory of one process, up to {max(found):,} specs",
        wanted=f"under {MEMORY_TARGET} MiB",
        measured=f"{number(most)} MiB",
        met=most < MEMORY_TARGET,
    )


def _linear(found: dict[int, dict[str, list[Run]]]) -> Target:
    small, large = min(found), max(found)
    growth = {
        name: _wall(found[large][name]) / _wall(taken)
        for name, taken in found[small].items()
        if name.startswith("kvmc") and name in found[large]
    }
    return Target(
        what=f"Time of {large:,} specs over that of {small:,}",
        wanted=f"linear: {large / small * LINEAR:.0f}x at most",
        measured=spread(tuple(growth.values())),
        met=max(growth.values()) <= large / small * LINEAR,
        reason=", ".join(f"{name} {times(ratio)}" for name, ratio in growth.items()),
    )
