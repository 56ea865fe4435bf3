"""What the kernel says of a guest's threads, as settings beside those of a domain XML."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.apply.compare_threads import DEFAULT_PERIOD
from kvmc.cpuset import CpuSet
from kvmc.words import both, vcpus

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kvmc.apply.model import Thread

_PARAMETERS = {
    "cpu_shares": "cputune/shares",
    "vcpu_period": "cputune/period",
    "vcpu_quota": "cputune/quota",
}


def kernel_facts(threads: Iterable[Thread]) -> dict[str, str]:
    """Return path -> value: vcpupin/ID, iothreadpin/ID, emulatorpin, and vcpusched/ID.

    Where the emulator threads do not agree, emulatorpin is all they say, as `0-1 and 3`. A
    vcpusched of SCHED_OTHER is absent.
    """
    facts: dict[str, str] = {}
    emulators: dict[str, None] = {}
    for thread in threads:
        if thread.role == "vcpu":
            facts[f"vcpupin/{thread.id}"] = str(thread.cpus)
            if thread.policy != "other":
                facts[f"vcpusched/{thread.id}"] = scheduler_text(thread)
        elif thread.role == "iothread":
            facts[f"iothreadpin/{thread.id}"] = str(thread.cpus)
        elif not places_memory(thread):
            emulators[str(thread.cpus)] = None
    if emulators:
        facts["emulatorpin"] = " and ".join(emulators)
    return facts


def tune_facts(
    scheduler: Iterable[tuple[str, int]], threads: Iterable[Thread] = ()
) -> dict[str, str]:
    """Return path -> value of what the cgroups have (Observed.scheduler, and each vCPU's own).

    Where the vCPUs do not agree, a value is all they have: `40000 for vCPU 0 and -1 for vCPU 1`.
    """
    facts = {_PARAMETERS[name]: str(value) for name, value in scheduler}
    own = [(t.id, t) for t in threads if t.role == "vcpu" and t.id is not None]
    read = {
        "cputune/period": {vcpu: t.period for vcpu, t in own if t.period is not None},
        "cputune/quota": {vcpu: t.quota for vcpu, t in own if t.quota is not None},
    }
    return facts | {path: _of_vcpus(values) for path, values in read.items() if values}


def _of_vcpus(values: Mapping[int, int]) -> str:
    owners: dict[int, list[int]] = {}
    for vcpu, value in sorted(values.items()):
        owners.setdefault(value, []).append(vcpu)
    if len(owners) == 1:
        return str(*owners)
    return both([f"{value} for {vcpus(CpuSet(ids))}" for value, ids in owners.items()])


def tune_differs(path: str, wanted: Mapping[str, str], kernel: Mapping[str, str]) -> bool:
    """Whether a cgroup lost what was asked for: a service manager writes its own values there.

    What nobody asked for is the service manager's, and a period counts only under a quota.
    """
    asked = wanted.get(path)
    if path == "cputune/period":
        asked = (asked or DEFAULT_PERIOD) if "cputune/quota" in wanted else None
    return asked is not None and kernel.get(path, asked) != asked


def scheduler_text(thread: Thread) -> str:
    """Return `fifo 1`, or `batch` for a class without priorities."""
    return f"{thread.policy} {thread.priority}" if thread.priority else thread.policy


def places_memory(thread: Thread) -> bool:
    """Whether it is one of QEMU's thread-contexts, which libvirt binds to the memory's node."""
    return thread.name.startswith("tc-")
