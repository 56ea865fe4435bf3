"""Domains as libvirt would show them: rendered ones, with what libvirt adds by itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from kvmc.apply.model import HostIdentity, Observation, Observed, Thread
from kvmc.cpuset import CpuSet
from kvmc.planner.model import IothreadPin
from kvmc.render.libvirt import render
from kvmc.spec.model import Cell, Cpu, Machine, Numa, Topology, Tune
from tests.support.jobs import GIB, job, vm

if TYPE_CHECKING:
    from kvmc.render.model import Job

UUID = "de58e190-8252-445b-b1d5-b56afd871c51"
LOCAL = HostIdentity(
    uri="qemu:///system", hostname="kvm-07", driver="QEMU", libvirt="9.0.0", local=True
)


def pinned(**given: Any) -> Job:
    """Return 3 of 4 vCPUs on CPUs 0-3, an I/O thread on 0, the emulator on 0-1, one cell."""
    default: dict[str, Any] = {
        "name": "web",
        "cpu": Cpu(count=3, max=4, mode="host-model"),
        "iothreads": 1,
        "memory_kib": GIB,
        "numa": Numa(cells=(Cell(id=0, cpus=CpuSet(range(4)), memory_kib=GIB),)),
        "tune": Tune(shares=2048),
        "machine": Machine(type="qemu"),
    }
    asked = vm(**(default | given))
    ceiling = asked.cpu.max
    return job(
        asked,
        pins={i: str(i) for i in range(ceiling)},
        emulator=CpuSet((0, 1)),
        iothreads=tuple(IothreadPin(id=i + 1, cpus=CpuSet((0,))) for i in range(asked.iothreads)),
        topology=Topology(cores=2, threads=2) if ceiling == 4 else Topology(cores=ceiling),
    )


def text_of(given: Job) -> str:
    outcome = render(given)
    assert outcome.value is not None, outcome.diagnostics
    return outcome.value.text


def defined(given: Job) -> str:
    """Return the inactive XML libvirt makes of a job: other units, and its own additions."""
    text = text_of(given)
    text = text.replace("</name>", f"</name>\n  <uuid>{UUID}</uuid>")
    text = text.replace("<memory unit='KiB'>1048576<", "<memory unit='MiB'>1024<")
    text = text.replace("<cpu mode='host-model'>", "<cpu mode='host-model' check='partial'>")
    return text.replace("</devices>", "  <memballoon model='virtio'/>\n  </devices>")


def started(inactive: str) -> str:
    """Return the live XML libvirt makes of a definition: a host-model is expanded."""
    text = inactive.replace("<domain type='qemu'>", "<domain type='qemu' id='7'>")
    text = re.sub(r"<cpu mode='host-model'[^>]*>", _EXPANDED, text)
    resource = "  <resource>\n    <partition>/machine</partition>\n  </resource>\n  <os>"
    return text.replace("  <os>", resource)


_EXPANDED = """<cpu mode='custom' match='exact' check='full'>
    <model fallback='forbid'>Broadwell</model>
    <vendor>Intel</vendor>
    <feature policy='require' name='vmx'/>
    <feature policy='disable' name='hle'/>"""


def observed(inactive: str | None, live: str | None = None, **given: Any) -> Observed:
    base = Observed(
        name="web",
        uuid=UUID,
        state="shut off" if live is None else "running",
        inactive=inactive,
        live=live,
    )
    return replace(base, **given)


def running(given: Job, **more: Any) -> Observed:
    """Return a domain that is as the job wants it, in libvirt and in the kernel."""
    inactive = defined(given)
    as_planned: dict[str, Any] = {"live": started(inactive), "threads": threads(given), "pid": 100}
    return observed(inactive, **(as_planned | more))


def threads(given: Job) -> tuple[Thread, ...]:
    """Return the threads a plan asks for, each where it belongs."""
    found = [_thread(100, "emulator", None, "qemu-system-x86", given.plan.emulator)]
    found += [
        _thread(110 + pin.id, "vcpu", pin.id, f"CPU {pin.id}/KVM", pin.cpus)
        for pin in given.plan.vcpus
        if pin.boot
    ]
    found += [
        _thread(150 + pin.id, "iothread", pin.id, f"IO iothread{pin.id}", pin.cpus)
        for pin in given.plan.iothreads
    ]
    return tuple(found)


def _thread(tid: int, role: Any, number: int | None, name: str, cpus: CpuSet | None) -> Thread:
    return Thread(
        tid=tid,
        role=role,
        id=number,
        name=name,
        cpus=cpus or CpuSet(range(8)),
        last_cpu=0,
        policy="other",
    )


def moved(domain: Observed, tid: int, **given: Any) -> Observed:
    """Return the domain with one thread changed."""
    return replace(
        domain, threads=tuple(replace(t, **given) if t.tid == tid else t for t in domain.threads)
    )


def observation(*domains: Observed, **given: Any) -> Observation:
    return replace(Observation(host=LOCAL, domains=domains, kernel=True, cgroup=1), **given)
