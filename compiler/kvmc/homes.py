"""Which host each VM is for: what its spec says, the only host there is, or an error that helps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.diagnostics import Diagnostic, Outcome, error, warning
from kvmc.forks import in_turns

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from kvmc.host.model import Host
    from kvmc.planner.held import Held
    from kvmc.spec.model import Vm

    Tell = Callable[[int, int], None]
    """Hears how many hosts are done, of how many."""

VMS_WORTH_A_FORK = 100
"""VMs to plan that are worth a fork: easy ones take 18 ms, it and what it sends back take 9."""


def needs_host(vm: Vm, forced: str | None) -> bool:
    """Whether a VM is placed on a host at all (contract section 6, "VMs that need no host")."""
    if vm.pin.strategy == "none":
        return False
    return vm.pin.strategy != "manual" or (forced or vm.host) is not None


def homeless(vms: Iterable[Vm], hosts: Sequence[Host], forced: str | None) -> bool:
    """Whether some VM must go to this machine: it names no host and there is no description."""
    return any(needs_host(vm, forced) and not (forced or vm.host) and not hosts for vm in vms)


def by_home(
    vms: Iterable[Vm], hosts: Collection[str], forced: str | None
) -> tuple[dict[str | None, dict[str, Vm]], list[Vm], list[Diagnostic]]:
    """Return the VMs of each host (None: of none) by name, those that name none, and errors.

    `hosts` are the names of those that are described.
    """
    groups: dict[str | None, dict[str, Vm]] = {}
    undecided: list[Vm] = []
    diagnostics: list[Diagnostic] = []
    for vm in vms:
        home = _home(vm, hosts, forced)
        diagnostics += home.diagnostics
        if home.value is not None:
            first = groups.setdefault(home.value or None, {}).setdefault(vm.name, vm)
            diagnostics += [] if first is vm else [_twice(vm, first, home.value)]
        elif not home.diagnostics:
            undecided.append(vm)
        if hosts and home.value == "" and vm.pin.strategy == "manual":
            diagnostics.append(_unguarded(vm, hosts))
    diagnostics += _on_any_host_and_one(groups, forced)
    return groups, undecided, diagnostics


def _on_any_host_and_one(
    groups: Mapping[str | None, Mapping[str, Vm]], forced: str | None
) -> Iterator[Diagnostic]:
    """Yield an error for each VM that needs no host, and has the name of one that is placed.

    What needs no host is defined wherever apply is called, unless it says where.
    """
    for name, vm in groups.get(None, {}).items():
        for home, there in groups.items():
            if home is not None and name in there and (forced or vm.host) in (None, home):
                both = sorted((vm, there[name]), key=lambda v: (v.place.file, v.place.document))
                yield _twice(both[1], both[0], home)


def _unguarded(vm: Vm, hosts: Collection[str]) -> Diagnostic:
    """Return the warning for pins that count on no host, so that a plan may give them away."""
    return warning(
        "KV464",
        f"{vm.name} is pinned by number and names no host: other VMs may get its CPUs",
        vm.place.at("pin", "map"),
        hint=f"say `host: {min(hosts)}` in the spec, or --host; then nobody else gets them",
    )


def _twice(vm: Vm, other: Vm, host: str) -> Diagnostic:
    """Return the error for two VMs of one name that only meet now that their hosts are known."""
    where = f"on host '{host}'" if host else "without a host"
    message = f"VM '{vm.name}' {where} is already in {other.place.file}"
    hint = "give each VM of a host its own name"
    return error("KV361", message, vm.place.at("name"), hint=hint)


def _home(vm: Vm, hosts: Collection[str], forced: str | None) -> Outcome[str]:
    """Return the name of the VM's host, "" for none; no value where several would do."""
    if not needs_host(vm, forced):
        return Outcome("")
    name = forced or vm.host or (next(iter(hosts)) if len(hosts) == 1 else None)
    if name is None:
        return Outcome(None)
    if name in hosts:
        return Outcome(name)
    known = f"known are {', '.join(sorted(hosts))}" if hosts else "no host is described"
    import shlex  # only hints need it

    probe = shlex.join(["kvmc", "host", "probe", "--name", name, "-o", f"hosts/{name}.yaml"])
    hint = f"{known}; `{probe}` on that machine writes one"
    message = f"no description of the host {name} that {vm.name} is for"
    return Outcome(None, (error("KV460", message, vm.place.at("host"), hint=hint),))


def heard(tell: Tell, total: int) -> Callable[[int], None]:
    """Return who tells how many are done of a total."""
    return lambda done: tell(done, total)


def say_where_they_fit(
    vms: Sequence[Vm],
    hosts: Mapping[str, Host],
    groups: Mapping[str | None, Mapping[str, Vm]],
    held: Mapping[str, Sequence[Held]],
    tell: Tell,
) -> list[Diagnostic]:
    """Return an error for each VM that could go to several hosts, naming those with room.

    `held` is what every host's lock holds; a host whose lock cannot be built upon has none there,
    and room for nobody.
    """
    from kvmc.planner.held import demand_fingerprint

    # VMs that ask for the same fit on the same hosts, so that one is tried for all of them.
    asked = {demand_fingerprint(vm): vm for vm in reversed(vms)}
    names = {vm.name for vm in vms}
    trials = [
        (
            hosts[n],
            tuple(groups.get(n, {}).values()),
            [line for line in held[n] if line.name not in names],
            asked,
        )
        for n in sorted(held)
    ]
    workers = sum(len(asked) * (1 + len(there)) for _, there, *_ in trials) // VMS_WORTH_A_FORK
    rooms = in_turns(_room_for, trials if vms else (), workers, heard(tell, len(trials)))
    found: list[Diagnostic] = []
    for vm in vms:
        demand = demand_fingerprint(vm)
        fits = [host.name for (host, *_), room in zip(trials, rooms, strict=True) if demand in room]
        where = f"it would fit on {', '.join(fits)}" if fits else "it would fit on none of them"
        message = f"{vm.name} names no host, and there are {len(hosts)}: {where}"
        hint = f"say `host: {fits[0]}` in the spec, or --host" if fits else _lacking(vm, hosts)
        found.append(error("KV461", message, vm.place, hint=hint))
    return found


def _lacking(vm: Vm, hosts: Iterable[str]) -> str:
    """Return the hint for a VM that fits nowhere: where the arithmetic is."""
    import shlex

    file = "-" if vm.place.file == "<stdin>" else vm.place.file
    command = shlex.join(["kvmc", "plan", "--host", min(hosts), file])
    return f"`{command}` says what that host lacks, and what would make it fit"


def _room_for(
    trial: tuple[Host, Sequence[Vm], Sequence[Held], Mapping[str, Vm]],
) -> frozenset[str]:
    """Return the demands for which a host has room beside the VMs it has already."""
    from kvmc.planner.plan import plan_host

    host, there, held, asked = trial
    plans = {demand: plan_host((*there, vm), host, held).value for demand, vm in asked.items()}
    return frozenset(demand for demand, plan in plans.items() if plan and not plan.unplaced)
