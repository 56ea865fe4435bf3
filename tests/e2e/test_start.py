"""A guest that libvirtd starts from a rendered domain runs where the plan says."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from kvmc.cpuset import CpuSet
from kvmc.planner.model import IothreadPin
from kvmc.render.libvirt import render
from kvmc.spec.model import Cpu, Machine, Topology
from tests.support.jobs import job, vm

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmc.render.model import Job

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("libvirt")]

CPUS = sorted(os.sched_getaffinity(0))
FIRST, LAST = CPUS[0], CPUS[-1]
BOTH = CpuSet((FIRST, LAST))


def _job() -> Job:
    """Return 3 vCPUs of up to 4 under TCG, pinned to the first and the last host CPU in turn."""
    asked = vm(
        name=f"kvmc-test-{os.getpid()}",
        cpu=Cpu(count=3, max=4, mode="custom", model="Broadwell", check="none"),
        iothreads=1,
        memory_kib=64 * 1024,
        machine=Machine(type="qemu"),
    )
    return job(
        asked,
        pins={i: str((FIRST, LAST)[i % 2]) for i in range(4)},
        emulator=BOTH,
        iothreads=(IothreadPin(id=1, cpus=CpuSet((LAST,))),),
        topology=Topology(sockets=1, cores=2, threads=2),
    )


def _text(given: Job) -> str:
    outcome = render(given)
    assert outcome.value is not None, outcome.diagnostics
    return outcome.value.text


def _affinities(name: str) -> dict[str, str]:
    """Return thread name -> CPUs it may use, from the kernel."""
    pid = int(Path(f"/run/libvirt/qemu/{name}.pid").read_text("ascii"))
    threads = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        status = dict(
            line.split(":", 1) for line in (task / "status").read_text("utf-8").splitlines()
        )
        threads[status["Name"].strip()] = status["Cpus_allowed_list"].strip()
    return threads


def test_every_thread_runs_where_the_plan_says(
    guest: Callable[[str], Any], virsh: Callable[..., str]
) -> None:
    domain = guest(_text(_job()))
    pins = [line.split() for line in virsh("vcpupin", domain.name()).splitlines()]
    assert pins == [[str(i), str((FIRST, LAST)[i % 2])] for i in range(4)]
    threads = _affinities(domain.name())
    ours = ("CPU ", "IO iothread")  # IO mon_iothread serves QEMU's monitor
    assert {name: cpus for name, cpus in threads.items() if name.startswith(ours)} == {
        "CPU 0/TCG": str(FIRST),
        "CPU 1/TCG": str(LAST),
        "CPU 2/TCG": str(FIRST),
        "IO iothread1": str(LAST),
    }
    assert threads["qemu-system-x86"] == str(BOTH)


def test_a_vcpu_plugged_later_runs_where_the_plan_says(guest: Callable[[str], Any]) -> None:
    domain = guest(_text(_job()))
    domain.setVcpus(4)
    assert _affinities(domain.name())["CPU 3/TCG"] == str(LAST)


def test_a_running_guests_xml_merged_with_its_own_plan_starts_again(
    guest: Callable[[str], Any],
) -> None:
    given = _job()
    domain = guest(_text(given))
    base = domain.XMLDesc(2)  # VIR_DOMAIN_XML_INACTIVE
    domain.destroy()
    merged = replace(given, base=base.encode(), vm=replace(given.vm, machine=Machine()))
    again = guest(_text(merged))
    assert again.UUIDString() == domain.UUIDString()
    assert _affinities(again.name())["CPU 1/TCG"] == str(LAST)
