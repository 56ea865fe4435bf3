"""One VM at a time: guests of many cells, what cannot fit, and a host that changes under a lock."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace

from benchmarks import fleets
from benchmarks.measure import PATIENCE, planned
from benchmarks.page import DOT, Section, Target, micro, milli, number, spread, table, times
from benchmarks.profiled import reason
from benchmarks.timing import TooSlowError, cpu_seconds, limit, median
from kvmc.planner.held import hold

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.effort import Effort
    from benchmarks.fleets import Fleet
    from benchmarks.openstack import Nova
    from kvmc.host.model import Host
    from kvmc.planner.held import Held
    from kvmc.planner.model import HostPlan
    from kvmc.spec.model import Vm

CELLS_TARGET = 0.010
"""Seconds for a guest of k cells (issue 3)."""
CHURN = 20
"""Departures, each with an arrival after it."""


def _plan(vms: Sequence[Vm], host: Host, held: Sequence[Held] = ()) -> tuple[float, HostPlan]:
    with limit(PATIENCE):
        return cpu_seconds(lambda: planned(vms, host, held))


def _again(runs: int, vms: Sequence[Vm], host: Host, held: Sequence[Held] = ()) -> list[float]:
    return [_plan(vms, host, held)[0] for _ in range(runs)]


def _held(vms: Sequence[Vm], host: Host) -> list[Held]:
    """Plan VMs, and return what the lock holds of them then."""
    named = {vm.name: vm for vm in vms}
    return [hold(named[one.name], one) for one in _plan(vms, host)[1].vms]


def cells(nova: Nova | None, effort: Effort) -> Section:
    """Measure guests of many cells: placed where just enough nodes are whole, else refused."""
    rows, slow, worst = [], [], 0.0
    for nodes, count in effort.cells:
        for fits in (True, False):
            name = f"{count} cells on {nodes} nodes, {'fits' if fits else 'refused'}"
            row, seconds = _guest(fleets.guest_of_cells(nodes, count, fits=fits), nova, effort)
            rows.append([name, *row])
            worst = max(worst, seconds)
            wanted = "placed" if fits else "refused, proven"
            if not seconds < CELLS_TARGET or row[0] != wanted:
                slow.append((nodes, count, fits))
    words = (
        "One guest whose cells each need a whole node; every other node holds a small VM "
        f"that is locked. Median of {effort.runs} runs of plan_host for all of them; Nova (spread) "
        f"once, the guest alone, cut off after {effort.nova_limit:.0f} s."
    )
    head = ("guest", "kvmc says", "kvmc ms", "Nova says", "Nova ms", "faster")
    target = Target(
        what="A guest of k cells on 8 or 16 nodes, placed or refused with proof",
        wanted="under 10 ms",
        measured=f"{len(rows) - len(slow)} of {len(rows)}, the slowest in {milli(worst)} ms",
        met=not slow,
        reason=_why_cells(slow),
    )
    title = "Guests of many cells"
    return Section(title=title, words=words, tables=(table(head, rows),), targets=(target,))


def _why_cells(slow: Sequence[tuple[int, int, bool]]) -> str:
    """Return where the time goes of the guests that take too long."""
    questions = [fleets.guest_of_cells(nodes, count, fits=fits) for nodes, count, fits in slow]
    return _why([(fleet.vms, fleet.host, _held(fleet.vms[:-1], fleet.host)) for fleet in questions])


def _why(questions: Sequence[tuple[Sequence[Vm], Host, Sequence[Held]]]) -> str:
    """Return where the planner spends its time on some questions, as far as it gets."""
    count = sum(len(vms) for vms, _, _ in questions)
    try:
        with limit(PATIENCE * max(len(questions), 1)):
            return reason([partial(planned, *question) for question in questions], count)
    except TooSlowError:
        return f"they take over {PATIENCE:.0f} s each"


def _guest(fleet: Fleet, nova: Nova | None, effort: Effort) -> tuple[list[str], float]:
    holders, guest = fleet.vms[:-1], fleet.vms[-1]
    try:
        held = _held(holders, fleet.host)
        seconds = median(_again(effort.runs, fleet.vms, fleet.host, held))
        plan = _plan(fleet.vms, fleet.host, held)[1]
    except TooSlowError:
        return ["too slow", f"> {milli(PATIENCE)}", "-", "-", "-"], PATIENCE
    proofs = [u.proven for u in plan.unplaced if u.name == guest.name]
    words = {True: "refused, proven", False: "refused, not proven"}
    ours = [words[proofs[0]] if proofs else "placed", milli(seconds)]
    if not nova:
        return [*ours, "-", "-", "-"], seconds
    answer = nova.ask(fleet, pack=False)
    if answer.late:
        cut = effort.nova_limit
        return [*ours, "cut off", f"> {milli(cut)}", f"> {times(cut / seconds)}"], seconds
    theirs = "refused" if "guest" in answer.refused else "placed"
    theirs = "unusable" if "guest" in answer.broken else theirs
    took = answer.fits[-1]
    return [*ours, theirs, milli(took), times(took / seconds)], seconds


def refusals(nova: Nova | None, effort: Effort) -> Section:
    """Measure one more VM on a full host whose VMs stay: nobody can place it."""
    rows, ratios = [], []
    slower: list[tuple[Sequence[Vm], Host, Sequence[Held]]] = []
    for title, shape in fleets.SHAPES.items():
        full, extra = fleets.one_too_many(shape, 1)
        vms = (*full.vms, extra)
        try:
            held = _held(full.vms, full.host)
            ours = median(_again(effort.runs, vms, full.host, held))
        except TooSlowError:
            rows.append([title, number(len(full.vms)), "too slow", *"-----"])
            slower.append((vms, full.host, ()))
            continue
        rest, booking, alone = _late_comer(nova, full, extra)
        paces = [took / len(vms) for took in (ours, rest + alone, rest + booking + alone)]
        ratios.append(paces[1] / paces[0])
        both = DOT.join(times(pace / paces[0]) for pace in paces[1:])
        figures = (milli(ours), milli(alone), *map(micro, paces), both)
        rows.append([title, number(len(full.vms)), *figures])
        if not paces[0] <= paces[1]:
            slower.append((vms, full.host, held))
    words = (
        "A full host whose VMs are held by the lock, and one more VM. kvmc plans all of them, says "
        "why the one does not fit and what would have to move; Nova (pack) says no to the one VM. "
        "µs a VM are over all VMs: for Nova the fits of the others are in it, for kvmc they are "
        "held. *Faster* is against Nova's fits · its fits and bookings. "
        f"Median of {effort.runs} runs."
    )
    head = (
        "host", "VMs", "kvmc ms", "Nova's no, ms", "kvmc µs a VM", "Nova's fit", "and booking",
        "faster",
    )  # fmt: skip
    target = Target(
        what="Where nothing fits, time a VM against Nova's fits",
        wanted="never slower",
        measured=spread(ratios) if nova else "Nova is not installed",
        met=not slower,
        reason=f"slower on {len(slower)} of {len(rows)} hosts; {_why(slower)}",
    )
    title = "Refusals"
    return Section(title=title, words=words, tables=(table(head, rows),), targets=(target,))


def _late_comer(nova: Nova | None, full: Fleet, extra: Vm) -> tuple[float, float, float]:
    """Return Nova's CPU seconds to fit all others, to book them, and for the one without place."""
    if not nova:
        return float("nan"), float("nan"), float("nan")
    fleet = replace(full, vms=(*full.vms, extra))
    asked = [nova.ask(fleet, pack=True) for _ in range(3)]
    return (
        median([sum(answer.fits[:-1]) for answer in asked]),
        median([answer.claims for answer in asked]),
        median([answer.fits[-1] for answer in asked]),
    )


