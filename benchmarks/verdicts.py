"""What whole fleets say of issue 3's targets: met, or missed and where the time goes."""

from __future__ import annotations

from functools import partial
from math import isnan, nan
from typing import TYPE_CHECKING

from benchmarks import fleets
from benchmarks.cases import shared
from benchmarks.measure import PATIENCE, planned
from benchmarks.page import Target, micro, number, spread, times
from benchmarks.profiled import reason
from benchmarks.timing import median

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.cases import Case
    from benchmarks.fleets import Fleet
    from benchmarks.measure import Trial

PACES = {"2x14x2": 10.0, "epyc": 20.0, "8x56x2": 50.0, "snc": 50.0}
"""Host shape -> how many times faster a VM than Nova (issue 3: 56, 256 and 896 CPUs)."""
MOST_SHARED = 1.06
LARGE = 896
"""CPUs of the hosts whose fleets of 100 to 180 VMs plan in under a second (issue 3)."""
EASY = ("uniform", "prefer, odd", "mixed policies")
"""What one of Nova's strategies places whole, too."""
EASY_TARGET = 100e-6


def _named(case: Case) -> str:
    return f"{case.kind} on {case.shape} at {case.load:.0%}".replace("%", " %")


def all_whole(cases: Sequence[Case]) -> Target:
    """Return whether every fleet that is known to fit is placed."""
    tight = [case for case in cases if case.kind != "overfull"]
    short = {
        _named(case): [t for t in case.trials if t.kvmc.placed < t.fleet.vcpus] for case in tight
    }
    crashes = sorted({t.kvmc.crash for case in cases for t in case.trials if t.kvmc.crash})
    late = sum(t.kvmc.late for case in tight for t in case.trials)
    count, bad = sum(len(c.trials) for c in tight), sum(map(len, short.values()))
    words = ", ".join(f"{len(found)} of {name}" for name, found in short.items() if found)
    words += f"; {late} took over {PATIENCE:.0f} s" if late else ""
    words += f"; crashed with {', '.join(f'`{one}`' for one in crashes)}" if crashes else ""
    return Target(
        what="Tight fleets that fit are placed whole",
        wanted="all",
        measured=f"{count - bad:,} of {count:,}",
        met=not bad and not crashes,
        reason=words.removeprefix("; "),
    )


def as_much(full: Sequence[Case]) -> Target:
    """Return whether kvmc places as many vCPUs as CP-SAT, wherever that was asked."""
    judged = [t for case in full for t in case.trials if t.best]
    less = [
        _named(case)
        for case in full
        for t in case.trials
        if t.best and t.best.placed > t.kvmc.placed
    ]
    return Target(
        what="vCPUs placed, *overfull* included, against CP-SAT's optimum",
        wanted="never fewer",
        measured=f"as many or more in {len(judged) - len(less)} of {len(judged)} fleets",
        met=not less,
        reason=f"fewer in {', '.join(sorted(set(less)))}",
    )


def as_shared(full: Sequence[Case]) -> Target:
    """Return whether no kind of fleet shares more cores than the proven optimum allows."""
    ours = least = 0
    over = []
    for case in full:
        mine, best, proven = shared(case.trials)
        if mine > MOST_SHARED * best and proven:
            over.append(f"{mine} for {best} in {_named(case)}")
        # What CP-SAT did not prove is no optimum, and may be worse than ours.
        ours, least = (ours + mine, least + best) if proven else (ours, least)
    ratio = ours / least if least else 1.0
    return Target(
        what="Shared cores against CP-SAT's proven optimum",
        wanted=f"at most {MOST_SHARED}x",
        measured=f"{ratio:.2f}x ({ours} for {least})",
        met=not over,
        reason="; ".join(over),
    )


def pace_target(shape: str, full: Sequence[Case]) -> Target:
    """Return whether every kind of fleet on a host is as much faster than Nova as is asked."""
    here = [case for case in full if case.shape == shape]
    fit = [case.faster(booking=False) for case in here]
    both = [case.faster(booking=True) for case in here]
    wanted = PACES[shape]
    slow = [case for case, ratio in zip(here, fit, strict=True) if ratio < wanted]
    measured = f"{spread(fit)}, median {times(median(fit))} (with Nova's booking {spread(both)}, "
    measured += f"median {times(median(both))})"
    return Target(
        what=f"Faster a VM than Nova's fit, {fleets.cpus(shape)} CPUs ({shape})",
        wanted=f"{wanted:.0f}x on every fleet",
        measured=measured if not all(map(isnan, fit)) else "Nova is not installed",
        met=not slow and not any(map(isnan, fit)),
        reason=_why(slow, len(here)),
    )


def _why(slow: Sequence[Case], count: int) -> str:
    """Return how many kinds miss, and where the planner spends its time on them."""
    questions = [case.trials[0].fleet for case in slow if not case.trials[0].kvmc.late]
    return f"{len(slow)} of {count} kinds of fleets; {_where(questions)}"


def large_targets(cases: Sequence[Case]) -> tuple[Target, Target]:
    """Return the two targets for the fleets of 100 to 180 VMs on 896 CPUs."""
    large = [
        (case, t)
        for case in cases
        for t in case.trials
        if fleets.cpus(case.shape) == LARGE and 100 <= len(t.fleet.vms) <= 180
    ]
    took = {id(t): len(t.fleet.vms) * t.kvmc.seconds for _, t in large}
    slow = [t for _, t in large if not took[id(t)] < 1.0]
    easy = median([t.kvmc.seconds for case, t in large if case.kind in EASY])
    calm = [t for case, t in large if case.kind in EASY]
    return (
        Target(
            what=f"Fleets of 100 to 180 VMs on {LARGE} CPUs",
            wanted="under 1 s each",
            measured=f"{len(large) - len(slow)} of {len(large)}, the slowest in "
            f"{number(max(took.values(), default=nan), 2)} s",
            met=not slow,
            reason=_spent(slow),
        ),
        Target(
            what=f"The easy ones among them ({', '.join(EASY)})",
            wanted="100 µs a VM at the median",
            measured=f"{micro(easy)} µs",
            met=easy <= EASY_TARGET,
            reason=_spent(calm),
        ),
    )


def _spent(trials: Sequence[Trial]) -> str:
    """Return where the planner spends its time on some fleets; not on those it did not finish."""
    questions = [t.fleet for t in trials if not t.kvmc.late and not t.kvmc.crash][:8]
    return _where(questions) if questions else f"these were not planned within {PATIENCE:.0f} s"


def _where(questions: Sequence[Fleet]) -> str:
    vms = sum(len(fleet.vms) for fleet in questions)
    return reason([partial(planned, fleet.vms, fleet.host) for fleet in questions], vms)
