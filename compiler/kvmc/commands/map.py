"""`kvmc map`: the host as a picture: who has which CPU, what is free, what is stranded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from kvmc import files
from kvmc.commands import inputs
from kvmc.commands.saving import save
from kvmc.diagnostics import error

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from kvmc.commands.inputs import Inputs
    from kvmc.commands.result import Result, View
    from kvmc.host.model import Host
    from kvmc.pipeline import Planned
    from kvmc.planner.model import HostPlan
    from kvmc.report.picture.memory import Asked
    from kvmc.report.picture.model import Cpu, Picture
    from kvmc.spec.model import Vm

    _Drawn = Sequence[tuple[Host, HostPlan | None]]

_NOTHING = "there is no host to draw"
_WAY_OUT = (
    "name a folder with hosts/, a host's YAML, or --host local for this machine; "
    "`kvmc host probe -o hosts/NAME.yaml` writes one"
)


def run(options: argparse.Namespace, view: View) -> Result:
    """Plan, and draw every host that is asked for; what does not fit is drawn without it."""
    read = _read(options)
    if read.failed:
        return read.result(document=_document(()))
    read, planned = inputs.plan(options, read)
    hosts = tuple(_hosts(options, read, planned))
    if not hosts:
        missing = [] if read.failed else [error("KV191", _NOTHING, hint=_WAY_OUT)]
        return read.result(missing, document=_document(()))
    pictures = _compose(hosts, planned)
    document = _document(pictures)
    file = options.svg or options.html
    if file is None:
        return read.result(document=document, output=_text(hosts, pictures, view))
    text = _svg(pictures) if options.svg else _html(pictures)
    if file == "-":
        return read.result(document=document, output=text)
    saved = save(file, text, follow=True)
    return read.result(saved.diagnostics, document=document, said=saved.value or "")


def _read(options: argparse.Namespace) -> Inputs:
    """Read PATHs; this machine can be drawn where there is no document at all."""
    read = inputs.read(options)
    if options.host != "local":
        return read
    return replace(read, diagnostics=tuple(d for d in read.diagnostics if d.code != "KV191"))


def _hosts(
    options: argparse.Namespace, read: Inputs, planned: Planned
) -> Iterator[tuple[Host, HostPlan | None]]:
    """Yield --host's host, else those that VMs are planned on and those whose files are in a PATH.

    Where that is none, all of hosts/: `kvmc map vms/` of an empty folder still shows the room.
    """
    plans = {plan.host.name: plan for plan in planned.plan.hosts if plan.host}
    hosts = read.repository.hosts
    asked = read.forced if read.forced != "local" else None
    if asked:
        wanted = [host for host in hosts if host.name == asked]
    else:
        wanted = [h for h in hosts if h.name in plans or _inside(h, options.paths or ["."])]
    for host in wanted if wanted or asked else hosts:
        yield host, plans.get(host.name)


def _inside(host: Host, paths: Sequence[str]) -> bool:
    """Whether the host's file is one of the PATHs, or in a folder that is."""
    if host.place is None:
        return False
    file = files.without_links(Path(host.place.file))
    return any(
        file.is_relative_to(files.without_links(Path(path))) for path in paths if path != "-"
    )


def _compose(hosts: _Drawn, planned: Planned) -> tuple[Picture, ...]:
    from kvmc.report.picture.compose import compose

    return tuple(
        compose(
            host,
            plan,
            {vm.name: _asked(planned.vms[host.name, vm.name]) for vm in (plan.vms if plan else ())},
        )
        for host, plan in hosts
    )


def _asked(vm: Vm) -> Asked:
    from kvmc.report.picture.memory import Asked

    paged = [i for i, cell in enumerate(vm.numa.cells) if cell.hugepages_kib]
    if not vm.numa.cells and vm.memory_backing.hugepages_kib:
        paged = [0]
    return Asked(vm.memory_kib, paged, vm.numa.mode)


def _text(hosts: _Drawn, pictures: Sequence[Picture], view: View) -> str:
    """Return the terminal's maps, each with its totals and what got no place."""
    from kvmc.report.hostmap import draw
    from kvmc.report.picture.totals import to_text

    parts = []
    for (host, plan), picture in zip(hosts, pictures, strict=True):
        left = "".join(
            f"{view.style.paint('not placed', '1;31')} {text}\n" for text in picture.unplaced
        )
        drawn = draw(host, plan, view.style, view.width)
        parts.append(f"{drawn}\n{to_text(picture.totals, view.room)}{left}")
    return "\n".join(parts)


def _svg(pictures: Sequence[Picture]) -> str:
    from kvmc.report.picture.svg import to_svg

    return to_svg(pictures)


def _html(pictures: Sequence[Picture]) -> str:
    from kvmc.report.picture.page import to_html

    return to_html(pictures)


def _document(pictures: Sequence[Picture]) -> dict[str, Any]:
    """Return what --format json prints: totals by node, and each CPU's use (docs/map.md)."""
    hosts = [
        {
            "name": picture.name,
            "cpus": [_cpu_json(cpu, picture) for cpu in picture.cpus],
            "totals": [_row_json(picture.totals.head, row) for row in picture.totals.rows],
            "unplaced": list(picture.unplaced),
        }
        for picture in pictures
    ]
    return {"kvmc": "v1", "kind": "map", "hosts": hosts}


def _cpu_json(cpu: Cpu, picture: Picture) -> dict[str, Any]:
    vm = None if cpu.tenant is None else picture.tenants[cpu.tenant].name
    return {"id": cpu.id, "use": cpu.look, "vm": vm, "isolated": cpu.isolated, "why": list(cpu.why)}


def _row_json(head: Sequence[str], row: Sequence[str]) -> dict[str, int | str]:
    cells = zip(head, row, strict=True)
    return {name: int(cell) if cell.isdigit() else cell for name, cell in cells}
