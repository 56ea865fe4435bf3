"""What no spec can say gives way, with a word: the import of a domain can always be built."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from kvmc import intake
from kvmc.cpuset import CpuSet
from kvmc.files import Text
from kvmc.planner.plan import plan_host
from kvmc.render.libvirt import render
from kvmc.render.model import Job
from kvmc.resources import schema_text
from kvmc.spec.domain.fit import BOUNDS, MOST_IOTHREADS, PRIORITIES, Rest, fitted
from kvmc.spec.domain.model import changes
from kvmc.spec.domain.read import read_domain
from kvmc.spec.domain.rest import rest_of
from kvmc.spec.domain.xml import parse_domain
from kvmc.spec.dump import dump_vm
from kvmc.spec.importer import vm_of

if TYPE_CHECKING:
    from kvmc.spec.domain.model import Domain

MIB, GIB = 1 << 10, 1 << 20
THREADS = (
    "<iothreads>3</iothreads><iothreadids><iothread id='2'/><iothread id='5'/><iothread id='7'/>"
    "</iothreadids>"
)


def _disk(thread: int) -> str:
    return f"<devices><disk><driver iothread='{thread}'/></disk></devices>"


def _xml(inside: str) -> bytes:
    memory = "" if "<memory>" in inside or "<memory " in inside else "<memory unit='GiB'>1</memory>"
    vcpu = "" if "<vcpu>" in inside else "<vcpu>4</vcpu>"
    return f"<domain type='kvm'><name>a</name>{memory}{vcpu}{inside}</domain>".encode()


def _read(xml: bytes) -> Domain:
    outcome = read_domain(xml, "a.xml")
    assert outcome.value is not None, outcome.diagnostics
    return outcome.value


def _rest(xml: bytes) -> Rest:
    root = parse_domain(xml, "a.xml").value
    assert root is not None
    return rest_of(root)


def _rebuilt(near: Domain, base: bytes) -> Domain:
    """Return the domain that the imported spec builds; nothing on the way has an error."""
    checked = intake.check([Text("a.yaml", dump_vm(vm_of(near, base="a.xml")).encode())])
    assert not any(d.is_error for d in checked.diagnostics), checked.diagnostics
    assert checked.value is not None
    (vm,) = checked.value.vms
    planned = plan_host([vm], None).value
    assert planned is not None
    outcome = render(Job(vm=vm, plan=planned.vms[0], base=base))
    assert outcome.value is not None, outcome.diagnostics
    return _read(outcome.value.text.encode())


GIVES = [
    ("<cputune><shares>1</shares></cputune>", ["shares is 1, and a spec has 2 to 262144"]),
    ("<cputune><shares>0</shares></cputune>", ["it becomes 2"]),
    ("<cputune><shares>300000</shares></cputune>", ["it becomes 262144"]),
    ("<cputune><period>1</period><quota>999</quota></cputune>", ["period is 1", "quota is 999"]),
    ("<cputune><quota>17592186044416</quota></cputune>", ["becomes 17592186044415"]),
    (THREADS, ["I/O threads 2,5,7 become 1-3"]),
    (THREADS + _disk(5), ["I/O threads 2,5,7 become 1-5"]),
    (THREADS + _disk(7), ["I/O threads 2,5,7 become 1-7"]),
    (
        THREADS.replace("'7'", "'4000000000'") + _disk(2),
        ["I/O threads 2,5,4000000000 become 1-3"],
    ),
    (
        (
            f"{THREADS}<cputune><iothreadsched iothreads='2,5' scheduler='batch'/></cputune>"
            "<devices><disk><driver><iothreads><iothread id='7'/></iothreads></driver></disk>"
            "</devices>"
        ),
        ["become 1-7"],
    ),
    (
        "<cputune><vcpusched vcpus='0,2' scheduler='rr' priority='0'/></cputune>",
        ["vCPUs 0,2: class rr with priority 0"],
    ),
    (
        "<cpu><numa><cell cpus='0-3' memory='9'/><cell memory='9'/></numa></cpu>",
        ["cell 1 has no vCPU"],
    ),
    (
        "<cpu><numa><cell cpus='0-1' memory='9'/><cell cpus='2-3' memory='0'/></numa></cpu>",
        ["cell 1 has no memory, which no spec can say: all cells are left out"],
    ),
    (
        (
            "<memoryBacking><hugepages><page size='2048' nodeset='1'/></hugepages></memoryBacking>"
            "<memory>4096</memory><cpu><numa><cell cpus='0-3' memory='2048'/>"
            "<cell memory='2048'/></numa></cpu>"
        ),
        ["cell 1 has no vCPU, which no spec can say: all cells are left out, and their pages"],
    ),
    (
        "<memoryBacking><hugepages><page size='5120'/></hugepages></memoryBacking>",
        ["no page has a size of 5MiB"],
    ),
    (
        (
            "<memory>2049</memory>"
            "<memoryBacking><hugepages><page size='2048'/></hugepages></memoryBacking>"
        ),
        ["memory is 2049KiB, no whole number of 2MiB pages: it becomes 4MiB"],
    ),
    (
        "<memoryBacking><hugepages><page size='2' unit='GiB'/></hugepages></memoryBacking>",
        ["memory is 1GiB, less than a page of 2GiB: its pages are left out"],
    ),
    (
        (
            "<memory unit='MiB'>1505</memory>"
            "<memoryBacking><hugepages><page size='1' unit='GiB'/></hugepages></memoryBacking>"
            "<cpu><numa><cell cpus='0-1' memory='1500' unit='MiB'/>"
            "<cell cpus='2-3' memory='5' unit='MiB'/></numa></cpu>"
        ),
        [
            "memory of cell 0 is 1500MiB, no whole number of 1GiB pages: it becomes 2GiB",
            "memory of cell 1 is 5MiB, less than a page of 1GiB",
        ],
    ),
]


@pytest.mark.parametrize(("inside", "said"), GIVES, ids=[said[0] for _, said in GIVES])
def test_what_no_spec_can_say_gives_way_and_is_told(inside: str, said: list[str]) -> None:
    xml = _xml(inside)
    near, gave = fitted(_read(xml), _rest(xml))
    assert len(gave) == len(said)
    assert all(part in sentence for part, sentence in zip(said, gave, strict=True))
    assert tuple(changes(near, _rebuilt(near, xml))) == ()
    assert fitted(near, _rest(xml)) == (near, ())


PLAIN = [
    "<cputune><shares>2</shares><period>1000</period><quota>-5</quota></cputune>",
    "<cputune><period>0</period><quota>0</quota></cputune>",
    "<iothreads>3</iothreads>" + _disk(3),
    "<cputune><vcpusched vcpus='0' scheduler='fifo' priority='99'/></cputune>",
    "<memoryBacking><hugepages/></memoryBacking><memory>1025</memory>",
    (
        "<memoryBacking><hugepages><page size='2048' nodeset='0'/></hugepages></memoryBacking>"
        "<cpu><numa><cell cpus='0-1' memory='4096'/><cell cpus='2-3' memory='5'/></numa></cpu>"
    ),
]


@pytest.mark.parametrize("inside", PLAIN)
def test_what_a_spec_can_say_stays(inside: str) -> None:
    domain = _read(_xml(inside))
    assert fitted(domain, _rest(_xml(inside))) == (domain, ())


def test_a_machine_type_that_is_none_is_left_out() -> None:
    near, gave = fitted(_read(_xml("<os><type machine=' '>hvm</type></os>")))
    assert near.machine.machine is None
    assert gave == ("' ' is no machine type: it is left out",)


def test_cells_stay_where_memory_devices_need_them() -> None:
    cells = "<cpu><numa><cell cpus='0-3' memory='9'/><cell memory='9'/></numa></cpu>"
    dimm = "<memory model='dimm'><target><size>9</size><node>1</node></target></memory>"
    xml = _xml(f"{cells}<devices>{dimm}</devices>")
    assert fitted(_read(xml), _rest(xml)) == (_read(xml), ())
    assert fitted(_read(xml))[0].cells == ()


def test_a_limit_of_nothing_is_none() -> None:
    domain = _read(_xml("<cputune><period>0</period><quota>0</quota></cputune>"))
    assert (domain.period, domain.quota) == (None, None)


def test_threads_keep_their_pins_and_new_ones_get_the_pin_of_all() -> None:
    domain = _read(_xml(THREADS))
    pins = tuple((number, CpuSet([number])) for number in (2, 5, 7))
    near, _ = fitted(replace(domain, iothreads=pins), Rest(iothreads=frozenset([5])))
    kept = [(1, CpuSet([7])), (2, CpuSet([2])), (3, None), (4, None), (5, CpuSet([5]))]
    assert near.iothreads == tuple(kept)
    alike = tuple((number, CpuSet([1])) for number in (2, 5, 7))
    near, _ = fitted(replace(domain, iothreads=alike), Rest(iothreads=frozenset([5])))
    assert near.iothreads == tuple((number, CpuSet([1])) for number in range(1, 6))


def test_a_thread_in_use_that_is_not_there_makes_none() -> None:
    domain = _read(_xml("<iothreads>1</iothreads>"))
    assert fitted(domain, Rest(iothreads=frozenset([9]))) == (domain, ())


def test_a_balloon_that_leaves_all_memory_goes_up_with_it() -> None:
    pages = "<memoryBacking><hugepages><page size='1' unit='GiB'/></hugepages></memoryBacking>"
    near, _ = fitted(_read(_xml(f"<memory unit='MiB'>1500</memory>{pages}")))
    assert (near.memory_kib, near.current_kib) == (2 * GIB, 2 * GIB)
    low = f"<memory unit='MiB'>1500</memory><currentMemory unit='MiB'>700</currentMemory>{pages}"
    near, _ = fitted(_read(_xml(low)))
    assert (near.memory_kib, near.current_kib) == (2 * GIB, 700 * MIB)


def test_the_bounds_are_those_of_the_schema() -> None:
    fields = json.loads(schema_text("vm"))["properties"]
    tune = fields["tune"]["properties"]
    assert {name: tune[name]["maximum"] for name in BOUNDS} == {n: b[1] for n, b in BOUNDS.items()}
    for name in ("shares", "period"):
        assert tune[name]["minimum"] == BOUNDS[name][0]
    priority = tune["scheduler"]["items"]["properties"]["priority"]
    assert (priority["minimum"], priority["maximum"]) == (PRIORITIES[0], PRIORITIES[-1])
    assert fields["iothreads"]["maximum"] == MOST_IOTHREADS