def churn(nova: Nova | None, say: Callable[[str], None]) -> Section:
    """Measure arrivals and departures under a lock."""
    rows = []
    for title, shape in fleets.SHAPES.items():
        say(f"arrivals and departures on {title}")
        fleet = fleets.churn(shape, 1, CHURN)
        try:
            took, refused, moved = _live(fleet)
        except TooSlowError:
            rows.append([title, "too slow", *"--"])
            continue
        theirs = [nova.ask(fleet, pack=pack) for pack in (False, True)] if nova else []
        without = (str(refused), *(str(len(a.refused | a.broken)) for a in theirs))
        arrival = (milli(median(took)), *(milli(median(a.fits[-CHURN:])) for a in theirs))
        rows.append([title, DOT.join(without), str(moved), DOT.join(arrival)])
    words = (
        f"A host filled to four fifths; then {CHURN} times one VM leaves and another comes. kvmc "
        "plans the whole host at each arrival, with all others held by the lock; Nova is asked for "
        "the one VM, without booking. VMs without a place and milliseconds of an arrival (medians) "
        "are kvmc · Nova that spreads · Nova that packs; moved are VMs that were placed already."
    )
    head = ("host", "without a place", "moved by kvmc", "ms an arrival")
    return Section(title="Arrivals and departures", words=words, tables=(table(head, rows),))


