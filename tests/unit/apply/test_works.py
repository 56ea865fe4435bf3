"""Works never exceed the labels, and live XML is read as libvirt means it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from kvmc.apply.diff import diff
from kvmc.apply.live import live_of
from kvmc.apply.model import Change, DomainDiff, Label
from kvmc.apply.steps import Live, Step
from kvmc.apply.works import alike, does_something, work_of
from kvmc.cpuset import CpuSet
from tests.support.observed import defined, observed, pinned, running, started

ONLINE = CpuSet(range(8))
LIVE = Live(vcpus=3, vcpupins=tuple((i, str(i)) for i in range(4)), emulator="0-1",
            iothreads=((1, "0"),))  # fmt: skip


def _diff(*changes: Change) -> DomainDiff:
    return DomainDiff(name="web", new=False, state="running", changes=changes, wanted_xml="new")


def _change(path: str, wanted: str | None, label: Label = Label.LIVE) -> Change:
    return Change(path=path, wanted=wanted, label=label, in_live=True)


def _steps(*changes: Change) -> list[str]:
    work = work_of(_diff(*changes), None, LIVE, ONLINE, cgroup=2)
    return [str(step) for step in work.steps]


def test_only_what_is_labelled_live_becomes_a_step() -> None:
    assert _steps(_change("vcpupin/0", "5", Label.NEXT_BOOT), _change("memory", "1GiB")) == []
    assert _steps(_change("vcpupin/0", "5", Label.NONE)) == []


def test_threads_are_added_and_pinned_before_vcpus_are_plugged() -> None:
    assert _steps(
        _change("vcpu/current", "4"),
        _change("vcpupin/3", "7"),
        _change("iothreads", "1-3"),
        _change("iothreadpin/2", "6"),
        _change("emulatorpin", "2"),
    ) == ["iothread 2", "iothread 3", "vcpupin 3 7", "vcpus 4", "emulatorpin 2", "iothreadpin 2 6"]


@pytest.mark.parametrize(("path", "step"), [
    ("vcpupin/1", "vcpupin 1 0-7"),
    ("emulatorpin", "emulatorpin 0-7"),
    ("cputune/shares", "scheduler cpu_shares 100"),
    ("cputune/period", "scheduler vcpu_period 100000"),
    ("cputune/quota", "scheduler vcpu_quota -1"),
])  # fmt: skip
def test_what_is_not_asked_for_any_more_goes_back_to_the_default(path: str, step: str) -> None:
    assert _steps(_change(path, None)) == [step]


def test_a_kernel_that_does_otherwise_is_a_reason_to_pin_again() -> None:
    change = Change(path="vcpupin/1", wanted="1", label=Label.LIVE, in_kernel=True)
    assert _steps(change) == ["vcpupin 1 1"]


def test_a_definition_that_says_it_all_is_not_defined_again() -> None:
    given = pinned()
    found = diff(given, running(given)).value
    assert found is not None
    assert not does_something(work_of(found, running(given), LIVE, ONLINE))


def test_a_transient_domain_gets_no_definition() -> None:
    given = pinned()
    there = observed(None, started(defined(given)))
    wanted = replace(given, vm=replace(given.vm, tune=replace(given.vm.tune, shares=1)))
    found = diff(wanted, there).value
    assert found is not None
    work = work_of(found, there, LIVE, ONLINE)
    assert (work.new, [str(s) for s in work.steps]) == (None, ["scheduler cpu_shares 1"])


def test_start_is_for_what_is_off() -> None:
    assert work_of(_diff(), None, None, ONLINE, start=True).start
    assert not work_of(_diff(), None, LIVE, ONLINE, start=True).start


def test_a_definition_is_known_again_as_libvirt_prints_it() -> None:
    given = pinned()
    other = replace(given, plan=replace(given.plan, emulator=CpuSet((3,))))
    assert alike(defined(given), started(defined(given)))
    assert not alike(defined(given), defined(other))
    assert not alike("<broken", "<broken")


def test_live_xml_is_read_with_its_defaults() -> None:
    xml = """<domain><vcpu cpuset='0-3' current='2'>3</vcpu><iothreads>2</iothreads>
      <iothreadids><iothread id='4'/></iothreadids>
      <cputune><vcpupin vcpu='1' cpuset='7,6'/><iothreadpin iothread='4' cpuset='5'/></cputune>
    </domain>"""
    assert live_of(xml, ONLINE, {"cpu_shares": 1024}) == Live(
        vcpus=2,
        vcpupins=((0, "0-3"), (1, "6-7"), (2, "0-3")),
        emulator="0-3",
        iothreads=((1, "0-3"), (4, "5")),
        scheduler=(("cpu_shares", 1024),),
    )


def test_the_way_back_is_the_way_in_reverse() -> None:
    done = (
        Step(kind="iothread", target="2"),
        Step(kind="vcpupin", target="3", value="7"),
        Step(kind="vcpus", value="4"),
        Step(kind="iothreadpin", target="2", value="6"),
    )
    assert [str(step) for step in LIVE.steps_back(done)] == ["vcpus 3", "vcpupin 3 3"]
