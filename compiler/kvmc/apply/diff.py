"""A spec and its placement against what is there: a pure comparison, and only of kvmc's own."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from kvmc.apply.compare_facts import facts_of, in_order
from kvmc.apply.compare_kernel import kernel_facts, tune_differs, tune_facts
from kvmc.apply.compare_live import anywhere, label_of, same_default, same_live
from kvmc.apply.model import Change, DomainDiff, Label
from kvmc.cpuset import EMPTY, CpuSet
from kvmc.diagnostics import Outcome, note, warning
from kvmc.render.libvirt import render
from kvmc.render.xmltree import parse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kvmc.apply.model import CgroupVersion, Observation, Observed
    from kvmc.diagnostics import Diagnostic
    from kvmc.render.model import Artifact, Job

_ABOUT_THE_BASE = ("KV607", "KV608")
"""Notes on what a merge leaves out; the difference itself says it."""
_THREADS = ("vcpupin", "iothreadpin", "vcpusched")


class _Columns(Struct, frozen=True, kw_only=True):
    """Path -> value, in each of the four places; None: there is no such place."""

    wanted: Mapping[str, str]
    inactive: Mapping[str, str] | None
    live: Mapping[str, str] | None
    kernel: Mapping[str, str]
    cgroup: CgroupVersion | None = None
    online: CpuSet = EMPTY


def diff(
    job: Job,
    observed: Observed | None,
    cgroup: CgroupVersion | None = None,
    online: CpuSet = EMPTY,
) -> Outcome[DomainDiff]:
    """Compare a placed VM with its domain; `observed` None: libvirt has no such domain.

    `cgroup` and `online` are the host's (Observation). Fails where the spec's elements cannot be
    brought into the domain (KV60x), KV606 above all. KV730 and KV732 go with a value.
    """
    rendered = wanted_artifact(job, observed)
    if rendered.value is None:
        return Outcome(None, rendered.diagnostics)
    text = rendered.value.text
    if observed is None:
        found = DomainDiff(name=job.vm.name, new=True, state=None, wanted_xml=text)
        return Outcome(found, rendered.diagnostics)
    columns = _columns(job, text, observed)
    if columns.value is None:
        return Outcome(None, (*rendered.diagnostics, *columns.diagnostics))
    found = DomainDiff(
        name=job.vm.name,
        new=False,
        state=observed.state,
        running=observed.running,
        changes=tuple(_changes(replace(columns.value, cgroup=cgroup, online=online))),
        wanted_xml=text,
        inactive_xml=observed.inactive,
    )
    return Outcome(found, (*rendered.diagnostics, *_remarks(job, observed)))


def diff_all(jobs: tuple[Job, ...], observation: Observation) -> Outcome[tuple[DomainDiff, ...]]:
    """Compare every VM with the domain of its name; the order is the jobs'."""
    found: list[DomainDiff] = []
    diagnostics: list[Diagnostic] = []
    for job in jobs:
        seen = observation.find(job.vm.name)
        one = diff(job, seen, observation.cgroup, observation.online)
        diagnostics += one.diagnostics
        found += [one.value] if one.value else []
    return Outcome(tuple(found), tuple(diagnostics))


def wanted_artifact(job: Job, observed: Observed | None) -> Outcome[Artifact]:
    """Return what libvirt's definition should be: the spec's elements in the domain that is there.

    A domain that exists keeps all that kvmc does not own; `base:` and the minimal machine are for
    new domains. A transient one has no definition, and is compared with the artefact.
    """
    if observed is None or observed.inactive is None:
        return render(job)
    name = f"libvirt's definition of {job.vm.name}"
    vm = replace(job.vm, machine=replace(job.vm.machine, base=name))
    outcome = render(replace(job, vm=vm, base=observed.inactive.encode()))
    said = tuple(d for d in outcome.diagnostics if d.code not in _ABOUT_THE_BASE)
    return Outcome(outcome.value, said)


