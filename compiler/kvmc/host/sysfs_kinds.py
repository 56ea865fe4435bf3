"""Kinds of cores of a hybrid host, from a sysfs tree; what proves nothing is not used.

x86: the PMU folders cpu_core, cpu_atom and cpu_lowpower, each with the CPUs it counts on
(Documentation/admin-guide/perf/, intel-hybrid). Arm: MIDR parts and cpu_capacity
(Documentation/ABI/testing/sysfs-devices-system-cpu). Otherwise the hardware's highest frequency,
where it differs too much for favoured cores. SMT or cache shapes alone prove nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.cpuset import EMPTY, CpuSet, union
from kvmc.host.groups import components
from kvmc.host.kinds import CAPACITY_GAP, FREQUENCY_GAP, ladder
from kvmc.host.sysfs_cpus import CPU

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmc.host.sysfs_cpuinfo import CpuInfo
    from kvmc.host.tree import Reader

_ARM = "0x41"
_LITTLE = {"0xc07", "0xd01", "0xd02", "0xd03", "0xd04", "0xd05", "0xd46", "0xd80", "0xd8a"}
_PRIME = {"0xd44", "0xd48", "0xd4c", "0xd4e", "0xd82", "0xd85"}


def read_kinds(reader: Reader, online: CpuSet, info: CpuInfo) -> tuple[CpuSet, ...]:
    """Return the kinds, fastest first; () when all cores are alike or nothing tells."""
    kinds = _pmu_kinds(reader, online)
    if not kinds:
        told = _arm_kinds(reader, online, dict(info.parts))
        kinds = _frequency_kinds(reader, online) if told is None else told
    return kinds if len(kinds) > 1 else ()


def _column(reader: Reader, online: CpuSet, name: str) -> dict[int, int]:
    """Return CPU -> a positive number of its folder, for the CPUs that have one."""
    values = ((cpu, reader.number(f"{CPU}/cpu{cpu}/{name}")) for cpu in online)
    return {cpu: value for cpu, value in values if value is not None and value > 0}


def _pmu_kinds(reader: Reader, online: CpuSet) -> tuple[CpuSet, ...]:
    lists = [
        (reader.cpus(f"sys/devices/{name}/cpus") or EMPTY) & online
        for name in ("cpu_core", "cpu_atom", "cpu_lowpower")
    ]
    core, atom, low = lists[0], lists[1] - lists[0], lists[2] - lists[1] - lists[0]
    # Some kernels count low-power cores under cpu_atom; only their frequency is lower.
    steps = ladder(_column(reader, atom, "cpufreq/cpuinfo_max_freq"), FREQUENCY_GAP)
    split = steps if not low and union(steps) == atom else (atom,)
    return tuple(cpus for cpus in (core, *split, low) if cpus)


def _arm_kinds(
    reader: Reader, online: CpuSet, printed: dict[int, str]
) -> tuple[CpuSet, ...] | None:
    """Join CPUs of one part or of about one capacity; rank by capacity, frequency, or part.

    None when neither is known for all CPUs.
    """
    parts = {
        cpu: part
        for cpu in online
        if (part := _midr_part(reader, cpu) or printed.get(cpu)) is not None
    }
    capacity = _column(reader, online, "cpu_capacity")
    by_part: dict[str, list[int]] = {}
    for cpu, part in parts.items():
        by_part.setdefault(part, []).append(cpu)
    steps = ladder(capacity, CAPACITY_GAP) if len(capacity) == len(online) else ()
    if not steps and len(parts) < len(online):
        return None
    groups = components((*map(CpuSet, by_part.values()), *steps))
    if len(capacity) == len(online):
        return _ranked(groups, capacity.__getitem__)
    frequency = _column(reader, online, "cpufreq/cpuinfo_max_freq")
    if len(frequency) == len(online):
        return _ranked(groups, lambda cpu: (frequency[cpu], _class(parts[cpu])))
    return _ranked(groups, lambda cpu: _class(parts[cpu]))


def _midr_part(reader: Reader, cpu: int) -> str | None:
    """Return "implementer part" of the Main ID Register, bits 31-24 and 15-4 (Arm, MIDR_EL1)."""
    text = reader.text(f"{CPU}/cpu{cpu}/regs/identification/midr_el1") or ""
    try:
        midr = int(text, 16)
    except ValueError:
        return None
    return f"{midr >> 24 & 0xFF:#x} {midr >> 4 & 0xFFF:#05x}"


def _class(part: str) -> int:
    """Rank Arm's own designs: in-order little cores, Cortex-X, and what lies between."""
    implementer, _, number = part.partition(" ")
    if implementer != _ARM:
        return 0
    return 1 if number in _LITTLE else 3 if number in _PRIME else 2


def _ranked(
    groups: tuple[CpuSet, ...], rank: Callable[[int], int | tuple[int, int]]
) -> tuple[CpuSet, ...]:
    """Sort kinds by their best CPU; two designs that nothing ranks are one kind."""
    alike: dict[int | tuple[int, int], CpuSet] = {}
    for group in groups:
        best = max(rank(cpu) for cpu in group)
        alike[best] = alike.get(best, EMPTY) | group
    return tuple(alike[best] for best in sorted(alike, reverse=True))


def _frequency_kinds(reader: Reader, online: CpuSet) -> tuple[CpuSet, ...]:
    frequency = _column(reader, online, "cpufreq/cpuinfo_max_freq")
    base = _column(reader, online, "cpufreq/base_frequency")
    alike = len(base) == len(online) and len(set(base.values())) == 1
    if alike or len(frequency) < len(online):
        return ()
    return ladder(frequency, FREQUENCY_GAP)
