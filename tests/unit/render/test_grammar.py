"""Whatever the planner hands over, libvirt's grammar takes, and no text breaks out of its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given, settings
from lxml import etree

from kvmc.render.libvirt import render
from tests.support.jobs import jobs
from tests.support.rng import needs_rng, rng_problems

if TYPE_CHECKING:
    from kvmc.render.model import Job


def _text(job: Job) -> str:
    outcome = render(job)
    assert outcome.value is not None, outcome.diagnostics
    return outcome.value.text


@needs_rng
@given(jobs())
def test_every_domain_is_valid_against_libvirts_grammar(job: Job) -> None:
    assert rng_problems(_text(job)) == ""


@given(jobs())
def test_texts_come_back_as_they_went_in(job: Job) -> None:
    root = etree.fromstring(_text(job).encode())
    assert root.findtext("name") == job.vm.name
    files = [source.get("file", "") for source in root.iterfind("devices/disk/source")]
    assert [f.removeprefix("/var/lib/libvirt/images/") for f in files] == [
        d.file for d in job.vm.machine.disks
    ]
    if job.vm.machine.boot is not None:
        assert root.findtext("os/cmdline") == job.vm.machine.boot.cmdline


@given(jobs())
def test_every_pin_of_the_plan_is_there_once(job: Job) -> None:
    root = etree.fromstring(_text(job).encode())
    pins = [(int(p.get("vcpu", "")), p.get("cpuset")) for p in root.iterfind("cputune/vcpupin")]
    assert pins == [(v.id, str(v.cpus)) for v in job.plan.vcpus if v.cpus is not None]
    emulator = [p.get("cpuset") for p in root.iterfind("cputune/emulatorpin")]
    assert emulator == ([] if job.plan.emulator is None else [str(job.plan.emulator)])
    threads = [
        (int(p.get("iothread", "")), p.get("cpuset")) for p in root.iterfind("cputune/iothreadpin")
    ]
    assert threads == [(i.id, str(i.cpus)) for i in job.plan.iothreads if i.cpus is not None]


@given(jobs())
def test_cells_are_bound_to_the_nodes_of_the_plan(job: Job) -> None:
    root = etree.fromstring(_text(job).encode())
    bound = {int(m.get("cellid", "")): m.get("nodeset") for m in root.iterfind("numatune/memnode")}
    assert bound == {c.id: str(c.host_node) for c in job.plan.cells if c.host_node is not None}


@settings(max_examples=20)
@given(jobs())
def test_every_line_is_indented_and_ends(job: Job) -> None:
    text = _text(job)
    assert text.startswith("<domain type='")
    assert text.endswith("</domain>\n")
    assert not [line for line in text.splitlines() if line != line.rstrip() or not line.strip()]
    depth = 0
    for line in text.splitlines():
        bare = line.lstrip(" ")
        depth -= bare.startswith("</")
        assert len(line) - len(bare) == 2 * depth, line
        depth += not (bare.startswith("</") or bare.endswith("/>") or "</" in bare)
