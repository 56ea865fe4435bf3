from __future__ import annotations

import json
from typing import TYPE_CHECKING

from kvmc.cpuset import CpuSet
from kvmc.planner.model import IothreadPin
from kvmc.runtime.orders import Class, from_json, orders_of, to_json
from kvmc.runtime.threads import Order, disobeyed, give_orders, iothread_threads, vcpu_threads
from kvmc.spec.model import Scheduler, Tune
from tests.support.jobs import job, vm

if TYPE_CHECKING:
    from kvmc.runtime.orders import Orders


def _orders() -> Orders:
    fifo = Scheduler(vcpus=CpuSet((1, 2)), policy="fifo", priority=3)
    given = job(
        vm(2, 3, tune=Tune(scheduler=(fifo,)), iothreads=2),
        pins={0: "4", 1: "5", 2: "4-5"},
        emulator=CpuSet((6,)),
        iothreads=(IothreadPin(id=1, cpus=CpuSet((7,))), IothreadPin(id=2, cpus=None)),
    )
    return orders_of(given)


def test_orders_survive_json() -> None:
    orders = _orders()
    assert orders.classes == {
        1: Class(policy="fifo", priority=3),
        2: Class(policy="fifo", priority=3),
    }
    assert str(orders.cpus) == "4-7"
    assert from_json(json.loads(json.dumps(to_json(orders)))) == orders


def test_orders_of_a_floating_guest() -> None:
    orders = orders_of(job(vm(2)))
    assert (orders.vcpus, orders.emulator, orders.iothreads, orders.classes) == ({}, None, {}, {})
    assert from_json(to_json(orders)) == orders
    assert all(o.cpus is None for o in give_orders(orders, {0: 10, 1: 11}, {}, (9, 10, 11)))


def test_every_thread_gets_one_order() -> None:
    given = give_orders(_orders(), {0: 10, 1: 11}, {1: 20, 2: 21}, (9, 10, 11, 20, 21, 30))
    assert [(o.thread, o.who, str(o.cpus), str(o.scheduler)) for o in given] == [
        (10, "vCPU 0", "4", "None"),
        (11, "vCPU 1", "5", "SCHED_FIFO 3"),
        (20, "iothread 1", "7", "None"),
        (21, "iothread 2", "None", "None"),
        (9, "emulator", "6", "None"),
        (30, "emulator", "6", "None"),
    ]


def test_vcpu_threads() -> None:
    answer = [{"cpu-index": 1, "thread-id": 11}, {"cpu-index": 0, "thread-id": 10}]
    assert vcpu_threads("web", answer).value == {0: 10, 1: 11}
    assert vcpu_threads("web", answer[:1]).value == {1: 11}
    shared = vcpu_threads("web", [{"cpu-index": i, "thread-id": 10} for i in range(4)])
    assert shared.value is None
    assert [d.code for d in shared.diagnostics] == ["KV765"]
    assert "all 4 vCPUs" in shared.diagnostics[0].message


def test_iothreads_by_the_names_that_kvmc_gives() -> None:
    answer = [{"id": "iothread12", "thread-id": 5}, {"id": "mon_iothread", "thread-id": 6}]
    assert iothread_threads(answer) == {12: 5}


def test_disobedience_is_found() -> None:
    four, five = CpuSet((4,)), CpuSet((5,))
    orders = [Order(thread=i, who=f"vCPU {i}", cpus=four) for i in (1, 2, 3)]
    orders.append(Order(thread=4, who="emulator", cpus=None))
    found = disobeyed("web", orders, {1: four, 2: five, 4: five})  # 3 has ended
    assert [(d.code, d.message) for d in found] == [
        ("KV768", "web: vCPU 2 was pinned to 4 and is allowed on 5")
    ]
