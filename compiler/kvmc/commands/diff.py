"""`kvmc diff`: the specs against libvirt's definitions, its running guests, and the kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.apply.diff import diff_all
from kvmc.apply.observe import not_seen
from kvmc.arguments import SYSTEM
from kvmc.commands import looking, placed
from kvmc.report.drift import diff_json, diff_text, diff_xml

if TYPE_CHECKING:
    import argparse

    from kvmc.apply.model import DomainDiff
    from kvmc.commands.result import Result, View


def run(options: argparse.Namespace, view: View) -> Result:
    """Compare every VM with the domain of its name; exit code 3 where one differs."""
    uri = options.connect or SYSTEM
    given = placed.place(options, uri)
    if given.stopped:
        return given.inputs.result(document=_document(uri, ()))
    seen = looking.look(uri, given.names)
    jobs = placed.jobs_on(given, seen.host)
    compared = diff_all(jobs, seen)
    names = {job.vm.name for job in jobs}
    diffs = compared.value or ()
    found = (*compared.diagnostics, *not_seen(seen, names))
    differing = [one for one in diffs if one.differs]
    return given.inputs.result(
        found,
        document=_document(uri, diffs),
        output=diff_xml(diffs) if options.xml else diff_text(diffs, view.style, view.room),
        said=_said(differing, len(diffs)) if len(diffs) == len(jobs) or differing else "",
        differs=bool(differing),
    )


def _document(uri: str, diffs: tuple[DomainDiff, ...]) -> dict[str, object]:
    return {"kvmc": "v1", "kind": "diff", "connection": uri, "domains": diff_json(diffs)}


def _said(differing: list[DomainDiff], total: int) -> str:
    vms = "1 VM" if total == 1 else f"{total} VMs"
    if not differing:
        return f"{vms}, nothing differs\n"
    changes = sum(len(one.changes) for one in differing)
    new = sum(one.new for one in differing)
    parts = [f"{changes} settings differ" if changes != 1 else "1 setting differs"] * bool(changes)
    parts += [f"{new} new"] * bool(new)
    return f"{vms}, {' and '.join(parts)}\n"
