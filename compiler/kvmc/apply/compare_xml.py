"""Small readings of a domain XML for the comparison: what libvirt and people write alike."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from kvmc.cpuset import CpuSet, CpuSetError
from kvmc.units import format_kib

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmc.render.xmltree import Element

MAX_THREADS = 65536
"""More of a kind than any QEMU has; a number from elsewhere may be any."""
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5, "e": 6}
_UNIT = re.compile(r"(?:(?P<bytes>b|bytes?)|(?P<power>[kmgtpe])(?P<kind>ib|b)?)\Z", re.IGNORECASE)


def first(element: Element | None, path: str) -> Element | None:
    """Return the first element at a path such as `cpu/numa`; None where there is none."""
    for tag in path.split("/"):
        element = next(iter(element.all(tag)), None) if element is not None else None
    return element


def every(element: Element, path: str) -> Iterator[Element]:
    """Yield the elements at a path: all of its last tag, below the first of the others."""
    folder, _, tag = path.rpartition("/")
    parent = first(element, folder) if folder else element
    yield from parent.all(tag) if parent is not None else ()


def attribute(element: Element | None, name: str) -> str | None:
    """Return an attribute of an element that may not be there."""
    return None if element is None else element.get(name)


def ceiling(domain: Element) -> int:
    """Return how many vCPUs a domain can have: the text of <vcpu>, 1 where there is none."""
    vcpu = first(domain, "vcpu")
    return min(natural(vcpu.text) or 1, MAX_THREADS) if vcpu else 1


def kib(number: str | None, unit: str | None) -> int | None:
    """Return a size in KiB, rounded up, as virScaleInteger reads it; None where it is none.

    KiB, K and no unit at all are 1024 bytes, KB is 1000; so on for M to E, in any case.
    """
    text = (number or "").strip()
    match = _UNIT.match((unit or "KiB").strip())
    if match is None or not (text.isascii() and text.isdigit()):
        return None
    base = 1000 if (match["kind"] or "ib").lower() == "b" else 1024
    factor = 1 if match["bytes"] else base ** _POWERS[match["power"].lower()]
    return -(-int(text) * factor // 1024)


def size(number: str | None, unit: str | None) -> str | None:
    """Return a size as `32GiB`; the text itself where it is none."""
    read = kib(number, unit)
    return number if read is None else format_kib(read)


def cpus(text: str | None) -> str | None:
    """Return a CPU or node set in kernel form; the text itself where it is none."""
    try:
        return None if text is None else str(CpuSet.parse(text))
    except CpuSetError:
        return text


def natural(text: str | None) -> int | None:
    """Return a whole number from 0; None for anything else."""
    clean = (text or "").strip()
    return int(clean) if clean.isascii() and clean.isdigit() and len(clean) < 10 else None  # noqa: PLR2004 (fits any id)
