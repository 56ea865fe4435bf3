"""Join the facts of one source into a `Host`, and say what is missing or contradicts itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from kvmc.cpuset import CpuSet, union
from kvmc.diagnostics import Outcome, Place, error, note, warning
from kvmc.host.groups import by_id, components, numbered
from kvmc.host.model import Core, Host
from kvmc.host.places import place_nodes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kvmc.diagnostics import Diagnostic
    from kvmc.host.facts import CpuFacts, Facts
    from kvmc.spec.model import CoreKind

T = TypeVar("T")

KIND_WORDS: tuple[CoreKind, ...] = ("performance", "efficiency", "low-power")
"""Fastest first; a fourth and slower kind is low-power as well."""


def assemble(facts: Facts) -> Outcome[Host]:
    """Return the host that the facts describe; no value (KV400) when they name no online CPU."""
    place = Place(file=facts.file)
    if not facts.cpus:
        hint = "name a folder that holds sys/ and proc/ of a Linux host, or the file of a host"
        return Outcome(None, (error("KV400", "no online CPU is described here", place, hint=hint),))
    online = CpuSet(cpu.id for cpu in facts.cpus)
    sets, said = _cores(facts, place)
    nodes, node_of, said_nodes = place_nodes(facts, online, place)
    packages = _packages(facts)
    columns: dict[str, Mapping[int, int]] = {
        "package": packages,
        "die": _dies(facts, packages),
        "node": node_of,
        "l3": numbered(components(cpu.l3 for cpu in facts.cpus if cpu.l3 is not None), {}),
    }
    kinds = _kinds(facts, online)
    cores = tuple(
        Core(
            cpus=tuple(cpus),
            kind=_agreed(cpus, kinds),
            **{name: _agreed(cpus, column) for name, column in columns.items()},
        )
        for cpus in sets
    )
    host = Host(
        name=facts.name,
        arch=_printable(facts.arch),
        model=_printable(facts.model),
        nodes=nodes,
        cores=cores,
        offline=facts.offline - online,
        isolated=facts.isolated & (online | facts.offline),
    )
    return Outcome(
        host,
        (
            *said,
            *said_nodes,
            *_disputed(sets, columns, place),
            *_absent(host, place),
            *_limits(facts, host, place),
        ),
    )


def _printable(text: str | None) -> str | None:
    """Keep control characters of a foreign file away from terminals and YAML."""
    return "".join(char for char in (text or "")[:200] if char.isprintable()).strip() or None


def _agreed(cpus: CpuSet, column: Mapping[int, T]) -> T | None:
    """Return what all CPUs of a core say that say anything, None when they contradict."""
    values = {column[cpu] for cpu in cpus if cpu in column}
    return values.pop() if len(values) == 1 else None


def _cores(facts: Facts, place: Place) -> tuple[tuple[CpuSet, ...], tuple[Diagnostic, ...]]:
    """Return the sibling sets; a CPU that nobody calls a sibling stands alone."""
    groups = components(cpu.siblings or CpuSet((cpu.id,)) for cpu in facts.cpus)
    joined = union(group for group in groups if len(group) > 1)
    silent = CpuSet(cpu.id for cpu in facts.cpus if cpu.siblings is None) - joined
    group_of = {cpu: group for group in groups for cpu in group}
    torn = [cpu for cpu in facts.cpus if cpu.siblings not in (None, group_of[cpu.id])]
    said = []
    if silent and len(facts.cpus) > 1:
        said.append(
            warning(
                "KV408",
                f"the thread siblings of CPUs {silent} are not known: each counts as a core "
                "of its own",
                place,
                hint="on a host with SMT, describe it from its sysfs instead",
            )
        )
    if torn:
        sets = union(group_of[cpu.id] for cpu in torn)
        said.append(
            warning(
                "KV409",
                f"CPUs {sets} do not agree on who shares a core; all that are named together "
                "count as thread siblings",
                place,
            )
        )
    return groups, tuple(said)


def _packages(facts: Facts) -> dict[int, int]:
    """Return CPU -> package. Sets (package_cpus) decide; ids only where there is no set."""
    ids = {cpu.id: cpu.package_id for cpu in facts.cpus if cpu.package_id is not None}
    sets = [cpu.package_cpus for cpu in facts.cpus if cpu.package_cpus is not None]
    covered = union(sets)
    alone = by_id({cpu: number for cpu, number in ids.items() if cpu not in covered})
    return numbered(components((*sets, *alone)), ids)


def _dies(facts: Facts, packages: Mapping[int, int]) -> dict[int, int]:
    """Return CPU -> die, unique within its package, as the kernel's die_id is."""
    inside: dict[int | None, list[CpuFacts]] = {}
    for cpu in facts.cpus:
        inside.setdefault(packages.get(cpu.id), []).append(cpu)
    dies: dict[int, int] = {}
    for cpus in inside.values():
        ids = {cpu.id: cpu.die_id for cpu in cpus if cpu.die_id is not None}
        here = CpuSet(cpu.id for cpu in cpus)
        sets = [cpu.die_cpus & here for cpu in cpus if cpu.die_cpus is not None]
        covered = union(sets)
        alone = by_id({cpu: number for cpu, number in ids.items() if cpu not in covered})
        dies |= numbered(components((*sets, *alone)), ids)
    return dies


