"""Pictures as one HTML page that needs no network: what it may run is named by its hash.

The page says everything without its script; the script adds the reasons at the pointer, the
highlighting of a VM and the arrow keys.
"""

from __future__ import annotations

import base64
import hashlib
import json
from math import ceil
from typing import TYPE_CHECKING

from kvmc.report.picture.markup import Markup, element, join
from kvmc.report.picture.sheet import rules_of, share_width, vm_class
from kvmc.resources import template_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kvmc.report.picture.model import Box, Core, Cpu, Entry, Memory, Picture, Table, Tenant

_TALL = 4
"""Siblings above each other before a second column starts."""
_KEYS = (
    "Point at a CPU, or reach it with Tab and the arrow keys, to see why it is as it is. "
    "Click a VM or one of its CPUs, or press Enter or Space, to see all that it has; "
    "Escape ends that."
)


def to_html(pictures: Sequence[Picture]) -> str:
    """Return the page: a section for each host."""
    style = Markup("\n" + template_text("map/map.css") + rules_of(pictures))
    script = Markup("\n" + template_text("map/map.js"))
    names = ", ".join(picture.name for picture in pictures)
    head = [
        Markup('<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'),
        Markup(
            '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
            f"style-src {_hash(style)}; script-src {_hash(script)}; base-uri 'none'; "
            "form-action 'none'\">"
        ),
        Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        element("title", {}, f"CPU map of {names}"),
        element("style", {}, style),
        Markup("</head>\n<body>"),
    ]
    body = [_host(picture) for picture in pictures]
    tip = element("div", {"id": "tip", "role": "tooltip", "aria-hidden": "true", "hidden": ""})
    return join([*head, *body, tip, element("script", {}, script), Markup("</body>\n</html>\n")])


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def _host(picture: Picture) -> Markup:
    boxes = element("div", {"class": "boxes"}, *(_box(box, picture) for box in picture.boxes))
    left = [boxes, *_offline(picture), _totals(picture.totals)]
    return element(
        "section",
        {"class": "host", "aria-label": f"host {picture.name}"},
        element("h1", {}, picture.name),
        element("p", {"class": "about"}, picture.about),
        *(element("p", {"class": "bad"}, f"not placed: {text}") for text in picture.unplaced),
        element(
            "div",
            {"class": "columns"},
            element("main", {}, *left),
            element("aside", {"aria-label": "VMs and legend"}, *_aside(picture)),
        ),
        element("script", {"type": "application/json"}, _data(picture.tenants)),
    )


