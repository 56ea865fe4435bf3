"""What a running domain has of all that steps can change, from its live XML."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.apply.steps import Live
from kvmc.cpuset import CpuSet
from kvmc.render.xmltree import parse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kvmc.render.xmltree import Element


def live_of(xml: str, online: CpuSet, scheduler: Mapping[str, int]) -> Live:
    """Read live XML as libvirt prints it; what is pinned nowhere may run on every online CPU.

    libvirt's live XML lists pins of all vCPUs up to the maximum, plugged or not; its own calls
    (virDomainGetVcpuPinInfo) tell of those only that are plugged.
    """
    domain = parse(xml.encode(), "the live domain", None).value
    if domain is None:
        return Live(vcpus=0)
    vcpu = next(iter(domain.all("vcpu")), None)
    ceiling = int(vcpu.text) if vcpu else 1
    anywhere = (vcpu and vcpu.get("cpuset")) or str(online)
    vcpupins = _pins(domain, "vcpupin", "vcpu")
    iothreadpins = _pins(domain, "iothreadpin", "iothread")
    emulator = [pin.get("cpuset") or anywhere for pin in _tunes(domain, "emulatorpin")]
    return Live(
        vcpus=int((vcpu and vcpu.get("current")) or ceiling),
        vcpupins=tuple((i, _kernel(vcpupins.get(i, anywhere))) for i in range(ceiling)),
        emulator=_kernel(emulator[0] if emulator else anywhere),
        iothreads=tuple((i, _kernel(iothreadpins.get(i, anywhere))) for i in _iothreads(domain)),
        scheduler=tuple(sorted(scheduler.items())),
    )


def _tunes(domain: Element, tag: str) -> list[Element]:
    return [child for tune in domain.all("cputune") for child in tune.all(tag)]


def _pins(domain: Element, tag: str, key: str) -> dict[int, str]:
    return {int(pin.get(key) or 0): pin.get("cpuset") or "" for pin in _tunes(domain, tag)}


def _iothreads(domain: Element) -> tuple[int, ...]:
    """Return the ids; <iothreadids> lists those that are not simply 1..iothreads."""
    ids = {int(t.get("id") or 0) for group in domain.all("iothreadids") for t in group.children}
    count = sum(int(element.text) for element in domain.all("iothreads"))
    free = (i for i in range(1, count + len(ids) + 1) if i not in ids)
    while len(ids) < count:
        ids.add(next(free))
    return tuple(sorted(ids))


def _kernel(cpus: str) -> str:
    return str(CpuSet.parse(cpus))