def _kinds(facts: Facts, online: CpuSet) -> dict[int, CoreKind]:
    """Return CPU -> word; nothing where all online CPUs are of one kind."""
    kinds = [cpus & online for cpus in facts.kinds if cpus & online]
    if len(kinds) < 2:  # noqa: PLR2004 - one kind is no kind
        return {}
    words = (*KIND_WORDS, *(KIND_WORDS[-1] for _ in kinds))
    return {cpu: word for word, cpus in zip(words, kinds, strict=False) for cpu in cpus}


def _disputed(
    sets: tuple[CpuSet, ...], columns: Mapping[str, Mapping[int, int]], place: Place
) -> list[Diagnostic]:
    """Name the facts on which the threads of a core contradict each other."""
    said = []
    for name, column in columns.items():
        torn = union(cpus for cpus in sets if len({column[c] for c in cpus if c in column}) > 1)
        if torn:
            said.append(
                warning(
                    "KV411",
                    f"thread siblings among CPUs {torn} do not agree on their {name}; it is "
                    "left out for their cores",
                    place,
                )
            )
    return said


def _absent(host: Host, place: Place) -> list[Diagnostic]:
    """Say which facts are missing on the whole host, so that nobody takes them for zero."""
    missing = [
        words
        for words, known in (
            ("packages", any(core.package is not None for core in host.cores)),
            ("level 3 caches", any(core.l3 is not None for core in host.cores)),
            ("node memory", any(node.memory_kib is not None for node in host.nodes)),
        )
        if not known
    ]
    if not missing:
        return []
    return [note("KV416", f"nothing is known about {', '.join(missing)}", place)]


def _limits(facts: Facts, host: Host, place: Place) -> list[Diagnostic]:
    """Warn where a cpuset keeps the reading process from a part of the host."""
    said = []
    allowed = facts.allowed_cpus
    if allowed is not None and host.online - allowed:
        said.append(
            warning(
                "KV410",
                f"a cpuset limits this process to CPUs {allowed & host.online} of {host.online}",
                place,
                hint="restrict policy.dedicated to CPUs that guests may use",
            )
        )
    memory = CpuSet(node.id for node in host.nodes if node.memory_kib != 0)
    nodes = facts.allowed_nodes if facts.allowed_nodes is not None else memory
    if memory - nodes:
        said.append(
            warning(
                "KV410",
                f"a cpuset limits this process to the memory of nodes "
                f"{str(memory & nodes) or 'none'} of {memory}",
                place,
                hint="restrict policy.dedicated to CPUs of those nodes",
            )
        )
    return said
