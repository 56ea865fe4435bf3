"""What a domain XML says of a guest's threads: how many, where they run, and how."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.apply.compare_xml import MAX_THREADS, attribute, ceiling, cpus, every, first, natural
from kvmc.cpuset import CpuSet, CpuSetError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmc.render.xmltree import Element

DEFAULT_PERIOD = "100000"
"""Microseconds: the kernel's, where a quota is set without a period."""


def thread_facts(domain: Element) -> dict[str, str]:
    """Return path -> value for vcpu, iothreads, cputune, pins and schedulers; defaults are absent.

    A vCPU, I/O thread or emulator without a pin of its own runs on <vcpu cpuset=> (formatdomain),
    so that is its pin; the same CPUs written in the one way or the other are no difference.
    """
    vcpu = first(domain, "vcpu")
    most = ceiling(domain)
    default = cpus(attribute(vcpu, "cpuset"))
    facts = {
        "vcpu/max": str(most),
        "vcpu/current": _current(domain, vcpu, most),
        "vcpu/placement": attribute(vcpu, "placement") or "static",
    }
    if default is not None:
        facts["vcpu/cpuset"] = default
    threads = iothread_ids(domain)
    if threads:
        facts["iothreads"] = str(CpuSet(threads))
    facts |= _tune(domain) | _schedulers(domain)
    return facts | _pins(domain, range(most), threads, default)


def _current(domain: Element, vcpu: Element | None, most: int) -> str:
    """Return the number of vCPUs at boot, with their ids where they are not the first ones."""
    listed = list(every(domain, "vcpus/vcpu"))
    if listed:
        on = CpuSet(natural(one.get("id")) or 0 for one in listed if one.get("enabled") == "yes")
        return str(len(on)) if on == CpuSet(range(len(on))) else f"{len(on)} (vCPUs {on})"
    return str(natural(attribute(vcpu, "current")) or most)


def iothread_ids(domain: Element) -> tuple[int, ...]:
    """Return the I/O threads' ids: those named, and the lowest free ones up to <iothreads>.

    Source: virDomainIOThreadIDDefArrayInit of libvirt.
    """
    named = {natural(one.get("id")) or 0 for one in every(domain, "iothreadids/iothread")} - {0}
    group = first(domain, "iothreads")
    count = min(natural(group.text) or 0, MAX_THREADS) if group else 0
    free = (number for number in range(1, count + len(named) + 1) if number not in named)
    while len(named) < count:
        named.add(next(free))
    return tuple(sorted(named))


def _tune(domain: Element) -> dict[str, str]:
    found = {name: first(domain, f"cputune/{name}") for name in ("shares", "period", "quota")}
    texts = {name: element.text for name, element in found.items() if element is not None}
    if texts.get("quota", "-1").startswith("-") or texts.get("quota") == "0":
        texts.pop("quota", None)  # any negative value means no limit
    if texts.get("period") == DEFAULT_PERIOD:
        del texts["period"]
    return {f"cputune/{name}": text for name, text in texts.items()}


def _pins(
    domain: Element, vcpus: Sequence[int], threads: Sequence[int], default: str | None
) -> dict[str, str]:
    """Return the pins in effect; a thread that may run anywhere has none."""
    own = {f"vcpupin/{pin.get('vcpu')}": pin for pin in every(domain, "cputune/vcpupin")}
    own |= {f"iothreadpin/{p.get('iothread')}": p for p in every(domain, "cputune/iothreadpin")}
    emulator = first(domain, "cputune/emulatorpin")
    if emulator is not None:
        own["emulatorpin"] = emulator
    paths = [f"vcpupin/{i}" for i in vcpus] + [f"iothreadpin/{i}" for i in threads]
    found = {
        path: cpus(own[path].get("cpuset")) if path in own else default
        for path in (*paths, "emulatorpin")
    }
    return {path: text for path, text in found.items() if text is not None}


def _schedulers(domain: Element) -> dict[str, str]:
    """Return `fifo 1` or `batch` by vCPU."""
    facts: dict[str, str] = {}
    for element in every(domain, "cputune/vcpusched"):
        text = " ".join(filter(None, (element.get("scheduler"), element.get("priority"))))
        try:
            vcpus = CpuSet.parse(element.get("vcpus") or "")
        except CpuSetError:
            continue
        facts |= {f"vcpusched/{vcpu}": text for vcpu in vcpus}
    return facts
