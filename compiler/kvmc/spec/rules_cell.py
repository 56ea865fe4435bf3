"""Rules of guest cells and memory, KV311-KV320. Source: libvirt src/conf/numa_conf.c."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from kvmc.cpuset import EMPTY, span, union
from kvmc.diagnostics import error
from kvmc.units import format_kib
from kvmc.words import vcpus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmc.diagnostics import Diagnostic, Place
    from kvmc.spec.model import Vm

_LOCAL = 10
"""ACPI SLIT: the distance of a node to itself, and of no other."""
_MAX_KIB = 1 << 53
"""8 EiB, where libvirt's byte counts end."""


_MOST = 50
"""Cells that are told to share vCPUs: each is compared with all before it, and they may be many."""


def vcpus_in_no_cell(vm: Vm) -> Iterator[Diagnostic]:
    """KV311: cells cover every vCPU; libvirt would silently put the rest into cell 0."""
    missing = span(vm.cpu.max) - union(cell.cpus for cell in vm.numa.cells)
    if vm.numa.cells and missing:
        yield error(
            "KV311",
            f"no cell holds {vcpus(missing)}",
            vm.place.at("numa", "cells"),
            hint=f"cells must cover vCPUs 0 to max-1, here 0-{vm.cpu.max - 1}",
        )


def vcpus_in_two_cells(vm: Vm) -> Iterator[Diagnostic]:
    """KV312: a vCPU is in one cell only."""
    yield from islice(_held_twice(vm), _MOST)


def _held_twice(vm: Vm) -> Iterator[Diagnostic]:
    seen = EMPTY
    for cell in vm.numa.cells:
        if again := cell.cpus & seen:
            others = (str(c.id) for c in vm.numa.cells[: cell.id] if c.cpus & again)
            yield error(
                "KV312",
                f"cell {cell.id} holds {vcpus(again)}, and so does cell {_first(others)}",
                _cell(vm, cell.id, "cpus"),
                hint="each vCPU belongs to exactly one cell",
            )
        seen = seen | cell.cpus


def _first(names: Iterator[str]) -> str:
    return " and ".join(islice(names, 8))


def cell_beyond_max(vm: Vm) -> Iterator[Diagnostic]:
    """KV313: cells hold vCPUs below cpu.max only."""
    every = span(vm.cpu.max)
    for cell in vm.numa.cells:
        if beyond := cell.cpus - every:
            yield error(
                "KV313",
                f"cell {cell.id} holds {vcpus(beyond)}, but the last vCPU is {vm.cpu.max - 1}",
                _cell(vm, cell.id, "cpus"),
                hint="raise cpu.max, or take them out",
            )


def cell_without_vcpus(vm: Vm) -> Iterator[Diagnostic]:
    """KV314: every cell holds a vCPU (kvmc does not place memory-only cells)."""
    for cell in vm.numa.cells:
        if not cell.cpus:
            yield error(
                "KV314",
                f"cell {cell.id} holds no vCPU",
                _cell(vm, cell.id, "cpus"),
                hint="cells of memory only are not supported; give it vCPUs",
            )


def cell_memory_sum(vm: Vm) -> Iterator[Diagnostic]:
    """KV315: the cells' memory adds up to memory, in KiB."""
    total = sum(cell.memory_kib for cell in vm.numa.cells)
    if vm.numa.cells and total != vm.memory_kib:
        yield error(
            "KV315",
            f"cells hold {format_kib(total)} together, memory is {format_kib(vm.memory_kib)}",
            vm.place.at("memory"),
            hint="make them equal, or leave memory out",
        )


def distance_to_no_cell(vm: Vm) -> Iterator[Diagnostic]:
    """KV316: distances name cells that exist."""
    for cell in vm.numa.cells:
        for other, _ in cell.distances:
            if other >= len(vm.numa.cells):
                yield error(
                    "KV316",
                    f"there is no cell {other}",
                    _cell(vm, cell.id, "distances").at(other, key=True),
                    hint=f"cells are numbered from 0; the last is {len(vm.numa.cells) - 1}",
                )


