"""Whole fleets: how many are placed, how well, and how long a VM takes, beside Nova and CP-SAT."""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING

from benchmarks import fleets
from benchmarks.cases import Case, shared, whole_part
from benchmarks.fleets import LEGEND
from benchmarks.measure import PATIENCE, trial
from benchmarks.page import DOT, Section, micro, percent, table, times
from benchmarks.timing import median
from benchmarks.verdicts import PACES, all_whole, as_much, as_shared, large_targets, pace_target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from benchmarks.effort import Effort
    from benchmarks.openstack import Nova

LOADS = (1.0, 0.95, 0.8)
PLACED = f"""\
Every fleet but *overfull* is known to fit: a placement was drawn first, and its VMs are asked for
then. All three get the same VMs. A plan that takes over {PATIENCE:.0f} s of CPU time counts as not
made. {LEGEND}"""
WHOLE = (
    "Fleets placed whole, in per cent, on full hosts: kvmc · Nova that spreads · Nova that packs."
)
VCPUS = "vCPUs placed, in per cent of those asked for: kvmc · Nova that spreads · Nova that packs."
JUDGED = """\
kvmc's vCPUs in per cent of the most that CP-SAT found, and the thread siblings that two VMs share,
kvmc/CP-SAT, over the fleets of which both place as much. A `*`: CP-SAT proved not all of it."""
TIMED = """\
CPU time, the median over the fleets at 100 % load. **kvmc's figure is the whole of plan_host**:
search, booking, the independent check of the finished plan, and what it says. **Nova's *fit* is
numa_fit_instance_to_host alone**, called for one VM after the other; *and booking* adds Nova's own
numa_usage_from_instance_numa, without which it cannot be asked for the next VM. Nova's figures are
those of the faster of its two strategies, whether or not it placed everything. The targets are held
against the fit alone."""
BY_LOAD = """\
The same over all kinds of fleets but *overfull*, at each load: fleets placed whole (kvmc · Nova
that spreads · Nova that packs, in per cent), and the median over the kinds of µs a VM."""


def sections(nova: Nova | None, effort: Effort, say: Callable[[str], None]) -> list[Section]:
    """Return what is placed, and how long it takes."""
    cases = [
        _case(shape, kind, load, nova, effort, say)
        for shape in fleets.SHAPES.values()
        for kind in fleets.kinds(shape)
        for load in (LOADS[: effort.loads] if kind != "overfull" else LOADS[:1])
    ]
    full = [case for case in cases if case.load == 1.0]
    return [_placed(cases, full, effort), _timed(cases, full)]


def _case(  # noqa: PLR0913
    shape: str,
    kind: str,
    load: float,
    nova: Nova | None,
    effort: Effort,
    say: Callable[[str], None],
) -> Case:
    say(f"{shape}: {kind} at {load:.0%}")
    cpus, make = fleets.cpus(shape), fleets.FAMILIES[kind]
    trials = tuple(
        trial(make(shape, load, seed), nova, effort.solving(cpus, seed) if load == 1.0 else 0.0)
        for seed in range(effort.fleets(cpus))
    )
    return Case(shape=shape, kind=kind, load=load, trials=trials)


def _matrix(cases: Iterable[Case], cell: Callable[[Case], str]) -> str:
    """Return a table: a row for each kind of fleet, a column for each host."""
    by_place = {(case.kind, case.shape): cell(case) for case in cases}
    shapes = fleets.SHAPES.values()
    rows = [[kind, *(by_place.get((kind, s), "") for s in shapes)] for kind in fleets.FAMILIES]
    return table(("fleet", *fleets.SHAPES), rows)


def _placed(cases: Sequence[Case], full: Sequence[Case], effort: Effort) -> Section:
    small, large = effort.small, effort.large
    few, one = effort.judged
    counts = (
        f"Of each kind and load there are {small} fleets on the first three hosts and {large} on "
        f"the other two, seeds from 0. CP-SAT is asked about the first {few} and {one} of them at "
        f"full load, {effort.solve:.0f} s at most for each of its two questions."
    )
    words = [PLACED, counts]
    broken = sum(r.broken for c in cases for results in c.results()[1:] for r in results)
    if broken:
        words.append(
            f"{broken} times Nova said that a VM of several cells fits, and gave pins that are "
            "missing or taken; these count as not placed."
        )
    tables = (
        *(WHOLE, _matrix(full, _whole)),
        *(VCPUS, _matrix(full, _vcpus)),
        *(JUDGED, _matrix(full, _judged)),
    )
    targets = (all_whole(cases), as_much(full), as_shared(full))
    return Section(title="What is placed", words="\n\n".join(words), tables=tables, targets=targets)


def _three(parts: Iterable[float], digits: int = 0) -> str:
    return DOT.join(percent(part, digits).removesuffix(" %") for part in parts)


def _whole(case: Case) -> str:
    return _three(whole_part(case.trials, results) for results in case.results())


def _vcpus(case: Case) -> str:
    wanted = sum(trial.fleet.vcpus for trial in case.trials)
    return _three(
        (sum(r.placed for r in results) / wanted if results else nan for results in case.results()),
        digits=1,
    )


def _judged(case: Case) -> str:
    judged = [(t.kvmc, t.best) for t in case.trials if t.best]
    if not judged:
        return "-"
    star = "" if all(best.placed_proven for _, best in judged) else "*"
    most = sum(best.placed for _, best in judged)
    ours, least, proven = shared(case.trials)
    part = f"{100 * sum(r.placed for r, _ in judged) / most:.1f}"
    return f"{part}{star}{DOT}{ours}/{least}{'' if proven else '*'}"


def _timed(cases: Sequence[Case], full: Sequence[Case]) -> Section:
    tables = (
        *("µs a VM: kvmc · Nova's fit · Nova's fit and booking.", _matrix(full, _paces)),
        *(
            "How many times as long Nova takes: its fit · its fit and booking.",
            _matrix(full, lambda case: _both(case.faster)),
        ),
        *(BY_LOAD, _by_load(cases)),
    )
    targets = [pace_target(s, full) for s in fleets.SHAPES.values() if s in PACES]
    return Section(
        title="Time a VM",
        words=TIMED,
        tables=tables,
        targets=(*targets, *large_targets(cases)),
    )


def _paces(case: Case) -> str:
    novas = (case.nova(booking=booking) for booking in (False, True))
    return DOT.join(map(micro, (case.pace, *novas)))


def _both(ratio: Callable[..., float]) -> str:
    return DOT.join(times(ratio(booking=booking)) for booking in (False, True))


def _by_load(cases: Sequence[Case]) -> str:
    rows = []
    for title, shape in fleets.SHAPES.items():
        for load in LOADS:
            here = [c for c in cases if (c.shape, c.load) == (shape, load) and c.kind != "overfull"]
            if not here:
                continue
            trials = [t for c in here for t in c.trials]
            theirs = zip(*(case.results() for case in here), strict=True)
            flat = [[r for results in column for r in results] for column in theirs]
            paces = [
                median([c.pace for c in here]),
                *(median([c.nova(booking=b) for c in here]) for b in (False, True)),
            ]
            whole = _three(whole_part(trials, column) for column in flat)
            rows.append([title, f"{load:.0%}", str(len(trials)), whole, *map(micro, paces)])
    head = ("host", "load", "fleets", "placed whole", "kvmc µs", "Nova's fit", "and booking")
    return table(head, rows)
