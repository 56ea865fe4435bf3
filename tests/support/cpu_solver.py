"""A second independent judge: the rules and preferences 1 and 3 thread by thread, for CP-SAT.

Written from docs/planner.md, with the words of tests/property/seats.py. Unlike that of
tests/support/solver.py it takes cores of any width, hosts that are not alike everywhere, and VMs
of all kinds but those that name CPUs by number (rule 9). It knows nothing of the planner.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise, permutations
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec import Struct

from tests.property.seats import (
    candidates,
    count_allows,
    dedicated,
    guest_core,
    parts,
    shared_set,
    wanted_extras,
    width,
)
from tests.support.solver import in_order

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kvmc.host.model import Host
    from kvmc.spec.model import Vm


class Take(NamedTuple):
    """The threads of one host core that one tenant has."""

    threads: Any
    some: Any
    """Whether there are any."""


class GuestCore(NamedTuple):
    """Dedicated vCPUs that the guest sees as threads of one core; alike ones can be exchanged."""

    part: int
    """The number of its cell; 0 without cells."""
    vcpus: int


class Guest(Struct, frozen=True):
    """One VM and its variables."""

    vm: Vm
    out: Any
    """Whether it is left out."""
    candidates: frozenset[int]
    cores: tuple[GuestCore, ...]
    seats: dict[tuple[int, int], Take] = {}
    """(number of the guest core, index of the host core)."""
    extras: dict[int, Take] = {}
    """Index of the host core -> isolated emulator and I/O threads there."""
    homes: list[dict[int, Any]] = []
    """The node of each part; empty where no rule binds them to one."""

    def on(self, index: int) -> list[Take]:
        """Return what the VM's tenants have on one host core."""
        found = [take for (_, core), take in self.seats.items() if core == index]
        return [*found, *(take for core, take in self.extras.items() if core == index)]


class Model(NamedTuple):
    """The variables of one instance."""

    cp: Any
    host: Host
    guests: Sequence[Guest]


class Visit(NamedTuple):
    """One VM on one host core."""

    guest: Guest
    here: Any
    extras: Any | None
    """Whether its isolated emulator or I/O threads are there; None where they cannot be."""


def optimum(vms: Sequence[Vm], host: Host, seconds: float = 20.0) -> tuple[int, ...]:
    """Return (vCPUs left out, siblings shared) of the best plan; shorter where time ran out."""
    from ortools.sat.python import cp_model

    cp = cp_model.CpModel()
    model = Model(cp, host, [_guest(cp, vm, host) for vm in vms])
    for guest in model.guests:
        _seat(model, guest)
        _exchange(model, guest)
        _isolated(model, guest)
        _bind(model, guest)
        _one_cache(model, guest)
    shared = [_tenancy(model, index) for index in range(len(host.cores))]
    _memory(model)
    _floating(model)
    left = sum(guest.vm.cpu.max * guest.out for guest in model.guests)
    return in_order(cp, [left, sum(shared)], seconds)


def _guest(cp: Any, vm: Vm, host: Host) -> Guest:
    part_of = {vcpu: number for number, part in enumerate(parts(vm)) for vcpu in part}
    together = defaultdict(list)
    for vcpu, core in guest_core(vm, host).items():
        together[core].append(vcpu)
    cores = tuple(GuestCore(part_of[vcpus[0]], len(vcpus)) for vcpus in together.values())
    return Guest(vm, cp.new_bool_var(""), candidates(vm, host), cores)


def _take(cp: Any, most: int) -> Take:
    some = cp.new_bool_var("")
    if most == 1:
        return Take(some, some)
    threads = cp.new_int_var(0, most, "")
    cp.add(threads >= 1).only_enforce_if(some)
    cp.add(threads == 0).only_enforce_if(~some)
    return Take(threads, some)


def _room(guest: Guest, host: Host, index: int) -> int:
    """Count the CPUs of a core that the VM may get."""
    return len(guest.candidates & {*host.cores[index].cpus})


