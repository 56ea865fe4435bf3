"""CpuSet: an immutable set of CPU ids, read in kernel or libvirt form, printed in kernel form.

Kernel form is what /sys prints: sorted, ranges joined, no spaces: `0-3,8`. libvirt adds exclusions:
`0-7,^2`. Sources: Documentation/core-api/printk-formats.rst (%*pbl), cpuset(7) "List format" and
"Mask format"; libvirt formatdomain, <vcpu cpuset>.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

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

    __slots__ = ("mask",)
    mask: Final[int]
    """The set as a bit mask: bit n for CPU n."""

    def __init__(self, cpus: Iterable[int] = ()) -> None:
        mask = 0
        for cpu in cpus:
            mask |= 1 << cpu
        self.mask = mask

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
            raise CpuSetError(f"^{from_mask(excluded & ~included)} excludes what is not included")
        return from_mask(included & ~excluded)

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
        return from_mask(mask)

    def __contains__(self, cpu: int) -> bool:
        return cpu >= 0 and bool(self.mask >> cpu & 1)

    def __iter__(self) -> Iterator[int]:
        mask = self.mask
        low = mask & -mask
        if not mask & (mask + low):  # one run, or nothing
            return iter(range(low.bit_length() - 1, mask.bit_length()) if mask else ())
        return _bits(mask)

    def __len__(self) -> int:
        return self.mask.bit_count()

    def __bool__(self) -> bool:
        return self.mask != 0

    def __hash__(self) -> int:
        return hash(self.mask)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CpuSet) and self.mask == other.mask

    def __lt__(self, other: CpuSet) -> bool:
        """Proper subset, as for frozenset."""
        return self.mask != other.mask and not self.mask & ~other.mask

    def __le__(self, other: CpuSet) -> bool:
        return not self.mask & ~other.mask

    def __or__(self, other: CpuSet) -> CpuSet:
        return from_mask(self.mask | other.mask)

    def __and__(self, other: CpuSet) -> CpuSet:
        return from_mask(self.mask & other.mask)

    def __sub__(self, other: CpuSet) -> CpuSet:
        return from_mask(self.mask & ~other.mask)

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
        mask = self.mask
        if not mask:
            raise ValueError("an empty CPU set has no first CPU")
        return (mask & -mask).bit_length() - 1

    def isdisjoint(self, other: CpuSet) -> bool:
        """Whether the two have no CPU in common."""
        return not self.mask & other.mask


_blank = object.__new__
"""Half the time of a call of the class, which counts where sets are made by the thousand."""


def from_mask(mask: int) -> CpuSet:
    """Return the set with CPU n for each bit n of a mask."""
    new = _blank(CpuSet)
    new.mask = mask  # type: ignore[misc]  # it is born here, as in __init__
    return new


def _bits(mask: int) -> Iterator[int]:
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


EMPTY = CpuSet()


class OneCpu(CpuSet):
    """A set of one CPU that knows which: plans have thousands of them."""

    __slots__ = ("cpu",)
    cpu: Final[int]

    def __init__(self, cpu: int) -> None:
        self.mask = 1 << cpu  # type: ignore[misc]  # as in the class above
        self.cpu = cpu


class _Singles(dict[int, OneCpu]):
    """CPU -> the set of it, made when it is first asked for."""

    def __missing__(self, cpu: int) -> OneCpu:
        self[cpu] = made = OneCpu(cpu)
        return made


single = _Singles().__getitem__
"""Return the set of one CPU; sets are immutable, so everyone may have the same."""


@lru_cache(maxsize=4096)
def span(count: int) -> CpuSet:
    """Return the set of the ids below a count."""
    return from_mask((1 << count) - 1)


def union(sets: Iterable[CpuSet]) -> CpuSet:
    """Return the union of any number of sets."""
    mask = 0
    for one in sets:
        mask |= one.mask
    return from_mask(mask)