def _data(tenants: Sequence[Tenant]) -> Markup:
    """Return what the script needs of each VM; `<` is escaped, so no name can end the element."""
    found = [
        {
            "name": vm.name,
            "letter": vm.letter,
            "summary": vm.summary,
            "vcpus": [[vcpu, str(cpus)] for vcpu, cpus in vm.vcpus],
            "emulator": str(vm.emulator),
            "iothreads": [str(cpus) for _, cpus in vm.iothreads],
            "nodes": str(vm.memory_nodes),
            "held": str(vm.held),
        }
        for vm in tenants
    ]
    text = json.dumps(found, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def _box(box: Box, picture: Picture) -> Markup:
    """Return a box; a node, or a box of cores outside of any, is one tab stop."""
    parts = [element("p", {"class": "label"}, box.label)] if box.label else []
    if box.memory:
        parts.append(_memory(box.memory, picture))
    if box.cores:
        cores = (_core(core) for core in box.cores)
        parts.append(element("div", {"class": "cores"}, *cores))
    if box.boxes:
        inner = (_box(inner, picture) for inner in box.boxes)
        parts.append(element("div", {"class": "boxes"}, *inner))
    node = box.level == "node"
    return element(
        "div",
        {
            "class": f"box {box.level}" if box.named else "box bare",
            "role": "group" if box.label else None,
            "aria-label": box.label or None,
            "data-stop": "" if node else None,
        },
        *parts,
    )


def _memory(memory: Memory, picture: Picture) -> Markup:
    here = element("span", {"class": "here", "data-node": memory.node})
    words = element("span", {}, memory.text)
    total = max(memory.total_kib or 0, memory.bound_kib)
    if not total:
        return element("div", {"class": "memory"}, words, here)
    names = [picture.tenants[share.tenant].name for share in memory.shares]
    label = f"bound by {', '.join(names)}" if names else "nothing bound"
    parts = [
        element(
            "i",
            {
                "class": f"{vm_class(share.tenant)} w{share_width(share.kib, total)}",
                "data-vm": share.tenant,
            },
        )
        for share in memory.shares
    ]
    bar = element("div", {"class": "bar", "role": "img", "aria-label": label}, *parts)
    return element("div", {"class": "memory"}, words, here, bar)


def _core(core: Core) -> Markup:
    columns = ceil(len(core.cpus) / _TALL)
    rows = ceil(len(core.cpus) / columns)
    return element("div", {"class": f"core rows{rows}"}, *map(_cpu, core.cpus))


def _cpu(cpu: Cpu) -> Markup:
    look = cpu.look if cpu.tenant is None else vm_class(cpu.tenant)
    return element(
        "button",
        {
            "type": "button",
            "class": f"cpu {look}" + (" isolated" if cpu.isolated else ""),
            "data-cpu": cpu.id,
            "data-sign": cpu.sign,
            "data-vm": cpu.tenant,
            "aria-label": "\n".join(cpu.why),
        },
        element("span", {}, str(cpu.id)),
        element("b", {}, cpu.sign),
    )


def _offline(picture: Picture) -> Iterator[Markup]:
    if picture.offline:
        label = element("p", {"class": "label"}, "offline")
        cpus = element("div", {"class": "cores"}, *map(_cpu, picture.offline))
        yield element(
            "div",
            {"role": "group", "aria-label": "offline", "data-stop": ""},
            label,
            cpus,
        )


def _totals(table: Table) -> Markup:
    head = element("tr", {}, *(element("th", {"scope": "col"}, word) for word in table.head))
    rows = (
        element(
            "tr",
            {"class": "all" if row[0] == "all" else None},
            element("th", {"scope": "row"}, row[0]),
            *(element("td", {}, cell) for cell in row[1:]),
        )
        for row in table.rows
    )
    body = element("table", {}, element("thead", {}, head), element("tbody", {}, *rows))
    # a region that scrolls must be reachable by keyboard (WCAG 2.1, 2.1.1)
    about: dict[str, str | float | None] = {"role": "region", "aria-label": "totals"}
    return element("div", {"class": "scroll", "tabindex": 0, **about}, body)


def _aside(picture: Picture) -> Iterator[Markup]:
    """Yield what is picked (how to pick, at first), the VMs as buttons, and the legend."""
    yield element("div", {"class": "detail", "role": "status"}, element("div", {}, _KEYS))
    if picture.tenants:
        yield element("h2", {}, "VMs")
        vms = (e for e in picture.legend if e.tenant is not None)
        yield element("ul", {"class": "list"}, *(element("li", {}, _vm(e)) for e in vms))
    yield element("h2", {}, "Legend")
    rest = (e for e in picture.legend if e.tenant is None)
    yield element("ul", {"class": "list"}, *(_entry(e) for e in rest))
    if picture.tenants:
        yield element("div", {"class": "roles"}, element("h2", {}, "Of the VM picked"), _roles())


def _vm(entry: Entry) -> Markup:
    number = entry.tenant or 0
    swatch = element("span", {"class": f"swatch {vm_class(number)}"}, entry.sign)
    about: dict[str, str | float | None] = {"type": "button", "class": "vm"}
    return element(
        "button", {**about, "aria-pressed": "false"}, swatch, element("span", {}, entry.text)
    )


def _entry(entry: Entry) -> Markup:
    look = "free isolated" if entry.look == "isolated" else entry.look
    swatch = element("span", {"class": f"swatch {look}"}, entry.sign)
    return element("li", {}, swatch, element("span", {}, entry.text))


def _roles() -> Markup:
    roles = (
        ("role-v", "v0", "its vCPU 0"),
        ("role-e", "", "emulator threads"),
        ("role-i", "", "I/O threads"),
    )
    rows = (
        element("li", {}, element("span", {"class": f"swatch free {kind}"}, sign), words)
        for kind, sign, words in roles
    )
    return element("ul", {"class": "list"}, *rows)
