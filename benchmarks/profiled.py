"""Where kvmc spends its time: cProfile's own times, shared out to the stages that caused them.

What C functions and libraries take counts for the function of kvmc that called them. A profile
makes every call of a Python function dearer, so that these are shares, and no times.
"""

from __future__ import annotations

import cProfile
import pstats
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import kvmc

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Function = tuple[str, int, str]
"""File, line and name, as pstats has them."""

Shares = dict[str, float]
"""Parts of one, the largest first."""

ROOT = Path(kvmc.__file__).parent
IMPORTS = "imports"
OTHER = "Python itself"
_ROUNDS = 12
"""Calls between kvmc and a library's function; what is farther away is Python's own."""

CHILD = """
import cProfile, os, sys
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
target, *sys.argv[1:] = sys.argv[1:]
profile = cProfile.Profile()
def run():
    from kvmc.cli import main
    try:
        main()
    except SystemExit:
        pass
profile.runcall(run)
profile.dump_stats(target)
"""
"""One process on one core: what forks do is not in the profile of their parent."""


def of_command(folder: Path, *arguments: str) -> Mapping[Function, Any]:
    """Return the profile of one command, run as the `kvmc` program is."""
    target = folder / "profile"
    subprocess.run(
        [sys.executable, "-c", CHILD, str(target), *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    return of_file(target)


def of_file(target: Path) -> Mapping[Function, Any]:
    """Return the profile that a process wrote."""
    return dict(pstats.Stats(str(target)).stats)  # type: ignore[attr-defined]


def of_calls(calls: Sequence[Callable[[], object]]) -> Mapping[Function, Any]:
    """Return the profile of some calls in this process."""
    profile = cProfile.Profile()
    for call in calls:
        profile.runcall(call)
    return dict(pstats.Stats(profile).stats)  # type: ignore[attr-defined]


def place_of(function: Function) -> str:
    """Return kvmc's module, such as "planner/search"; "" for what is not kvmc's."""
    file = Path(function[0])
    if "importlib" in function[0]:
        return IMPORTS
    if not file.is_relative_to(ROOT):
        return ""
    return IMPORTS if function[2] == "<module>" else str(file.relative_to(ROOT).with_suffix(""))


def by_module(stats: Mapping[Function, Any]) -> Shares:
    """Return the share of each module of kvmc in the whole, imports and Python itself beside."""
    return _shares(stats, place_of)


def by_function(stats: Mapping[Function, Any]) -> Shares:
    """Return the share of each function of kvmc, such as "planner/search: search"."""

    def named(function: Function) -> str:
        place = place_of(function)
        return f"{place}: {function[2]}" if place not in ("", IMPORTS) else place

    return _shares(stats, named)


def _shares(stats: Mapping[Function, Any], name: Callable[[Function], str]) -> Shares:
    blamed = _blamed(stats, name)
    spent: dict[str, float] = defaultdict(float)
    for function, (_, _, own, _, _) in stats.items():
        for who, part in blamed[function].items():
            spent[who] += part * own
    whole = sum(spent.values())
    return {who: part / whole for who, part in sorted(spent.items(), key=lambda one: -one[1])}


def _blamed(
    stats: Mapping[Function, Any], name: Callable[[Function], str]
) -> Mapping[Function, Shares]:
    """Return who is to blame for each function's own time: itself where it is kvmc's, or callers.

    Libraries call themselves in circles, so that blame is passed on in rounds, a call each.
    """
    named = {function: own for function in stats if (own := name(function))}
    blamed: dict[Function, Shares] = {
        function: {named.get(function, OTHER): 1.0} for function in stats
    }
    foreign = [function for function in stats if function not in named]
    for _ in range(_ROUNDS):
        passed = {function: _passed_on(stats[function][4], blamed) for function in foreign}
        blamed |= {function: shares for function, shares in passed.items() if shares}
    return blamed


def _passed_on(callers: Mapping[Function, Any], blamed: Mapping[Function, Shares]) -> Shares:
    """Return the callers' blame, each by the part of the time that was spent for it."""
    total = sum(call[2] for call in callers.values())
    found: Shares = defaultdict(float)
    for caller, call in callers.items() if total else ():
        for who, part in blamed[caller].items():
            found[who] += part * call[2] / total
    return found


def calls_of(stats: Mapping[Function, Any]) -> int:
    """Return how many calls of functions there were."""
    return sum(one[1] for one in stats.values())


def reason(calls: Sequence[Callable[[], object]], vms: int) -> str:
    """Return in words where the time of some calls goes, for so many VMs."""
    if not calls:
        return "nothing was measured"
    stats = of_calls(calls)
    return f"{words(by_module(stats))}; {calls_of(stats) / max(vms, 1):,.0f} calls a VM"


def words(shares: Shares, most: int = 4) -> str:
    """Return the largest shares, such as "planner/search 31 %, planner/verify 18 %"."""
    return ", ".join(
        f"{who} {part:.0%}".replace("%", " %") for who, part in list(shares.items())[:most]
    )
