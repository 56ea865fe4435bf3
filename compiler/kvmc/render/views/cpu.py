"""<cpu>: the model, the topology and the guest's NUMA cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from kvmc.render.views.attributes import attributes

if TYPE_CHECKING:
    from kvmc.planner.model import VmPlan
    from kvmc.render.views.attributes import Attributes
    from kvmc.spec.model import Cell, Cpu, Topology, Vm


class ModelView(Struct, frozen=True, kw_only=True):
    """<model>: without a name where only a fallback is asked of host-model."""

    name: str | None
    attributes: Attributes


class CellView(Struct, frozen=True, kw_only=True):
    """<cell>: `distances` holds the attributes of each <sibling>."""

    attributes: Attributes
    distances: tuple[Attributes, ...]


class CpuView(Struct, frozen=True, kw_only=True):
    """<cpu>; `models` and `caches` hold one or none."""

    attributes: Attributes
    models: tuple[ModelView, ...]
    topology: Attributes
    caches: tuple[Attributes, ...]
    features: tuple[Attributes, ...]
    cells: tuple[CellView, ...]


def cpu_view(vm: Vm, plan: VmPlan) -> CpuView:
    """Return <cpu>; without a mode it holds the topology and the cells, and libvirt's own model."""
    cpu = vm.cpu
    return CpuView(
        attributes=_attributes(cpu),
        models=_models(cpu),
        topology=topology_attributes(plan.topology),
        caches=()
        if cpu.cache is None
        else (attributes(level=cpu.cache.level, mode=cpu.cache.mode),),
        features=tuple(attributes(policy=policy, name=name) for name, policy in cpu.features),
        cells=tuple(_cell(cell) for cell in vm.numa.cells),
    )


def topology_attributes(topology: Topology) -> Attributes:
    """Return all fields, always: absent ones mean different things to libvirt and to QEMU.

    `clusters` alone is left out where it is 1: libvirt before 10.1 does not know the attribute,
    and x86 QEMU takes no other value.
    """
    return attributes(
        sockets=topology.sockets,
        dies=topology.dies,
        clusters=topology.clusters if topology.clusters != 1 else None,
        cores=topology.cores,
        threads=topology.threads,
    )


def _attributes(cpu: Cpu) -> Attributes:
    # migratable only when asked: libvirt 6.5.0 broke migration by writing it by itself
    migratable = None if cpu.migratable is None else {True: "on", False: "off"}[cpu.migratable]
    return attributes(mode=cpu.mode, match=cpu.match, check=cpu.check, migratable=migratable)


def _models(cpu: Cpu) -> tuple[ModelView, ...]:
    if cpu.model is not None:
        # `allow` is libvirt's default and what it prints back
        return (ModelView(name=cpu.model, attributes=attributes(fallback=cpu.fallback or "allow")),)
    if cpu.fallback is not None and cpu.mode == "host-model":
        return (ModelView(name=None, attributes=attributes(fallback=cpu.fallback)),)
    return ()


def _cell(cell: Cell) -> CellView:
    return CellView(
        attributes=attributes(
            id=cell.id,
            cpus=cell.cpus or None,  # a cell of memory alone, since libvirt 6.6
            memory=cell.memory_kib,
            unit="KiB",
            memAccess=cell.access,
            discard=cell.discard,
        ),
        distances=tuple(attributes(id=other, value=value) for other, value in cell.distances),
    )
