"""Rules of a host file, KV430-KV445: facts that contradict each other, policy that cannot hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kvmc.cpuset import EMPTY, CpuSet, union
from kvmc.diagnostics import error, note, warning
from kvmc.spec.names import name_problem
from kvmc.spec.phrases import quoted
from kvmc.units import format_kib, parse_kib
from kvmc.words import cpus, nodes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kvmc.diagnostics import Diagnostic, Place
    from kvmc.host.model import Host

    Data = dict[str, Any]
    Rule = Callable[[Host, Data, Place], Iterator[Diagnostic]]
    """The host, and the data it was made of with the document's place, to point at."""
    _Path = tuple[str, ...]
    _Set = tuple[_Path, CpuSet]
    """CPUs of the policy, with their path below `policy`."""

_DEDICATED = ("dedicated",)


def cpu_in_two_cores(_host: Host, data: Data, root: Place) -> Iterator[Diagnostic]:
    """KV430: an online CPU belongs to one core, and is named once."""
    seen: set[int] = set()
    for place, siblings in _cores(data, root):
        for index, cpu in enumerate(siblings):
            if cpu in seen:
                yield error(
                    "KV430",
                    f"CPU {cpu} is already in a core",
                    place.at(index),
                    hint="each online CPU stands once, among its thread siblings",
                )
            seen.add(cpu)


def core_of_unknown_node(host: Host, data: Data, root: Place) -> Iterator[Diagnostic]:
    """KV431: cores name nodes that are described."""
    known = {node.id for node in host.nodes}
    for index, group in enumerate(data["cores"]):
        if "node" in group and group["node"] not in known:
            yield error(
                "KV431",
                f"there is no node {group['node']} in nodes",
                root.at("cores", index, "node"),
                hint="describe it in nodes, or leave node out of these cores",
            )


def offline_in_a_core(host: Host, _data: Data, root: Place) -> Iterator[Diagnostic]:
    """KV432: cores hold online CPUs only."""
    if both := host.offline & host.online:
        yield error(
            "KV432",
            f"{cpus(both)} cannot be offline and in a core",
            root.at("offline"),
            hint="cores hold online CPUs only",
        )


def isolated_unknown(host: Host, _data: Data, root: Place) -> Iterator[Diagnostic]:
    """KV433: isolated CPUs are online or offline ones."""
    if unknown := host.isolated - host.online - host.offline:
        yield error(
            "KV433",
            f"isolated names {cpus(unknown)}, not a part of this host",
            root.at("isolated"),
            hint="name CPUs that are in cores or in offline",
        )


def policy_unknown(host: Host, _data: Data, root: Place) -> Iterator[Diagnostic]:
    """KV434: policy is about CPUs of this host, online or offline."""
    for path, named in _sets(host):
        if unknown := named - host.online - host.offline:
            yield error(
                "KV434",
                f"policy names {cpus(unknown)}, not a part of this host",
                root.at("policy", *path),
                hint="look at cores: these are the host's CPUs",
            )


def policy_overlap(host: Host, _data: Data, root: Place) -> Iterator[Diagnostic]:
    """KV435: a CPU has one use. Only a pool may be cut out of dedicated, see KV440."""
    sets = [(path, named) for path, named in _sets(host) if named]
    taken = EMPTY
    for number, (path, named) in enumerate(sets):
        # Pools may be thousands: each is compared with those before it only where it has to be.
        if not named.isdisjoint(taken):
            yield from _clashes(sets[:number], path, named, root.at("policy", *path))
        if path != _DEDICATED:
            taken = taken | named


def _clashes(before: list[_Set], path: _Path, named: CpuSet, place: Place) -> Iterator[Diagnostic]:
    for other_path, other in before:
        if other_path != _DEDICATED and (both := other & named):
            yield error(
                "KV435",
                f"{cpus(both)} in {_name(other_path)} and in {_name(path)}",
                place,
                hint="give each CPU one use",
            )


def pool_of_dedicated(host: Host, _data: Data, root: Place) -> Iterator[Diagnostic]:
    """KV440, a note: a pool takes its CPUs out of dedicated (contract 4, rule 4)."""
    for owner, pool in host.policy.pools:
        if lost := pool & (host.policy.dedicated or CpuSet()):
            yield note(
                "KV440",
                f"pool {quoted(owner)} takes {cpus(lost)} out of dedicated",
                root.at("policy", "pools", owner),
                hint="leave them out of policy.dedicated to make that plain",
            )


def split_core(host: Host, _data: Data, root: Place) -> Iterator[Diagnostic]:
    """KV436, a warning: a core of shared CPUs is never dedicated (contract 4, rule 2)."""
    policy = host.policy
    dedicated = policy.dedicated if policy.dedicated is not None else host.online
    dedicated = dedicated - policy.reserved - policy.shared - policy.pooled
    cores = (CpuSet(core.cpus) for core in host.cores)
    lost = union(core & dedicated for core in cores if core & policy.shared)
    if lost:
        yield warning(
            "KV436",
            f"{cpus(lost)} can never be dedicated: a thread sibling is shared",
            root.at("policy", "shared"),
            hint="share whole cores, or reserve the siblings",
        )


def shared_isolated(host: Host, _data: Data, root: Place) -> Iterator[Diagnostic]:
    """KV444: nothing balances threads over isolated CPUs (kernel, isolcpus=domain)."""
    if (both := host.policy.shared & host.isolated) and len(host.policy.shared) > 1:
        yield warning(
            "KV444",
            f"{cpus(both)} {'is' if len(both) == 1 else 'are'} shared, and isolated at boot",
            root.at("policy", "shared"),
            hint="threads that float there stay where they start, mostly all on one CPU: share "
            "CPUs that are not isolated",
        )


