"""Joins the stages after reading: plan and build. Reads no files and prints nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from kvmc.diagnostics import Diagnostic, Outcome, note
from kvmc.forks import in_turns, share_out
from kvmc.homes import VMS_WORTH_A_FORK, by_home, heard, say_where_they_fit
from kvmc.planner.model import HostPlan, Plan
from kvmc.words import some

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from kvmc.homes import Tell
    from kvmc.host.model import Host
    from kvmc.intake import Repository
    from kvmc.planner.held import Held
    from kvmc.planner.locking.lock import Lock
    from kvmc.planner.locking.relock import Changes
    from kvmc.render.model import Artifact, Job
    from kvmc.spec.model import Vm

_LEAST = 50
"""Artefacts that are worth a fork: it takes 5 ms, and they take 50."""
_NAMED = 8
"""VMs that one note names."""


class Planned(Struct, frozen=True, kw_only=True):
    """A plan, and the VMs it places by (host name or None, VM name)."""

    plan: Plan
    vms: Mapping[tuple[str | None, str], Vm]
    locks: Mapping[str, tuple[Lock, Changes]] = {}
    """Host -> the lock that the plan makes, and how it differs from the one there is."""
    named: Mapping[str, Host] = {}
    """VM that is placed on no host -> the host that it, or --host, names all the same."""

    @property
    def files(self) -> dict[tuple[str | None, str], str]:
        """The file each VM was read from, by the same key."""
        return {key: vm.place.file for key, vm in self.vms.items()}


EMPTY = Planned(plan=Plan(hosts=()), vms={})


class Wishes(Struct, frozen=True, kw_only=True):
    """How to plan."""

    forced: str | None = None
    """The name that --host stands for; it wins over `host:` in a spec."""
    replan: bool = False
    """Free what the lock holds."""
    undeclared: Mapping[str, tuple[Held, ...]] = {}
    """Host -> domains there that no spec declares; their pins count as occupied."""
    whole: bool = True
    """Whether the VMs are all there are, so that what the lock holds for others is gone."""


def plan(
    repository: Repository, wishes: Wishes, tell: Tell = lambda _done, _total: None
) -> Outcome[Planned]:
    """Find each VM's host, and plan every host that got one, with what its lock holds.

    `tell` hears how many hosts are done of how many; many at once are shared out over the cores.
    """
    hosts = {host.name: host for host in repository.hosts}
    groups, undecided, diagnostics = by_home(repository.vms, hosts, wishes.forced)
    if wishes.whole:
        for locked in repository.locks:
            # What another host's lock holds is not for --host to free.
            if wishes.forced in (None, locked):
                groups.setdefault(locked, {})
    made = _tasks(repository, groups, {*groups, *(hosts if undecided else ())}, wishes)
    # A host whose lock cannot be built upon has room for nobody.
    held = {name: task.value.held for name, task in made.items() if name and task.value}
    diagnostics += say_where_they_fit(undecided, hosts, groups, held, tell)
    wanted = [task for name, task in made.items() if name in groups]
    diagnostics += [found for task in wanted for found in task.diagnostics]
    tasks = [task.value for task in wanted if task.value]
    unsettled = frozenset(vm.name for vm in undecided)
    plans: list[HostPlan] = []
    locks: dict[str, tuple[Lock, Changes]] = {}
    for one, found in zip(tasks, _planned(tasks, tell), strict=True):
        diagnostics += found.diagnostics
        if found.value is not None:
            complete, lock_, said = _locked(one, found.value, wishes)
            plans.append(complete)
            locks |= {lock_[0].host: lock_} if lock_ else {}
            diagnostics += said
            diagnostics += _gone(lock_[1], one, unsettled) if lock_ else ()
    by_key = {(name, vm.name): vm for name, group in groups.items() for vm in group.values()}
    asked = {vm.name: wishes.forced or vm.host or "" for vm in groups.get(None, {}).values()}
    named = {vm: hosts[name] for vm, name in asked.items() if name in hosts}
    planned = Planned(plan=Plan(hosts=tuple(plans)), vms=by_key, locks=locks, named=named)
    return Outcome(planned, tuple(diagnostics))


def _tasks(
    repository: Repository,
    groups: Mapping[str | None, Mapping[str, Vm]],
    names: Iterable[str | None],
    wishes: Wishes,
) -> dict[str | None, Outcome[_Task]]:
    """Return what is to be planned on the hosts of these names (None: on none), by name."""
    hosts = {host.name: host for host in repository.hosts}
    return {
        name: _task(
            groups.get(name, {}), hosts.get(name or ""), repository.locks.get(name or ""), wishes
        )
        for name in sorted(names, key=lambda name: name or "")
    }


class _Task(Struct, frozen=True, kw_only=True):
    """All that the plan of one host depends on."""

    vms: Mapping[str, Vm]
    host: Host | None
    lock: Lock | None
    held: tuple[Held, ...]
    former: tuple[Held, ...] = ()
    """What the lock held of VMs that --replan freed."""


def _task(
    vms: Mapping[str, Vm], host: Host | None, lock: Lock | None, wishes: Wishes
) -> Outcome[_Task]:
    """Return what is to be planned; no value where the lock cannot be built upon."""
    held = list(lock.held) if lock else []
    if wishes.whole:
        held = [line for line in held if line.name in vms]
    former: list[Held] = []
    if wishes.replan:
        former = [line for line in held if line.name in vms]
        held = [line for line in held if line.name not in vms]
    if lock is not None and host is not None and (held or not wishes.replan):
        from kvmc.planner.locking.checks import check_lock

        wrong = check_lock(replace(lock, held=tuple(held)), host, tuple(vms.values()))
        if wrong:
            return Outcome(None, wrong)
    domains = wishes.undeclared.get(host.name, ()) if host else ()
    if host is not None and domains:
        from kvmc.planner.locking.checks import check_undeclared

        clash = tuple(check_undeclared(held, domains, host, lock.place if lock else None))
        if clash:
            return Outcome(None, clash)
    mine = lock if lock is not None and host is not None and lock.host == host.name else None
    return Outcome(
        _Task(vms=vms, host=host, lock=mine, held=(*held, *domains), former=tuple(former))
    )


def _planned(tasks: Sequence[_Task], tell: Tell) -> list[Outcome[HostPlan]]:
    """Plan every host, the ones with most VMs first: they decide how long all of it takes."""
    # Here, so that no fork imports it once more.
    import kvmc.planner.plan  # noqa: F401

    order = sorted(range(len(tasks)), key=lambda n: -len(tasks[n].vms))
    workers = sum(len(task.vms) for task in tasks) // VMS_WORTH_A_FORK
    said = heard(tell, len(tasks))
    found = in_turns(_plan_one, [tasks[n] for n in order], workers, said)
    by_task = dict(zip(order, found, strict=True))
    return [by_task[n] for n in range(len(tasks))]


def _plan_one(task: _Task) -> Outcome[HostPlan]:
    """Return a host's plan without the host, which would be the most of what a fork sends."""
    from kvmc.planner.plan import plan_host

    found = plan_host(tuple(task.vms.values()), task.host, task.held, task.former)
    return Outcome(found.value and replace(found.value, host=None), found.diagnostics)


