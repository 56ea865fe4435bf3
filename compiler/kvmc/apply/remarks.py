"""What apply has to say in diagnostics: before it acts, after it, and when it went back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.apply.journal import journal_file
from kvmc.apply.lockfile import is_held
from kvmc.apply.works import pins_of
from kvmc.diagnostics import error, note

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from kvmc.apply.execute import Done
    from kvmc.apply.journal import Unfinished
    from kvmc.apply.model import DomainDiff
    from kvmc.apply.steps import Work
    from kvmc.apply.transaction import Ended
    from kvmc.cpuset import CpuSet
    from kvmc.diagnostics import Diagnostic
    from kvmc.render.model import Job


def offline(jobs: Iterable[Job], online: CpuSet) -> tuple[Diagnostic, ...]:
    """Return KV700 for every VM that is pinned to CPUs the host does not have online."""
    hint = f"online are {online}; `kvmc host probe` describes this host anew"
    found = [(job.vm, pins_of(job.plan) - online) for job in jobs]
    return tuple(
        error(
            "KV700",
            f"{vm.name} is pinned to CPUs that are not online here: {missing}",
            vm.place.at("pin"),
            hint=hint,
        )
        for vm, missing in found
        if missing
    )


def unfinished(folder: Path, uri: str) -> tuple[Diagnostic, ...]:
    """Return what stands in the way of an apply now: another, or what one left."""
    left = journal_file(folder)
    if not left.exists():
        return ()
    holder = is_held(folder / "lock")
    if holder:
        text = f"{holder}, is at work on {uri}: what it does is not final yet"
        return (note("KV702", text, hint="look again when it has ended"),)
    text = f"an earlier apply did not come to its end ({left}); the next one ends it first"
    return (note("KV705", text),)


def stale(before: Sequence[DomainDiff | Work], after: Sequence[DomainDiff | Work]) -> Diagnostic:
    """Return KV701, with the names of what changed between two looks."""
    old, new = ({(type(one), one.name): one for one in looked} for looked in (before, after))
    changed = {key[1]: None for key in old | new if old.get(key) != new.get(key)}
    what = ", ".join(changed) or "the host's CPUs"
    text = f"changed since it was shown: {what}; nothing was done"
    return error("KV701", text, hint="run kvmc apply again, and look again")


def waiting(diffs: Iterable[DomainDiff]) -> tuple[Diagnostic, ...]:
    """Return KV708 for every running guest that gets something only when it is started anew."""
    return tuple(
        note(
            "KV708",
            f"{found.name}: {', '.join(paths)} from the next boot on",
            hint=f"shut {found.name} down and start it when it suits",
        )
        for found in diffs
        if (paths := [change.path for change in found.changes if change.pending])
    )


def left_over(diffs: Iterable[DomainDiff]) -> tuple[Diagnostic, ...]:
    """Return KV709 where something still differs that apply should have changed."""
    names = ", ".join(found.name for found in diffs if found.to_apply)
    text = f"applied, and still not as it should be: {names}"
    return (error("KV709", text, hint="`kvmc diff` shows what differs"),) if names else ()


def taken_back(ended: Ended, journal: Path) -> Iterator[Diagnostic]:
    """Yield why an apply went back (KV704, KV710) and what did not (KV706, KV711)."""
    for text in ended.differs:
        yield note("KV711", text)
    for one in ended.back:
        if one.problem:
            yield error("KV706", f"{one.name}: {', '.join(one.said)}", hint=f"see {journal}")
    taken = "not everything could be taken back" if ended.stuck else "all was taken back"
    if ended.failure:
        yield error("KV704", f"{ended.failure}; {taken}")
    else:
        why = "nobody kept it in time" if ended.verdict == "expired" else "it was interrupted"
        yield note("KV710", f"the trial is over: {why}; {taken}")


def recovered(left: Unfinished, done: Iterable[Done]) -> tuple[Diagnostic, ...]:
    """Return KV705 for every domain of an earlier apply that was ended."""
    how = "finished" if left.fate == "forward" else "taken back"
    before = f"an earlier apply (process {left.pid}) was {how}"
    return tuple(
        note("KV705", f"{before}: {one.name}: {', '.join(one.said)}")
        for one in done
        if not one.problem
    )
