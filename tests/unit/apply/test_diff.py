"""The comparison: what is no difference, what is one, and what it takes to mend it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from msgspec.structs import replace

from kvmc.apply.diff import diff, diff_all
from kvmc.apply.model import Label
from kvmc.cpuset import CpuSet
from kvmc.spec.model import (
    Cell,
    Cpu,
    Features,
    Machine,
    MemoryBacking,
    Numa,
    Scheduler,
    Topology,
    Tune,
)
from tests.support.jobs import GIB, job, jobs, vm
from tests.support.observed import (
    defined,
    moved,
    observation,
    observed,
    pinned,
    running,
    started,
    text_of,
)

if TYPE_CHECKING:
    from kvmc.apply.model import Change, DomainDiff, Observed
    from kvmc.render.model import Job


def _diff(job: Job, seen: Observed | None) -> DomainDiff:
    outcome = diff(job, seen, cgroup=1)
    assert outcome.value is not None, outcome.diagnostics
    return outcome.value


def _only(job: Job, seen: Observed) -> Change:
    found = _diff(job, seen).changes
    assert len(found) == 1, found
    return found[0]


def _columns(change: Change) -> tuple[object, ...]:
    return (change.path, change.wanted, change.inactive, change.live, change.kernel, change.label)


def test_a_domain_as_wanted_differs_in_nothing() -> None:
    job = pinned()
    assert _diff(job, running(job)).changes == ()
    assert _diff(job, observed(defined(job))).changes == ()
    assert not _diff(job, running(job)).differs


def test_a_domain_that_is_not_there_is_new() -> None:
    job = pinned()
    found = _diff(job, None)
    assert found.new
    assert found.differs
    assert found.wanted_xml == text_of(job)


@settings(max_examples=60, deadline=None)
@given(jobs())
def test_what_was_rendered_never_differs_from_itself(job: Job) -> None:
    asked = replace(job, vm=replace(job.vm, machine=Machine(type="qemu")))
    text = text_of(asked)
    seen = observed(text, text, name=asked.vm.name)
    assert _diff(asked, seen).changes == ()
    assert _diff(asked, seen).wanted_xml == text


SAME = [
    ("<emulatorpin cpuset='0-1'/>", "<emulatorpin cpuset='1,0'/>"),
    ("<emulatorpin cpuset='0-1'/>", "<emulatorpin cpuset='0-3,^2-3'/>"),
    ("<shares>2048</shares>", "<shares>2048</shares><period>100000</period><quota>-1</quota>"),
    ("memory='1048576' unit='KiB'", "memory='1' unit='GiB'"),
    ("<vcpu placement='static'", "<vcpu"),
    (
        "<vcpupin vcpu='0' cpuset='0'/>\n    <vcpupin vcpu='1' cpuset='1'/>",
        "<vcpupin vcpu='1' cpuset='1'/>\n    <vcpupin vcpu='0' cpuset='0'/>",
    ),
    (
        "<iothreads>1</iothreads>",
        "<iothreads>1</iothreads><iothreadids><iothread id='1'/></iothreadids>",
    ),
    ("<topology sockets='1' dies='1' ", "<topology sockets='1' "),
]


@pytest.mark.parametrize(("old", "new"), SAME, ids=[new for _, new in SAME])
def test_another_way_to_say_it_is_no_difference(old: str, new: str) -> None:
    job = pinned()
    inactive = defined(job)
    assert old in inactive
    changed = inactive.replace(old, new)
    assert _diff(job, observed(changed, started(changed))).changes == ()


def test_a_list_of_single_vcpus_is_no_difference_where_it_says_the_same() -> None:
    job = pinned()
    ids = "".join(
        f"<vcpu id='{i}' enabled='{'yes' if i < 3 else 'no'}' hotpluggable='yes'/>"
        for i in range(4)
    )
    text = defined(job).replace("<iothreads>", f"<vcpus>{ids}</vcpus><iothreads>")
    assert _diff(job, observed(text, started(text))).changes == ()


def test_a_domain_without_a_topology_has_a_socket_for_each_vcpu() -> None:
    threads = pinned()
    sockets = replace(threads, plan=replace(threads.plan, topology=Topology(sockets=4)))
    text, without = defined(sockets), re.compile("<topology [^>]*>")
    assert without.search(text)
    assert _diff(sockets, observed(without.sub("", text))).changes == ()
    change = _only(threads, observed(without.sub("", defined(threads))))
    assert (change.path, change.inactive) == ("cpu/topology", "4 sockets, 1 core, 1 thread")


def test_a_running_guest_is_rounded_up_to_whole_mib() -> None:
    cells = (Cell(id=0, cpus=CpuSet(range(4)), memory_kib=GIB - 100),)
    job = pinned(memory_kib=GIB - 100, numa=Numa(cells=cells))
    inactive = defined(job)
    live = started(inactive).replace(str(GIB - 100), str(GIB))
    assert _diff(job, observed(inactive, live)).changes == ()
    double = _diff(job, observed(inactive, live.replace(str(GIB), str(2 * GIB))))
    assert {c.path for c in double.changes} == {"memory", "cpu/numa/0/memory"}


DEFINITION = [
    ("memory='1048576'", "memory='2097152'", "cpu/numa/0/memory"),
    (" current='3'", " current='2'", "vcpu/current"),
    ("<shares>2048</shares>", "", "cputune/shares"),
    ("<shares>2048</shares>", "<shares>2048</shares><quota>5000</quota>", "cputune/quota"),
    ("<vcpupin vcpu='2' cpuset='2'/>", "<vcpupin vcpu='2' cpuset='3'/>", "vcpupin/2"),
    ("<emulatorpin cpuset='0-1'/>", "<emulatorpin cpuset='0'/>", "emulatorpin"),
    ("<iothreadpin iothread='1' cpuset='0'/>", "", "iothreadpin/1"),
    ("mode='host-model'", "mode='host-passthrough'", "cpu/mode"),
    ("cores='2' threads='2'", "cores='4' threads='1'", "cpu/topology"),
    ("<cputune>", "<memoryBacking><locked/></memoryBacking><cputune>", "memoryBacking/locked"),
    ("</cputune>", "</cputune><numatune><memory nodeset='1'/></numatune>", "numatune/memory"),
    ("</topology", "<feature name='hle'/></topology", "cpu/feature/hle"),
    ("</cputune>", "<vcpusched vcpus='1' scheduler='fifo' priority='1'/></cputune>", "vcpusched/1"),
]


@pytest.mark.parametrize(("old", "new", "path"), DEFINITION, ids=[p for *_, p in DEFINITION])
def test_a_definition_alone_needs_nothing_of_the_guest(old: str, new: str, path: str) -> None:
    job = pinned()
    inactive = defined(job)
    changed = inactive.replace(old, new)
    if old == "</topology":
        changed = re.sub(r"(<topology [^>]*/>)", r"\1<feature name='hle'/>", inactive)
    assert changed != inactive
    found = {c.path: c for c in _diff(job, observed(changed, started(inactive))).changes}
    assert path in found
    assert found[path].label is Label.NONE
    assert (found[path].in_inactive, found[path].in_live) == (True, False)


LIVE = [
    ("<vcpupin vcpu='2' cpuset='2'/>", "<vcpupin vcpu='2' cpuset='3'/>", "vcpupin/2", Label.LIVE),
    ("<emulatorpin cpuset='0-1'/>", "", "emulatorpin", Label.LIVE),
    ("<shares>2048</shares>", "<shares>1</shares>", "cputune/shares", Label.LIVE),
    (" current='3'", " current='2'", "vcpu/current", Label.LIVE),
    (" current='3'", "", "vcpu/current", Label.NEXT_BOOT),
    ("cores='2' threads='2'", "cores='4' threads='1'", "cpu/topology", Label.NEXT_BOOT),
    ("<iothreads>1</iothreads>", "<iothreads>2</iothreads>", "iothreads", Label.NEXT_BOOT),
    ("mode='custom'", "mode='host-passthrough'", "cpu/mode", Label.NEXT_BOOT),
    ("cpus='0-3'", "cpus='0-3' memAccess='shared'", "cpu/numa/0/access", Label.NEXT_BOOT),
]


@pytest.mark.parametrize(("old", "new", "path", "label"), LIVE)
def test_a_running_guest_that_differs(old: str, new: str, path: str, label: Label) -> None:
    job = pinned()
    inactive = defined(job)
    live = started(inactive)
    assert old in live
    found = {c.path: c for c in _diff(job, observed(inactive, live.replace(old, new))).changes}
    assert found[path].label is label
    assert (found[path].in_inactive, found[path].in_live) == (False, True)
    # nothing is left for apply where the definition is right and the guest must be started anew
    assert found[path].pending is (label is Label.NEXT_BOOT)


UNPINNED = [
    ("0-7", 8, {}),
    ("0-9", 8, {}),  # two of them went offline since
    ("0-6", 8, {"emulatorpin", "iothreadpin/1", "vcpupin/0", "vcpupin/1"}),
    ("0-7", 0, {"emulatorpin", "iothreadpin/1", "vcpupin/0", "vcpupin/1"}),
]


@pytest.mark.parametrize(("live", "online", "paths"), UNPINNED)
def test_a_thread_that_may_run_anywhere_has_lost_its_pin(
    live: str, online: int, paths: set[str]
) -> None:
    plain = vm(2, name="web", iothreads=1, machine=Machine(type="qemu"))
    unpinned = job(plain)
    inactive = defined(unpinned)
    pins = "".join(f"<vcpupin vcpu='{i}' cpuset='{live}'/>" for i in range(2))
    pins += f"<emulatorpin cpuset='{live}'/><iothreadpin iothread='1' cpuset='{live}'/>"
    seen = observed(inactive, started(inactive).replace("<os>", f"<cputune>{pins}</cputune><os>"))
    assert "vcpupin" in (seen.live or "")
    here = observation(seen, online=CpuSet(range(online)))
    (found,) = diff_all((unpinned,), here).value or ()
    assert {c.path for c in found.changes} == set(paths)
    # the definition's own pins are another matter: the next boot would take them
    again = replace(seen, inactive=seen.live)
    (found,) = diff_all((unpinned,), replace(here, domains=(again,))).value or ()
    assert all(c.in_inactive for c in found.changes)
    assert len(found.changes) == 4


def test_a_pin_to_some_cpus_is_wanted_where_all_are_allowed() -> None:
    given = pinned()
    live = started(defined(given)).replace("vcpu='2' cpuset='2'", "vcpu='2' cpuset='0-7'")
    here = observation(observed(defined(given), live), online=CpuSet(range(8)))
    (found,) = diff_all((given,), here).value or ()
    assert [c.path for c in found.changes] == ["vcpupin/2"]


@pytest.mark.parametrize("cpuset", ["", " cpuset='0-7'", " cpuset='5'"])
def test_a_cpuset_that_no_thread_runs_on_is_no_difference(cpuset: str) -> None:
    job = pinned()
    text = defined(job)
    assert " cpuset='0-3' current='3'" in text
    other = text.replace(" cpuset='0-3' current='3'", f"{cpuset} current='3'")
    assert _diff(job, observed(other, started(text))).changes == ()
    # a thread without a pin of its own runs on it
    left = other.replace("<emulatorpin cpuset='0-1'/>", "")
    found = {c.path for c in _diff(job, observed(left)).changes}
    assert found == {"emulatorpin", "vcpu/cpuset"}


def test_more_iothreads_are_added_live_and_pinned() -> None:
    seen = running(pinned())
    found = {c.path: c.label for c in _diff(pinned(iothreads=2), seen).changes}
    assert found == {"iothreads": Label.LIVE, "iothreadpin/2": Label.LIVE}


def test_more_vcpus_than_the_guest_was_started_for_wait_for_its_next_boot() -> None:
    seen = running(pinned())
    cells = (Cell(id=0, cpus=CpuSet(range(6)), memory_kib=GIB),)
    more = pinned(cpu=Cpu(count=6, max=6, mode="host-model"), numa=Numa(cells=cells))
    found = {c.path: c.label for c in _diff(more, seen).changes}
    assert found["vcpu/max"] is found["vcpu/current"] is Label.NEXT_BOOT
    assert found["vcpupin/5"] is Label.NEXT_BOOT
    assert "vcpupin/0" not in found


def test_fewer_vcpus_leave_no_difference_for_those_that_go() -> None:
    cells = (Cell(id=0, cpus=CpuSet(range(2)), memory_kib=GIB),)
    fewer = pinned(cpu=Cpu(count=2, max=2, mode="host-model"), numa=Numa(cells=cells))
    paths = {c.path for c in _diff(fewer, running(pinned())).changes}
    assert "vcpu/max" in paths
    assert not paths & {"vcpupin/2", "vcpupin/3"}


def test_all_three_columns_stand_beside_the_spec() -> None:
    job = pinned()
    inactive = defined(job)
    live = started(inactive).replace("vcpu='1' cpuset='1'", "vcpu='1' cpuset='2'")
    seen = moved(running(job, live=live), 111, cpus=CpuSet((3,)))
    assert _columns(_only(job, seen)) == ("vcpupin/1", "1", "1", "2", "3", Label.LIVE)


def test_only_the_kernel_knows_of_a_taskset() -> None:
    job = pinned()
    change = _only(job, moved(running(job), 151, cpus=CpuSet((0, 5))))
    assert _columns(change) == ("iothreadpin/1", "0", "0", "0", "0,5", Label.LIVE)
    assert (change.in_inactive, change.in_live, change.in_kernel) == (False, False, True)


def test_the_thread_that_allocates_memory_is_bound_by_libvirt() -> None:
    job = pinned()
    seen = running(job)
    extra = replace(seen.threads[0], tid=101, name="tc-ram-node0", cpus=CpuSet((7,)))
    assert _diff(job, replace(seen, threads=(*seen.threads, extra))).changes == ()
    other = replace(extra, name="worker")
    change = _only(job, replace(seen, threads=(*seen.threads, other)))
    assert (change.path, change.kernel) == ("emulatorpin", "0-1 and 7")


def test_a_scheduler_class_is_set_at_the_start_only() -> None:
    fifo = Scheduler(vcpus=CpuSet((1,)), policy="fifo", priority=1)
    job = pinned(tune=Tune(shares=2048, scheduler=(fifo,)))
    seen = running(job)
    assert _columns(_only(job, seen))[1:] == ("fifo 1", "fifo 1", "fifo 1", None, Label.NEXT_BOOT)
    assert _diff(job, moved(seen, 111, policy="fifo", priority=1)).changes == ()
    plain = pinned()
    change = _only(plain, moved(running(plain), 112, policy="rr", priority=5))
    assert (change.path, change.wanted, change.kernel) == ("vcpusched/2", None, "rr 5")


@pytest.mark.parametrize(("cgroup", "same"), [(1, "1024"), (2, "100")])
def test_shares_taken_back_leave_the_kernels_own(cgroup: int, same: str) -> None:
    job = pinned(tune=Tune())
    inactive = defined(job)
    for shares in ("1024", "100"):
        live = started(inactive).replace("<cputune>", f"<cputune><shares>{shares}</shares>")
        outcome = diff(job, observed(inactive, live), cgroup=cgroup)  # type: ignore[arg-type]
        assert outcome.value is not None
        assert bool(outcome.value.changes) is (shares != same)


def test_the_cpu_model_is_kvmcs_only_where_the_spec_gives_one() -> None:
    job = pinned(cpu=Cpu(count=3, max=4), features=Features())
    hand = defined(job).replace("<cpu>", "<cpu mode='custom'><model>Haswell</model>")
    hand = hand.replace("<apic/>", "<apic/><kvm><hidden state='on'/></kvm>")
    assert "Haswell" in hand
    found = _diff(job, observed(hand, hand.replace("Haswell", "Skylake-Client")))
    assert found.changes == ()
    assert "Haswell" in found.wanted_xml


def test_a_custom_model_that_is_not_the_running_one_differs() -> None:
    job = pinned(cpu=Cpu(count=3, max=4, mode="custom", model="Haswell"))
    inactive = defined(job)
    live = inactive.replace("<cpu mode='custom'>", "<cpu mode='custom' match='exact' check='full'>")
    assert _diff(job, observed(inactive, live)).changes == ()
    change = _only(job, observed(inactive, live.replace(">Haswell<", ">Nehalem<")))
    assert (change.path, change.live, change.label) == ("cpu/model", "Nehalem", Label.NEXT_BOOT)


@pytest.mark.parametrize(
    ("kind", "mode", "asked", "fills_in", "differs"),
    [("qemu", "custom", None, "none", False), ("qemu", "custom", None, "partial", True),
     ("qemu", "custom", "none", "none", False), ("qemu", "custom", "partial", "partial", False),
     ("kvm", "custom", None, "partial", False), ("kvm", "custom", None, "none", True),
     ("qemu", "host-model", None, "partial", False), ("qemu", "host-model", None, "none", True),
     ("qemu", "maximum", None, "none", False), ("kvm", "maximum", None, "none", False)],
)  # fmt: skip
def test_the_check_that_libvirt_fills_in_is_no_difference(
    kind: Any, mode: Any, asked: Any, fills_in: str, differs: bool
) -> None:
    """Under TCG a custom model is not held against the host's CPU (qemuDomainDefCPUPostParse)."""
    model = "qemu64" if mode == "custom" else None
    cpu = Cpu(count=3, max=4, mode=mode, model=model, check=asked)
    job = pinned(cpu=cpu, machine=Machine(type=kind))
    text = text_of(job)
    said = f"<cpu mode='{mode}'" + (f" check='{asked}'" if asked else "")
    assert f"<domain type='{kind}'" in text
    assert f"{said}>" in text
    found = _diff(job, observed(text.replace(said, f"<cpu mode='{mode}' check='{fills_in}'")))
    assert [c.path for c in found.changes] == ["cpu/check"] * differs


