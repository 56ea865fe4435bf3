"""What is, against the plan: drift of the settings, and what only the kernel can tell.

Pure: everything comes in as values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from kvmc.apply.compare_kernel import places_memory
from kvmc.apply.model import Label
from kvmc.cpuset import EMPTY, CpuSet, union
from kvmc.words import both, some

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kvmc.apply.kernel import CpuStates, Task
    from kvmc.apply.model import Change, DomainDiff, Observed, Thread
    from kvmc.planner.model import VmPlan

Layer = Literal["definition", "live", "kernel", "host", "guest"]


class Finding(Struct, frozen=True, kw_only=True):
    """One thing that is not as it should be, of a VM or of the host itself."""

    vm: str | None = None
    host: str | None = None
    code: str
    layer: Layer
    message: str


def of_settings(diff: DomainDiff) -> Iterator[Finding]:
    """Yield what the diff of a domain means: one finding a setting and place (KV740-KV743)."""
    if diff.new:
        yield Finding(
            vm=diff.name, code="KV740", layer="definition", message="libvirt has no such domain"
        )
    for change in diff.changes:
        if change.in_inactive:
            text = f"the definition has {_value(change.inactive)}, the spec {_value(change.wanted)}"
            yield _setting(diff, change, "KV741", "definition", text)
        if change.in_live:
            wait = " (from the next boot on)" if change.label is Label.NEXT_BOOT else ""
            text = f"it runs with {_value(change.live)}, the spec has {_value(change.wanted)}{wait}"
            yield _setting(diff, change, "KV742", "live", text)
        if change.in_kernel:
            text = f"the kernel has {_value(change.kernel)}, the spec {_value(change.wanted)}"
            yield _setting(diff, change, "KV743", "kernel", text)


def _setting(diff: DomainDiff, change: Change, code: str, layer: Layer, text: str) -> Finding:
    return Finding(vm=diff.name, code=code, layer=layer, message=f"{change.path}: {text}")


def _value(text: str | None) -> str:
    return "nothing" if text is None else text


class Mask(Struct, frozen=True, kw_only=True):
    """Where some thread of a VM should run: `who` as `vCPU 3`, `cpus` from the plan."""

    who: str
    cpus: CpuSet
    dedicated: bool


def masks(plan: VmPlan) -> tuple[Mask, ...]:
    """Return the CPUs of every pinned thread of a plan, vCPUs first."""
    found = [
        Mask(who=f"vCPU {pin.id}", cpus=pin.cpus, dedicated=pin.dedicated)
        for pin in plan.vcpus
        if pin.cpus is not None
    ]
    if plan.emulator is not None:
        found.append(Mask(who="the emulator", cpus=plan.emulator, dedicated=False))
    found += [
        Mask(who=f"I/O thread {pin.id}", cpus=pin.cpus, dedicated=False)
        for pin in plan.iothreads
        if pin.cpus is not None
    ]
    return tuple(found)


def of_host(plan: VmPlan, states: CpuStates) -> Iterator[Finding]:
    """Yield where the plan and this machine's CPUs do not go together (KV744, 745, 748, 749)."""
    pinned = masks(plan)
    several = [mask for mask in pinned if len(mask.cpus) > 1]
    for names, cpus in _grouped(several, states.isolated):
        text = f"isolated, and the scheduler does not balance there: {names} may run on several"
        yield _host(plan, "KV744", f"{_cpus_are(cpus)} {text}")
    if states.online is not None:
        offline = union(mask.cpus for mask in pinned) - states.online
        for names, cpus in _grouped(pinned, offline):
            yield _host(plan, "KV745", f"{_cpus_are(cpus)} offline, and planned for {names}")
    own = union(mask.cpus for mask in pinned if mask.dedicated)
    for word, special in (("isolated", states.isolated), ("nohz_full", states.nohz_full)):
        if own & special and own - special:
            text = f"of its own CPUs {own & special} is {word}, and {own - special} is not"
            yield _host(plan, "KV748", text)
    for names, cpus in _grouped(several, states.nohz_full - states.isolated):
        text = f"nohz_full, which wants one task alone: {names} may run there and elsewhere"
        yield _host(plan, "KV749", f"{_cpus_are(cpus)} {text}")