def distance_value(vm: Vm) -> Iterator[Diagnostic]:
    """KV317: 10 to the cell itself, and to no other (ACPI SLIT)."""
    for cell in vm.numa.cells:
        for other, distance in cell.distances:
            if (other == cell.id) == (distance == _LOCAL):
                continue
            which = "itself" if other == cell.id else f"cell {other}"
            rule = "must be 10" if other == cell.id else "must be above 10"
            yield error(
                "KV317",
                f"the distance of cell {cell.id} to {which} {rule}, got {distance}",
                _cell(vm, cell.id, "distances").at(other),
                hint="10 is local, 20 or 21 another socket, 255 cannot be reached",
            )


def part_of_a_page(vm: Vm) -> Iterator[Diagnostic]:
    """KV318: memory on huge pages is a whole number of them."""
    for place, memory, page in _paged(vm):
        if _is_page(page) and memory % page:
            less, more = memory // page * page, (memory // page + 1) * page
            yield error(
                "KV318",
                f"{format_kib(memory)} is no whole number of {format_kib(page)} pages",
                place,
                hint=f"use {format_kib(less)} or {format_kib(more)}"
                if less
                else f"use {format_kib(more)}, or smaller pages",
            )


def memory_bounds(vm: Vm) -> Iterator[Diagnostic]:
    """KV319: the VM and each cell have memory, and no more than libvirt can count."""
    if not vm.memory_kib and not vm.numa.cells:
        yield error(
            "KV319",
            "the VM has no memory",
            vm.place.at("memory"),
            hint="give `memory`, e.g. `memory: 4GiB`, or cells with memory",
        )
    for cell in vm.numa.cells:
        if not cell.memory_kib:
            yield error(
                "KV319",
                f"cell {cell.id} has no memory",
                _cell(vm, cell.id, "memory"),
                hint="give it some, e.g. `memory: 4GiB`",
            )
    if vm.memory_kib > _MAX_KIB:
        yield error(
            "KV319",
            "no guest has more than 8388608TiB of memory",
            vm.place.at("memory"),
            hint="look at the unit",
        )


def page_size(vm: Vm) -> Iterator[Diagnostic]:
    """KV320: a huge page's size is a power of two."""
    own = vm.memory_backing.hugepages_kib
    pages = [(vm.place.at("memory_backing", "hugepages"), own)]
    pages += [
        (_cell(vm, cell.id, "hugepages"), cell.hugepages_kib)
        for cell in vm.numa.cells
        if cell.hugepages_kib != own
    ]
    for place, page in pages:
        if page is not None and not _is_page(page):
            yield error(
                "KV320",
                f"no page has a size of {format_kib(page)}",
                place,
                hint=f"did you mean {format_kib(_nearest_page(page))}? page sizes are "
                "powers of two",
            )


def _paged(vm: Vm) -> Iterator[tuple[Place, int, int]]:
    """Yield (place, memory, page size) of all that is backed by huge pages, in KiB."""
    for cell in vm.numa.cells:
        if cell.hugepages_kib is not None:
            yield _cell(vm, cell.id, "memory"), cell.memory_kib, cell.hugepages_kib
    if not vm.numa.cells and vm.memory_backing.hugepages_kib is not None:
        yield vm.place.at("memory"), vm.memory_kib, vm.memory_backing.hugepages_kib


def _is_page(kib: int) -> bool:
    return kib.bit_count() == 1


def _nearest_page(kib: int) -> int:
    above = 1 << kib.bit_length()
    return above if above - kib < kib - above // 2 else max(above // 2, 1)


def _cell(vm: Vm, cell: int, field: str) -> Place:
    return vm.place.at("numa", "cells", cell, field)


RULES = (
    vcpus_in_no_cell,
    vcpus_in_two_cells,
    cell_beyond_max,
    cell_without_vcpus,
    cell_memory_sum,
    distance_to_no_cell,
    distance_value,
    part_of_a_page,
    memory_bounds,
    page_size,
)
