"""The changes that a refusal's hint names, made to a VM or to the host."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from kvmc.cpuset import CpuSet
from kvmc.units import parse_kib

if TYPE_CHECKING:
    from kvmc.host.model import Host
    from kvmc.spec.model import Vm

PIN: dict[str, dict[str, Any]] = {
    "`threads: prefer`": {"threads": "prefer"},
    "`numa: prefer`": {"numa": "prefer"},
    "`l3: prefer`": {"l3": "prefer"},
    "`kind: any`": {"kind": None},
    "no `pin.cpus`": {"cpus": None},
    "`emulator: own`": {"emulator": "own"},
}

CHANGES = (*PIN, "`numa.mode: preferred`")
"""All but those of the count."""


def changed_host(host: Host, words: str) -> Host:
    """Return the host with the change that a part of a hint names."""
    name, value = re.split(" more pages? of |: ", words.split(" on ", maxsplit=1)[0].strip("`"))
    if name == "policy.overcommit":
        return replace(host, policy=replace(host.policy, overcommit=float(value)))
    if name == "policy.shared":
        return replace(host, policy=replace(host.policy, shared=CpuSet.parse(value)))
    return with_pages(host, int(name), parse_kib(value), int(words.rpartition(" ")[2]))


def with_pages(host: Host, count: int, size: int, number: int) -> Host:
    """Return the host with so many more pages on a node."""
    nodes = []
    for node in host.nodes:
        pages = dict(node.hugepages)
        if node.id == number:
            pages[size] = pages.get(size, 0) + count
        nodes.append(replace(node, hugepages=tuple(sorted(pages.items()))))
    return replace(host, nodes=tuple(nodes))


def of_the_host(words: str) -> bool:
    """Whether a part of a hint is about the host."""
    return words.startswith("`policy.") or " more page" in words


def changed(vm: Vm, words: str) -> Vm:
    """Return the VM with the change that a part of a hint names."""
    count = re.fullmatch(r"`cpu(?:\.max|\.count|: \{count): (\d+).* instead of .*", words)
    if count:
        most = int(count[1])
        return replace(vm, cpu=replace(vm.cpu, max=most, count=min(vm.cpu.count, most)))
    if words == "`numa.mode: preferred`":
        return replace(vm, numa=replace(vm.numa, mode="preferred"))
    return replace(vm, pin=replace(vm.pin, **PIN[words]))
