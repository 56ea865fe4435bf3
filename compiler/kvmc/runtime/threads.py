"""Which thread of a QEMU goes where: QMP's answers and the orders, joined. Pure.

QMP: qapi/machine.json (query-cpus-fast), qapi/misc.json (query-iothreads). The numbering of vCPUs
is QEMU's `cpu-index`, which on x86 is the place in the topology, whatever was plugged first.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from kvmc.diagnostics import Diagnostic, Outcome, error

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from kvmc.cpuset import CpuSet
    from kvmc.runtime.orders import Class, Orders

_IOTHREAD = re.compile(r"iothread(\d+)")


class Order(Struct, frozen=True, kw_only=True):
    """What one thread is told."""

    thread: int
    """Its kernel id."""
    who: str
    """`vCPU 0`, `iothread 1`, `emulator`."""
    cpus: CpuSet | None
    """None: it floats."""
    scheduler: Class | None = None


def vcpu_threads(name: str, answer: Iterable[Mapping[str, Any]]) -> Outcome[dict[int, int]]:
    """Return vCPU id -> thread id from query-cpus-fast.

    KV765 where vCPUs share a thread (TCG with thread=single): those cannot be pinned one by one.
    """
    threads = {int(cpu["cpu-index"]): int(cpu["thread-id"]) for cpu in answer}
    if len(set(threads.values())) < len(threads):
        message = (
            f"{name}: QEMU runs all {len(threads)} vCPUs on one thread, so none can be pinned alone"
        )
        return Outcome(None, (error("KV765", message, hint="use -accel tcg,thread=multi"),))
    return Outcome(threads)


def iothread_threads(answer: Iterable[Mapping[str, Any]]) -> dict[int, int]:
    """Return I/O thread id -> thread id from query-iothreads; kvmc names them iothreadN."""
    found = ((_IOTHREAD.fullmatch(str(one["id"])), int(one["thread-id"])) for one in answer)
    return {int(match[1]): thread for match, thread in found if match}


def give_orders(
    orders: Orders, vcpus: Mapping[int, int], iothreads: Mapping[int, int], others: Iterable[int]
) -> tuple[Order, ...]:
    """Return the order of every thread: vCPUs, I/O threads, and all others as emulator threads."""
    given = [vcpu_order(orders, vcpu, thread) for vcpu, thread in sorted(vcpus.items())]
    given += [
        Order(thread=thread, who=f"iothread {i}", cpus=orders.iothreads.get(i))
        for i, thread in sorted(iothreads.items())
    ]
    known = {order.thread for order in given}
    given += [
        Order(thread=thread, who="emulator", cpus=orders.emulator)
        for thread in sorted(set(others) - known)
    ]
    return tuple(given)


def vcpu_order(orders: Orders, vcpu: int, thread: int) -> Order:
    """Return the order of one vCPU's thread."""
    return Order(
        thread=thread,
        who=f"vCPU {vcpu}",
        cpus=orders.vcpus.get(vcpu),
        scheduler=orders.classes.get(vcpu),
    )


def disobeyed(
    name: str, orders: Sequence[Order], seen: Mapping[int, CpuSet]
) -> tuple[Diagnostic, ...]:
    """Return KV768 for every thread whose CPUs, as the kernel has them, are not the ordered ones.

    A thread that ended meanwhile (an idle worker of QEMU) is not in `seen` and is no fault.
    """
    return tuple(
        error(
            "KV768",
            f"{name}: {order.who} was pinned to {order.cpus} and is allowed on "
            f"{seen[order.thread]}",
            hint="a cpuset cgroup or another program changed it; `kvmc ps` shows what is so now",
        )
        for order in orders
        if order.cpus is not None and seen.get(order.thread, order.cpus) != order.cpus
    )
