"""Every diagnostic code of kvmc, by series; the one list that `kvmc explain` reads."""

from __future__ import annotations

from kvmc.codes import (
    apply,
    drift,
    files,
    host,
    host_snapshot,
    importing,
    lock,
    placement,
    rendering,
    rendering_qemu,
    rules,
    runtime,
    schema,
    selection,
    yaml,
)
from kvmc.codes.model import Code

SERIES: tuple[tuple[Code, ...], ...] = (
    yaml.CODES,
    schema.CODES,
    rules.CODES,
    host.CODES,
    host_snapshot.CODES,
    selection.CODES,
    placement.CODES,
    lock.CODES,
    rendering.CODES,
    rendering_qemu.CODES,
    importing.CODES,
    runtime.CODES,
    files.CODES,
    apply.CODES,
    drift.CODES,
)

CODES: dict[str, Code] = {code.code: code for series in SERIES for code in series}
"""Code -> its record, in ascending order of the series."""

__all__ = ["CODES", "SERIES", "Code"]
