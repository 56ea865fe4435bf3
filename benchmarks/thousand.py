"""A repository of a thousand specs on ten hosts, beside the least that any program must do."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.fleets import host_of

from benchmarks.page import Section, milli, number, table, times
from benchmarks.timing import REPORT, Run, in_turn, median, process
from kvmc.host.snapshot_text import dump_host

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

HOSTS = 10
KVMC = (sys.executable, "-c", f"{REPORT} from kvmc.cli import main; raise SystemExit(main())")
CHECK_TARGET, BUILD_TARGET, MEMORY_TARGET = 1.5, 2.0, 500
"""check over CSafeLoader, build over the floor, MiB (issue 6)."""

SPEC = """\
# yaml-language-server: $schema=https://example.org/schemas/vm.json
# vm {name}: one of many; owner team-{team}
kvmc: v1
kind: vm
name: {name}
host: {host}
memory: {gib}GiB
cpu:
  count: {vcpus}
  max: {vcpus}
  mode: host-model
  fallback: allow
  features:
    pcid: require
    hle: disable
    rtm: disable
numa:
  mode: strict
  cells:
    - cpus: 0-{last}
      memory: {gib}GiB
      access: shared
pin:
  strategy: dedicated
  threads: require
  emulator: own
tune:
  shares: {shares}
memory_backing:
  source: memfd
  access: shared
features:
  kvm_hidden: false
  kvm_hint_dedicated: true
  pmu: true
machine: q35
type: kvm
emulator: /usr/bin/qemu-system-x86_64
disks:
  - file: /var/lib/libvirt/images/{name}.qcow2
    format: qcow2
serial: pty
"""

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


def write_repository(root: Path, count: int) -> None:
    """Write `count` specs of 40 lines on ten hosts of 896 CPUs, or on more where they are full."""
    hosts = max(HOSTS, -(-count // 100))
    (root / "hosts").mkdir(parents=True)
    (root / "vms").mkdir()
    base = dump_host(host_of("8x56x2"))
    for number_ in range(hosts):
        text = base.replace("name: 8x56x2", f"name: host-{number_:03}").replace(
            'name: "8x56x2"', f"name: host-{number_:03}"
        )
        (root / "hosts" / f"host-{number_:03}.yaml").write_text(text, encoding="utf-8")
    for n in range(count):
        vcpus = (2, 4, 8, 8, 16)[n % 5]
        text = SPEC.format(
            name=f"vm-{n:05}",
            team=n % 7,
            host=f"host-{n % hosts:03}",
            gib=vcpus,
            vcpus=vcpus,
            last=vcpus - 1,
            shares=1024 * vcpus,
        )
        (root / "vms" / f"vm-{n:05}.yaml").write_text(text, encoding="utf-8")


def section(counts: Sequence[int], runs: int, say: Callable[[str], None]) -> Section:
    """Measure each size of repository; the targets hold for the first."""
    rows, missed = [], []
    for turn, count in enumerate(counts):
        say(f"{count:,} specs")
        few = runs if not turn else 1
        with tempfile.TemporaryDirectory() as folder:
            found = _measure(Path(folder), count, few)
        more, short = _rows(count, found)
        rows += more
        missed += short
    words = (
        f"Specs of 40 lines on {HOSTS} hosts of 896 CPUs (100 VMs a host where there are more). "
        "*CSafeLoader* is what reading and parsing them takes within one process. The *floor* "
        "reads, parses with CSafeLoader, validates with one jsonschema validator, fills one format "
        "string and writes. All but the first are whole processes by wall clock, the start of "
        "Python included; "
        f"medians of {runs} (larger repositories once). Memory is the peak of one process."
    )
    head = ("command", "specs", "ms", "ratio", "target", "MiB")
    return Section(
        title="A thousand specs", words=words, tables=(table(head, rows),), missed=tuple(missed)
    )


def _measure(folder: Path, count: int, runs: int) -> dict[str, list[Run]]:
    root = folder / "repository"
    write_repository(root, count)
    python = sys.executable
    built = str(folder / "built")
    commands: dict[str, Sequence[str]] = {
        "CSafeLoader": (python, "-c", REPORT + PARSE, str(root)),
        "kvmc check": (*KVMC, "check", str(root)),
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
    found[f"kvmc build -o, nothing changed{'' if silent else ', but it wrote'}"] = again
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


def _rows(count: int, found: dict[str, list[Run]]) -> tuple[list[list[str]], list[str]]:
    rows, missed = [], []
    for name, taken in found.items():
        wall = median([run.wall for run in taken])
        base = "CSafeLoader" if name in ("CSafeLoader", "kvmc check") else "floor"
        ratio = wall / median([run.wall for run in found[base]])
        target = CHECK_TARGET if name == "kvmc check" else 0.0
        target = BUILD_TARGET if "build" in name else target
        mib = max(run.rss_kib for run in taken) / 1024
        wanted = times(target) if target else ""
        rows.append([name, number(count), milli(wall), times(ratio), wanted, number(mib)])
        if target and ratio > target:
            missed.append(f"{name} of {count:,}: {times(ratio)} for {times(target)}")
        if mib > MEMORY_TARGET:
            missed.append(f"{name} of {count:,}: {number(mib)} MiB")
        if "wrote" in name:
            missed.append(f"a second build of {count:,} specs wrote files")
    return rows, missed


def profile(count: int) -> None:
    """Print to stderr where `kvmc check` and `kvmc build` of so many specs spend their time."""
    for arguments in (("check",), ("build", "-o", "built")):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            write_repository(root / "repository", count)
            code = (
                "import cProfile, pstats, sys; from kvmc.cli import main; p = cProfile.Profile();"
                "p.enable(); main(sys.argv[1:]); p.disable();"
                "pstats.Stats(p, stream=sys.stderr).sort_stats('tottime').print_stats(25)"
            )
            command, *rest = arguments
            said = [str(root / word) if word == "built" else word for word in rest]
            print(f"kvmc {command}, {count:,} specs", file=sys.stderr, flush=True)
            subprocess.run(
                [sys.executable, "-c", code, command, str(root / "repository"), *said],
                stdout=subprocess.DEVNULL,
                check=False,
            )
