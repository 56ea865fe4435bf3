"""Pinning all threads of one QEMU: ask for their ids, pin them, and look whether it is so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.diagnostics import Diagnostic, error
from kvmc.runtime.affinity import allowed, obey, task_ids
from kvmc.runtime.threads import (
    disobeyed,
    give_orders,
    iothread_threads,
    vcpu_order,
    vcpu_threads,
)
from kvmc.runtime.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kvmc.runtime.orders import Orders
    from kvmc.runtime.qmp_driver import Monitor
    from kvmc.runtime.threads import Order

_ROUNDS = 20
"""How often threads that started meanwhile are looked for; one that was pinned passes it on."""


def pin_all(monitor: Monitor, orders: Orders, pid: int) -> tuple[Diagnostic, ...]:
    """Pin every thread and read it back; return KV764 for scheduler classes that were refused.

    Raises Trouble: KV762, KV763, KV765, KV768.
    """
    found = vcpu_threads(orders.name, monitor.ask("query-cpus-fast"))
    if found.value is None:
        if orders.vcpus or orders.classes:
            raise Trouble(*found.diagnostics)
        return ()
    vcpus, iothreads = found.value, iothread_threads(monitor.ask("query-iothreads"))
    _check_present(orders, vcpus, iothreads)
    said: tuple[Diagnostic, ...] = ()
    done: dict[int, Order] = {}
    for _ in range(_ROUNDS):
        new = [thread for thread in task_ids(pid) if thread not in done]
        if not new:
            break
        given = give_orders(orders, vcpus, iothreads, new)
        for order in given:
            if order.thread not in done:
                said += obey(orders.name, order)
                done[order.thread] = order
    _check_obeyed(orders.name, pid, done.values())
    return said


def pin_vcpu(monitor: Monitor, orders: Orders, pid: int, vcpu: int) -> tuple[Diagnostic, ...]:
    """Pin the thread of one vCPU that was just plugged, which inherited the main thread's CPUs.

    Raises Trouble as `pin_all` does.
    """
    found = vcpu_threads(orders.name, monitor.ask("query-cpus-fast"))
    if found.value is None:
        raise Trouble(*found.diagnostics)
    _check_plugged(orders.name, (vcpu,), found.value)
    order = vcpu_order(orders, vcpu, found.value[vcpu])
    said = obey(orders.name, order)
    _check_obeyed(orders.name, pid, (order,))
    return said


def _check_present(orders: Orders, vcpus: dict[int, int], iothreads: dict[int, int]) -> None:
    _check_plugged(orders.name, range(orders.count), vcpus)
    missing = [str(i) for i in orders.iothreads if i not in iothreads]
    if missing:
        text = f"{orders.name}: QEMU has no iothread {', '.join(missing)} to pin"
        raise Trouble(error("KV768", text))


def _check_plugged(name: str, wanted: Iterable[int], vcpus: dict[int, int]) -> None:
    missing = [str(vcpu) for vcpu in wanted if vcpu not in vcpus]
    if missing:
        raise Trouble(error("KV768", f"{name}: QEMU has no vCPU {', '.join(missing)} to pin"))


def _check_obeyed(name: str, pid: int, orders: Iterable[Order]) -> None:
    given = tuple(orders)
    wrong = disobeyed(name, given, allowed(pid, (order.thread for order in given)))
    if wrong:
        raise Trouble(*wrong)
