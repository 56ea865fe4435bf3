"""Joins the stages after reading: plan and build. Reads no files and prints nothing."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from kvmc.cores import share_out
from kvmc.diagnostics import Diagnostic, Outcome, error
from kvmc.planner.model import HostPlan, Plan

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from kvmc.host.model import Host
    from kvmc.intake import Repository
    from kvmc.planner.held import Held
    from kvmc.planner.lock import Lock
    from kvmc.planner.relock import Changes
    from kvmc.render.model import Artifact, Job
    from kvmc.spec.model import Vm


_LEAST = 50
"""Artefacts that are worth a fork: it takes 5 ms, and they take 50."""


def needs_host(vm: Vm, forced: str | None) -> bool:
    """Whether a VM is placed on a host at all (contract section 6, "VMs that need no host")."""
    if vm.pin.strategy == "none":
        return False
    return vm.pin.strategy != "manual" or (forced or vm.host) is not None


def homeless(vms: Iterable[Vm], hosts: Sequence[Host], forced: str | None) -> bool:
    """Whether some VM must go to this machine: it names no host and there is no description."""
    return any(needs_host(vm, forced) and not (forced or vm.host) and not hosts for vm in vms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A plan, and the VMs it places by (host name or None, VM name)."""

    plan: Plan
    vms: Mapping[tuple[str | None, str], Vm]
    locks: Mapping[str, tuple[Lock, Changes]] = field(default_factory=dict)
    """Host -> the lock that the plan makes, and how it differs from the one there is."""

    @property
    def files(self) -> dict[tuple[str | None, str], str]:
        """The file each VM was read from, by the same key."""
        return {key: vm.place.file for key, vm in self.vms.items()}


EMPTY = Planned(plan=Plan(hosts=()), vms={})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """How to plan."""

    forced: str | None = None
    """The name that --host stands for; it wins over `host:` in a spec."""
    replan: bool = False
    """Free what the lock holds."""
    undeclared: Mapping[str, tuple[Held, ...]] = field(default_factory=dict)
    """Host -> domains there that no spec declares; their pins count as occupied."""
    whole: bool = True
    """Whether the VMs are all there are, so that what the lock holds for others is gone."""


def plan(repository: Repository, wishes: Wishes) -> Outcome[Planned]:
    """Find each VM's host, and plan every host that got one, with what its lock holds."""
    by_name = {host.name: host for host in repository.hosts}
    groups: dict[str | None, list[Vm]] = {}
    diagnostics: list[Diagnostic] = []
    undecided: list[Vm] = []
    for vm in repository.vms:
        home = _home(vm, by_name, wishes.forced)
        diagnostics += home.diagnostics
        if home.value is not None:
            group = groups.setdefault(home.value or None, [])
            twin = next((other for other in group if other.name == vm.name), None)
            diagnostics += [_twice(vm, twin, home.value)] if twin else []
            group += [] if twin else [vm]
        elif not home.diagnostics:
            undecided.append(vm)
    diagnostics += _say_where_they_fit(undecided, by_name, groups)
    if wishes.whole:
        for locked in repository.locks:
            groups.setdefault(locked, [])
    plans: list[HostPlan] = []
    locks: dict[str, tuple[Lock, Changes]] = {}
    for name in sorted(groups, key=lambda n: n or ""):
        host, lock = (by_name[name], repository.locks.get(name)) if name else (None, None)
        found = _plan_one(groups[name], host, lock, wishes)
        diagnostics += found.diagnostics
        if found.value is not None:
            plans.append(found.value[0])
            if name and found.value[1]:
                locks[name] = found.value[1]
    by_key = {(name, vm.name): vm for name, group in groups.items() for vm in group}
    planned = Planned(plan=Plan(hosts=tuple(plans)), vms=by_key, locks=locks)
    return Outcome(planned, tuple(diagnostics))


def _plan_one(
    vms: Sequence[Vm], host: Host | None, lock: Lock | None, wishes: Wishes
) -> Outcome[tuple[HostPlan, tuple[Lock, Changes] | None]]:
    """Plan one host with its lock; no value where the lock cannot be built upon."""
    from kvmc.planner.plan import plan_host
    from kvmc.planner.relock import check_lock, check_undeclared, mark_moved, relock, say_changes

    names = {vm.name: vm for vm in vms}
    held = list(lock.held) if lock else []
    if wishes.whole:
        held = [line for line in held if line.name in names]
    if wishes.replan:
        held = [line for line in held if line.name not in names]
    elif lock is not None and host is not None:
        wrong = check_lock(replace(lock, held=tuple(held)), host, vms)
        if wrong:
            return Outcome(None, wrong)
    domains = wishes.undeclared.get(host.name, ()) if host else ()
    if host is not None:
        clash = tuple(check_undeclared(held, domains, host, lock.place if lock else None))
        if clash:
            return Outcome(None, clash)
    planned = plan_host(vms, host, [*held, *domains])
    if planned.value is None or host is None:
        return Outcome((planned.value, None) if planned.value else None, planned.diagnostics)
    after, changes = relock(planned.value, names, lock, whole=wishes.whole)
    marked = mark_moved(planned.value, changes)
    said: tuple[Diagnostic, ...] = ()
    if host.place is not None:
        said = tuple(say_changes(changes, marked, lock, names, replan=wishes.replan))
    return Outcome((marked, (after, changes)), (*planned.diagnostics, *said))


