"""All the ways to seat one more VM beside those that sit already.

Of the CPUs of untouched cores that no rule and no preference can tell apart only the lowest is
tried, and guest cores of one cell are taken in ascending order of their first CPU: any placement
can be turned into such a one by renaming what is equal.
"""

from __future__ import annotations

from collections import Counter
from itertools import permutations
from typing import TYPE_CHECKING

from msgspec import Struct

from tests.property.memory import elsewhere, items_of
from tests.property.seats import (
    SEATED,
    Seating,
    barred,
    candidates,
    count_allows,
    dedicated,
    guest_core,
    shared_cores,
    shared_set,
    wanted_extras,
    width,
)

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping, Sequence

    from kvmc.host.model import Core, Host
    from kvmc.spec.model import Vm

EXTRA = -1
"""Stands for emulator and I/O threads where a guest core would stand."""


class Problem(Struct, frozen=True, kw_only=True):
    """What stays the same while the search runs."""

    host: Host
    mine: dict[str, frozenset[int]]
    """VM -> candidates."""
    bars: dict[str, frozenset[int]]
    """VM -> CPUs of cores nobody else may have."""
    kinds: Mapping[Core, Hashable]
    """Core -> what tells it from another one while both are untouched."""
    guests: dict[str, dict[int, int]]
    """VM -> vCPU -> guest core."""

    def sign(self, cpu: int) -> tuple[bool, ...]:
        """For which of the VMs the CPU is a candidate."""
        return tuple(cpu in cpus for cpus in self.mine.values())


def pose(vms: Sequence[Vm], host: Host) -> Problem:
    bars = {vm.name: barred(vm, host) for vm in vms}
    mine = {
        vm.name: candidates(vm, host).difference(*(bars[n] for n in bars if n != vm.name))
        for vm in vms
    }
    fixed = {cpu for vm in vms for cpu in bars[vm.name]}
    fixed |= {cpu for vm in vms for _, cpus in vm.pin.map for cpu in cpus}
    kinds = {
        core: (
            core.cpus if fixed & {*core.cpus} else 0,
            core.node,
            core.l3,
            core.kind,
            tuple(sorted(tuple(cpu in cpus for cpus in mine.values()) for cpu in core.cpus)),
        )
        for core in host.cores
    }
    guests = {vm.name: guest_core(vm, host) for vm in vms}
    return Problem(host=host, mine=mine, bars=bars, kinds=kinds, guests=guests)


def seatings(vm: Vm, taken: tuple[Seating, ...], problem: Problem) -> Iterator[Seating]:
    """Every way to seat one more VM that keeps the rules."""
    host = problem.host
    for nodes in _cell_nodes(vm, host):
        seats = _Seats(vm=vm, taken=taken, problem=problem, nodes=nodes)
        for seating in seats.all():
            now = (*taken, seating)
            items = [item for s in now for item in items_of(s, host)]
            if _load_fits(now, host) and elsewhere(items, host) is not None:
                yield seating


def _cell_nodes(vm: Vm, host: Host) -> Iterator[dict[int, int | None]]:
    """Every choice of host nodes for the cells a rule binds; one empty choice without any."""
    if not vm.numa.cells or vm.pin.strategy not in SEATED or vm.numa.mode != "strict":
        yield {}
        return
    for nodes in permutations([node.id for node in host.nodes], len(vm.numa.cells)):
        yield dict(enumerate(nodes))


def _load_fits(taken: tuple[Seating, ...], host: Host) -> bool:
    """Rule 8."""
    load: Counter[int] = Counter()
    total = 0
    for s in taken:
        if s.vm.pin.strategy in ("shared", "mixed"):
            for vcpu in set(range(s.vm.cpu.max)) - dedicated(s.vm):
                total += 1
                node = s.nodes.get(s.vm.cell_of(vcpu))  # type: ignore[arg-type]
                if node is not None:
                    load[node] += 1
    shared, most = shared_set(host), host.policy.overcommit
    return total <= most * len(shared) and all(
        n <= most * len(shared & {*host.node_cpus[node]}) for node, n in load.items()
    )


