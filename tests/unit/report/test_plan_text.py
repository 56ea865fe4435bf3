"""The table below the map: pins in vCPU order, and nothing that is not so."""

from __future__ import annotations

import pytest

from kvmc.cpuset import CpuSet
from kvmc.planner.model import CellPlan, HostPlan, Unplaced, VcpuPin, VmPlan
from kvmc.report.plan import pins_text, to_text
from kvmc.report.style import Style
from kvmc.report.table import table
from kvmc.spec.model import Topology
from tests.unit.report.plans import floating, iothread, plan, vm


def _pins(threads: int, *pins: str) -> VmPlan:
    """Return a VM: a plain number is a dedicated CPU, one in brackets floats, - is not pinned."""
    return vm(
        "a",
        "",
        topology=Topology(cores=len(pins) // threads, threads=threads),
        vcpus=tuple(
            VcpuPin(
                id=i,
                cpus=None if text == "-" else CpuSet.parse(text.strip("()")),
                dedicated=text.isdigit(),
                boot=True,
                cell=None,
            )
            for i, text in enumerate(pins)
        ),
    )


@pytest.mark.parametrize(
    ("threads", "given", "shown"),
    [
        (1, ("9", "11"), "9 11"),
        (2, ("9", "37", "11", "39"), "9+37 11+39"),
        (1, ("11", "9"), "11 9"),
        (1, ("(0-3)", "(0-3)"), "(0-3)"),
        (2, ("(0-3)", "(0-3)", "(0-3)", "(0-3)"), "(0-3)"),
        (1, ("(0-3)", "5", "(0-3)", "6"), "(0-3) 5 6"),
        (2, ("(0-3)", "5"), "(0-3) 5"),
        (1, ("-", "-"), "floating"),
        (1, ("(0-3)", "(4-7)"), "(0-3) (4-7)"),
    ],
    ids=str,
)
def test_pins_are_in_the_order_of_the_vcpus(
    threads: int, given: tuple[str, ...], shown: str
) -> None:
    assert pins_text(_pins(threads, *given)) == shown


def _row(*vms: VmPlan) -> list[str]:
    return to_text(plan(None, *vms), {vm.name: 3 << 20 for vm in vms}, Style()).splitlines()


def test_columns_that_nobody_fills_are_left_out() -> None:
    head, _ = _row(vm("a", "1-2", emulator=None))
    assert head.split("  ")[0] == "VM"
    assert "emulator" not in head
    assert "I/O threads" not in head


def test_columns_are_aligned() -> None:
    head, first, second = _row(vm("a", "1-2"), vm("longer", "3-9"))
    column = head.index("emulator")
    assert first[column:] == "1-2"
    assert second[column:] == "3-9"
    assert {first[column - 2 : column], second[column - 2 : column]} == {"  "}


def test_hotplug_is_told_as_now_of_most() -> None:
    pins = vm("a", "1-3").vcpus
    some = tuple(
        VcpuPin(id=p.id, cpus=p.cpus, dedicated=True, boot=p.id < 1, cell=None) for p in pins
    )
    assert "1 of 3" in _row(vm("a", "1-3", vcpus=some))[1]


@pytest.mark.parametrize(
    ("topology", "shown"),
    [
        (Topology(sockets=2, cores=3, threads=2), "2x3x2"),
        (Topology(sockets=2, dies=2, cores=3), "2x2x3x1"),
        (Topology(clusters=2, cores=3), "1x2x3x1"),
    ],
)
def test_dies_and_clusters_show_only_where_there_are_any(topology: Topology, shown: str) -> None:
    assert shown in _row(vm("a", "0-11", topology=topology))[1].split()


def test_memory_is_told_by_cell_or_by_node() -> None:
    cells = tuple(
        CellPlan(id=i, vcpus=CpuSet([i]), memory_kib=1 << 20, host_node=node)
        for i, node in enumerate((1, 0))
    )
    assert "1GiB on node 1, 1GiB on node 0" in _row(vm("a", "1-2", cells=cells))[1]
    assert "  3GiB on nodes 0-1  " in _row(vm("a", "1-2", memory_nodes=CpuSet([0, 1])))[1]
    assert "  3GiB on node 0  " in _row(vm("a", "1-2", memory_nodes=CpuSet([0])))[1]
    loose = vm("a", "1-2", memory_nodes=CpuSet([0]), memory_mode="preferred")
    assert "  3GiB on node 0 (preferred)  " in _row(loose)[1]
    assert "  3GiB  " in _row(vm("a", "1-2"))[1]


def test_io_threads_are_told_together() -> None:
    assert _row(vm("a", "1", iothreads=(iothread(1, "3"), iothread(2, "4"))))[1].endswith("3-4")


def test_who_has_no_place_is_told_with_the_reason() -> None:
    left = Unplaced(name="b", reason="needs 2 cores", proven=True)
    text = to_text(
        HostPlan(host=None, vms=(floating("a", "0", 1),), unplaced=(left,)), {"a": 1}, Style()
    )
    assert text.endswith("not placed b: needs 2 cores\n")
    alone = to_text(HostPlan(host=None, vms=(), unplaced=(left,)), {}, Style())
    assert alone == "not placed b: needs 2 cores\n"


def test_a_table_without_rows_is_its_caller_s_affair_but_one_row_is_enough() -> None:
    assert table(("a", "b"), [("1", "")], Style()) == ["a", "1"]


def test_columns_that_are_empty_stay_where_that_tells() -> None:
    assert table(("a", "b"), [("1", "")], Style(), keep_empty=True) == ["a  b", "1"]


def test_names_never_steer_a_terminal() -> None:
    assert "\x1b" not in "".join(_row(vm("a\x1b[31m", "1")))


WIDE = ("VM", "host CPUs", "I/O threads")
WIDE_ROWS = [("db", "9+25 10+26 11+27 12+28", "9-11,25-27"), ("web", "(1,17)", "")]


def test_a_table_that_fits_or_is_not_for_a_terminal_is_not_folded() -> None:
    plain = table(WIDE, WIDE_ROWS, Style())
    assert len(plain) == 3
    assert table(WIDE, WIDE_ROWS, Style(), max(map(len, plain))) == plain


@pytest.mark.parametrize("room", range(30, 40))
def test_a_table_is_folded_to_its_room_and_keeps_every_word(room: int) -> None:
    lines = table(WIDE, WIDE_ROWS, Style(), room)
    assert max(map(len, lines)) <= room
    assert lines[0].split() == ["VM", "host", "CPUs", "I/O", "threads"]
    words = {word for row in WIDE_ROWS for cell in row for word in cell.split()}
    column = lines[0].index("I/O")
    assert {word for line in lines[1:] for word in line.split()} == words
    assert all(line[column - 2 : column].isspace() for line in lines if len(line) >= column)


def test_a_table_of_long_words_is_as_narrow_as_they_let_it() -> None:
    assert table(("a",), [("1,2,3",), ("x" * 9,)], Style(), 4) == ["a", "1,2,3", "x" * 9]
    assert table(("a",), [("1,2,3",), ("x,yz",)], Style(), 3) == ["a", "1,", "2,3", "x,", "yz"]
