"""Random small fleets, the same for the same seed on every machine."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from kvmc.cpuset import CpuSet
from kvmc.diagnostics import Place
from kvmc.spec.model import Cell, Cpu, MemoryBacking, Numa, Pin, Topology, Vm
from tests.property.hosts import GIB, random_host
from tests.property.seats import shared_cores, shared_set, width

if TYPE_CHECKING:
    from kvmc.host.model import Host
    from kvmc.spec.model import NumaMode, Strategy, Threads

_OFTEN: tuple[Strategy, ...] = (*("dedicated",) * 13, "manual", "manual", "none")
_WITH_SHARED: tuple[Strategy, ...] = ("shared", "shared", "shared", *("mixed",) * 4)
SIZES = (1, 1, 2, 2, 2, 3, 4, 4)


class Case(Struct, frozen=True, kw_only=True):
    """A host and the VMs that want to live on it."""

    seed: int
    host: Host
    vms: tuple[Vm, ...]


def case(seed: int) -> Case:
    """Return the case of a seed."""
    rng = Random(seed)  # noqa: S311 - not for secrets: the same cases on every machine
    host = random_host(rng)
    count = rng.choice([1, 2, 2, 3, 3, 4])
    budget, vms = 8, []
    for name in "abcd"[:count]:
        vm = random_vm(rng, name, host, budget)
        budget -= vm.cpu.max if vm.pin.strategy in ("dedicated", "mixed") else 0
        vms.append(vm)
        if budget < 1:
            break
    return Case(seed=seed, host=host, vms=tuple(vms))


def random_vm(rng: Random, name: str, host: Host, budget: int) -> Vm:
    """Return a VM with at most `budget` vCPUs."""
    strategies: list[Strategy] = [*_OFTEN]
    if shared_set(host) or rng.random() < 0.03:
        strategies += _WITH_SHARED
    strategy = rng.choice(strategies)
    most = min(rng.choice(SIZES) + (rng.random() < 0.1), budget)
    cpu = Cpu(count=rng.randint(1, most) if rng.random() < 0.3 else most, max=most)
    if rng.random() < 0.35:
        cpu = replace(cpu, topology=_topology(rng, most))
    memory = rng.choice([1, 1, 1, 2, 2, 3, 4])
    place = Place(file=f"vms/{name}.yaml")
    pin = Pin(strategy=strategy)
    vm = Vm(name=name, memory_kib=memory * GIB, cpu=cpu, pin=pin, place=place)
    if strategy == "manual":
        return replace(_manual(rng, vm, host), memory_kib=1)
    if strategy == "none":
        return vm
    return _threads(rng, _cells(rng, _pin(rng, vm, host), host), host)


def _topology(rng: Random, vcpus: int) -> Topology:
    threads = 2 if vcpus % 2 == 0 and rng.random() < 0.7 else 1
    sockets = 2 if vcpus // threads % 2 == 0 and rng.random() < 0.5 else 1
    return Topology(sockets=sockets, cores=vcpus // threads // sockets, threads=threads)


def _pin(rng: Random, vm: Vm, host: Host) -> Vm:
    policies: list[Threads] = ["prefer", "prefer", "prefer", "isolate"]
    whole = width(vm, host) > 1 and vm.cpu.max % width(vm, host) == 0
    if whole or rng.random() < 0.05:
        policies += ["require", "require"]
    pin = replace(vm.pin, threads=rng.choice(policies))
    if pin.strategy == "shared":
        return replace(vm, pin=replace(pin, threads="prefer"))
    if pin.strategy == "mixed":
        step = 2 if pin.threads == "require" and vm.cpu.max % 2 == 0 else 1
        start = rng.randrange(0, vm.cpu.max, step)
        last = rng.randrange(start + step, vm.cpu.max + 1, step)
        pin = replace(pin, vcpus=CpuSet(range(start, last)))
    if rng.random() < 0.15:
        pin = replace(pin, cpus=CpuSet(c for c in host.online if rng.random() < 0.7))
    if rng.random() < (0.25 if any(core.kind for core in host.cores) else 0.01):
        pin = replace(pin, kind=rng.choice(["performance", "performance", "efficiency"]))
    if rng.random() < 0.12:
        pin = replace(pin, l3="require")
    if pin.strategy == "dedicated" and rng.random() < 0.15:
        pin = replace(pin, numa="require")
    return replace(vm, pin=pin)


def _cells(rng: Random, vm: Vm, host: Host) -> Vm:
    """Sometimes guest cells: mostly equal runs, sometimes not; sometimes huge pages."""
    page = GIB if rng.random() < (0.4 if host.nodes[0].hugepages else 0.02) else None
    backing = MemoryBacking(hugepages_kib=page)
    if vm.pin.numa == "require" or rng.random() < 0.65:
        return replace(vm, memory_backing=backing)
    vcpus, most = list(range(vm.cpu.max)), vm.cpu.max
    cut = most // 2 if most % 2 == 0 or rng.random() < 0.5 else rng.randint(0, most - 1)
    if rng.random() < 0.1:
        rng.shuffle(vcpus)
    two = rng.random() < (0.8 if len(host.nodes) > 1 else 0.1)
    runs = [run for run in (vcpus[:cut], vcpus[cut:]) if run] if two else [vcpus]
    share = max(vm.memory_kib // GIB // len(runs), 1) * GIB
    cells = tuple(
        Cell(id=n, cpus=CpuSet(run), memory_kib=share, hugepages_kib=page)
        for n, run in enumerate(runs)
    )
    loose = vm.pin.strategy == "dedicated" and rng.random() < 0.35
    mode: NumaMode = rng.choice(("preferred", "interleave")) if loose else "strict"
    numa = Numa(mode=mode, cells=cells)
    return replace(vm, numa=numa, memory_kib=share * len(cells), memory_backing=backing)


def _threads(rng: Random, vm: Vm, host: Host) -> Vm:
    """Sometimes emulator or I/O threads that want a place of their own."""
    if vm.pin.strategy == "shared" and rng.random() < 0.8:
        return vm
    choice = rng.random()
    pin = vm.pin
    if choice < 0.12 and pin.strategy != "shared":
        pin = replace(pin, emulator="isolate")
    elif choice < 0.2 and shared_set(host):
        pin = replace(pin, emulator="share")
    elif choice < 0.3:
        pin = replace(pin, emulator=_list(rng, host))
    iothreads = rng.choice([0, 0, 0, 1, 2])
    if iothreads and rng.random() < 0.3 and pin.strategy != "shared":
        pin = replace(pin, iothreads="isolate")
    return replace(vm, pin=pin, iothreads=iothreads)


def _list(rng: Random, host: Host) -> CpuSet:
    """An explicit list: one CPU, the threads of a core, or some reserved CPUs."""
    policy = host.policy
    if len(policy.reserved) > 1 and rng.random() < 0.4:
        return policy.reserved
    taken = {*policy.reserved, *policy.pooled, *policy.shared} | shared_cores(host)
    free = sorted(set(host.online) - taken)
    if free and rng.random() < 0.4:
        return CpuSet([rng.choice(free)])
    cores = [core for core in host.cores if len(core.cpus) > 1]
    return CpuSet(rng.choice(cores).cpus) if cores else CpuSet(sorted(host.online)[:2])


def _manual(rng: Random, vm: Vm, host: Host) -> Vm:
    """Pins to single free CPUs mostly; sometimes a vCPU floats over a core."""
    policy = host.policy
    taken = {*policy.reserved, *policy.pooled, *policy.shared} | shared_cores(host)
    free = sorted(set(host.online) - taken)
    rng.shuffle(free)
    pins = []
    for vcpu in range(vm.cpu.max):
        wide = shared_set(host) if rng.random() < 0.5 else rng.choice(host.cores).cpus
        single = free and rng.random() < 0.7
        pins.append((vcpu, CpuSet([free.pop()]) if single else CpuSet(wide or host.online)))
    return replace(vm, pin=replace(vm.pin, map=tuple(pins)))
