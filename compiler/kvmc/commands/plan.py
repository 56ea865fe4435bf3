"""`kvmc plan`: the placement, drawn on the host, with reasons."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.commands import inputs
from kvmc.commands.result import Failure
from kvmc.report.plan import to_json, to_text

if TYPE_CHECKING:
    import argparse

    from kvmc.commands.result import Result, View
    from kvmc.pipeline import Planned


def run(options: argparse.Namespace, view: View) -> Result:
    """Plan all VMs found and show the plan, or why there is none."""
    read = inputs.read(options)
    if read.failed:
        return read.result(document={"kvmc": "v1", "kind": "plan", "hosts": []})
    read, planned = inputs.plan(options, read)
    named = options.explain
    if named and read.failed and all(name != named for _, name in planned.vms):
        return read.result(document=to_json(planned.plan, planned.files))
    show = _explained(planned, named, view) if named else _drawn(planned, view)
    said = "" if planned.vms or read.failed else "there is no VM to plan\n"
    return read.result(document=to_json(planned.plan, planned.files), output=show, said=said)


def _drawn(planned: Planned, view: View) -> str:
    from kvmc.report.hostmap import draw

    parts: list[str] = []
    for plan in planned.plan.hosts:
        if plan.host is not None:
            parts.append(draw(plan.host, plan, view.style, view.width))
        of_none = plan.host is None and len(planned.plan.hosts) > 1
        title = f"{view.style.paint('on no host', '1')}\n" if of_none else ""
        name = plan.host.name if plan.host else None
        sizes = {vm.name: planned.vms[name, vm.name].memory_kib for vm in plan.vms}
        parts.append(title + to_text(plan, sizes, view.style, view.room))
    return "\n".join(part for part in parts if part)


def _explained(planned: Planned, name: str, view: View) -> str:
    from kvmc.report.explain import explain_vm

    known = sorted({key[1] for key in planned.vms})
    if name not in known:
        raise Failure(2, f"no VM {name} was planned; there are: {', '.join(known) or 'none'}")
    return "\n".join(
        explain_vm(
            plan,
            planned.vms[plan.host.name if plan.host else None, name],
            view.style,
            view.room,
        )
        for plan in planned.plan.hosts
        if (plan.host.name if plan.host else None, name) in planned.vms
    )
