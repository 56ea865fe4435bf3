"""Whole fleets: how many are placed, how well, and how long a VM takes, beside Nova and CP-SAT."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING

from benchmarks import fleets
from benchmarks.measure import PATIENCE, Result, Trial, trial
from benchmarks.page import Section, micro, number, table, times
from benchmarks.timing import median

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.effort import Effort
    from benchmarks.openstack import Nova

LOADS = (1.0, 0.95, 0.8)
TARGETS = {56: 10.0, 256: 20.0, 896: 50.0}
"""CPUs -> how many times faster a VM than Nova (issue 3)."""
MOST_SHARED = 1.06
HEAD = (
    "fleet", "load", "fleets", "VMs", "whole: kvmc", "Nova spread", "Nova pack",
    "vCPUs: kvmc", "Nova spread", "Nova pack", "of CP-SAT's", "shared: kvmc", "CP-SAT",
    "µs a VM: kvmc", "Nova spread", "Nova pack", "faster",
)  # fmt: skip
WORDS = f"""\
Every fleet but *overfull* is known to fit. *Whole* counts the fleets of which everything is placed,
*vCPUs* the part of all vCPUs that is placed; *of CP-SAT's* is kvmc's part of the most that CP-SAT
found, over the fleets that it was asked about, and a `*` says that it did not prove all of them.
*Shared* is tenants less cores in use, summed over the fleets that both place as far as each other.
*µs a VM* is CPU time, the median over the fleets: for kvmc the whole of plan_host (search, check
and notices), for Nova numa_fit_instance_to_host alone, in the order of arrival, without the booking
of what it found. *Faster* is against the faster of Nova's two strategies. A plan that takes over
{PATIENCE:.0f} s counts as not made."""


def sections(nova: Nova | None, effort: Effort, say: Callable[[str], None]) -> list[Section]:
    """Return a section for each host shape."""
    return [_section(title, shape, nova, effort, say) for title, shape in fleets.SHAPES.items()]


def _section(
    title: str, shape: str, nova: Nova | None, effort: Effort, say: Callable[[str], None]
) -> Section:
    cpus = fleets.cpus(shape)
    rows, missed, broken = [], [], 0
    for kind in fleets.kinds(shape):
        for load in LOADS[: effort.loads]:
            say(f"{title}: {kind} at {load:.0%}")
            found = [
                trial(fleets.FAMILIES[kind](shape, load, seed), nova, effort.solving(seed))
                for seed in range(effort.fleets(cpus))
            ]
            broken += sum(r.broken for t in found for r in (t.spread, t.pack) if r)
            rows.append(_row(kind, load, found))
            missed += [f"{kind} at {load:.0%}: {words}" for words in _missed(kind, cpus, found)]
    words = f"{cpus} CPUs." if title != next(iter(fleets.SHAPES)) else f"{WORDS}\n\n{cpus} CPUs."
    if broken:
        words += (
            f" {broken} times Nova said that a VM of several cells fits and gave pins that are "
            "missing or taken; these count as not placed."
        )
    heading = f"Fleets on {title}"
    return Section(title=heading, words=words, tables=(table(HEAD, rows),), missed=tuple(missed))


def _row(kind: str, load: float, found: Sequence[Trial]) -> list[str]:
    everyone: list[list[Result | None]]
    everyone = [[t.kvmc for t in found], [t.spread for t in found], [t.pack for t in found]]
    judged = [t for t in found if t.best]
    star = "" if all(t.best.placed_proven for t in judged if t.best) else "*"
    best = sum(t.best.placed for t in judged if t.best)
    ours, least, proven = _shared(found)
    return [
        kind,
        f"{load:.0%}",
        str(len(found)),
        number(median([len(t.fleet.vms) for t in found])),
        *(_whole(found, results) for results in everyone),
        *(_part(found, results) for results in everyone),
        f"{sum(t.kvmc.placed for t in judged) / best:.2%}{star}" if judged else "-",
        str(ours) if judged else "-",
        f"{least}{'' if proven else '*'}" if judged else "-",
        *(micro(_pace(results)) for results in everyone),
        times(_faster(found)),
    ]


def _whole(found: Sequence[Trial], results: Sequence[Result | None]) -> str:
    asked = [(t, r) for t, r in zip(found, results, strict=True) if r]
    if not asked:
        return "-"
    return f"{sum(r.placed == t.fleet.vcpus for t, r in asked) / len(asked):.0%}"


def _part(found: Sequence[Trial], results: Sequence[Result | None]) -> str:
    asked = [(t, r) for t, r in zip(found, results, strict=True) if r]
    if not asked:
        return "-"
    return f"{sum(r.placed for _, r in asked) / sum(t.fleet.vcpus for t, _ in asked):.1%}"


def _shared(found: Sequence[Trial]) -> tuple[int, int, bool]:
    """Return kvmc's shared siblings, CP-SAT's, and whether all of the latter are proven."""
    same = [(t.kvmc, t.best) for t in found if t.best and t.best.placed == t.kvmc.placed]
    return (
        sum(ours.shared for ours, _ in same),
        sum(best.shared for _, best in same),
        all(best.shared_proven for _, best in same),
    )


def _pace(results: Sequence[Result | None]) -> float:
    return median([r.seconds for r in results if r and not isnan(r.seconds)])


def _faster(found: Sequence[Trial]) -> float:
    nova = min(_pace([t.spread for t in found]), _pace([t.pack for t in found]))
    return nova / _pace([t.kvmc for t in found])


def _missed(kind: str, cpus: int, found: Sequence[Trial]) -> list[str]:
    """Return, in words, which of issue 3's targets a row misses."""
    crashes = sorted({t.kvmc.crash for t in found if t.kvmc.crash})
    words = [f"crashed with `{one}`" for one in crashes]
    late = sum(t.kvmc.late for t in found)
    if late:
        words.append(f"{late} of {len(found)} fleets took over {PATIENCE:.0f} s")
    short = sum(t.kvmc.placed < t.fleet.vcpus for t in found)
    if short and kind != "overfull":
        words.append(f"{short} of {len(found)} fleets not whole")
    ours, least, _ = _shared(found)
    if ours > MOST_SHARED * least:
        words.append(f"{ours} shared for {least}")
    less = sum(t.best.placed > t.kvmc.placed for t in found if t.best)
    if less:
        words.append(f"CP-SAT places more in {less} fleets")
    faster = _faster(found)
    if faster < TARGETS.get(cpus, 0.0):
        words.append(f"{times(faster)} Nova's pace, wanted {times(TARGETS[cpus])}")
    return words