def _locked(
    task: _Task, bare: HostPlan, wishes: Wishes
) -> tuple[HostPlan, tuple[Lock, Changes] | None, tuple[Diagnostic, ...]]:
    """Return the plan with its host, the lock that it makes, and what there is to say of that."""
    from kvmc.planner.housekeeping import nothing_left
    from kvmc.planner.locking.relock import mark_moved, relock, say_changes

    planned = replace(bare, host=task.host)
    if task.host is None:
        return planned, None, ()
    after, changes = relock(planned, task.vms, task.lock, whole=wishes.whole)
    marked = mark_moved(planned, changes)
    said = tuple(nothing_left(planned, task.vms))
    if task.host.place is not None:
        said += tuple(say_changes(changes, marked, task.lock, task.vms, replan=wishes.replan))
    return marked, (after, changes), said


def _gone(changes: Changes, task: _Task, unsettled: frozenset[str]) -> tuple[Diagnostic, ...]:
    """KV529: lines of VMs that are planned elsewhere now, or nowhere, as the specs have it."""
    names = [name for name in changes.gone if name not in unsettled and name not in task.vms]
    if not names or task.lock is None:
        return ()
    text = f"gone from the lock of {task.lock.host}: {some(names, _NAMED)}"
    return (note("KV529", text),)


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
        for placed in host.vms:
            vm = planned.vms[name, placed.name]
            home = host.host or planned.named.get(vm.name)
            models, arch = (home.host_models, home.arch) if home else ((), None)
            base = bases.get((vm.place.file, vm.machine.base or ""))
            job = Job(vm=vm, plan=placed, base=base, host_models=models, arch=arch)
            found.append((name, job))
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
