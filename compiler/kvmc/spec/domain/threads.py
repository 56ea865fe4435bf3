"""<vcpu>, <iothreads> and <cputune> of a domain: which threads there are and where they run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kvmc.cpuset import EMPTY, CpuSet
from kvmc.spec.domain.xml import Reader, attribute, text_of

if TYPE_CHECKING:
    from lxml.etree import _Element

    from kvmc.spec.domain.model import Policy

_MAX_IOTHREADS = 1024
_POLICIES: tuple[Policy, ...] = ("batch", "idle", "fifo", "rr")


def read_threads(root: _Element, ceiling: int, reader: Reader) -> dict[str, Any]:
    """Return the fields of `Domain` about threads.

    A thread without a pin of its own runs on <vcpu cpuset=>, and without that anywhere. A period or
    quota of 0 is none (virDomainCputuneDefFormat).
    """
    numad = _numad(root)
    given = reader.cpus("vcpu@cpuset", attribute(root, "vcpu", "cpuset"))
    everyone = None if numad else given
    pins = _pins(root, "vcpupin", "vcpu", reader)
    io_pins = _pins(root, "iothreadpin", "iothread", reader)
    own = reader.cpus("emulatorpin@cpuset", attribute(root, "cputune/emulatorpin", "cpuset"))
    quota = reader.integer("quota", text_of(root, "cputune/quota")) or None
    online, unpluggable = _online(root, ceiling, reader)
    return {
        "online": online,
        "unpluggable": unpluggable,
        "numad": numad,
        "vcpus": tuple(pins.get(vcpu, everyone) for vcpu in range(ceiling)),
        "emulator": own or everyone,
        "iothreads": tuple((i, io_pins.get(i, everyone)) for i in _iothreads(root, reader)),
        "shares": reader.natural("shares", text_of(root, "cputune/shares")),
        "period": reader.natural("period", text_of(root, "cputune/period")) or None,
        "quota": quota if quota is None else max(quota, -1),
        "schedulers": _schedulers(root, ceiling, reader),
    }


def _numad(root: _Element) -> bool:
    """Whether numad places the threads: where asked to, and where it places the memory."""
    asked = attribute(root, "vcpu", "placement")
    if asked is None and attribute(root, "vcpu", "cpuset") is None:
        return attribute(root, "numatune/memory", "placement") == "auto"
    return asked == "auto"


def _pins(root: _Element, tag: str, name: str, reader: Reader) -> dict[int, CpuSet]:
    found: dict[int, CpuSet] = {}
    for pin in root.iterfind(f"cputune/{tag}"):
        thread = reader.natural(f"{tag}@{name}", pin.get(name))
        cpus = reader.cpus(f"{tag}@cpuset", pin.get("cpuset"))
        if thread is not None and cpus is not None:
            found[thread] = cpus
    return found


def _online(root: _Element, ceiling: int, reader: Reader) -> tuple[CpuSet, CpuSet]:
    """Return the vCPUs there at boot, and those of them that can be unplugged."""
    entries = root.findall("vcpus/vcpu")
    if not entries:
        count = reader.natural("vcpu@current", attribute(root, "vcpu", "current"))
        return CpuSet(range(ceiling if count is None else min(count, ceiling))), EMPTY
    online: list[int] = []
    unpluggable: list[int] = []
    for entry in entries:
        vcpu = reader.natural("vcpus/vcpu@id", entry.get("id"))
        if vcpu is not None and vcpu < ceiling and entry.get("enabled") == "yes":
            online.append(vcpu)
            unpluggable += [vcpu] if entry.get("hotpluggable") == "yes" else []
    return CpuSet(online), CpuSet(unpluggable)


def _iothreads(root: _Element, reader: Reader) -> tuple[int, ...]:
    """Return the ids: those in <iothreadids>, and the lowest free ones up to the number."""
    count = reader.natural("iothreads", text_of(root, "iothreads")) or 0
    if count > _MAX_IOTHREADS:
        reader.wrong("iothreads", str(count))
        return ()
    elements = root.findall("iothreadids/iothread")
    given = [reader.natural("iothreadids/iothread@id", e.get("id")) for e in elements]
    ids = {i for i in given if i is not None}
    fresh = 1
    while len(ids) < count:
        ids.add(fresh)
        fresh += 1
    return tuple(sorted(ids))


def used_iothreads(root: _Element) -> frozenset[int]:
    """Return the ids of I/O threads that devices and <iothreadsched> name."""
    devices = "devices/*/driver"
    named = [driver.get("iothread") for driver in root.iterfind(devices)]
    named += [thread.get("id") for thread in root.iterfind(f"{devices}/iothreads/iothread")]
    reader = Reader("")
    ids = {reader.natural("iothread", text) for text in named}
    for entry in root.iterfind("cputune/iothreadsched"):
        ids |= set(reader.cpus("iothreads", entry.get("iothreads")) or ())
    return frozenset(number for number in ids if number is not None)


def _schedulers(
    root: _Element, ceiling: int, reader: Reader
) -> tuple[tuple[Policy, int | None] | None, ...]:
    found: dict[int, tuple[Policy, int | None]] = {}
    everyone = CpuSet(range(ceiling))
    for entry in root.iterfind("cputune/vcpusched"):
        policy = reader.word("vcpusched@scheduler", entry.get("scheduler"), _POLICIES)
        priority = reader.natural("vcpusched@priority", entry.get("priority"))
        vcpus = reader.cpus("vcpusched@vcpus", entry.get("vcpus")) or everyone
        if policy is None:
            reader.wrong("vcpusched@scheduler", entry.get("scheduler"))
        else:
            realtime = policy in ("fifo", "rr")
            found |= dict.fromkeys(vcpus, (policy, priority if realtime else None))
    return tuple(found.get(vcpu) for vcpu in range(ceiling))
