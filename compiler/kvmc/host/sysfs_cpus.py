"""The CPUs of a sysfs tree: which are online, and whom each shares a core, package and L3 with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from kvmc.cpuset import EMPTY, CpuSet
from kvmc.host.facts import CpuFacts

if TYPE_CHECKING:
    from kvmc.host.tree import Reader

CPU = "sys/devices/system/cpu"

# Names from before Linux 5.3 come second; masks only count where there is no list.
_CORE = ("core_cpus_list", "thread_siblings_list", "core_cpus", "thread_siblings")
_PACKAGE = ("package_cpus_list", "core_siblings_list", "package_cpus", "core_siblings")
_DIE = ("die_cpus_list", "die_cpus")
_SHARED = ("shared_cpu_list", "shared_cpu_map")
_LEVEL = 3


class Found(Struct, frozen=True, kw_only=True):
    """The CPUs of a tree by state."""

    online: CpuSet
    offline: CpuSet
    """Present but not online."""
    folderless: CpuSet
    """Listed as online, but the tree has no folder for them (a capture that lost files)."""


def find_cpus(reader: Reader) -> Found:
    """Return which CPUs are online: cpu/online, else cpuN/online, else all that are present.

    Kernels before 2.6.26 have no cpu/online, and a CPU that cannot be taken offline (often cpu0)
    has no file of its own. The kernel makes a folder for each present CPU.
    """
    folders = CpuSet(reader.numbered(CPU, "cpu"))
    present = reader.cpus(f"{CPU}/present") or EMPTY
    listed = reader.cpus(f"{CPU}/online") or _one_by_one(reader, folders) or present
    online = listed & folders if folders else listed
    return Found(online=online, offline=(present | folders) - listed, folderless=listed - online)


def _one_by_one(reader: Reader, folders: CpuSet) -> CpuSet:
    return CpuSet(cpu for cpu in folders if reader.number(f"{CPU}/cpu{cpu}/online") != 0)


def read_cpus(reader: Reader, online: CpuSet) -> tuple[CpuFacts, ...]:
    """Return the facts of every online CPU, ascending; offline CPUs are taken out of all sets."""
    caches = {cpu: _l3(reader, cpu, online) for cpu in online}
    by_number: dict[int, list[int]] = {}
    for cpu, (_, number) in caches.items():
        if number is not None:
            by_number.setdefault(number, []).append(cpu)
    facts = []
    for cpu in online:
        shared, number = caches[cpu]
        if shared is None and number is not None:
            shared = CpuSet(by_number[number])
        facts.append(replace(_topology(reader, cpu, online), l3=shared))
    return tuple(facts)


def _topology(reader: Reader, cpu: int, online: CpuSet) -> CpuFacts:
    folder = f"{CPU}/cpu{cpu}/topology"
    die = reader.number(f"{folder}/die_id")
    return CpuFacts(
        id=cpu,
        siblings=_shared(reader, folder, _CORE, cpu, online),
        package_id=reader.number(f"{folder}/physical_package_id"),
        package_cpus=_shared(reader, folder, _PACKAGE, cpu, online),
        die_id=die,
        # Without dies the kernel says -1 and lists the CPU alone.
        die_cpus=None if die is None else _shared(reader, folder, _DIE, cpu, online),
    )


def _shared(
    reader: Reader, folder: str, names: tuple[str, ...], cpu: int, online: CpuSet
) -> CpuSet | None:
    """Return a set of CPUs; one that lacks the CPU itself is no statement about it."""
    cpus = reader.cpus(*(f"{folder}/{name}" for name in names))
    return cpus & online if cpus is not None and cpu in cpus else None


def _l3(reader: Reader, cpu: int, online: CpuSet) -> tuple[CpuSet | None, int | None]:
    """Return who shares the CPU's level 3 cache, and the cache's id; the level file decides.

    A cache of size 0 is none: Knights Landing in flat mode describes one that is not there.
    """
    cache = f"{CPU}/cpu{cpu}/cache"
    for index in reader.numbered(cache, "index"):
        folder = f"{cache}/index{index}"
        if reader.number(f"{folder}/level") != _LEVEL:
            continue
        if reader.text(f"{folder}/type") == "Instruction" or reader.text(f"{folder}/size") == "0K":
            continue
        return (_shared(reader, folder, _SHARED, cpu, online), reader.number(f"{folder}/id"))
    return None, None
