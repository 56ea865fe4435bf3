"""What every example builds is a domain to the grammar, libvirt's test driver and libvirtd."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pytest
from lxml import etree

from kvmc.cpuset import CpuSet
from tests.support.console import kvmc
from tests.support.paths import EXAMPLES
from tests.support.rng import needs_rng, rng_problems

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.conftest import Driver

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("libvirt")]

DOES_NOT_FIT = "does-not-fit"
NAMES = sorted(p.name for p in EXAMPLES.iterdir() if p.is_dir() and p.name != DOES_NOT_FIT)
every_example = pytest.mark.parametrize("name", NAMES)


@cache
def _built(name: str) -> dict[str, str]:
    """Return artefact -> XML, as `kvmc build --strict` makes it."""
    ran = kvmc("build", "--strict", "--format", "json", EXAMPLES / name)
    assert ran.code == 0, ran.json["diagnostics"]
    return {a["name"]: a["text"] for a in ran.json["artifacts"]}


def _on_this_machine(xml: str) -> str:
    """Return the domain for any machine: libvirtd wants the nodes and page pools it is given."""
    root = etree.fromstring(xml.encode())
    root.set("type", "qemu")
    for path in ("numatune", "memoryBacking/hugepages"):
        for element in root.findall(path):
            parent = element.getparent()
            assert parent is not None
            parent.remove(element)
    cpu = root.find("cpu")
    if cpu is not None and cpu.get("mode") in ("host-passthrough", "host-model"):
        cpu.set("mode", "maximum")  # a mode that TCG has
        cpu.attrib.pop("migratable", "")
        for element in cpu.findall("model") + cpu.findall("cache"):
            cpu.remove(element)
    return str(etree.tostring(root, encoding="unicode"))


def test_there_are_examples_and_the_one_that_does_not_fit_is_one() -> None:
    assert (EXAMPLES / DOES_NOT_FIT).is_dir()
    assert {"lianhua", "hotplug", "overcommit", "realtime", "two-cells"} <= set(NAMES)


@every_example
def test_an_example_builds_one_domain_a_spec(name: str) -> None:
    specs = sorted(p.stem for p in (EXAMPLES / name / "vms").glob("*.yaml"))
    assert sorted(n.rsplit("/", 1)[-1] for n in _built(name)) == [f"{s}.xml" for s in specs]


def test_the_one_that_does_not_fit_builds_nothing() -> None:
    ran = kvmc("build", "--format", "json", EXAMPLES / DOES_NOT_FIT)
    assert (ran.code, ran.json["artifacts"], ran.codes) == (1, [], ["KV501"])


@needs_rng
@every_example
def test_the_grammar_takes_it(name: str) -> None:
    assert {n: rng_problems(xml) for n, xml in _built(name).items()} == dict.fromkeys(
        _built(name), ""
    )


def _pins(xml: str) -> list[tuple[tuple[str, str], ...]]:
    """Return the attributes of every pin, sorted: libvirt has an order of its own.

    It also writes one <vcpusched> a vCPU where the spec has a range.
    """
    root = etree.fromstring(xml.encode())
    paths = ("vcpu", "cputune/*", "numatune/*", "cpu/topology", "cpu/numa/cell")
    found: list[tuple[tuple[str, str], ...]] = []
    for element in (e for path in paths for e in root.iterfind(path)):
        pin = {str(k): str(v) for k, v in element.items()}
        each = CpuSet.parse(pin["vcpus"]) if element.tag == "vcpusched" else (None,)
        for vcpu in each:
            own = {} if vcpu is None else {"vcpus": str(vcpu)}
            found.append(tuple(sorted((pin | own).items())))
    return sorted(found)


@every_example
def test_libvirts_test_driver_keeps_every_pin(name: str, test_driver: Driver) -> None:
    for xml in _built(name).values():
        assert _pins(test_driver.define(xml)) == _pins(xml)


@every_example
def test_libvirtd_makes_a_command_line_of_it(
    name: str, native_argv: Callable[[str], list[str]]
) -> None:
    for artefact, xml in _built(name).items():
        argv = native_argv(_on_this_machine(xml))
        root = etree.fromstring(xml.encode())
        vcpu, shape = root.find("vcpu"), root.find("cpu/topology")
        assert vcpu is not None, artefact
        assert shape is not None, artefact
        smp = argv[argv.index("-smp") + 1].split(",")
        assert smp[0] == vcpu.get("current", vcpu.text)
        for field in ("sockets", "dies", "cores", "threads"):
            assert f"{field}={shape.get(field)}" in smp
        cells = len(root.findall("cpu/numa/cell"))
        assert sum(word.startswith("node,nodeid=") for word in argv) == cells