def _seat(model: Model, guest: Guest) -> None:
    """Every dedicated vCPU of a VM that is in has a thread; rule 3, `require`: in whole cores."""
    cp, host = model.cp, model.host
    whole = guest.vm.pin.threads == "require" and bool(guest.cores)
    if whole and (width(guest.vm, host) < 2 or not count_allows(guest.vm, host)):
        cp.add(guest.out == 1)
    for number, core in enumerate(guest.cores):
        for index in range(len(host.cores)):
            most = min(core.vcpus, _room(guest, host, index))
            if most and (most == core.vcpus or not whole):
                take = guest.seats[number, index] = _take(cp, most)
                if whole:
                    cp.add(take.threads == core.vcpus * take.some)
        cp.add(sum(_row(guest, number).values()) == core.vcpus * (1 - guest.out))


def _row(guest: Guest, number: int) -> dict[int, Any]:
    """Return host core -> threads of one guest core."""
    return {index: take.threads for (mine, index), take in guest.seats.items() if mine == number}


def _exchange(model: Model, guest: Guest) -> None:
    """No rule: of plans that differ by an exchange of alike guest cores one is enough."""
    alike = defaultdict(list)
    for number, core in enumerate(guest.cores):
        row = _row(guest, number).items()
        alike[core].append(sum(index * threads for index, threads in row))
    for places in alike.values():
        for first, second in pairwise(places):
            model.cp.add(first <= second)


def _isolated(model: Model, guest: Guest) -> None:
    """Isolated emulator and I/O threads are dedicated too; those of a VM are one tenant of a core.

    Rule 3: under `isolate` and `require` no core has two tenants of the VM.
    """
    cp, wanted = model.cp, wanted_extras(guest.vm)
    for index in range(len(model.host.cores)):
        most = min(wanted, _room(guest, model.host, index))
        if most:
            guest.extras[index] = _take(cp, most)
        if guest.vm.pin.threads != "prefer":
            cp.add(sum(take.some for take in guest.on(index)) <= 1)
    cp.add(sum(take.threads for take in guest.extras.values()) == wanted * (1 - guest.out))


def _bind(model: Model, guest: Guest) -> None:
    """Rules 4 and 5: each strict cell on a node of its own, or the whole VM on one."""
    cp, vm = model.cp, guest.vm
    strict = bool(vm.numa.cells) and vm.numa.mode == "strict"
    if not strict and (vm.numa.cells or vm.pin.numa != "require" or not dedicated(vm)):
        return
    nodes = [node.id for node in model.host.nodes]
    for part in range(len(parts(vm))):
        home = {node: cp.new_bool_var("") for node in nodes}
        cp.add(sum(home.values()) == 1 - guest.out)
        _only(model, guest, part, home, {i: c.node for i, c in enumerate(model.host.cores)})
        guest.homes.append(home)
    for node in nodes:
        cp.add(sum(home[node] for home in guest.homes) <= 1)


def _one_cache(model: Model, guest: Guest) -> None:
    """Rule 6: under `l3: require` each cell has one known level 3 cache."""
    if guest.vm.pin.l3 != "require":
        return
    cache_of = {index: core.l3 for index, core in enumerate(model.host.cores)}
    known = sorted({core.l3 for core in model.host.cores if core.l3 is not None})
    for part in range(len(parts(guest.vm))):
        caches = {l3: model.cp.new_bool_var("") for l3 in known}
        model.cp.add(sum(caches.values()) <= 1)
        _only(model, guest, part, caches, cache_of)


def _only(
    model: Model,
    guest: Guest,
    part: int,
    allowed: Mapping[int, Any],
    where: Mapping[int, int | None],
) -> None:
    """The vCPUs of a part are on cores only whose node or cache is allowed, and known."""
    for (number, index), take in guest.seats.items():
        if guest.cores[number].part == part:
            place = where[index]
            model.cp.add(take.some <= (0 if place is None else allowed[place]))


