"""The host file, `kind: host`: a checked document to a frozen `Host`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kvmc.cpuset import EMPTY
from kvmc.diagnostics import Outcome, Place
from kvmc.host.model import Core, Host, HostModel, Node, Policy
from kvmc.host.snapshot_rules import RULES
from kvmc.source.problems import bounded
from kvmc.spec.schema import fields_of
from kvmc.spec.values import cpus_of
from kvmc.units import parse_kib

if TYPE_CHECKING:
    from kvmc.cpuset import CpuSet
    from kvmc.source.document import Document

    Data = dict[str, Any]

_DEFAULT = Policy()


def load_host(document: Document) -> Outcome[Host]:
    """Return the host of a `kind: host` document; none where the schema (KV2xx) or a rule refuses.

    Rules are KV430-KV449; of these KV436, KV442 and KV443 are warnings and KV440 a note. Beyond
    MAX_PROBLEMS errors it is KV118.
    """
    place = Place(file=document.file, document=document.index)
    fields = fields_of(document, "host")
    if fields.value is None:
        return Outcome(None, fields.diagnostics)
    problems, data = fields.diagnostics, fields.value
    host = _host(data, place)
    found = (*problems, *bounded((d for rule in RULES for d in rule(host, data, place)), place))
    return Outcome(None if any(d.is_error for d in found) else host, found)


def host_as_said(document: Document) -> Host | None:
    """Return the host of a document, whatever the rules have against it; none by the schema."""
    data = fields_of(document, "host").value
    return None if data is None else _host(data, Place(file=document.file, document=document.index))


def _host(data: Data, place: Place) -> Host:
    cores = (core for group in data["cores"] for core in _cores(group))
    return Host(
        name=data["name"],
        nodes=tuple(sorted(map(_node, data.get("nodes", ())), key=lambda node: node.id)),
        cores=tuple(sorted(cores, key=lambda core: core.cpus)),
        offline=_cpus(data, "offline"),
        isolated=_cpus(data, "isolated"),
        policy=_policy(data.get("policy", {})),
        host_models=_host_models(data.get("host_model", {})),
        place=place,
        **_some(data, "arch", "model"),
    )


def _cores(group: Data) -> list[Core]:
    shared = _some(group, "package", "die", "node", "l3", "kind")
    return [Core(cpus=tuple(sorted(siblings)), **shared) for siblings in group["cpus"]]


def _node(data: Data) -> Node:
    pages = ((parse_kib(size), count) for size, count in data.get("hugepages", {}).items())
    distances = ((int(node), value) for node, value in data.get("distances", {}).items())
    return Node(
        id=data["id"],
        memory_kib=parse_kib(data["memory"]) if "memory" in data else None,
        hugepages=tuple(sorted(pages)),
        distances=tuple(sorted(distances)),
    )


def _host_models(data: Data) -> tuple[HostModel, ...]:
    return tuple(
        HostModel(
            type="kvm" if kind == "kvm" else "qemu",
            model=given["model"],
            features=tuple(sorted(given.get("features", {}).items())),
        )
        for kind, given in sorted(data.items())
    )


def _policy(data: Data) -> Policy:
    pools = ((owner, cpus_of(cpus)) for owner, cpus in data.get("pools", {}).items())
    return Policy(
        reserved=_cpus(data, "reserved"),
        shared=_cpus(data, "shared"),
        dedicated=cpus_of(data["dedicated"]) if "dedicated" in data else None,
        pools=tuple(sorted(pools, key=lambda pool: pool[0])),
        overcommit=float(data.get("overcommit", _DEFAULT.overcommit)),
        **_some(data, "core_sharing"),
    )


def _some(data: Data, *names: str) -> Data:
    return {name: data[name] for name in names if name in data}


def _cpus(data: Data, name: str) -> CpuSet:
    return cpus_of(data[name]) if name in data else EMPTY