def _cpus_are(cpus: CpuSet) -> str:
    return f"CPU {cpus} is" if len(cpus) == 1 else f"CPUs {cpus} are"


def _host(plan: VmPlan, code: str, text: str) -> Finding:
    return Finding(vm=plan.name, code=code, layer="host", message=text)


def _grouped(pinned: Iterable[Mask], special: CpuSet) -> Iterator[tuple[str, CpuSet]]:
    """Yield (who, CPUs in the special set), those with the same CPUs together."""
    groups: dict[CpuSet, list[str]] = {}
    for mask in pinned:
        if mask.cpus & special:
            groups.setdefault(mask.cpus & special, []).append(mask.who)
    for cpus, names in groups.items():
        yield both(names), cpus


def of_cgroups(
    plan: VmPlan, observed: Observed, diff: DomainDiff, online: CpuSet | None
) -> Iterator[Finding]:
    """Yield threads whose cgroup leaves them less than the plan gives (KV746).

    Where libvirt itself pinned the thread elsewhere, its cgroup followed, and KV742 says all.
    """
    followed = {change.path for change in diff.changes if change.in_live}
    wanted = {mask.who: mask.cpus for mask in masks(plan)}
    told: dict[tuple[str, str], None] = {}
    for thread in observed.threads:
        cpus = wanted.get(who(thread))
        if cpus is None or thread.effective is None or places_memory(thread):
            continue
        if pin_path(thread) in followed:
            continue
        missing = cpus - thread.effective - (cpus - online if online is not None else EMPTY)
        if missing:
            text = f"{who(thread)} belongs on {cpus}, and {thread.cgroup} has {thread.effective}"
            told[text, str(missing)] = None
    for text, _ in told:
        yield Finding(vm=plan.name, code="KV746", layer="kernel", message=text)


def pin_path(thread: Thread) -> str:
    """Return the path of a thread's pin among a diff's changes: `vcpupin/3`, `emulatorpin`."""
    return "emulatorpin" if thread.role == "emulator" else f"{thread.role}pin/{thread.id}"


def who(thread: Thread) -> str:
    """Return what a thread is called: `vCPU 3`, `I/O thread 1`, `the emulator`."""
    if thread.role == "emulator":
        return "the emulator"
    return f"{'vCPU' if thread.role == 'vcpu' else 'I/O thread'} {thread.id}"


def of_foreigners(
    plan: VmPlan, pid: int | None, tasks: Iterable[Task], online: CpuSet | None
) -> Iterator[Finding]:
    """Yield who else is bound to nothing but the VM's dedicated CPUs (KV747).

    The kernel's own per-CPU threads, and those it runs for this very guest (vhost-PID), are part
    of the arrangement; whoever may run on every online CPU is not bound.
    """
    pinned = [mask for mask in masks(plan) if mask.dedicated]
    own = union(mask.cpus for mask in pinned)
    found: dict[CpuSet, list[Task]] = {}
    for task in tasks:
        stat = task.stat
        ours = task.pid == pid or (stat.kernel and (stat.bound or _helps(stat.name, pid)))
        bound = task.cpus and task.cpus <= own and not (online is not None and online <= task.cpus)
        if bound and not ours:
            found.setdefault(task.cpus, []).append(task)
    for cpus, others in found.items():
        whose = both([mask.who for mask in pinned if mask.cpus & cpus])
        names = some([f"{task.stat.name} ({task.tid})" for task in others], 3)
        text = f"{_cpus_are(cpus)} for {whose} alone, and bound to it too: {names}"
        yield Finding(vm=plan.name, code="KV747", layer="kernel", message=text)


def _helps(name: str, pid: int | None) -> bool:
    """Whether a kernel thread is named for a process: vhost-1234, kvm-pit/1234."""
    return pid is not None and str(pid) in name.replace("/", "-").split("-")
