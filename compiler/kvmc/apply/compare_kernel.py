"""What the kernel says of a guest's threads, as settings beside those of a domain XML."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.apply.compare_threads import DEFAULT_PERIOD

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


def tune_facts(scheduler: Iterable[tuple[str, int]]) -> dict[str, str]:
    """Return path -> value of what the cgroups have (Observed.scheduler)."""
    return {_PARAMETERS[name]: str(value) for name, value in scheduler}


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