class _Seats(Struct, kw_only=True):
    """One VM looking for its CPUs, one after the other."""

    vm: Vm
    taken: tuple[Seating, ...]
    problem: Problem
    nodes: dict[int, int | None]
    on: dict[int, tuple[str, int]] = {}
    """Host CPU -> (VM, guest core)."""

    def all(self) -> Iterator[Seating]:
        vm, host = self.vm, self.problem.host
        for s in self.taken:
            for vcpu, cpu in s.vcpus.items():
                self.on[cpu] = (s.vm.name, self.problem.guests[s.vm.name][vcpu])
            self.on.update(dict.fromkeys(s.extras, (s.vm.name, EXTRA)))
        whole = width(vm, host) > 1 and count_allows(vm, host)
        if vm.pin.threads == "require" and vm.dedicated and not whole:
            return
        own = self.problem.bars[vm.name]
        if any(cpu in own and who[0] != vm.name for cpu, who in self.on.items()):
            return
        given = dict(vm.pin.map) if vm.pin.strategy == "manual" else {}
        wishes = [(v, given[v].first if given else None) for v in sorted(dedicated(vm))]
        wishes.sort(key=lambda wish: wish[1] is None)
        wishes += [(EXTRA, None)] * wanted_extras(vm)
        yield from self._next(wishes, [])

    def _next(
        self, wishes: list[tuple[int, int | None]], got: list[tuple[int, int]]
    ) -> Iterator[Seating]:
        if len(got) == len(wishes):
            yield Seating(
                vm=self.vm,
                vcpus={who: cpu for who, cpu in got if who != EXTRA},
                extras=tuple(cpu for who, cpu in got if who == EXTRA),
                nodes=self.nodes,
            )
            return
        who, given = wishes[len(got)]
        guest = EXTRA if who == EXTRA else self.problem.guests[self.vm.name][who]
        tried = set()
        for cpu in self._choices(who, guest, given, wishes, got):
            look = self._look(cpu)
            if look in tried or not self._may(who, guest, cpu, got):
                continue
            tried.add(look)
            self.on[cpu] = (self.vm.name, guest)
            yield from self._next(wishes, [*got, (who, cpu)])
            del self.on[cpu]

    def _choices(
        self,
        who: int,
        guest: int,
        given: int | None,
        wishes: list[tuple[int, int | None]],
        got: list[tuple[int, int]],
    ) -> list[int]:
        """The CPUs to try: the given one, or the candidates above those of equal predecessors."""
        if given is not None:
            return [given] if self._may_be_given(given) else []
        below = -1
        if got and wishes[len(got) - 1][1] is None:
            below = self._last_equal(who, guest, got)
        return [cpu for cpu in sorted(self.problem.mine[self.vm.name]) if cpu > below]

    def _last_equal(self, who: int, guest: int, got: list[tuple[int, int]]) -> int:
        """The CPU the next one must lie above, as swapping the two would change nothing."""
        last, cpu = got[-1]
        if EXTRA in {who, last}:
            return cpu if who == last else -1
        mates = self.problem.guests[self.vm.name]
        if mates[last] == guest:
            return cpu
        cell = self.vm.cell_of(who)
        firsts = [
            (c, v) for v, c in got if v != EXTRA and self.vm.cell_of(v) == cell and self._first(v)
        ]
        return firsts[-1][0] if firsts and self._first(who) else -1

    def _first(self, vcpu: int) -> bool:
        guests = self.problem.guests[self.vm.name]
        return min(v for v, guest in guests.items() if guest == guests[vcpu]) == vcpu

    def _may_be_given(self, cpu: int) -> bool:
        policy = self.problem.host.policy
        no = {*policy.shared, *policy.pooled, *policy.reserved} | shared_cores(self.problem.host)
        return cpu in self.problem.host.online and cpu not in no

    def _look(self, cpu: int) -> Hashable:
        """What tells a CPU from others: on an untouched core its kind, else the very core."""
        core = self.problem.host.core_of[cpu]
        sign = self.problem.sign(cpu)
        if any(c in self.on for c in core.cpus):
            return (core.cpus, sign)
        return (self.problem.kinds[core], sign)

    def _may(self, who: int, guest: int, cpu: int, got: list[tuple[int, int]]) -> bool:
        """Rules 1 to 6 for one more CPU."""
        core = self.problem.host.core_of[cpu]
        if cpu in self.on or not self._node_right(who, core):
            return False
        if any(cpu in self.problem.bars[s.vm.name] for s in self.taken):
            return False
        beside = [self.on[c] for c in core.cpus if c in self.on]
        strangers = [(name, g) for name, g in beside if name != self.vm.name]
        mates = [g for name, g in beside if name == self.vm.name]
        return (
            (not strangers or self._may_share(guest, strangers))
            and self._threads_right(guest, core, mates, got)
            and self._cache_right(who, core, got)
        )

    def _threads_right(
        self, guest: int, core: Core, mates: list[int], got: list[tuple[int, int]]
    ) -> bool:
        """Rule 3: who of the same VM may be on the core already."""
        policy = self.vm.pin.threads
        if self.vm.pin.strategy == "manual" or policy == "prefer":
            return True
        if any(g != guest for g in mates) or (policy == "isolate" and mates and guest != EXTRA):
            return False
        if policy == "isolate" or guest == EXTRA:
            return True
        guests = self.problem.guests[self.vm.name]
        homes = [c for v, c in got if v != EXTRA and guests[v] == guest]
        return all(c in core.cpus for c in homes)

    def _may_share(self, guest: int, strangers: list[tuple[str, int]]) -> bool:
        """Rule 2, and an isolated thread never beside another VM."""
        soft = {s.vm.name for s in self.taken if s.vm.pin.threads == "prefer"}
        return (
            self.problem.host.policy.core_sharing == "allow"
            and self.vm.pin.threads == "prefer"
            and guest != EXTRA
            and all(name in soft and g != EXTRA for name, g in strangers)
        )

    def _node_right(self, who: int, core: Core) -> bool:
        """Rules 4 and 5: a bound cell's vCPU is on the cell's node, a bound VM's on one node."""
        if who == EXTRA or self.vm.pin.strategy not in SEATED:
            return True
        cell = self.vm.cell_of(who)
        if cell is not None:
            return cell not in self.nodes or self.nodes[cell] == core.node
        if self.vm.pin.numa != "require":
            return True
        own = [c for c, (name, g) in self.on.items() if name == self.vm.name and g != EXTRA]
        home = self.problem.host.core_of
        return core.node is not None and all(home[c].node == core.node for c in own)

    def _cache_right(self, who: int, core: Core, got: list[tuple[int, int]]) -> bool:
        """Rule 6."""
        if self.vm.pin.l3 != "require" or who == EXTRA or self.vm.pin.strategy not in SEATED:
            return True
        cell = self.vm.cell_of(who)
        own = [c for v, c in got if v != EXTRA and self.vm.cell_of(v) == cell]
        return core.l3 is not None and all(self.problem.host.core_of[c].l3 == core.l3 for c in own)
