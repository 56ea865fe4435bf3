"""What apply is about to do and what it did, as text for a person and JSON for a program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from kvmc.apply.execute import Done
    from kvmc.apply.model import Change, DomainDiff
    from kvmc.apply.steps import Work
    from kvmc.apply.transaction import Ended


def announcement(diffs: Sequence[DomainDiff], works: Mapping[str, Work]) -> str:
    """Return what will be done, domain by domain: the change and what it does to the guest."""
    return "".join(_announced(found, works[found.name]) for found in diffs if found.name in works)


def _announced(found: DomainDiff, work: Work) -> str:
    start = ", start" if work.start else ""
    if found.new:
        return f"{found.name}: new, define{start}\n"
    lines = [f"{found.name} ({found.state}){start}"]
    width = max((len(change.path) for change in found.to_apply), default=0)
    values = [_values(change) for change in found.to_apply]
    wide = max((len(text) for text in values), default=0)
    lines += [
        f"  {change.path:<{width}}  {text:<{wide}}  {change.label}"
        for change, text in zip(found.to_apply, values, strict=True)
    ]
    return "\n".join(lines) + "\n"


def _values(change: Change) -> str:
    """Return `what is -> what will be`; where the definition is right already, what runs."""
    now = change.inactive if change.in_inactive else change.live
    if not change.in_inactive and not change.in_live:
        now = change.kernel
    return f"{now or '-'} -> {change.wanted or '-'}"


def summary(works: Iterable[Work]) -> str:
    """Return one line of counts for the question."""
    todo = tuple(works)
    counts = {
        "new": sum(work.old is None and work.new is not None for work in todo),
        "redefined": sum(work.old is not None and work.new is not None for work in todo),
        "changed live": sum(bool(work.steps) for work in todo),
        "started": sum(work.start for work in todo),
    }
    return ", ".join(f"{count} {what}" for what, count in counts.items() if count)


def told(done: Iterable[Done]) -> str:
    """Return a line a domain: what was done to it, or taken back."""
    return "".join(f"{one.name}: {', '.join(one.said)}\n" for one in done if one.said)


def document(  # noqa: PLR0913 (one argument a part of the receipt)
    *,
    dry_run: bool,
    uri: str,
    diffs: Sequence[DomainDiff] = (),
    works: Mapping[str, Work] | None = None,
    ended: Ended | None = None,
    recovered: Iterable[Done] = (),
) -> dict[str, Any]:
    """Return the receipt; `domains` holds every VM of the run, changed or not."""
    return {
        "kvmc": "v1",
        "kind": "apply",
        "uri": uri,
        "dry_run": dry_run,
        "recovered": [_done(one) for one in recovered],
        "domains": list(_domains(diffs, works or {}, ended)),
        "failure": ended.failure if ended else "",
        "rolled_back": [_done(one) for one in ended.back] if ended else [],
        "trial": str(ended.verdict) if ended and ended.verdict else None,
    }


def _domains(
    diffs: Sequence[DomainDiff], works: Mapping[str, Work], ended: Ended | None
) -> Iterator[dict[str, Any]]:
    done = {one.name: one for one in ended.done} if ended else {}
    for found in diffs:
        work = works.get(found.name)
        yield {
            "name": found.name,
            "new": found.new,
            "state": found.state,
            "changes": [_change(change) for change in found.changes],
            "define": bool(work and work.new is not None),
            "start": bool(work and work.start),
            "done": list(done[found.name].said) if found.name in done else [],
        }


def _change(change: Change) -> dict[str, Any]:
    return {
        "path": change.path,
        "wanted": change.wanted,
        "inactive": change.inactive,
        "live": change.live,
        "kernel": change.kernel,
        "label": str(change.label),
        "pending": change.pending,
    }


def _done(one: Done) -> dict[str, Any]:
    return {"name": one.name, "state": one.state, "said": list(one.said), "problem": one.problem}
