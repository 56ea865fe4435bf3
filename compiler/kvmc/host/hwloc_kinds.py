"""<cpukind> elements (hwloc 2.4 and later) to kinds of cores, fastest first.

Source: hwloc documentation, "CPU kinds": kinds are ranked by forced efficiency, else by core type,
else by frequency; the file holds them slowest first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.host.kinds import CAPACITY_GAP, FREQUENCY_GAP

if TYPE_CHECKING:
    from lxml.etree import _Element

    from kvmc.cpuset import CpuSet
    from kvmc.host.xmlfile import XmlReader

_GAPS = {"LinuxCapacity": CAPACITY_GAP, "FrequencyMaxMHz": FREQUENCY_GAP}
_Kind = tuple["CpuSet", dict[str, str], int]


def read_kinds(reader: XmlReader, root: _Element) -> tuple[CpuSet, ...]:
    """Return the CPUs of each kind; kinds that differ only as binned cores do are joined."""
    kinds: list[_Kind] = []
    for place, element in enumerate(root.iterfind("cpukind")):
        cpus = reader.cpus(element, "cpuset", mask=True)
        rank = reader.natural(element, "forced_efficiency")
        if cpus:
            infos = {info.get("name", ""): info.get("value", "") for info in element.iter("info")}
            kinds.append((cpus, infos, place if rank is None else rank))
    kinds.sort(key=lambda kind: -kind[2])
    joined: list[CpuSet] = []
    last: dict[str, str] | None = None
    for cpus, infos, _ in kinds:
        if last is not None and _alike(last, infos):
            joined[-1] = joined[-1] | cpus
        else:
            joined.append(cpus)
        last = infos
    return tuple(joined)


def _alike(one: dict[str, str], other: dict[str, str]) -> bool:
    """Tell cores of one design: they differ at most in capacity or top frequency, and by little."""
    if one.keys() != other.keys():
        return False
    return all(
        one[name] == other[name] or (name in _GAPS and _near(one[name], other[name], _GAPS[name]))
        for name in one
    ) and bool(one)


def _near(one: str, other: str, gap: float) -> bool:
    if not all(text.isascii() and text.isdigit() and len(text) < 12 for text in (one, other)):  # noqa: PLR2004 - far above any MHz
        return False
    low, high = sorted((int(one), int(other)))
    return low * gap >= high
