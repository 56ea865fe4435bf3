"""Strategies for spec and host trees: from the JSON Schemas, and such as a person might mean."""

from __future__ import annotations

import json
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeAlias

from hypothesis import strategies as st

from tests.support.paths import REPO

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

Files: TypeAlias = dict[str, Any]
"""File name -> what its one document holds."""

CPUSETS = st.sampled_from(
    ["0", "0-3", "0-1", "1-5", "0-7,^2", "", "0-65535", "8", "2,3", "0-15", "3-1", "^0", "9,37", 0,
     3, [0, 1], ["0-1", 4], [], 65535, "0-4095", "1-4095", "4-7", "6-11", "0,2,4,6"]
)  # fmt: skip
SIZES = st.sampled_from(
    ["0KiB", "1KiB", "4KiB", "64KiB", "2MiB", "512MiB", "1GiB", "2GiB", "16GiB", "1TiB", "1000MB",
     "999999999999999TiB", "1KB"]
)  # fmt: skip
TEXTS = st.sampled_from(
    ["a", "b", "h", "web", "x/y", "../up", "..", ".", "-", "--help", "a b", "é", "\u202e", "\u2028",
     "/etc/passwd", "a" * 255, "a" * 3000, "<&>\"'", "]]>", "{{ 7 * 7 }}", "{% x %}", "$(id)", "%s",
     "CON", "\U0001f525", "\u00a0", "a,b=c", "Broadwell", "q35", "s390-ccw-virtio", "x.yaml"]
) | st.text(min_size=1, max_size=6)  # fmt: skip
_SPECIAL = {"cpuset": CPUSETS, "size": SIZES, "text": TEXTS}


@cache
def schema(kind: str) -> dict[str, Any]:
    """Return schemas/KIND.json."""
    found: dict[str, Any] = json.loads((REPO / "schemas" / f"{kind}.json").read_text("utf-8"))
    return found


@st.composite
def from_schema(draw: st.DrawFn, kind: str) -> dict[str, Any]:
    """Return data that the schema lets pass (nearly: formats are drawn from lists of values)."""
    whole = schema(kind)
    found: dict[str, Any] = _draw(draw, whole, whole)
    return found


def _draw(draw: st.DrawFn, part: dict[str, Any], whole: dict[str, Any]) -> Any:
    if "$ref" in part:
        name = part["$ref"].rpartition("/")[2]
        if name in _SPECIAL:
            return draw(_SPECIAL[name])
        return _draw(draw, whole["definitions"][name], whole)
    if "const" in part:
        return part["const"]
    if "enum" in part:
        return draw(st.sampled_from(part["enum"]))
    for several in ("allOf", "anyOf"):
        if several in part:
            return _draw(draw, draw(st.sampled_from(part[several])), whole)
    kinds = part.get("type", "string")
    return _TYPES[draw(st.sampled_from(kinds)) if isinstance(kinds, list) else kinds](
        draw, part, whole
    )


def _object(draw: st.DrawFn, part: dict[str, Any], whole: dict[str, Any]) -> dict[Any, Any]:
    named = part.get("properties", {})
    needed = part.get("required", ())
    found = {
        name: _draw(draw, inner, whole)
        for name, inner in named.items()
        if name in needed or draw(st.integers(0, 3)) == 0
    }
    more = part.get("additionalProperties", True)
    if isinstance(more, dict):
        for _ in range(draw(st.integers(0, 3))):
            found[_key(draw, part.get("propertyNames", {}))] = _draw(draw, more, whole)
    return found


def _key(draw: st.DrawFn, names: dict[str, Any]) -> Any:
    if "size" in str(names):
        return draw(SIZES)
    if "feature" in str(names) or "pool" in str(names):
        return draw(st.sampled_from(["pcid", "hle", "x", "a.b", "dpdk"]))
    return draw(st.integers(0, 6) | st.sampled_from([65535, 4095]))


def _array(draw: st.DrawFn, part: dict[str, Any], whole: dict[str, Any]) -> list[Any]:
    size = draw(st.integers(part.get("minItems", 0), max(part.get("minItems", 0), 3)))
    return [_draw(draw, part.get("items", {}), whole) for _ in range(size)]


def _integer(draw: st.DrawFn, part: dict[str, Any], _whole: dict[str, Any]) -> int:
    low, high = part.get("minimum", -(2**63)), part.get("maximum", 2**63)
    near = st.integers(max(low, 0), max(low, min(high, 8)))
    return draw(near | near | near | st.sampled_from([low, high]) | st.integers(low, high))


def _number(draw: st.DrawFn, part: dict[str, Any], _whole: dict[str, Any]) -> float:
    low = part.get("minimum", 0)
    return draw(st.floats(low, part.get("maximum", 1e300), allow_nan=False))


_TYPES: dict[str, Any] = {
    "array": _array,
    "boolean": lambda draw, _part, _whole: draw(st.booleans()),
    "integer": _integer,
    "number": _number,
    "object": _object,
    "string": lambda draw, _part, _whole: draw(TEXTS),
}


def _some(draw: st.DrawFn, into: dict[str, Any], **more: SearchStrategy[Any]) -> None:
    for name, values in more.items():
        if draw(st.integers(0, 2)) == 0:
            into[name] = draw(values)


