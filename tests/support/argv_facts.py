"""What a QEMU command line says about CPUs and memory, whoever wrote it.

Two command lines with equal facts give the guest the same CPUs and memory. Defaults of QEMU's are
filled in (a memfd is shared, a topology level left out is 1); spelling is made equal (`_` and `-`
in feature names, ranges of lists, JSON and key=value objects). It shares no code with kvmc.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Pairs = list[tuple[str, Any]]

_FLAGS = {
    "-S",
    "-nodefaults",
    "-no-user-config",
    "-no-shutdown",
    "-no-acpi",
    "-no-hpet",
    "-mem-prealloc",
}
_SUFFIXES = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_LEVELS = ("sockets", "dies", "clusters", "cores", "threads")


@dataclass(frozen=True, kw_only=True)
class Ram:
    """One memory backend; sizes in bytes, `page` None for normal pages."""

    size: int
    shared: bool
    page: int | None
    prealloc: bool
    nodes: tuple[int, ...]
    policy: str
    context: tuple[int, ...]
    """Host nodes that the preallocating threads are bound to."""


@dataclass(frozen=True, kw_only=True)
class Node:
    """One guest NUMA node."""

    id: int
    cpus: tuple[int, ...]
    ram: Ram


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Everything a command line says that matters to CPUs and memory."""

    accel: str
    cpu: str
    features: Mapping[str, str]
    smp: Mapping[str, int]
    memory: int
    ram: Ram | None
    nodes: tuple[Node, ...]
    distances: Mapping[tuple[int, int], int]
    iothreads: tuple[str, ...]
    disk_iothreads: tuple[str | None, ...]
    mem_lock: str
    mem_merge: str
    dump: str
    irqchip: str | None
    iommu: tuple[tuple[str, str], ...]

    def differs(self, other: Facts) -> dict[str, tuple[Any, Any]]:
        """Return name -> both values, for each fact that is not the same."""
        pairs = {f.name: (getattr(self, f.name), getattr(other, f.name)) for f in fields(self)}
        return {name: (one, two) for name, (one, two) in pairs.items() if one != two}


def split(argv: Sequence[str]) -> list[tuple[str, str | None]]:
    """Return (option, argument) of the words after the binary; AssertionError at anything else."""
    found: list[tuple[str, str | None]] = []
    words = iter(argv[1:])
    for word in words:
        assert word.startswith("-"), f"{word!r} is no option: {argv}"
        found.append((word, None if word in _FLAGS else next(words)))
    return found


def pairs(text: str, implied: str | None = None) -> Pairs:
    """Return key and value of `a=b,c=d`, as QEMU's keyval_parse reads them; JSON as well."""
    if text.startswith("{"):
        return list(json.loads(text).items())
    found: Pairs = []
    for part in _at_commas(text):
        key, equals, value = part.partition("=")
        if not equals:
            assert implied is not None, text
            assert not found, f"{part!r} has no value in {text!r}"
            key, value = implied, part
        found.append((key, value))
    return found


def _at_commas(text: str) -> list[str]:
    """Split at single commas; two stand for one."""
    parts = [""]
    rest = iter(range(len(text)))
    for at in rest:
        if text[at] != ",":
            parts[-1] += text[at]
        elif text[at + 1 : at + 2] == ",":
            parts[-1] += ","
            next(rest)
        else:
            parts.append("")
    return parts


