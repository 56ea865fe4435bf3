"""Joins the stages: check, plan, build. Reads no files and prints nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kvmc.diagnostics import Diagnostic, Outcome, error, locate
from kvmc.planner.model import HostPlan, Plan

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from kvmc.diagnostics import Locator
    from kvmc.files import Text
    from kvmc.host.model import Host
    from kvmc.render.model import Artifact
    from kvmc.source.document import Document
    from kvmc.spec.model import Vm


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """All that was read: VMs by name and file, hosts by name, and the documents they came from."""

    vms: tuple[Vm, ...] = ()
    hosts: tuple[Host, ...] = ()
    documents: tuple[Document, ...] = ()

    def locators(self) -> dict[tuple[str, int], Locator]:
        """Return what turns places into lines and columns."""
        return {(d.file, d.index): d for d in self.documents}


def check(texts: Sequence[Text]) -> Outcome[Repository]:
    """Read, validate and load every document, and check what only shows across documents.

    The value is always there and holds what could be loaded; the diagnostics are not located yet.
    """
    from kvmc.source.reader import read
    from kvmc.spec.rules import check_fleet

    diagnostics: list[Diagnostic] = []
    documents: list[Document] = []
    for text in texts:
        source = read(text.content, text.name)
        diagnostics += source.diagnostics
        documents += source.value or ()
    vms, hosts = _load(documents, diagnostics)
    diagnostics += check_fleet(vms)
    diagnostics += _same_host_twice(hosts)
    vms.sort(key=lambda vm: (vm.name, vm.place.file, vm.place.document))
    hosts.sort(key=lambda host: host.name)
    return Outcome(
        Repository(vms=tuple(vms), hosts=tuple(hosts), documents=tuple(documents)),
        tuple(diagnostics),
    )


def _load(
    documents: Iterable[Document], diagnostics: list[Diagnostic]
) -> tuple[list[Vm], list[Host]]:
    from kvmc.host.snapshot import load_host
    from kvmc.spec.load import load_vm
    from kvmc.spec.schema import kind_of

    vms: list[Vm] = []
    hosts: list[Host] = []
    for document in documents:
        kind = kind_of(document)
        diagnostics += kind.diagnostics
        if kind.value == "vm":
            vm = load_vm(document)
            diagnostics += vm.diagnostics
            vms += [vm.value] if vm.value else []
        elif kind.value == "host":
            host = load_host(document)
            diagnostics += host.diagnostics
            hosts += [host.value] if host.value else []
    return vms, hosts


def _same_host_twice(hosts: Sequence[Host]) -> list[Diagnostic]:
    seen: dict[str, Host] = {}
    found: list[Diagnostic] = []
    for host in hosts:
        first = seen.setdefault(host.name, host)
        if first is not host and host.place is not None and first.place is not None:
            message = f"the host {host.name} is described in {first.place.file} already"
            found.append(error("KV462", message, host.place.at("name")))
    return found


def report(diagnostics: Iterable[Diagnostic], repository: Repository) -> tuple[Diagnostic, ...]:
    """Give the diagnostics their lines and columns, and sort them."""
    return locate(diagnostics, repository.locators())


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

    @property
    def files(self) -> dict[tuple[str | None, str], str]:
        """The file each VM was read from, by the same key."""
        return {key: vm.place.file for key, vm in self.vms.items()}


EMPTY = Planned(plan=Plan(hosts=()), vms={})


def plan(vms: Sequence[Vm], hosts: Sequence[Host], forced: str | None) -> Outcome[Planned]:
    """Find each VM's host, and plan every host that got one.

    `forced` is the name that --host stands for; it wins over `host:` in a spec.
    """
    from kvmc.planner.plan import plan_host

    by_name = {host.name: host for host in hosts}
    groups: dict[str | None, list[Vm]] = {}
    diagnostics: list[Diagnostic] = []
    undecided: list[Vm] = []
    for vm in vms:
        home = _home(vm, by_name, forced)
        diagnostics += home.diagnostics
        if home.value is not None:
            groups.setdefault(home.value or None, []).append(vm)
        elif not home.diagnostics:
            undecided.append(vm)
    diagnostics += _say_where_they_fit(undecided, by_name, groups)
    plans: list[HostPlan] = []
    for name in sorted(groups, key=lambda n: n or ""):
        planned = plan_host(groups[name], by_name[name] if name else None)
        diagnostics += planned.diagnostics
        plans += [planned.value] if planned.value else []
    by_key = {(name, vm.name): vm for name, group in groups.items() for vm in group}
    return Outcome(Planned(plan=Plan(hosts=tuple(plans)), vms=by_key), tuple(diagnostics))


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


def build(
    planned: Planned, bases: Mapping[tuple[str, str], bytes], target: str
) -> Outcome[tuple[Artifact, ...]]:
    """Render every placed VM; artefact names are `HOST/NAME.xml`, or `NAME.xml` without a host.

    `bases` maps (spec's file, its `base:` path) to the base's bytes.
    """
    from kvmc.render.model import Job
    from kvmc.render.registry import TARGETS

    artifacts: list[Artifact] = []
    diagnostics: list[Diagnostic] = []
    for host in planned.plan.hosts:
        name = host.host.name if host.host else None
        for placed in host.vms:
            vm = planned.vms[name, placed.name]
            base = bases.get((vm.place.file, vm.machine.base or ""))
            rendered = TARGETS[target](Job(vm=vm, plan=placed, base=base))
            diagnostics += rendered.diagnostics
            if rendered.value is not None:
                path = f"{name}/{rendered.value.name}" if name else rendered.value.name
                artifacts.append(replace(rendered.value, name=path))
    return Outcome(tuple(artifacts), tuple(diagnostics))
