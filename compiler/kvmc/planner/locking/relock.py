"""What a plan makes of a lock: its new lines, and what has changed in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from kvmc.diagnostics import Diagnostic, note
from kvmc.planner.held import hold
from kvmc.planner.locking.lock import Lock
from kvmc.words import some

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kvmc.planner.held import Held
    from kvmc.planner.model import HostPlan
    from kvmc.spec.model import Vm

_NAMED = 8
"""VMs that one note names; a first plan of a big host has hundreds that are new."""


class Changes(Struct, frozen=True, kw_only=True):
    """What a plan would change in a lock, VM names in ascending order."""

    new: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    """Another demand, the same CPUs."""
    gone: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything would change."""
        return bool(self.new or self.moved or self.changed or self.gone)

    def words(self) -> str:
        """Return the changes in words: `new: a, b; moved: c`."""
        parts = [
            ("new", self.new),
            ("moved", self.moved),
            ("changed", self.changed),
            ("gone", self.gone),
        ]
        return "; ".join(f"{word}: {', '.join(names)}" for word, names in parts if names)


def relock(
    plan: HostPlan, vms: Mapping[str, Vm], old: Lock | None, *, whole: bool
) -> tuple[Lock, Changes]:
    """Return the lock that a plan makes, and how it differs from the old one.

    `whole` says that `vms` are all VMs there are, so that lines of others are dropped; otherwise
    they stay.
    """
    host = plan.host
    assert host is not None  # noqa: S101 (VMs without a host have no lock)
    lines = {p.name: hold(vms[p.name], p) for p in plan.vms if p.strategy != "none"}
    before = old.by_name() if old else {}
    kept = {} if whole else {n: held for n, held in before.items() if n not in vms}
    merged = {**kept, **lines}
    lock = Lock(
        host=host.name,
        fingerprint=host.fingerprint,
        held=tuple(merged[name] for name in sorted(merged)),
        place=old.place if old else None,
    )
    both = [name for name in sorted(merged) if name in before]
    moved = [n for n in both if merged[n].where != before[n].where]
    return lock, Changes(
        new=tuple(sorted(merged.keys() - before.keys())),
        moved=tuple(moved),
        changed=tuple(n for n in both if n not in moved and merged[n] != before[n]),
        gone=tuple(sorted(before.keys() - merged.keys())),
    )


def mark_moved(plan: HostPlan, changes: Changes) -> HostPlan:
    """Return the plan with `moved` set where the lock held another placement."""
    return replace(
        plan,
        vms=tuple(replace(vm, moved=True) if vm.name in changes.moved else vm for vm in plan.vms),
    )


def say_changes(
    changes: Changes, plan: HostPlan, old: Lock | None, vms: Mapping[str, Vm], *, replan: bool
) -> Iterator[Diagnostic]:
    """Yield a note for each VM that moves, and one for what is not locked yet."""
    assert plan.host is not None  # noqa: S101 (VMs without a host have no lock)
    before = old.by_name() if old else {}
    why = "--replan freed everything" if replan else "its spec asks for something else"
    for vm in plan.vms:
        if vm.name in changes.moved:
            was = _cpus_text(before[vm.name])
            now = _cpus_text(hold(vms[vm.name], vm))
            yield note(
                "KV526", f"{vm.name} moves from CPUs {was} to {now}: {why}", vms[vm.name].place
            )
    if changes.new:
        yield note(
            "KV527",
            f"not locked yet on {plan.host.name}: {some(changes.new, _NAMED)}",
            hint="`kvmc lock` writes the placement",
        )


def _cpus_text(held: Held) -> str:
    own = " ".join(str(cpus) for cpus in held.cpus if cpus)
    return own or "of the shared set"
