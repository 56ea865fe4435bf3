"""libvirt takes every part of a domain that kvmc renders, and reads it as it was meant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from lxml import etree
from msgspec.structs import replace

from kvmc.render.libvirt import render
from tests.e2e.cases import ELSEWHERE, HERE
from tests.support.jobs import job, vm
from tests.support.rng import needs_rng, rng_problems

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmc.render.model import Job
    from tests.e2e.conftest import Driver

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("libvirt")]

EVERY = HERE | ELSEWHERE
every_case = pytest.mark.parametrize("case", EVERY)


def _text(given: Job) -> str:
    outcome = render(given)
    assert outcome.value is not None, outcome.diagnostics
    return outcome.value.text


def _of_type(given: Job, kind: Any) -> Job:
    machine = replace(given.vm.machine, type=kind)
    return replace(given, vm=replace(given.vm, machine=machine))


def _said(xml: str) -> dict[str, list[dict[str, str]]]:
    """Return what a domain says about placement: path -> attributes."""
    root = etree.fromstring(xml.encode())
    paths = (
        "vcpu", "cputune/vcpupin", "cputune/emulatorpin", "cputune/iothreadpin",
        "numatune/memory", "numatune/memnode", "cpu/topology", "cpu/numa/cell",
        "memoryBacking/hugepages/page", "memoryBacking/source",
    )  # fmt: skip
    return {
        path: [{str(k): str(v) for k, v in e.items()} for e in root.iterfind(path)]
        for path in paths
    }


@needs_rng
@every_case
def test_the_grammar_takes_it(case: str) -> None:
    assert rng_problems(_text(EVERY[case])) == ""


@every_case
def test_libvirt_gives_back_the_placement_it_was_given(case: str, test_driver: Driver) -> None:
    text = _text(EVERY[case])
    assert _said(test_driver.define(text)) == _said(text)


@every_case
def test_a_definition_of_libvirts_is_a_base_for_any_other_vm(
    case: str, test_driver: Driver
) -> None:
    base = test_driver.define(_text(job(vm(3, 6, iothreads=2), pins={0: "7", 1: "7", 2: "7"})))
    merged = _text(replace(EVERY[case], base=base.encode()))
    assert _said(test_driver.define(merged)) == _said(_text(EVERY[case]))
    uuid = etree.fromstring(base.encode()).findtext("uuid")
    assert etree.fromstring(merged.encode()).findtext("uuid") == uuid


@pytest.mark.parametrize("kind", ["qemu", "kvm"])
@pytest.mark.parametrize("case", HERE)
def test_libvirtd_makes_a_command_line_of_it(
    case: str, kind: str, native_argv: Callable[[str], list[str]]
) -> None:
    given = HERE[case]
    argv = native_argv(_text(_of_type(given, kind)))
    assert argv[argv.index("-accel") + 1] == {"qemu": "tcg", "kvm": "kvm"}[kind]
    topology = given.plan.topology
    smp = argv[argv.index("-smp") + 1].split(",")
    assert smp[0] == str(given.vm.cpu.count)
    assert smp[-4:] == [
        f"sockets={topology.sockets}",
        f"dies={topology.dies}",
        f"cores={topology.cores}",
        f"threads={topology.threads}",
    ]
    assert sum(word.startswith("node,nodeid=") for word in argv) == len(given.vm.numa.cells)
    assert sum('"qom-type":"iothread"' in word for word in argv) == given.vm.iothreads


def test_a_command_line_and_a_path_reach_qemu_as_they_were_written(
    native_argv: Callable[[str], list[str]],
) -> None:
    argv = native_argv(_text(_of_type(HERE["boot"], "qemu")))
    assert argv[argv.index("-append") + 1] == "a='b' \"c\" <d> & é"
    assert any('"filename":"/srv/a \'b\' & c.qcow2"' in word for word in argv)


@pytest.mark.parametrize(
    ("inner", "code"),
    [
        ("<cputune><iothreadsched iothreads='1' scheduler='batch'/></cputune>", "KV606"),
        (
            (
                "<cputune><cachetune vcpus='0-3'><cache id='0' level='3' type='both' size='3' "
                "unit='MiB'/><monitor level='3' vcpus='2-3'/></cachetune></cputune>"
            ),
            "KV606",
        ),
        (
            (
                "<cputune><memorytune vcpus='0-3'><node id='0' bandwidth='60'/>"
                "<monitor vcpus='3'/></memorytune></cputune>"
            ),
            "KV606",
        ),
        ("<maxMemory slots='4' unit='MiB'>512</maxMemory>", "KV605"),
    ],
    ids=["iothreadsched", "cachetune", "memorytune", "maxMemory"],
)
def test_what_is_refused_of_a_base_libvirt_refuses_too(
    inner: str, code: str, test_driver: Driver
) -> None:
    import libvirt

    head = "<domain type='kvm'><name>kvmc-test-base</name>"
    tail = f"{inner}<os><type arch='x86_64'>hvm</type></os></domain>"
    outcome = render(job(vm(), base=f"{head}{tail}".encode()))
    assert {d.code for d in outcome.diagnostics} == {code}
    assert outcome.value is None
    with pytest.raises(libvirt.libvirtError):
        test_driver.define(f"{head}<memory>1048576</memory><vcpu>2</vcpu>{tail}")


def test_what_is_dropped_from_an_allocation_libvirt_drops(test_driver: Driver) -> None:
    tune = (
        "<cputune><cachetune vcpus='0-3'><cache id='0' level='3' type='both' size='3' unit='MiB'/>"
        "<monitor level='3' vcpus='1-3'/></cachetune></cputune>"
    )
    base = (
        f"<domain type='kvm'><name>kvmc-test-base</name>{tune}"
        "<os><type arch='x86_64'>hvm</type></os></domain>"
    )
    kept = test_driver.define(_text(job(vm(), base=base.encode())))
    found = etree.fromstring(kept.encode()).iterfind("cputune/cachetune//*[@vcpus]")
    assert [e.get("vcpus") for e in found] == ["1"]
    assert "<cachetune vcpus='0-1'" in kept
