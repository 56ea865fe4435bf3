"""A `Host` as JSON (contract section 6), and what the drawn map does not say of it as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.cpuset import CpuSet, union
from kvmc.host.assemble import KIND_WORDS
from kvmc.units import format_kib, rounded_kib
from kvmc.words import either, many

if TYPE_CHECKING:
    from kvmc.host.model import Core, Host, Node

Json = dict[str, object]
_WIDTH = 100
"""Columns after which CPU lists wrap."""


def to_json(host: Host) -> Json:
    """Return the `kind: host` object of `kvmc host show --format json`."""
    dies = die_numbers(host)
    return {
        "kvmc": "v1",
        "kind": "host",
        "name": host.name,
        "fingerprint": host.fingerprint,
        "cpus": [_cpu(host, cpu, dies) for cpu in sorted(host.core_of)],
        "nodes": [_node(node, host.node_cpus[node.id]) for node in host.nodes],
        "offline": str(host.offline),
    }


def die_numbers(host: Host) -> dict[tuple[int | None, int], int]:
    """Return (package, die) -> a number unique on the host, in order of their lowest CPU."""
    lowest: dict[tuple[int | None, int], int] = {}
    for core in host.cores:
        if core.die is not None:
            key = (core.package, core.die)
            lowest[key] = min(lowest.get(key, core.cpus[0]), core.cpus[0])
    return {key: number for number, key in enumerate(sorted(lowest, key=lowest.__getitem__))}


def _cpu(host: Host, cpu: int, dies: dict[tuple[int | None, int], int]) -> Json:
    core = host.core_of[cpu]
    return {
        "id": cpu,
        "core": core.cpus[0],
        "siblings": str(CpuSet(core.cpus)),
        "package": core.package,
        "die": None if core.die is None else dies[core.package, core.die],
        "node": core.node,
        "l3": core.l3,
        "kind": core.kind,
        "isolated": cpu in host.isolated,
    }


def _node(node: Node, cpus: CpuSet) -> Json:
    return {
        "id": node.id,
        "cpus": str(cpus),
        "memory_kib": node.memory_kib,
        "distances": {str(to): far for to, far in node.distances},
        "hugepages": {format_kib(size): pages for size, pages in node.hugepages},
    }


def to_text(host: Host) -> str:
    """Return what stands below the map, whose title has name, model, cores and CPUs.

    A line of counts, a table of nodes, then kinds of cores and policy; long CPU lists wrap.
    """
    lines = [_counts(host), "", *_table(host)]
    rest = [
        *_kinds(host),
        ("offline", str(host.offline)),
        ("isolated", str(host.isolated)),
        *_policy(host),
    ]
    shown = [(name, value) for name, value in rest if value]
    if shown:
        lines.append("")
        for name, value in shown:
            lines += _wrapped(f"{name:<18}  ", value)
    return "\n".join(lines) + "\n"


def _counts(host: Host) -> str:
    threads = sorted({len(core.cpus) for core in host.cores})
    word = "thread" if threads == [1] else "threads"
    packages = {core.package for core in host.cores} - {None}
    caches = {core.l3 for core in host.cores} - {None}
    counts = (
        *([host.arch] if host.arch else []),
        f"{either(map(str, threads))} {word} per core",
        many(len(packages), "socket") if packages else "sockets unknown",
        many(len(host.nodes), "NUMA node"),
        many(len(caches), "L3 cache") if caches else "no L3 cache known",
    )
    return ", ".join(counts)


def _table(host: Host) -> list[str]:
    """Return the nodes as rows; the CPUs come last, since they may be long."""
    rows = [("node", "memory", "huge pages", "distances", "CPUs")]
    rows += [
        (
            str(node.id),
            "?" if node.memory_kib is None else rounded_kib(node.memory_kib),
            ", ".join(f"{pages} x {format_kib(size)}" for size, pages in node.hugepages if pages)
            or "-",
            " ".join(str(far) for _, far in node.distances) or "?",
            str(host.node_cpus[node.id]) or "none",
        )
        for node in host.nodes
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = []
    for row in rows:
        cells = [cell.ljust(size) for cell, size in zip(row, widths, strict=False)]
        lines += _wrapped("  ".join(cells) + "  ", row[-1])
    return lines


def _kinds(host: Host) -> list[tuple[str, str]]:
    by_kind: dict[str, list[Core]] = {}
    for core in host.cores:
        if core.kind is not None:
            by_kind.setdefault(core.kind, []).append(core)
    return [
        (f"{kind} cores", str(union(CpuSet(core.cpus) for core in by_kind[kind])))
        for kind in KIND_WORDS
        if kind in by_kind
    ]


def _policy(host: Host) -> list[tuple[str, str]]:
    policy = host.policy
    candidates = policy.dedicated
    if candidates is None and (policy.reserved or policy.shared or policy.pools):
        candidates = host.online - policy.reserved - policy.shared - policy.pooled
    return [
        ("reserved", str(policy.reserved)),
        ("shared", str(policy.shared)),
        ("dedicated", "" if candidates is None else str(candidates)),
        *((f"pool {owner}", str(cpus)) for owner, cpus in policy.pools),
    ]


def _wrapped(head: str, cpus: str) -> list[str]:
    """Return a head and a CPU list, broken after commas where the line would be too long."""
    room = max(_WIDTH - len(head), 20)
    lines = [""]
    for part in cpus.split(","):
        if lines[-1] and len(lines[-1]) + len(part) + 1 > room:
            lines.append("")
        lines[-1] += part + ","
    lines[-1] = lines[-1][:-1]
    return [head + lines[0], *(" " * len(head) + line for line in lines[1:])]