def _live(fleet: Fleet) -> tuple[list[float], int, int]:
    """Let a fleet live; return each arrival's seconds, the VMs refused and the VMs moved."""
    named = {vm.name: vm for vm in fleet.vms}
    first = [name for verb, name in fleet.events[: -2 * CHURN] if verb == "add"]
    held = {line.name: line for line in _held([named[name] for name in first], fleet.host)}
    refused, moved, took = len(first) - len(held), 0, []
    for verb, name in fleet.events[-2 * CHURN :]:
        if verb == "remove":
            held.pop(name, None)
            continue
        vms = [named[one] for one in (*held, name)]
        seconds, plan = _plan(vms, fleet.host, tuple(held.values()))
        took.append(seconds)
        now = {one.name: hold(named[one.name], one) for one in plan.vms}
        moved += sum(now.get(one) != line for one, line in held.items())
        refused += name not in now
        held = now
    return took, refused, moved


def growth(nova: Nova | None, effort: Effort) -> Section:
    """Measure how the time for a VM grows with the host and with the fleet."""
    by_cpus = [(str(n), fleets.by_cpus(n)) for n in effort.cpus]
    by_vms = [(str(n), fleets.by_vms(n)) for n in effort.vms]
    words = (
        "First `require` VMs of 8 vCPUs on nine tenths of a host with nodes of 64 CPUs, then so "
        "many `prefer` VMs of 1 or 2 vCPUs on 1,792 CPUs. Median of "
        f"{effort.runs} runs; Nova (pack) once: its fit alone, and with its booking. *Faster* is "
        "against the one · the other."
    )
    head = ("VMs", "placed", "kvmc ms", "kvmc µs a VM", "Nova's fit", "and booking", "faster")
    tables = (
        table(("CPUs", *head), [[n, *_grown(fleet, nova, effort)] for n, fleet in by_cpus]),
        table(head, [_grown(fleet, nova, effort) for _, fleet in by_vms]),
    )
    return Section(title="Growth", words=words, tables=tables)


def _grown(fleet: Fleet, nova: Nova | None, effort: Effort) -> list[str]:
    count = len(fleet.vms)
    try:
        ours = median(_again(effort.runs, fleet.vms, fleet.host))
        placed = len(_plan(fleet.vms, fleet.host)[1].vms)
    except TooSlowError:
        return [number(count), "-", f"> {milli(PATIENCE)}", *"----"]
    fit = both = float("nan")
    if nova:
        answer = nova.ask(fleet, pack=True)
        fit = sum(answer.fits) / max(len(answer.fits), 1)
        both = fit + answer.claims / max(len(answer.fits), 1)
    pace = ours / count
    return [
        number(count),
        number(placed),
        milli(ours),
        *map(micro, (pace, fit, both)),
        f"{times(fit / pace)}{DOT}{times(both / pace)}",
    ]