def _twice(vm: Vm, other: Vm, host: str) -> Diagnostic:
    """Return the error for two VMs of one name that only meet now that their hosts are known."""
    where = f"on host '{host}'" if host else "without a host"
    message = f"VM '{vm.name}' {where} is already in {other.place.file}"
    hint = "give each VM of a host its own name"
    return error("KV361", message, vm.place.at("name"), hint=hint)


def _home(vm: Vm, hosts: Mapping[str, Host], forced: str | None) -> Outcome[str]:
    """Return the name of the VM's host, "" for none; no value where several would do."""
    if not needs_host(vm, forced):
        return Outcome("")
    name = forced or vm.host or (next(iter(hosts)) if len(hosts) == 1 else None)
    if name is None:
        return Outcome(None)
    if name in hosts:
        return Outcome(name)
    known = f"known are {', '.join(sorted(hosts))}" if hosts else "there is no hosts/ folder"
    hint = f"{known}; `kvmc host probe -o hosts/{name}.yaml` on that machine writes one"
    message = f"no description of the host {name} that {vm.name} is for"
    return Outcome(None, (error("KV460", message, vm.place.at("host"), hint=hint),))


def _say_where_they_fit(
    vms: Iterable[Vm], hosts: Mapping[str, Host], groups: Mapping[str | None, Sequence[Vm]]
) -> list[Diagnostic]:
    """Return an error for each VM that could go to several hosts, naming those with room."""
    from kvmc.planner.plan import plan_host

    found: list[Diagnostic] = []
    for vm in vms:
        fits = [
            name
            for name, host in sorted(hosts.items())
            if (trial := plan_host([*groups.get(name, ()), vm], host).value) and not trial.unplaced
        ]
        where = f"it would fit on {', '.join(fits)}" if fits else "it would fit on none of them"
        message = f"{vm.name} names no host, and there are {len(hosts)}: {where}"
        hint = f"say `host: {(fits or sorted(hosts))[0]}` in the spec, or --host"
        found.append(error("KV461", message, vm.place, hint=hint))
    return found


def jobs(
    planned: Planned, bases: Mapping[tuple[str, str], bytes]
) -> tuple[tuple[str | None, Job], ...]:
    """Return (host name or None, what to render) of every placed VM, in the plan's order.

    `bases` maps (spec's file, its `base:` path) to the base's bytes.
    """
    from kvmc.render.model import Job

    found: list[tuple[str | None, Job]] = []
    for host in planned.plan.hosts:
        name = host.host.name if host.host else None
        models = host.host.host_models if host.host else ()
        for placed in host.vms:
            vm = planned.vms[name, placed.name]
            base = bases.get((vm.place.file, vm.machine.base or ""))
            found.append((name, Job(vm=vm, plan=placed, base=base, host_models=models)))
    return tuple(found)


def build(
    planned: Planned, bases: Mapping[tuple[str, str], bytes], target: str
) -> Outcome[tuple[Artifact, ...]]:
    """Render every placed VM; artefact names are `HOST/NAME.xml`, or `NAME.xml` without a host.

    `bases` maps (spec's file, its `base:` path) to the base's bytes.
    """
    wanted = jobs(planned, bases)
    # The first one alone: it compiles the templates, which no fork should do once more.
    parts = [_render(wanted[:1], target)]
    parts += share_out(lambda part: _render(part, target), wanted[1:], _LEAST)
    return Outcome(
        tuple(artifact for part in parts for artifact in part.value or ()),
        tuple(found for part in parts for found in part.diagnostics),
    )


def _render(wanted: Sequence[tuple[str | None, Job]], target: str) -> Outcome[tuple[Artifact, ...]]:
    from kvmc.render.registry import TARGETS

    artifacts: list[Artifact] = []
    diagnostics: list[Diagnostic] = []
    for name, job in wanted:
        rendered = TARGETS[target](job)
        diagnostics += rendered.diagnostics
        if rendered.value is not None:
            path = f"{name}/{rendered.value.name}" if name else rendered.value.name
            artifacts.append(replace(rendered.value, name=path))
    return Outcome(tuple(artifacts), tuple(diagnostics))
