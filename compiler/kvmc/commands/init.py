"""`kvmc init [DIR]`: a starting repository with this machine probed and one VM that fits it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from kvmc import files, intake, pipeline
from kvmc.commands import starter
from kvmc.commands.result import Failure, Result
from kvmc.commands.saving import save_or_fail
from kvmc.report.style import printable

if TYPE_CHECKING:
    import argparse

    from kvmc.commands.result import View
    from kvmc.host.model import Host


def run(options: argparse.Namespace, _view: View) -> Result:
    """Write the files, all or none where one of them is there already."""
    from kvmc.host.snapshot_text import dump_host

    folder = Path(options.folder)
    if files.is_there(folder) and not os.path.isdir(folder):  # noqa: PTH112 (raises for no name)
        raise Failure(2, f"{folder} is no folder")
    host = starter.with_policy(_probed())
    texts = {
        f"hosts/{host.name}.yaml": dump_host(host),
        **example(host),
        **starter.other_files(),
    }
    there = [name for name in texts if files.is_there(folder / name)]
    if taken := [name for name in there if name not in starter.KEPT]:
        names = ", ".join(str(folder / name) for name in taken)
        raise Failure(2, f"nothing was written, because these are there already: {names}")
    said = "".join(_write(folder / name, text, name in there) for name, text in texts.items())
    place = "" if options.folder == "." else f" {options.folder}"
    return Result(
        document={"kvmc": "v1", "kind": "init"}, said=f"{said}next: kvmc plan{printable(place)}\n"
    )


def _probed() -> Host:
    from kvmc.host.probe import local_name, probe_sysfs
    from kvmc.spec.names import name_problem

    name = local_name()
    probed = probe_sysfs(Path("/"), "host" if name_problem(name) else name)
    if probed.value is None:
        reasons = "; ".join(d.message for d in probed.diagnostics)
        raise Failure(4, f"this machine cannot be probed: {reasons}")
    return probed.value


def example(host: Host) -> dict[str, str]:
    """Return the first example that fits without a warning, and its lock."""
    from kvmc.planner.locking.lock import dump_lock

    found: dict[str, str] = {}
    for size in starter.SIZES:
        text = starter.vm_text(host, size)
        checked = intake.check((files.Text(name=starter.VM, content=text.encode()),))
        repository = replace(checked.value or intake.Repository(), hosts=(host,))
        planned = pipeline.plan(repository, pipeline.Wishes())
        found = {starter.VM: text}
        plan = planned.value or pipeline.EMPTY
        for lock, _ in plan.locks.values():
            found[f"hosts/{host.name}.lock.yaml"] = dump_lock(lock)
        if plan.vms and not (checked.diagnostics or planned.diagnostics):
            break
    return found


def _write(target: Path, text: str, kept: bool) -> str:  # noqa: FBT001
    if kept:
        return f"kept {printable(str(target))}\n"
    return save_or_fail(target, text)
