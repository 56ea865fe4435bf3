"""A domain to the nearest one that a spec can say, and what had to give.

libvirt takes more than kvmc has words for; what is no setting of a spec at all is not looked at
here (`rest`, and `changes` of a build). The bounds are those of the schema.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from kvmc.cpuset import CpuSet
from kvmc.source.problems import shown
from kvmc.units import format_kib
from kvmc.words import vcpus

if TYPE_CHECKING:
    from kvmc.spec.domain.model import Domain

    _Fitted = tuple[Domain, tuple[str, ...]]

BOUNDS = {"shares": (2, 262_144), "period": (1000, 1_000_000), "quota": (1000, 17_592_186_044_415)}
"""(least, most); the kernel brings shares into them by itself (sched_group_set_shares)."""
PRIORITIES = range(1, 100)
"""Of fifo and rr: sched(7)."""
MOST_IOTHREADS = 1024
_MACHINE_TYPE = re.compile(r"[a-zA-Z0-9_.-]+")
_UNLIMITED = -1


class Rest(Struct, frozen=True, kw_only=True):
    """What the rest of a domain needs of it, where that rest stays: it is a base."""

    iothreads: frozenset[int] = frozenset()
    """Ids of the I/O threads that it names."""
    cells: bool = False
    """Whether it has memory devices, which libvirt takes beside guest cells only."""


_NOTHING = Rest()


def fitted(domain: Domain, rest: Rest = _NOTHING) -> _Fitted:
    """Return the domain as a spec can say it, and a sentence for each thing that had to give.

    What cannot give because of `rest` stays, and the rules say what is wrong with it.
    """
    said: tuple[str, ...] = ()
    for step in (_machine_type, _limits, _classes, _page_sizes, _whole_pages):
        domain, more = step(domain)
        said += more
    domain, cells = (domain, ()) if rest.cells else _cells(domain)
    domain, threads = _threads(domain, rest.iothreads)
    return domain, (*said, *cells, *threads)


def _machine_type(domain: Domain) -> _Fitted:
    """Leave out a machine type that is no name of one; a base has it all the same."""
    given = domain.machine.machine
    if given is None or _MACHINE_TYPE.fullmatch(given):
        return domain, ()
    said = f"'{shown(given)}' is no machine type: it is left out"
    return replace(domain, machine=replace(domain.machine, machine=None)), (said,)


def _limits(domain: Domain) -> _Fitted:
    """Bring shares, period and quota to the nearest value that is one."""
    given = {name: getattr(domain, name) for name in BOUNDS}
    values = {
        name: min(max(value, BOUNDS[name][0]), BOUNDS[name][1])
        for name, value in given.items()
        if value is not None and not (name == "quota" and value == _UNLIMITED)
    }
    said = tuple(
        f"{name} is {given[name]}, and a spec has {BOUNDS[name][0]} to {BOUNDS[name][1]}: "
        f"it becomes {value}"
        for name, value in values.items()
        if value != given[name]
    )
    return replace(domain, **values), said


def _classes(domain: Domain) -> _Fitted:
    """Leave out real-time classes with a priority that no kernel takes."""
    wrong = {
        vcpu: entry
        for vcpu, entry in enumerate(domain.schedulers)
        if entry and entry[1] is not None and entry[1] not in PRIORITIES
    }
    said = tuple(
        f"{vcpus(CpuSet(v for v, e in wrong.items() if e == entry))}: class {entry[0]} with "
        f"priority {entry[1]}, and the kernel takes 1 to 99: the class is left out"
        for entry in dict.fromkeys(wrong.values())
    )
    kept = (None if v in wrong else entry for v, entry in enumerate(domain.schedulers))
    return replace(domain, schedulers=tuple(kept)), said


def _cells(domain: Domain) -> _Fitted:
    """Leave out all cells where one is no cell to kvmc: without the others it would be another.

    libvirt has cells of memory alone since 6.6.
    """
    odd = [cell for cell in domain.cells if not (cell.cpus and cell.memory_kib)]
    if not odd:
        return domain, ()
    what = "no vCPU" if not odd[0].cpus else "no memory"
    pages = ", and their pages" if any(domain.cell_pages) and domain.page_kib is None else ""
    said = f"cell {odd[0].id} has {what}, which no spec can say: all cells are left out{pages}"
    return replace(domain, cells=(), cell_pages=(), cell_bindings=()), (said,)


def _page_sizes(domain: Domain) -> _Fitted:
    """Leave out pages of a size that no machine has."""
    sizes = dict.fromkeys((domain.page_kib, *domain.cell_pages))
    wrong = [size for size in sizes if size and size.bit_count() != 1]
    said = tuple(f"no page has a size of {format_kib(size)}: it is left out" for size in wrong)
    return _without_pages(domain, wrong), said


def _without_pages(domain: Domain, wrong: list[int]) -> Domain:
    return replace(
        domain,
        page_kib=None if domain.page_kib in wrong else domain.page_kib,
        cell_pages=tuple(None if size in wrong else size for size in domain.cell_pages),
    )


def _whole_pages(domain: Domain) -> _Fitted:
    """Round memory up to whole pages, which is what QEMU allocates; less than one it refuses."""
    if not domain.cells:
        size, page, said = _paged("memory", domain.memory_kib, domain.page_kib)
        return replace(_resized(domain, size), page_kib=page), said
    paged = [
        _paged(f"memory of cell {cell.id}", cell.memory_kib, page)
        for cell, page in zip(domain.cells, domain.cell_pages, strict=True)
    ]
    sizes, pages = [size for size, *_ in paged], tuple(page for _, page, _ in paged)
    cells = (replace(c, memory_kib=size) for c, size in zip(domain.cells, sizes, strict=True))
    found = replace(
        _resized(domain, sum(sizes)),
        cells=tuple(cells),
        cell_pages=pages,
        page_kib=pages[0] if len(set(pages)) == 1 else None,
    )
    return found, tuple(text for *_, said in paged for text in said)


def _paged(what: str, size: int, page: int | None) -> tuple[int, int | None, tuple[str, ...]]:
    """Return memory in KiB, the size of its pages, and what had to give."""
    if not page or size % page == 0:
        return size, page, ()
    if size < page:
        text = f"less than a page of {format_kib(page)}: its pages are left out"
        return size, None, (f"{what} is {format_kib(size)}, {text}",)
    whole = -(-size // page) * page
    text = f"no whole number of {format_kib(page)} pages: it becomes {format_kib(whole)}"
    return whole, page, (f"{what} is {format_kib(size)}, {text}",)


def _resized(domain: Domain, memory_kib: int) -> Domain:
    """Return the domain with other memory; a balloon that leaves all of it still does."""
    more = memory_kib - domain.memory_kib
    balloon = more if domain.current_kib >= domain.memory_kib else 0
    return replace(domain, memory_kib=memory_kib, current_kib=domain.current_kib + balloon)


def _threads(domain: Domain, used: frozenset[int]) -> _Fitted:
    """Count I/O threads from 1: as many as there are, or up to the last one in use."""
    pins = dict(domain.iothreads)
    named = [number for number in pins if number in used and number <= MOST_IOTHREADS]
    count = max([len(pins), *named])
    numbers = range(1, count + 1)
    if list(pins) == list(numbers):
        return domain, ()
    moved = iter([cpus for number, cpus in pins.items() if number not in numbers])
    alike = next(iter(pins.values())) if len(set(pins.values())) == 1 else None
    threads = tuple((n, pins[n] if n in pins else next(moved, alike)) for n in numbers)
    said = f"I/O threads {_numbers([*pins])} become {_numbers(numbers)}: a spec only counts them"
    return replace(domain, iothreads=threads), (said,)


def _numbers(ids: list[int] | range) -> str:
    """Return ids in kernel form; one that is too high for a set of CPUs as it is."""
    small = [number for number in ids if number <= MOST_IOTHREADS]
    return ",".join([str(CpuSet(small))] * bool(small) + [str(i) for i in ids[len(small) :]])
