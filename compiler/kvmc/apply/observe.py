"""All there is to see of a host's domains: libvirt's word, and on this machine the kernel's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from kvmc.apply.compare_threads import iothread_ids, thread_facts
from kvmc.apply.kernel import cgroup_version, qemu_pids, read_threads
from kvmc.apply.model import Observation
from kvmc.cpuset import EMPTY, CpuSet, CpuSetError, union
from kvmc.diagnostics import note
from kvmc.render.xmltree import parse

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from kvmc.apply.libvirt_driver import Reader
    from kvmc.apply.model import Observed
    from kvmc.diagnostics import Diagnostic
    from kvmc.host.tree import Tree

Occupied = tuple[str, CpuSet, CpuSet]
"""A domain that no spec declares: its name, the CPUs it has alone, and those it floats on."""


def observe(reader: Reader, tree: Tree, kernel_of: Collection[str] | None = None) -> Observation:
    """Return all domains of a connection; raises HypervisorError.

    `tree` is this machine's root and is read only where the connection is local. `kernel_of` names
    the domains whose threads are looked at; None for all that run.
    """
    host = reader.host()
    domains = reader.domains()
    if host.local:
        domains = with_kernel(domains, tree, kernel_of)
    return Observation(
        host=host,
        domains=domains,
        kernel=host.local,
        cgroup=cgroup_version(tree) if host.local else None,
        online=reader.online(),
    )


def with_kernel(
    domains: Iterable[Observed], tree: Tree, kernel_of: Collection[str] | None = None
) -> tuple[Observed, ...]:
    """Add the threads of the running domains, as this machine's kernel has them."""
    asked = tuple(domains)
    running = [d for d in asked if d.running and (kernel_of is None or d.name in kernel_of)]
    pids = qemu_pids(tree, [domain.uuid for domain in running])
    chosen = {domain.uuid for domain in running}
    return tuple(
        replace(domain, pid=pids[domain.uuid], threads=read_threads(tree, pids[domain.uuid]))
        if domain.uuid in chosen and domain.uuid in pids
        else domain
        for domain in asked
    )


def not_seen(observation: Observation, names: Collection[str]) -> tuple[Diagnostic, ...]:
    """Return what of these domains the kernel was not asked about (note KV731)."""
    host = observation.host
    running = [d for d in observation.domains if d.name in names and d.running]
    if not running:
        return ()
    if not observation.kernel:
        text = f"{host.uri} is not this machine's QEMU: the kernel's side was not checked"
        hint = f"run kvmc on {host.hostname} for that"
        return (note("KV731", text, hint=hint),)
    return tuple(
        note(
            "KV731",
            f"no process of {domain.name} can be seen: the kernel's side was not checked",
            hint="run kvmc in the host's process namespace, and where /proc hides others as root",
        )
        for domain in running
        if not domain.threads
    )


def occupied(observation: Observation, declared: Collection[str]) -> tuple[Occupied, ...]:
    """Return the host CPUs that domains hold which no spec declares, by name.

    Pins of the definition and of the running guest count together: the one will hold at the next
    boot, the other holds now. A vCPU on one CPU has it alone; wider pins, <vcpu cpuset=> and those
    of emulator and I/O threads float. A domain without pins holds nothing.
    """
    found = []
    for domain in observation.domains:
        if domain.name in declared:
            continue
        pins = [pin for xml in (domain.inactive, domain.live) if xml for pin in _pins(xml)]
        alone = union(cpus for vcpu, cpus in pins if vcpu and len(cpus) == 1)
        floating = union(cpus for vcpu, cpus in pins if not vcpu or len(cpus) > 1)
        if alone or floating:
            found.append((domain.name, alone, floating))
    return tuple(sorted(found, key=lambda one: one[0]))


def _pins(xml: str) -> list[tuple[bool, CpuSet]]:
    """Return (whether it is a vCPU's, CPUs) of every pin in effect."""
    root = parse(xml.encode(), "a domain", None).value
    if root is None:
        return []
    paths = {f"iothreadpin/{i}" for i in iothread_ids(root)} | {"emulatorpin"}
    facts = thread_facts(root)
    return [
        (path.startswith("vcpupin/"), _set(text))
        for path, text in facts.items()
        if path.startswith("vcpupin/") or path in paths
    ]


def _set(text: str) -> CpuSet:
    try:
        return CpuSet.parse(text)
    except CpuSetError:
        return EMPTY