def _columns(job: Job, text: str, observed: Observed) -> Outcome[_Columns]:
    texts = {"the wanted domain": text, "the inactive XML": observed.inactive}
    texts["the live XML"] = observed.live
    facts: list[Mapping[str, str] | None] = []
    for name, xml in texts.items():
        if xml is None:
            facts.append(None)
            continue
        root = parse(xml.encode(), f"{name} of {observed.name}", job.vm.place)
        if root.value is None:
            return Outcome(None, root.diagnostics)
        facts.append(facts_of(root.value, job.vm))
    wanted, inactive, live = facts
    kernel = kernel_facts(observed.threads) | tune_facts(observed.scheduler, observed.threads)
    return Outcome(_Columns(wanted=wanted or {}, inactive=inactive, live=live, kernel=kernel))


def _changes(columns: _Columns) -> Iterator[Change]:
    """Yield what differs anywhere, in the order of a domain XML."""
    paths = set(columns.wanted) | set(columns.inactive or ()) | set(columns.live or ())
    paths |= set(columns.kernel) if columns.live is not None else set()
    threads = _wanted_threads(columns.wanted)
    for path in sorted(paths, key=in_order):
        # pins of threads that are not wanted go with their threads
        if not path.startswith(_THREADS) or path in threads:
            change = _change(path, columns)
            if change.in_inactive or change.in_live or change.in_kernel:
                yield change


def _wanted_threads(wanted: Mapping[str, str]) -> set[str]:
    vcpus = range(int(wanted.get("vcpu/max", "0")))
    found = {f"{kind}/{i}" for i in vcpus for kind in ("vcpupin", "vcpusched")}
    return found | {f"iothreadpin/{i}" for i in CpuSet.parse(wanted.get("iothreads", ""))}


def _change(path: str, columns: _Columns) -> Change:
    wanted, inactive, live = columns.wanted.get(path), columns.inactive, columns.live
    in_inactive = inactive is not None and not (
        same_default(path, wanted, inactive.get(path), columns.cgroup)
        or _unused(path, columns.wanted, inactive)
    )
    in_live = live is not None and not (
        same_default(path, wanted, live.get(path), columns.cgroup)
        or same_live(path, columns.wanted, live)
        or (wanted is None and anywhere(path, live.get(path), columns.online))
    )
    in_kernel = live is not None and _kernel_differs(path, columns.wanted, columns.kernel)
    label = Label.NONE
    if live is not None and (in_live or in_kernel):
        label = label_of(path, columns.wanted, live)
    return Change(
        path=path,
        wanted=wanted,
        inactive=None if inactive is None else inactive.get(path),
        live=None if live is None else live.get(path),
        kernel=columns.kernel.get(path) if live is not None else None,
        label=label,
        in_inactive=in_inactive,
        in_live=in_live,
        in_kernel=in_kernel,
    )


def _unused(path: str, wanted: Mapping[str, str], inactive: Mapping[str, str]) -> bool:
    """Whether it is a <vcpu cpuset=> that places no thread otherwise: pins of their own win."""
    if path != "vcpu/cpuset":
        return False
    pins = (*_wanted_threads(wanted), "emulatorpin")
    return all(wanted.get(p) == inactive.get(p) for p in pins if not p.startswith("vcpusched/"))


def _kernel_differs(path: str, asked: Mapping[str, str], kernel: Mapping[str, str]) -> bool:
    """Whether the kernel does otherwise; without a pin any affinity will do."""
    if path.startswith("cputune/"):
        return tune_differs(path, asked, kernel)
    wanted = asked.get(path)
    if path.startswith("vcpusched/"):
        thread_is_there = f"vcpupin/{path.partition('/')[2]}" in kernel
        return thread_is_there and kernel.get(path) != wanted
    return path in kernel and wanted is not None and kernel[path] != wanted


def _remarks(job: Job, observed: Observed) -> Iterator[Diagnostic]:
    if observed.managed_save:
        yield warning(
            "KV730",
            f"{observed.name} has a managed save image, which brings back its own, older settings",
            job.vm.place.at("name"),
            hint=f"start it once to use the image up, or drop it: `virsh managedsave-remove "
            f"{shlex.quote(observed.name)}`",
        )
    if observed.inactive is None:
        yield note(
            "KV732",
            f"{observed.name} is transient: libvirt keeps no definition of it",
            job.vm.place.at("name"),
            hint="what is changed lasts until the guest ends",
        )