def test_the_check_goes_by_the_type_of_the_domain_that_is_there() -> None:
    job = pinned(cpu=Cpu(count=3, max=4, mode="custom", model="qemu64"), machine=Machine())
    inactive = text_of(job).replace("<cpu mode='custom'>", "<cpu mode='custom' check='none'>")
    assert "<domain type='kvm'" in inactive
    tcg = inactive.replace("<domain type='kvm'", "<domain type='qemu'")
    assert _diff(job, observed(tcg)).changes == ()
    assert _only(job, observed(inactive)).path == "cpu/check"


@pytest.mark.parametrize("fallback", ["allow", "forbid"])
def test_a_fallback_that_libvirt_drops_is_no_difference(fallback: Any) -> None:
    job = pinned(cpu=Cpu(count=3, max=4, mode="host-model", fallback=fallback))
    text = defined(job)
    element = f"    <model fallback='{fallback}'/>\n"
    assert element in text
    kept = text.replace(element, "")
    assert _diff(job, observed(kept, started(kept))).changes == ()
    # a name is nothing that a spec says of a host-model, and libvirt holds it against the host
    named = text.replace(element, "    <model fallback='forbid'>EPYC</model>\n")
    change = _only(job, observed(named))
    assert (change.path, change.wanted, change.inactive) == ("cpu/model", None, "EPYC")


