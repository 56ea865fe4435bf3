"""An independent judge of plans: every rule of docs/planner.md, and the price of a plan.

Written from the page alone. It looks at a finished HostPlan and says what is wrong with it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from tests.property.memory import elsewhere, items_of
from tests.property.price import price
from tests.property.seats import (
    SEATED,
    Seating,
    barred,
    candidates,
    count_allows,
    dedicated,
    guest_core,
    parts,
    shared_cores,
    shared_set,
    width,
)
from tests.property.shape import misshapen

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kvmc.host.model import Core, Host
    from kvmc.planner.model import HostPlan, VmPlan
    from kvmc.spec.model import Vm


def seatings(plan: HostPlan, vms: Sequence[Vm]) -> list[Seating]:
    """Read off who has which CPU to himself."""
    named = {vm.name: vm for vm in vms}
    return [_seating(one, named[one.name]) for one in plan.vms]


def _seating(one: VmPlan, vm: Vm) -> Seating:
    pins = [(pin.id, pin.cpus) for pin in one.vcpus]
    extras: list[int] = []
    if vm.pin.strategy != "none":
        lists = [one.emulator] if vm.pin.emulator == "isolate" else []
        lists += [t.cpus for t in one.iothreads] if vm.pin.iothreads == "isolate" else []
        extras += [cpus.first for cpus in lists if cpus]
    return Seating(
        vm=vm,
        vcpus={v: cpus.first for v, cpus in pins if v in dedicated(vm) and cpus},
        extras=tuple(extras),
        nodes={cell.id: cell.host_node for cell in one.cells},
    )


def cost(plan: HostPlan, vms: Sequence[Vm], host: Host) -> tuple[int, ...]:
    """Return the tuple of the table of preferences; undefined for a plan that breaks rules."""
    placed = {one.name for one in plan.vms}
    left_out = sum(vm.cpu.max for vm in vms if vm.name not in placed)
    return price(seatings(plan, vms), left_out, host)


def violations(plan: HostPlan, vms: Sequence[Vm], host: Host) -> list[str]:
    """Return everything that is wrong with a plan; [] for a right one."""
    found = list(_roll_call(plan, vms))
    if found:
        return found
    shape = [
        f"{vm.name}: {text}" for vm, one in _pairs(plan, vms) for text in misshapen(one, vm, host)
    ]
    return [*shape, *broken(plan, vms, host)]


def broken(plan: HostPlan, vms: Sequence[Vm], host: Host) -> list[str]:
    """Return the breaches of rules 1 to 9 alone, without topology, emulators and the rest."""
    seats = seatings(plan, vms)
    if any(cpu not in host.core_of for s in seats for cpu in s.cpus):
        return ["a dedicated CPU is not online"]
    found = []
    for rule in (_unique, _allowed, _tenancy, _floats, _shared_load, _memory):
        found += rule(seats, host)
    for s in seats:
        found += [f"{s.vm.name}: {text}" for rule in (_threads, _places) for text in rule(s, host)]
    return found


def _pairs(plan: HostPlan, vms: Sequence[Vm]) -> list[tuple[Vm, VmPlan]]:
    named = {vm.name: vm for vm in vms}
    return [(named[one.name], one) for one in plan.vms]


def _roll_call(plan: HostPlan, vms: Sequence[Vm]) -> Iterator[str]:
    placed = [one.name for one in plan.vms]
    missing = [one.name for one in plan.unplaced]
    if sorted([*placed, *missing]) != sorted(vm.name for vm in vms):
        yield f"asked for {sorted(vm.name for vm in vms)}, answered {placed} and {missing}"
    if placed != sorted(placed) or missing != sorted(missing):
        yield "the VMs are not in the order of their names"


def _unique(seats: list[Seating], _host: Host) -> list[str]:
    """Rule 1."""
    owners = Counter(cpu for s in seats for cpu in s.cpus)
    return [f"CPU {cpu} is dedicated {n} times" for cpu, n in sorted(owners.items()) if n > 1]


def _allowed(seats: list[Seating], host: Host) -> list[str]:
    """ "Which CPUs a dedicated vCPU may get", and rule 9 for pins that are given."""
    policy = host.policy
    taken = {*policy.shared, *policy.pooled} | shared_cores(host)
    found = []
    for s in seats:
        planned = frozenset(s.cpus)
        mine = candidates(s.vm, host)
        if s.vm.pin.strategy == "manual":
            given_pins = frozenset(s.vcpus.values())
            no = given_pins & (taken | {*policy.reserved})
            found += [f"{s.vm.name}: {cpu} is pinned, but reserved or taken" for cpu in no]
            planned -= given_pins
        found += [f"{s.vm.name}: CPU {cpu} is no candidate" for cpu in planned - mine]
    return found


def _tenants(seats: list[Seating], host: Host) -> dict[Core, list[tuple[Vm, int | None]]]:
    """Core -> (VM, guest core) of each dedicated CPU; None for emulator and I/O threads."""
    found: dict[Core, list[tuple[Vm, int | None]]] = defaultdict(list)
    for s in seats:
        core_of = guest_core(s.vm, host)
        for vcpu, cpu in s.vcpus.items():
            found[host.core_of[cpu]].append((s.vm, core_of[vcpu]))
        for cpu in s.extras:
            found[host.core_of[cpu]].append((s.vm, None))
    return found


def _tenancy(seats: list[Seating], host: Host) -> list[str]:
    """Rule 2, and what rule 3 says about emulators beside the vCPUs of another VM."""
    found = []
    for core, tenants in _tenants(seats, host).items():
        names = {vm.name for vm, _ in tenants}
        if len(names) == 1:
            continue
        who = f"core {core.cpus} has {sorted(names)}"
        if host.policy.core_sharing == "never":
            found.append(f"{who}, sharing is never allowed")
        if any(vm.pin.threads != "prefer" for vm, _ in tenants):
            found.append(f"{who}, not all of them prefer")
        for vm, guest in tenants:
            if guest is None and any(o.name != vm.name for o, _ in tenants):
                found.append(f"{who}: an isolated thread beside another VM")
    return found


def _threads(s: Seating, host: Host) -> Iterator[str]:
    """Rule 3 inside one VM."""
    policy = s.vm.pin.threads
    own = _tenants([s], host)
    if policy == "prefer" or s.vm.pin.strategy == "manual":
        return
    for core, tenants in own.items():
        guests = [guest for _, guest in tenants if guest is not None]
        if guests and len(guests) < len(tenants):
            yield f"{policy}: core {core.cpus} has vCPUs and emulator threads"
        if policy == "isolate" and len(guests) > 1:
            yield f"isolate: core {core.cpus} has {len(guests)} vCPUs"
        if policy == "require" and len(set(guests)) > 1:
            yield f"require: core {core.cpus} has guest cores {sorted(set(guests))}"
    if policy == "require" and s.vcpus:
        yield from _whole_cores(s, host)


def _whole_cores(s: Seating, host: Host) -> Iterator[str]:
    """Rule 3, `require`: the threads of each guest core are siblings."""
    if width(s.vm, host) == 1:
        yield "require: guest cores of one thread"
    if not count_allows(s.vm, host):
        yield "require: the count does not fill whole guest cores"
    homes = defaultdict(set)
    for vcpu, cpu in s.vcpus.items():
        homes[guest_core(s.vm, host)[vcpu]].add(host.core_of[cpu])
    for guest, cores in homes.items():
        if len(cores) > 1:
            yield f"require: guest core {guest} is on {len(cores)} cores"


def _places(s: Seating, host: Host) -> Iterator[str]:
    """Rules 4, 5 and 6 without the memory."""
    vm = s.vm
    if vm.pin.strategy not in SEATED:
        return
    if vm.numa.cells and vm.numa.mode == "strict":
        if None in s.nodes.values() or len(set(s.nodes.values())) < len(vm.numa.cells):
            yield f"strict cells are on nodes {dict(s.nodes)}"
        for vcpu, cpu in s.vcpus.items():
            node = s.nodes[vm.cell_of(vcpu) or 0]
            if host.core_of[cpu].node != node:
                yield f"vCPU {vcpu} on CPU {cpu} is not on its cell's node {node}"
    nodes = {host.core_of[cpu].node for cpu in s.vcpus.values()}
    if not vm.numa.cells and vm.pin.numa == "require" and (len(nodes) > 1 or None in nodes):
        yield f"numa: require, but nodes {nodes}"
    if vm.pin.l3 == "require":
        for part in parts(vm):
            caches = {host.core_of[s.vcpus[v]].l3 for v in part if v in s.vcpus}
            if len(caches) > 1 or None in caches:
                yield f"l3: require, but caches {caches}"


def _floats(seats: list[Seating], host: Host) -> list[str]:
    """Rule 9: nobody else gets a dedicated CPU where somebody floats."""
    return [
        f"{o.vm.name} has CPU {cpu} to himself on a core where {s.vm.name} floats"
        for s in seats
        for o in seats
        if o.vm.name != s.vm.name
        for cpu in barred(s.vm, host) & {*o.cpus}
    ]


def _shared_load(seats: list[Seating], host: Host) -> list[str]:
    """Rule 8."""
    load: Counter[str | int | None] = Counter()
    for s in seats:
        if s.vm.pin.strategy not in ("shared", "mixed"):
            continue
        for vcpu in set(range(s.vm.cpu.max)) - set(s.vcpus):
            load["all"] += 1
            home = _home(s, vcpu, host)
            if home is not None:
                load[home] += 1
    rooms = {node: shared_set(host) & {*cpus} for node, cpus in host.node_cpus.items()}
    room: dict[str | int | None, int] = {node: len(cpus) for node, cpus in rooms.items()}
    room["all"] = len(shared_set(host))
    return [
        f"{count} shared vCPUs on {room.get(where, 0)} shared CPUs ({where})"
        for where, count in load.items()
        if count > host.policy.overcommit * room.get(where, 0)
    ]


def _home(s: Seating, vcpu: int, host: Host) -> int | None:
    """The node that rules 4 and 5 keep a floating vCPU on; None where they do not."""
    cell = s.vm.cell_of(vcpu)
    if cell is not None:
        return s.nodes[cell] if s.vm.numa.mode == "strict" else None
    homes = [host.core_of[cpu].node for cpu in s.vcpus.values()]
    return homes[0] if homes and s.vm.pin.numa == "require" else None


def _memory(seats: list[Seating], host: Host) -> list[str]:
    """Rules 4, 5 and 7 as far as they speak of memory."""
    items = [item for s in seats for item in items_of(s, host)]
    return ["memory does not fit"] if elsewhere(items, host) is None else []