def _tenancy(model: Model, index: int) -> Any:
    """Rules 1 and 2 on one core; return its tenants - 1 (preference 3), 0 where it is empty."""
    cp = model.cp
    visits = [_visit(model, guest, index) for guest in model.guests if guest.on(index)]
    _own_cpus(model, index)
    if not visits:
        return 0
    if model.host.policy.core_sharing == "never":
        cp.add_at_most_one(visit.here for visit in visits)
    for one, other in permutations(visits, 2):
        if one.guest.vm.pin.threads != "prefer":
            cp.add_bool_or(~one.here, ~other.here)
        elif one.extras is not None:
            # Rule 3: a core with isolated threads is open to no other VM.
            cp.add_bool_or(~one.extras, ~other.here)
    used = cp.new_bool_var("")
    cp.add_max_equality(used, [visit.here for visit in visits])
    return sum(take.some for visit in visits for take in visit.guest.on(index)) - used


def _visit(model: Model, guest: Guest, index: int) -> Visit:
    here = model.cp.new_bool_var("")
    model.cp.add_max_equality(here, [take.some for take in guest.on(index)])
    extras = guest.extras.get(index)
    return Visit(guest, here, extras.some if extras else None)


def _own_cpus(model: Model, index: int) -> None:
    """Rule 1, and which CPUs a VM may get: those of a core that the same VMs may get are alike."""
    cp, guests = model.cp, model.guests
    alike: dict[tuple[int, ...], int] = defaultdict(int)
    for cpu in model.host.cores[index].cpus:
        alike[tuple(n for n, guest in enumerate(guests) if cpu in guest.candidates)] += 1
    given: dict[int, list[Any]] = defaultdict(list)
    for numbers, cpus in alike.items():
        shares = {n: cp.new_int_var(0, cpus, "") for n in numbers}
        cp.add(sum(shares.values()) <= cpus)
        for n, share in shares.items():
            given[n].append(share)
    for n, shares_of_one in given.items():
        cp.add(sum(take.threads for take in guests[n].on(index)) == sum(shares_of_one))


def _memory(model: Model) -> None:
    """Rules 4, 5 and 7: bound memory fits its nodes, and all pages the pools of the whole host."""
    bound: dict[tuple[int, int | None], list[Any]] = defaultdict(list)
    pages: dict[int, list[Any]] = defaultdict(list)
    for guest in model.guests:
        for part, (amount, page) in enumerate(_asked(guest.vm)):
            if page is not None:
                pages[page].append(amount * (1 - guest.out))
            for node, home in guest.homes[part].items() if guest.homes else ():
                bound[node, page].append(amount * home)
    stock = {node.id: {None: node.plain_kib, **dict(node.hugepages)} for node in model.host.nodes}
    for (node, page), amounts in bound.items():
        have = stock[node].get(page, 0)
        if have is not None:
            model.cp.add(sum(amounts) <= have)
    for page, amounts in pages.items():
        model.cp.add(sum(amounts) <= sum(one.get(page, 0) or 0 for one in stock.values()))


def _asked(vm: Vm) -> list[tuple[int, int | None]]:
    """Return for each part its KiB and None, or its pages and their size in KiB."""
    asked = [(cell.memory_kib, cell.hugepages_kib) for cell in vm.numa.cells]
    asked = asked or [(vm.memory_kib, vm.memory_backing.hugepages_kib)]
    return [(kib if page is None else -(-kib // page), page) for kib, page in asked]


def _floating(model: Model) -> None:
    """Rule 8, of the whole host and of each node."""
    policy, shared = model.host.policy, shared_set(model.host)
    everywhere: list[Any] = []
    on_node: dict[int, list[Any]] = defaultdict(list)
    for guest in model.guests:
        for part, vcpus in enumerate(parts(guest.vm)):
            floating = len(vcpus - dedicated(guest.vm))
            everywhere.append(floating * (1 - guest.out))
            for node, home in guest.homes[part].items() if guest.homes else ():
                on_node[node].append(floating * home)
    model.cp.add(sum(everywhere) <= policy.carries(len(shared)))
    for node, load in on_node.items():
        cpus = shared & {*model.host.node_cpus[node]}
        model.cp.add(sum(load) <= policy.carries(len(cpus)))