def distance_to_unknown_node(host: Host, data: Data, root: Place) -> Iterator[Diagnostic]:
    """KV437: distances name nodes that are described."""
    known = {str(node.id) for node in host.nodes}
    for index, node in enumerate(data.get("nodes", ())):
        for other in node.get("distances", {}):
            if other not in known:
                yield error(
                    "KV437",
                    f"there is no node {other} in nodes",
                    root.at("nodes", index, "distances").at(other, key=True),
                    hint="take the distance out, or describe the node",
                )


def distance_missing(host: Host, data: Data, root: Place) -> Iterator[Diagnostic]:
    """KV438: a node that tells distances tells them to every node."""
    known = CpuSet(node.id for node in host.nodes)
    for index, node in enumerate(data.get("nodes", ())):
        told = node.get("distances")
        if told is not None and (missing := known - CpuSet(map(int, told))):
            yield error(
                "KV438",
                f"node {node['id']} gives no distance to {nodes(missing)}",
                root.at("nodes", index, "distances"),
                hint="give all of them, itself included, or leave distances out",
            )


def distance_to_itself(_host: Host, data: Data, root: Place) -> Iterator[Diagnostic]:
    """KV443, a warning: none is nearer to a node than itself, at 10 (ACPI SLIT; Linux)."""
    for index, node in enumerate(data.get("nodes", ())):
        distances = node.get("distances", {})
        own = distances.get(str(node["id"]))
        if own is not None and own > min(distances.values()):
            nearest = min(distances, key=distances.__getitem__)
            yield warning(
                "KV443",
                f"node {node['id']} is {own} from itself, "
                f"and {distances[nearest]} from node {nearest}",
                root.at("nodes", index, "distances").at(str(node["id"])),
                hint="a node is 10 from itself, and further from every other",
            )


def pages_beyond_memory(_host: Host, data: Data, root: Place) -> Iterator[Diagnostic]:
    """KV442, a warning: a node's huge pages are a part of its memory."""
    for index, node in enumerate(data.get("nodes", ())):
        pages = node.get("hugepages", {}).items()
        total = sum(parse_kib(size) * count for size, count in pages)
        if "memory" in node and total > parse_kib(node["memory"]):
            yield warning(
                "KV442",
                f"node {node['id']} has {format_kib(total)} of huge pages in {node['memory']}",
                root.at("nodes", index, "hugepages"),
                hint="memory is all that the node has, its huge pages included",
            )


def page_sizes(_host: Host, data: Data, root: Place) -> Iterator[Diagnostic]:
    """KV445: a huge page's size is a power of two, and stands once, however it is written."""
    for index, node in enumerate(data.get("nodes", ())):
        seen: dict[int, str] = {}
        for size in node.get("hugepages", {}):
            kib = parse_kib(size)
            first = seen.setdefault(kib, size)
            place = root.at("nodes", index, "hugepages").at(size, key=True)
            if first != size:
                what = f"pages of {size} are those of {first}, which stand here already"
                yield error("KV445", what, place, hint="keep one of them")
            elif kib.bit_count() != 1:
                hint = "write the size as the kernel has it, e.g. 2MiB or 1GiB"
                yield error("KV445", f"no page has a size of {size}", place, hint=hint)


def node_twice(_host: Host, data: Data, root: Place) -> Iterator[Diagnostic]:
    """KV439: a node is described once."""
    seen: set[int] = set()
    for index, node in enumerate(data.get("nodes", ())):
        if node["id"] in seen:
            yield error(
                "KV439",
                f"node {node['id']} is already described",
                root.at("nodes", index, "id"),
                hint="describe each node once",
            )
        seen.add(node["id"])


def refused_name(host: Host, _data: Data, root: Place) -> Iterator[Diagnostic]:
    """KV441: a host's name is the name of its folder of artefacts."""
    if problem := name_problem(host.name):
        yield error(
            "KV441",
            f"the name {quoted(host.name)} {problem}",
            root.at("name"),
            hint="use letters, digits, '-', '_' and '.'",
        )


def _cores(data: Data, root: Place) -> Iterator[tuple[Place, list[int]]]:
    for index, group in enumerate(data["cores"]):
        for number, siblings in enumerate(group["cpus"]):
            yield root.at("cores", index, "cpus", number), siblings


def _sets(host: Host) -> list[_Set]:
    """Return the CPU sets of the policy that are given, each with its path below `policy`."""
    policy = host.policy
    return [
        (("reserved",), policy.reserved),
        (("shared",), policy.shared),
        (_DEDICATED, policy.dedicated or EMPTY),
        *((("pools", owner), pool) for owner, pool in policy.pools),
    ]


def _name(path: _Path) -> str:
    return f"pool {quoted(path[1])}" if path[0] == "pools" else path[0]


RULES: tuple[Rule, ...] = (
    cpu_in_two_cores,
    core_of_unknown_node,
    offline_in_a_core,
    isolated_unknown,
    policy_unknown,
    policy_overlap,
    split_core,
    shared_isolated,
    distance_to_unknown_node,
    distance_missing,
    distance_to_itself,
    pages_beyond_memory,
    page_sizes,
    node_twice,
    pool_of_dedicated,
    refused_name,
)
