"""CpuSet: an immutable set of CPU ids, read in kernel or libvirt form, printed in kernel form.

Kernel form is what /sys prints: sorted, ranges joined, no spaces: `0-3,8`. libvirt adds exclusions:
`0-7,^2`. Sources: Documentation/core-api/printk-formats.rst (%*pbl), cpuset(7) "List format" and
"Mask format"; libvirt formatdomain, <vcpu cpuset>.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAX_CPU_ID = 65535
"""The highest id accepted: eight times what any kernel is built for (NR_CPUS 8192)."""

_ITEM = re.compile(r"(\^?)(0|[1-9][0-9]{0,5})(?:-(0|[1-9][0-9]{0,5}))?\Z")
_MASK = re.compile(r"(?:0x)?[0-9a-fA-F]{1,8}(?:,(?:(?:0x)?[0-9a-fA-F]{1,8})?)*\Z")


class CpuSetError(ValueError):
    """The text is no CPU set; str() says why, in words for a user."""


class CpuSet:
    """An immutable, hashable set of CPU ids with set algebra (`|`, `&`, `-`, `<=`)."""

    __slots__ = ("_mask",)
    _mask: int

    def __init__(self, cpus: Iterable[int] = ()) -> None:
        mask = 0
        for cpu in cpus:
            mask |= 1 << cpu
        self._mask = mask

    @classmethod
    def _of(cls, mask: int) -> CpuSet:
        new = cls.__new__(cls)
        new._mask = mask  # noqa: SLF001 (it is this very class)
        return new

    @classmethod
    def parse(cls, text: str) -> CpuSet:
        """Read a list such as `0-3,8` or `0-7,^2`; raises CpuSetError.

        Exclusions apply to the whole text whatever their order, which is what libvirt documents;
        an exclusion of a CPU that was never included is an error there and here.
        """
        included = excluded = 0
        for raw in text.split(",") if text.strip() else ():
            match = _ITEM.match(raw.strip())
            if match is None:
                raise CpuSetError(f"{raw.strip()!r} is no CPU, range a-b or exclusion ^a")
            low = int(match[2])
            high = int(match[3]) if match[3] is not None else low
            if high < low:
                raise CpuSetError(f"the range {raw.strip()} runs backwards")
            if high > MAX_CPU_ID:
                raise CpuSetError(f"CPU {high} is above {MAX_CPU_ID}")
            bits = ((1 << (high - low + 1)) - 1) << low
            if match[1]:
                excluded |= bits
            else:
                included |= bits
        if excluded & ~included:
            raise CpuSetError(f"^{cls._of(excluded & ~included)} excludes what is not included")
        return cls._of(included & ~excluded)

    @classmethod
    def parse_mask(cls, text: str) -> CpuSet:
        """Read a kernel or hwloc mask: 32-bit hex words, highest first; raises CpuSetError.

        hwloc leaves words of zeros empty (`0xff,,0x1`) and starts an infinite set with `0xf...f`,
        which is refused.
        """
        clean = text.strip()
        if not _MASK.match(clean):
            raise CpuSetError(f"{clean[:40]!r} is no CPU mask")
        mask = 0
        words = clean.split(",")
        if len(words) > (MAX_CPU_ID + 1) // 32:
            raise CpuSetError(f"the mask names CPUs above {MAX_CPU_ID}")
        for word in words:
            mask = mask << 32 | int(word or "0", 16)
        if mask.bit_length() > MAX_CPU_ID + 1:
            raise CpuSetError(f"the mask names CPUs above {MAX_CPU_ID}")
        return cls._of(mask)

    def __contains__(self, cpu: int) -> bool:
        return cpu >= 0 and bool(self._mask >> cpu & 1)

    def __iter__(self) -> Iterator[int]:
        mask = self._mask
        while mask:
            low = mask & -mask
            yield low.bit_length() - 1
            mask ^= low

    def __len__(self) -> int:
        return self._mask.bit_count()

    def __bool__(self) -> bool:
        return self._mask != 0

    def __hash__(self) -> int:
        return hash(self._mask)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CpuSet) and self._mask == other._mask

    def __lt__(self, other: CpuSet) -> bool:
        """Proper subset, as for frozenset."""
        return self._mask != other._mask and not self._mask & ~other._mask

    def __le__(self, other: CpuSet) -> bool:
        return not self._mask & ~other._mask

    def __or__(self, other: CpuSet) -> CpuSet:
        return CpuSet._of(self._mask | other._mask)

    def __and__(self, other: CpuSet) -> CpuSet:
        return CpuSet._of(self._mask & other._mask)

    def __sub__(self, other: CpuSet) -> CpuSet:
        return CpuSet._of(self._mask & ~other._mask)

    def __str__(self) -> str:
        """Kernel form: sorted, ranges joined, "" when empty."""
        parts = []
        for low, high in self.ranges():
            parts.append(str(low) if low == high else f"{low}-{high}")
        return ",".join(parts)

    def __repr__(self) -> str:
        return f"CpuSet({str(self)!r})"

    def ranges(self) -> Iterator[tuple[int, int]]:
        """Yield (first, last) of each run of consecutive CPUs, ascending."""
        low = high = -2
        for cpu in self:
            if cpu == high + 1:
                high = cpu
                continue
            if low >= 0:
                yield low, high
            low = high = cpu
        if low >= 0:
            yield low, high

    @property
    def first(self) -> int:
        """The lowest CPU id; ValueError when empty."""
        mask = self._mask
        if not mask:
            raise ValueError("an empty CPU set has no first CPU")
        return (mask & -mask).bit_length() - 1

    @property
    def mask(self) -> int:
        """The set as a bit mask: bit n for CPU n."""
        return self._mask

    def isdisjoint(self, other: CpuSet) -> bool:
        """Whether the two have no CPU in common."""
        return not self._mask & other._mask


EMPTY = CpuSet()


@lru_cache(maxsize=4096)
def single(cpu: int) -> CpuSet:
    """Return the set of one CPU; sets are immutable, so everyone may have the same."""
    return CpuSet._of(1 << cpu)  # noqa: SLF001 (the module's own)


def union(sets: Iterable[CpuSet]) -> CpuSet:
    """Return the union of any number of sets."""
    mask = 0
    for one in sets:
        mask |= one.mask
    return CpuSet._of(mask)  # noqa: SLF001 (the module's own)
