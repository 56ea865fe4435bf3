"""When the running guest says the same as the spec, and which difference a running guest can lose.

libvirt rewrites the XML of a running guest: a host-model becomes the custom model it stands for,
the features QEMU added or could not give are listed, and sizes are rounded up to whole MiB
(qemuProcessUpdateGuestCPU, qemuDomainAlignMemorySizes).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from kvmc.apply.model import Label
from kvmc.cpuset import CpuSet, CpuSetError
from kvmc.units import SizeError, parse_kib

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kvmc.apply.model import CgroupVersion

_MIB = 1024
_CELL = re.compile(r"cpu/numa/[0-9]+/memory")
_OURS = frozenset({"vcpu/cpuset", "cpu/check", "cpu/match", "cpu/fallback", "cpu/vendor"})
"""What says nothing about a running guest, or what libvirt sets anew while it starts."""
_BALLOONED = "currentMemory"
"""The guest's balloon moves it all the time."""
_PINS = ("vcpupin/", "emulatorpin", "iothreadpin/")
_OFF, _ON = ("disable", "forbid"), ("require", "force")
_SHARES: dict[CgroupVersion | None, tuple[str, ...]] = {
    1: ("1024",),
    2: ("100",),
    None: ("1024", "100"),
}
"""cpu.shares and cpu.weight of a fresh cgroup: what stands there after shares were taken back."""


def same_default(
    path: str, wanted: str | None, seen: str | None, cgroup: CgroupVersion | None
) -> bool:
    """Whether two values mean the same, given what the kernel takes for none."""
    if wanted == seen:
        return True
    return path == "cputune/shares" and wanted is None and seen in _SHARES[cgroup]


def same_live(path: str, wanted: Mapping[str, str], live: Mapping[str, str]) -> bool:
    """Whether the running guest has a setting as the spec wants it."""
    asked, seen = wanted.get(path), live.get(path)
    if asked == seen or path in _OURS or path == _BALLOONED:
        return True
    if path.startswith("cpu/feature/"):
        return not (
            (asked in _ON and seen in _OFF) or (asked in _OFF and seen in _ON)
        )  # a feature the model holds or lacks anyway is not listed
    if path in ("cpu/mode", "cpu/model"):
        return _same_model(path, wanted, live)
    if path == "memory":
        return _total(wanted) == _total(live)
    return _CELL.fullmatch(path) is not None and _rounded(asked) == _rounded(seen)


def anywhere(path: str, seen: str | None, online: CpuSet) -> bool:
    """Whether a pin of the running guest is none: the thread may run on every online CPU.

    There is no call that takes a pin away from a running guest: the way to unpin a thread is to
    pin it to all CPUs, and libvirt goes on listing that.
    """
    if not path.startswith(_PINS) or not online:
        return False
    return online <= _set(seen or "")


def _same_model(path: str, wanted: Mapping[str, str], live: Mapping[str, str]) -> bool:
    """Tell whether libvirt made the one of the other: host-model and `minimum` become custom."""
    expanded = live.get("cpu/mode") == "custom"
    if wanted.get("cpu/mode") == "host-model":
        return expanded
    return path == "cpu/model" and expanded and wanted.get("cpu/match") == "minimum"


def _total(facts: Mapping[str, str]) -> int | None:
    """Return how many MiB a running guest gets: each of its cells is rounded up by itself."""
    cells = [_rounded(text) for path, text in facts.items() if _CELL.fullmatch(path)]
    if not cells:
        return _rounded(facts.get("memory"))
    return sum(cell or 0 for cell in cells)


def _rounded(text: str | None) -> int | None:
    try:
        return None if text is None else -(-parse_kib(text) // _MIB)
    except SizeError:
        return None


def label_of(path: str, wanted: Mapping[str, str], live: Mapping[str, str]) -> Label:
    """Return what it takes to bring a setting that differs into a running guest.

    Live are pins of threads that are there, shares, period and quota, vCPUs up to the running
    guest's ceiling, and more I/O threads; fewer of either wait for the next boot.
    """
    kind, _, which = path.partition("/")
    can = False
    if kind in ("emulatorpin", "cputune"):
        can = True
    elif kind == "vcpupin":
        can = int(which) < _number(live, "vcpu/max")
    elif kind == "iothreadpin":
        can = int(which) in _ids(live) | (_ids(wanted) if _more_threads(wanted, live) else CpuSet())
    elif path == "vcpu/current":
        now, then = _number(live, path), _number(wanted, path)
        can = now < then <= _number(live, "vcpu/max")
    elif path == "iothreads":
        can = _more_threads(wanted, live)
    return Label.LIVE if can else Label.NEXT_BOOT


def _number(facts: Mapping[str, str], path: str) -> int:
    return int(facts.get(path, "0").partition(" ")[0])


def _ids(facts: Mapping[str, str]) -> CpuSet:
    return _set(facts.get("iothreads", ""))


def _set(text: str) -> CpuSet:
    try:
        return CpuSet.parse(text)
    except CpuSetError:
        return CpuSet()


def _more_threads(wanted: Mapping[str, str], live: Mapping[str, str]) -> bool:
    return _ids(live) <= _ids(wanted)