def facts(argv: Sequence[str], mounts: Mapping[str, int] | None = None) -> Facts:
    """Return the facts; `mounts` tells the page size in bytes of each hugetlbfs mount."""
    options = split(argv)

    def all_of(name: str, implied: str | None = None) -> list[Pairs]:
        return [pairs(text or "", implied) for option, text in options if option == name]

    objects = all_of("-object", "qom-type")
    rams = {_one(o, "id"): _ram(o, objects, mounts or {}) for o in objects
            if _one(o, "qom-type").startswith("memory-backend-")}  # fmt: skip
    machine = dict(all_of("-machine", "type")[0])
    cpu = all_of("-cpu", "model")
    model, features = _cpu(options) if cpu else ("", {})
    # what machines before 5.1 are told of memory that needs no backend of its own
    plain = {
        "prealloc": ("-mem-prealloc", None) in options,
        "mem-path": next((text for option, text in options if option == "-mem-path"), ""),
    }
    numa = all_of("-numa", "type")
    devices = all_of("-device", "driver")
    main = machine.get("memory-backend")
    return Facts(
        accel=_one(all_of("-accel", "accel")[0], "accel"),
        cpu=model,
        features=features,
        smp=_smp(dict(all_of("-smp", "cpus")[0])),
        memory=_memory(dict(all_of("-m", "size")[0])["size"]),
        ram=rams[main] if main else None,
        nodes=tuple(_node(n, rams, plain, mounts or {}) for n in numa if _one(n, "type") == "node"),
        distances={
            (int(_one(d, "src")), int(_one(d, "dst"))): int(_one(d, "val"))
            for d in numa
            if _one(d, "type") == "dist"
        },
        iothreads=tuple(_one(o, "id") for o in objects if _one(o, "qom-type") == "iothread"),
        disk_iothreads=tuple(
            dict(d).get("iothread") for d in devices if _one(d, "driver").startswith("virtio-blk")
        ),
        mem_lock=dict(all_of("-overcommit")[0])["mem-lock"],
        mem_merge=machine.get("mem-merge", "on"),
        dump=machine.get("dump-guest-core", "on"),
        irqchip=machine.get("kernel-irqchip", machine.get("kernel_irqchip")),
        iommu=tuple(
            (key, _switch(value))
            for d in devices
            if _one(d, "driver") == "intel-iommu"
            for key, value in sorted(d)
            if key in ("intremap", "eim")
        ),
    )


def _one(given: Pairs, key: str) -> str:
    return next(str(value) for name, value in given if name == key)


def _switch(value: object) -> str:
    return (
        {True: "on", False: "off"}.get(value, str(value)) if isinstance(value, bool) else str(value)
    )


def _cpu(options: list[tuple[str, str | None]]) -> tuple[str, dict[str, str]]:
    """Return model and features; -cpu has a parser of its own, without an escape for commas."""
    text = next(text or "" for option, text in options if option == "-cpu")
    model, *parts = text.split(",")
    features = {}
    for part in parts:
        name, equals, value = part.partition("=")
        assert equals, text
        features[name.replace("_", "-")] = value
    return model, features


def _smp(given: dict[str, str]) -> dict[str, int]:
    """Return every number; maxcpus left out is cpus."""
    numbers = {level: int(given.get(level, 1)) for level in _LEVELS}
    cpus = int(given["cpus"])
    return {"cpus": cpus, "maxcpus": int(given.get("maxcpus", cpus)), **numbers}


def _memory(text: str) -> int:
    """Return -m in bytes: a bare number is MiB there."""
    return _size(text) if text[-1].isalpha() else int(text) << 20


def _size(value: object) -> int:
    text = str(value).lower()
    return int(text[:-1]) * _SUFFIXES[text[-1]] if text[-1] in _SUFFIXES else int(text)


def _list(given: Pairs, key: str) -> tuple[int, ...]:
    """Return a list of numbers: repeated keys, ranges, or a JSON array."""
    found: set[int] = set()
    for name, value in given:
        if name == key and isinstance(value, list):
            found |= set(value)
        elif name == key:
            first, _, last = str(value).partition("-")
            found |= set(range(int(first), int(last or first) + 1))
    return tuple(sorted(found))


def _ram(given: Pairs, objects: list[Pairs], mounts: Mapping[str, int]) -> Ram:
    own = dict(given)
    kind = own["qom-type"].removeprefix("memory-backend-")
    path = own.get("mem-path", "")
    mounted = [page for mount, page in mounts.items() if path.startswith(f"{mount}/")]
    page = _size(own["hugetlbsize"]) if _switch(own.get("hugetlb", False)) == "on" else None
    contexts = [o for o in objects if _one(o, "id") == own.get("prealloc-context")]
    return Ram(
        size=_size(own["size"]),
        shared=_switch(own.get("share", kind == "memfd")) == "on",
        page=next(iter(mounted), page),
        prealloc=_switch(own.get("prealloc", False)) == "on",
        nodes=_list(given, "host-nodes"),
        policy=own.get("policy", "default"),
        context=_list(contexts[0], "node-affinity") if contexts else (),
    )


def _node(
    given: Pairs, rams: Mapping[str, Ram], plain: dict[str, Any], mounts: Mapping[str, int]
) -> Node:
    own = dict(given)
    if "memdev" in own:
        ram = rams[own["memdev"]]
    else:
        backend = {"qom-type": "memory-backend-ram", "size": f"{own['mem']}M", **plain}
        ram = _ram(list(backend.items()), [], mounts)
    return Node(id=int(own["nodeid"]), cpus=_list(given, "cpus"), ram=ram)
