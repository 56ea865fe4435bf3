"""The base documents, which specs name with `base:`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc import files
from kvmc.diagnostics import Diagnostic, Outcome, error

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from kvmc import pipeline
    from kvmc.spec.model import Vm


def read_bases(
    planned: pipeline.Planned,
) -> tuple[Mapping[tuple[str, str], bytes], tuple[Diagnostic, ...]]:
    """Read the base documents that the VMs name; what is wrong is said at the spec's `base:`."""
    bases: dict[tuple[str, str], bytes] = {}
    missing: list[Diagnostic] = []
    built: list[tuple[str | None, Vm, bytes]] = []
    for (host, _), vm in planned.vms.items():
        base = vm.machine.base
        if base is None:
            continue
        read = _read(vm, base)
        missing += read.diagnostics
        if read.value is not None:
            bases[vm.place.file, base] = read.value
            built.append((host, vm, read.value))
    if built:
        from kvmc.render.identity import shared_uuids

        missing += shared_uuids(built)
    return bases, tuple(missing)


def missing_bases(vms: Iterable[Vm]) -> Iterator[Diagnostic]:
    """Yield an error for each VM whose base cannot be read; what it holds is for a build to say."""
    for vm in vms:
        if vm.machine.base is not None:
            yield from _read(vm, vm.machine.base).diagnostics


def _read(vm: Vm, base: str) -> Outcome[bytes]:
    read = files.read_base(vm.place.file, base)
    if read.value is not None:
        return read
    reason = read.diagnostics[0].message
    return Outcome(None, (error("KV190", f"base {base}: {reason}", vm.place.at("base")),))