def test_a_custom_models_fallback_counts() -> None:
    cpu = Cpu(count=3, max=4, mode="custom", model="Haswell", fallback="forbid")
    job = pinned(cpu=cpu)
    text = text_of(job)
    change = _only(job, observed(text.replace("fallback='forbid'", "fallback='allow'")))
    assert (change.path, change.wanted, change.inactive) == ("cpu/fallback", "forbid", None)


def test_a_running_guests_cells_are_rounded_up_one_by_one() -> None:
    sizes = (65537, -(-70000 * 1000 // 1024))
    cells = tuple(
        Cell(id=i, cpus=CpuSet((2 * i, 2 * i + 1)), memory_kib=kib) for i, kib in enumerate(sizes)
    )
    job = pinned(memory_kib=sum(sizes), numa=Numa(cells=cells))
    inactive = defined(job)
    live = started(inactive)
    for kib, mib in zip((sum(sizes), *sizes), (132, 65, 67), strict=True):
        assert f"{kib}" in live
        live = live.replace(f"{kib}", f"{mib * 1024}")
    assert _diff(job, observed(inactive, live)).changes == ()
    # the sum alone would be 131 MiB
    less = live.replace(f"{67 * 1024}", f"{66 * 1024}")
    assert [c.path for c in _diff(job, observed(inactive, less)).changes] == [
        "memory",
        "cpu/numa/1/memory",
    ]


@pytest.mark.parametrize(
    ("policy", "live", "differs"),
    [("require", "disable", True), ("disable", "require", True), ("require", "require", False),
     ("optional", "disable", False), ("disable", None, False)],
)  # fmt: skip
def test_a_feature_differs_only_where_the_guest_has_the_opposite(
    policy: str, live: str | None, differs: bool
) -> None:
    job = pinned(cpu=Cpu(count=3, max=4, mode="host-model", features=(("pcid", policy),)))
    inactive = defined(job)
    line = f"<feature policy='{policy}' name='pcid'/>"
    assert line in inactive
    other = "" if live is None else f"<feature policy='{live}' name='pcid'/>"
    found = _diff(job, observed(inactive, started(inactive).replace(line, other))).changes
    assert bool(found) is differs


def test_huge_pages_of_all_cells_need_no_nodeset() -> None:
    job = pinned(numa=Numa(), memory_backing=MemoryBacking(hugepages_kib=2048), memory_kib=GIB)
    inactive = defined(job)
    assert "<page size='2048' unit='KiB'/>" in inactive
    other = inactive.replace("size='2048' unit='KiB'", "size='2' unit='M' nodeset='0'")
    assert _diff(job, observed(other)).changes == ()
    wrong = inactive.replace("size='2048'", "size='1048576'")
    assert _only(job, observed(wrong)).inactive == "1GiB"


def _paged(*pages: str) -> str:
    cells = tuple(Cell(id=i, cpus=CpuSet((2 * i, 2 * i + 1)), memory_kib=GIB) for i in range(2))
    job = pinned(numa=Numa(cells=cells), memory_kib=2 * GIB)
    group = f"<memoryBacking><hugepages>{''.join(pages)}</hugepages></memoryBacking>"
    found = {c.path: c for c in _diff(job, observed(_with(defined(job), group))).changes}
    return str(found["memoryBacking/hugepages"].inactive)


def _with(text: str, group: str) -> str:
    return text.replace("  <vcpu ", f"  {group}\n  <vcpu ")


def test_huge_pages_are_compared_by_cell() -> None:
    small, large = "<page size='2048'/>", "<page size='1' unit='G' nodeset='{}'/>"
    assert _paged() == "default size"
    assert _paged(small) == _paged(small.replace("/", " nodeset='0-1'/")) == "2MiB"
    assert _paged(large.format(0), large.format(1)) == _paged(small, large.format("0-1")) == "1GiB"
    mixed = "1GiB for cells 1, 2MiB for cells 0"
    assert _paged(small, large.format(1)) == _paged(large.format(1), small) == mixed
    assert _paged(large.format(1)) == "1GiB for cells 1"


def test_memory_devices_are_not_the_cells() -> None:
    job = pinned()
    text = defined(job).replace("<memory unit='MiB'>1024<", "<memory unit='MiB'>3072<")
    assert _diff(job, observed(text)).changes == ()


def test_what_kvmc_does_not_own_stays_in_what_apply_would_define() -> None:
    job = pinned()
    device = "<disk type='block' device='disk'><source dev='/dev/foreign'/></disk>"
    text = defined(job).replace("<devices>", f"<devices>{device}")
    found = _diff(job, observed(text.replace("<shares>2048</shares>", "")))
    assert device in found.wanted_xml
    assert "<shares>2048</shares>" in found.wanted_xml
    assert [c.path for c in found.changes] == ["cputune/shares"]


def test_a_transient_domain_has_no_definition_to_differ() -> None:
    job = pinned()
    seen = replace(running(job), inactive=None)
    outcome = diff(job, seen)
    assert outcome.value is not None
    assert outcome.value.changes == ()
    assert [d.code for d in outcome.diagnostics] == ["KV732"]


def test_a_managed_save_image_is_warned_about() -> None:
    job = pinned()
    outcome = diff(job, observed(defined(job), managed_save=True))
    assert [(d.code, str(d.severity)) for d in outcome.diagnostics] == [("KV730", "warning")]


def test_a_definition_that_cannot_take_the_spec_is_an_error() -> None:
    job = pinned(iothreads=0)
    disk = "<disk><driver iothread='1'/></disk>"
    text = defined(pinned()).replace("<devices>", f"<devices>{disk}")
    outcome = diff(job, observed(text))
    assert outcome.value is None
    assert [d.code for d in outcome.diagnostics] == ["KV606"]


def test_every_vm_is_compared_with_the_domain_of_its_name() -> None:
    job = pinned()
    other = pinned(name="other")
    found = diff_all((other, job), observation(running(job))).value
    assert found is not None
    assert [(d.name, d.new) for d in found] == [("other", True), ("web", False)]


def _tuned(job: Job, **has: int) -> DomainDiff:
    """Return the diff of a running guest whose live XML is right, and whose cgroups have this."""
    return _diff(job, replace(running(job), scheduler=tuple(sorted(has.items()))))


@pytest.mark.parametrize(
    ("has", "lost"),
    [
        ({"cpu_shares": 2048, "vcpu_period": 50000, "vcpu_quota": 25000}, {}),
        ({"cpu_shares": 1024, "vcpu_period": 50000, "vcpu_quota": 25000}, {"shares": "1024"}),
        ({"cpu_shares": 2048, "vcpu_period": 100000, "vcpu_quota": 25000}, {"period": "100000"}),
        # without a quota: -1 in version 1, and what libvirt makes of `max` in version 2
        ({"vcpu_quota": -1}, {"quota": "-1"}),
        ({"vcpu_quota": 18446744073709551}, {"quota": "18446744073709551"}),
        ({}, {}),
    ],
)
def test_shares_and_quota_that_a_cgroup_lost_are_live(
    has: dict[str, int], lost: dict[str, str]
) -> None:
    found = _tuned(pinned(tune=Tune(shares=2048, period=50000, quota=25000)), **has).changes
    assert {c.path: c.kernel for c in found} == {f"cputune/{k}": v for k, v in lost.items()}
    assert all((c.in_inactive, c.in_live, c.in_kernel) == (False, False, True) for c in found)
    assert {c.label for c in found} <= {Label.LIVE}


def test_a_quota_counts_with_the_period_it_has_by_default() -> None:
    tuned = pinned(tune=Tune(quota=25000))
    assert _tuned(tuned, vcpu_period=100000, vcpu_quota=25000).changes == ()
    (change,) = _tuned(tuned, vcpu_period=50000, vcpu_quota=25000).changes
    assert (change.path, change.wanted, change.kernel) == ("cputune/period", None, "50000")


def test_what_one_vcpus_cgroup_lost_is_said_with_the_vcpu() -> None:
    tuned = pinned(tune=Tune(period=50000, quota=25000))
    right = replace(running(tuned), scheduler=(("vcpu_period", 50000), ("vcpu_quota", 25000)))
    for tid in (110, 111, 112):
        right = moved(right, tid, period=50000, quota=25000)
    assert _diff(tuned, right).changes == ()
    change = _only(tuned, moved(right, 111, quota=-1))
    assert _columns(change) == (
        "cputune/quota", "25000", "25000", "25000", "25000 for vCPUs 0,2 and -1 for vCPU 1",
        Label.LIVE,
    )  # fmt: skip
    assert (change.in_inactive, change.in_live, change.in_kernel) == (False, False, True)
    # vCPU 0 is no more than the others
    assert _only(tuned, moved(right, 112, period=1000)).kernel == (
        "50000 for vCPUs 0-1 and 1000 for vCPU 2"
    )
    # a cgroup that cannot be read says nothing
    assert _diff(tuned, moved(right, 112, period=None, quota=None)).changes == ()
    everywhere = moved(moved(moved(right, 110, quota=7000), 111, quota=7000), 112, quota=7000)
    assert _only(tuned, everywhere).kernel == "7000"


def test_what_nobody_asked_a_cgroup_for_is_no_difference() -> None:
    job = pinned(tune=Tune())
    assert _tuned(job, cpu_shares=512, vcpu_period=50000, vcpu_quota=25000).changes == ()
    assert _diff(job, moved(running(job), 111, period=50000, quota=25000)).changes == ()