@st.composite
def vm(draw: st.DrawFn, name: str, *, cpus: int) -> dict[str, Any]:
    """Return a VM that mostly passes the rules, and so gets as far as the planner."""
    most = draw(st.integers(1, cpus + 2))
    cpu: dict[str, Any] = {"count": draw(st.integers(1, most)), "max": most}
    if draw(st.integers(0, 4)) == 0:
        threads = draw(st.sampled_from([n for n in (1, 2, 4) if most % n == 0]))
        cpu["topology"] = {"sockets": 1, "cores": most // threads, "threads": threads}
    pin: dict[str, Any] = {
        "strategy": draw(st.sampled_from(["dedicated"] * 4 + ["shared", "mixed", "manual", "none"]))
    }
    if pin["strategy"] == "mixed":
        pin["vcpus"] = f"0-{draw(st.integers(0, most - 1))}"
    if pin["strategy"] == "manual":
        pin["map"] = {n: draw(st.integers(0, cpus)) for n in range(most)}
    if pin["strategy"] in ("dedicated", "mixed"):
        _some(
            draw, pin, threads=st.sampled_from(["prefer", "require", "isolate"]),
            l3=st.sampled_from(["prefer", "require"]), numa=st.sampled_from(["prefer", "require"]),
            kind=st.sampled_from(["performance", "efficiency", "any"]), cpus=CPUSETS,
        )  # fmt: skip
    where = st.sampled_from(["own", "share", "isolate", "0", "0-1"])
    if pin["strategy"] != "none":
        _some(draw, pin, emulator=where, iothreads=where)
    found: dict[str, Any] = {
        "kvmc": "v1",
        "kind": "vm",
        "name": name,
        "memory": "1GiB",
        "cpu": cpu,
        "pin": pin,
    }
    if draw(st.integers(0, 2)) == 0:
        found["numa"] = {"cells": draw(_cells(most))}
        _some(draw, found["numa"], mode=st.sampled_from(["strict", "preferred", "interleave"]))
        del found["memory"]
    pages, tune = st.just({"hugepages": "2MiB"}), st.just({"shares": 2048})
    _some(draw, found, iothreads=st.integers(0, 3), memory_backing=pages, tune=tune)
    return found


@st.composite
def _cells(draw: st.DrawFn, most: int) -> list[dict[str, Any]]:
    parts = draw(st.integers(1, min(3, most)))
    ends = [most * n // parts for n in range(parts + 1)]
    cells = [
        {"cpus": f"{low}-{high - 1}", "memory": draw(st.sampled_from(["1GiB", "2MiB", "8GiB"]))}
        for low, high in pairwise(ends)
    ]
    for cell in cells:
        _some(draw, cell, hugepages=st.sampled_from(["2MiB", "1GiB"]))
    return cells


@st.composite
def host(draw: st.DrawFn, name: str) -> tuple[dict[str, Any], int]:
    """Return a host of up to 16 CPUs, its ids in some order, and how many it has."""
    nodes, caches = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    cores, threads = draw(st.integers(1, 4)), draw(st.sampled_from([1, 2, 2, 4]))
    total = nodes * caches * cores * threads
    ids = draw(st.permutations(range(total))) if draw(st.booleans()) else list(range(total))
    groups, at = [], 0
    for node in range(nodes):
        for l3 in range(caches):
            some = [ids[at + n * threads : at + (n + 1) * threads] for n in range(cores)]
            at += cores * threads
            groups.append({"package": node, "node": node, "l3": node * caches + l3, "cpus": some})
            _some(draw, groups[-1], kind=st.sampled_from(["performance", "efficiency"]))
    near = dict.fromkeys(range(nodes), 21)
    found: dict[str, Any] = {
        "kvmc": "v1", "kind": "host", "name": name, "arch": "x86_64",
        "nodes": [{"id": n, "memory": draw(st.sampled_from(["4GiB", "1GiB", "64GiB"])),
                   "hugepages": {"2MiB": draw(st.integers(0, 512))},
                   "distances": {**near, n: 10}} for n in range(nodes)],
        "cores": groups,
    }  # fmt: skip
    policy: dict[str, Any] = {}
    _some(
        draw, policy, reserved=st.sampled_from(ids).map(str), shared=st.sampled_from(ids).map(str),
        core_sharing=st.sampled_from(["never", "allow"]),
        overcommit=st.sampled_from([1.0, 4.0, 0.5]),
    )  # fmt: skip
    return found | {"policy": policy}, total


@st.composite
def fleet(draw: st.DrawFn) -> Files:
    """Return file name -> data: one or two hosts, and up to five VMs."""
    files: Files = {}
    sizes = {}
    for name in draw(st.sampled_from([("h",), ("h",), ("h", "g")])):
        files[f"hosts/{name}.yaml"], sizes[name] = draw(host(name))
    for n in range(draw(st.integers(1, 5))):
        made = draw(vm(f"vm{n}", cpus=draw(st.sampled_from([2, 4, 8]))))
        if draw(st.integers(0, 5)):
            made["host"] = draw(st.sampled_from(sorted(sizes)))
        files[f"vms/{n}.yaml"] = made
    return files


@st.composite
def wild(draw: st.DrawFn) -> Files:
    """Return file name -> data, both from the schemas."""
    files: Files = {}
    if draw(st.booleans()):
        files["hosts/h.yaml"] = draw(host("h"))[0]
    else:
        files["hosts/h.yaml"] = draw(from_schema("host"))
    for n in range(draw(st.integers(1, 3))):
        made = draw(from_schema("vm"))
        if draw(st.integers(0, 2)):
            made["name"] = f"vm{n}"
        if draw(st.integers(0, 2)):
            made.pop("base", None)
        if draw(st.integers(0, 2)):
            made["host"] = "h"
        files[f"vms/{n}.yaml"] = made
    return files
