"""A host as kvmc reads it against what the oracle of its folder accepts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kvmc.host.model import Core, Host

Groups = set[frozenset[int]]
DIFFERS = {"sysfs": "sysfs_differs", "capabilities": "capabilities_differ"}


def groups(lists: Iterable[Iterable[int]]) -> Groups:
    return {frozenset(one) for one in lists}


def partition(host: Host, *names: str) -> Groups:
    """CPUs that have equal values of all the named facts, without those that have none."""
    found: dict[tuple[object, ...], list[int]] = {}
    for core in host.cores:
        key = tuple(getattr(core, name) for name in names)
        if key[-1] is not None:
            found.setdefault(key, []).extend(core.cpus)
    return groups(found.values())


def disagreements(host: Host, oracle: dict[str, Any], source: str) -> list[str]:
    """Name what neither hwloc nor the plain files (or libvirt) say.

    An XML file may hold less than the tree that the oracle was read from: there a missing fact is
    no disagreement, a different one is.
    """
    other = {**oracle.get(DIFFERS.get(source, ""), {})}
    silent = set() if source == "sysfs" else _silent(host, source)
    return [
        name
        for name, check in CHECKS.items()
        if name not in silent and not check(host, oracle, other)
    ]


def _silent(host: Host, source: str) -> set[str]:
    silent = set()
    if all(node.memory_kib is None for node in host.nodes):
        silent.add("memory")
    if not any(node.distances for node in host.nodes):
        silent.add("distances")
    if source == "capabilities":
        silent.add("kinds")
    return silent


def _online(host: Host, oracle: dict[str, Any], _: dict[str, Any]) -> bool:
    return bool(list(host.online) == oracle["online_cpus"])


def _cores(host: Host, oracle: dict[str, Any], other: dict[str, Any]) -> bool:
    mine = groups(core.cpus for core in host.cores)
    singles = {frozenset((cpu,)) for cpu in host.online}
    if not oracle["cores"]:
        return mine == singles
    return any(mine == groups(cores) for cores in _either("cores", oracle, other))


def _nodes(host: Host, oracle: dict[str, Any], other: dict[str, Any]) -> bool:
    mine = {node: set(cpus) for node, cpus in host.node_cpus.items()}
    return any(
        mine == {node["id"]: set(node["cpus"]) for node in nodes}
        for nodes in _either("numa_nodes", oracle, other)
    )


def _memory(host: Host, oracle: dict[str, Any], other: dict[str, Any]) -> bool:
    mine = {node.id: node.memory_kib for node in host.nodes}
    theirs = {node["id"]: node["memory_kib"] for node in oracle["numa_nodes"]}
    changed = {int(node): kib for node, kib in other.get("node_memory_kib", {}).items()}
    return all(
        mine.get(node) in (kib, changed.get(node, kib))
        for node, kib in theirs.items()
        if kib is not None or node in changed
    )


def _l3(host: Host, oracle: dict[str, Any], other: dict[str, Any]) -> bool:
    return any(partition(host, "l3") == groups(l3) for l3 in _either("l3", oracle, other))


def _packages(host: Host, oracle: dict[str, Any], other: dict[str, Any]) -> bool:
    mine = partition(host, "package")
    if "package_cpus" in oracle and mine == groups(oracle["package_cpus"]):
        return True
    counts = {oracle["packages"]} if "package_cpus" not in oracle else set()
    return len(mine) in counts | {other.get("packages", oracle["packages"])}


def _dies(host: Host, oracle: dict[str, Any], _: dict[str, Any]) -> bool:
    """hwloc keeps only dies smaller than a package and larger than a CPU; libvirt invents one."""
    mine = partition(host, "package", "die")
    real = {die for die in mine - partition(host, "package") if len(die) > 1}
    return real == groups(oracle.get("dies") or ()) or not mine


def _kinds(host: Host, oracle: dict[str, Any], other: dict[str, Any]) -> bool:
    order = ("low-power", "efficiency", "performance")
    mine = [_cpus(core for core in host.cores if core.kind == word) for word in order]
    mine = [cpus for cpus in mine if cpus]
    if "kinds" in other and groups(mine) == groups(other["kinds"]):
        return True
    return bool(mine == oracle["kinds"])


def _cpus(cores: Iterable[Core]) -> list[int]:
    return sorted(cpu for core in cores for cpu in core.cpus)


def _distances(host: Host, oracle: dict[str, Any], _: dict[str, Any]) -> bool:
    if not oracle["distances"]:
        return True
    mine = {node.id: dict(node.distances) for node in host.nodes}
    ids = [node["id"] for node in oracle["numa_nodes"]]
    theirs = {
        node: dict(zip(ids, row, strict=True))
        for node, row in zip(ids, oracle["distances"], strict=True)
    }
    return all(mine.get(node) == row for node, row in theirs.items())


def _either(name: str, oracle: dict[str, Any], other: dict[str, Any]) -> list[Any]:
    return [oracle[name]] + ([other[name]] if name in other else [])


CHECKS = {
    "online": _online,
    "cores": _cores,
    "nodes": _nodes,
    "memory": _memory,
    "l3": _l3,
    "packages": _packages,
    "dies": _dies,
    "kinds": _kinds,
    "distances": _distances,
}
