"""A guest's /proc/cpuinfo against the spec."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmc.apply.cpuinfo import compare, expected, model_name, read_guest, words
from kvmc.spec.model import Cpu, Topology
from tests.support.jobs import vm

LIANHUA = Topology(sockets=3, cores=1, threads=2)


def cpuinfo(topology: Topology, count: int | None = None, model: str = "A CPU") -> str:
    """Return what an x86 guest prints with the first `count` vCPUs of a topology."""
    cores = topology.dies * topology.clusters * topology.cores
    blocks = []
    for i in range(topology.vcpus if count is None else count):
        core = i // topology.threads
        blocks.append(
            f"processor\t: {i}\nvendor_id\t: GenuineIntel\nmodel\t\t: 61\n"
            f"model name\t: {model}\nphysical id\t: {core // cores}\nsiblings\t: 2\n"
            f"core id\t\t: {core % cores}\ncpu cores\t: {cores}\npower management:\n"
        )
    return "\n".join(blocks)


def _seen(text: str) -> Any:
    outcome = read_guest(text, "cpuinfo")
    assert outcome.value is not None
    return outcome.value


def test_lianhua_in_words() -> None:
    seen = _seen(cpuinfo(LIANHUA))
    assert words(seen.counts) == "3 sockets, 1 core each, 2 threads each, 6 CPUs"
    asked = vm(cpu=Cpu(count=6, max=6))
    assert compare(asked, LIANHUA, seen, None) == {}


def test_one_of_each() -> None:
    seen = _seen(cpuinfo(Topology()))
    assert words(seen.counts) == "1 socket, 1 core each, 1 thread each, 1 CPU"


_FEW = st.integers(1, 3)


@given(st.builds(Topology, sockets=_FEW, dies=_FEW, cores=_FEW, threads=_FEW), st.data())
def test_a_guest_that_sees_what_it_was_given_never_differs(topology: Topology, data: Any) -> None:
    count = data.draw(st.integers(1, topology.vcpus))
    seen = _seen(cpuinfo(topology, count))
    asked = vm(cpu=Cpu(count=count, max=topology.vcpus))
    assert seen.counts == expected(topology, count)
    assert compare(asked, topology, seen, None) == {}


def test_threads_that_became_cores_are_seen() -> None:
    seen = _seen(cpuinfo(Topology(sockets=3, cores=2)))
    found = compare(vm(cpu=Cpu(count=6, max=6)), LIANHUA, seen, None)
    assert found == {
        "KV750": "the guest sees 3 sockets, 2 cores each, 1 thread each, 6 CPUs; "
        "the spec gives 3 sockets, 1 core each, 2 threads each, 6 CPUs"
    }


def test_a_vcpu_that_is_not_online_in_the_guest_is_a_number_and_no_topology() -> None:
    seen = _seen(cpuinfo(LIANHUA, 5))
    assert words(seen.counts) == "3 sockets, 1 core each, 1 to 2 threads each, 5 CPUs"
    found = compare(vm(cpu=Cpu(count=6, max=6)), LIANHUA, seen, None)
    assert found == {"KV751": "the guest has 5 CPUs, the spec 6"}


@pytest.mark.parametrize(
    ("cpu", "name"),
    [
        (Cpu(count=2, max=2, mode="custom", model="Broadwell"), "Intel Core Processor (Broadwell)"),
        (Cpu(count=2, max=2, mode="custom", model="unheard-of"), None),
        (Cpu(count=2, max=2, mode="custom", model="Broadwell", match="minimum"), None),
        (Cpu(count=2, max=2, mode="host-passthrough"), "Xeon 7"),
        (Cpu(count=2, max=2, mode="host-model"), None),
        (Cpu(count=2, max=2), None),
    ],
)
def test_the_model_name_a_spec_gives(cpu: Cpu, name: str | None) -> None:
    assert model_name(vm(cpu=cpu), "Xeon 7") == name


def test_another_model_is_seen() -> None:
    asked = vm(cpu=Cpu(count=6, max=6, mode="custom", model="Broadwell"))
    right = _seen(cpuinfo(LIANHUA, model="Intel Core Processor (Broadwell)"))
    assert compare(asked, LIANHUA, right, None) == {}
    wrong = _seen(cpuinfo(LIANHUA, model="QEMU Virtual CPU version 2.5+"))
    assert list(compare(asked, LIANHUA, wrong, None)) == ["KV752"]


def test_a_file_without_sockets_tells_the_number_only() -> None:
    arm = "processor\t: 0\nBogoMIPS\t: 50.0\n\nprocessor\t: 1\nBogoMIPS\t: 50.0\n"
    seen = _seen(arm)
    assert (seen.cpus, seen.counts, seen.models) == (2, None, ())
    assert compare(vm(count=2), Topology(cores=2), seen, None) == {}
    assert list(compare(vm(count=3), Topology(cores=3), seen, None)) == ["KV751"]


def test_what_a_serial_console_prints_around_it_is_skipped() -> None:
    text = f"~ # cat /proc/cpuinfo\r\n{cpuinfo(LIANHUA)}\r\n~ # poweroff\r\n".replace("\n", "\r\n")
    assert _seen(text).counts == expected(LIANHUA, 6)


@pytest.mark.parametrize("text", ["", "hello\n", "MemTotal: 5 kB\n", "processor: x\n", "\0\xff"])
def test_something_else_is_refused(text: str) -> None:
    outcome = read_guest(text, "f")
    assert outcome.value is None
    assert [d.code for d in outcome.diagnostics] == ["KV753"]
