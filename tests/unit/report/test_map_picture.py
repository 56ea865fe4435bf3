"""What is in a picture: boxes in boxes, reasons, memory, totals, legend."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kvmc.cpuset import CpuSet
from kvmc.planner.model import CellPlan
from kvmc.report.picture.compose import compose
from kvmc.report.picture.memory import Asked
from kvmc.report.picture.palette import DARK_LOOKS, LOOKS, VM_LOOKS, vm_colour, vm_pattern
from kvmc.report.picture.totals import to_text
from tests.property.hosts import GIB, SHAPES, synthetic
from tests.unit.report.hosts import FULL_MEMORY, ODD, full, full_host, full_plan
from tests.unit.report.plans import floating, plan, vm

if TYPE_CHECKING:
    from kvmc.planner.model import VmPlan
    from kvmc.report.picture.model import Box, Cpu, Picture

NO_OTHER = "so no other VM gets a CPU of this core"
READABLE = 4.5
"""WCAG 2.1, 1.4.3 (AA)."""
LINEAR = 0.04045
"""Where sRGB's transfer function stops being linear."""


def _outline(boxes: tuple[Box, ...]) -> list[object]:
    """Return labels, nested, with the CPUs of each cache."""
    found: list[object] = []
    for box in boxes:
        inner = _outline(box.boxes) or [c.id for core in box.cores for c in core.cpus]
        found += [box.label, inner]
    return found


def _cpu(picture: Picture, number: int) -> Cpu:
    return next(cpu for cpu in picture.cpus if cpu.id == number)


def test_nodes_stand_in_packages_and_caches_in_nodes() -> None:
    picture = compose(synthetic("node:2 l3:2 core:1 pu:2"), None, {})
    assert _outline(picture.boxes) == [
        "socket 0",
        ["node 0", ["L3 0", [0, 4], "L3 1", [1, 5]]],
        "socket 1",
        ["node 1", ["L3 2", [2, 6], "L3 3", [3, 7]]],
    ]


@pytest.mark.parametrize(
    ("name", "outline"),
    [
        ("nothing known", ["", ["", ["", [0, 1, 2]]]]),
        ("two packages in one node", ["node 0", ["socket 0", ["", [0]], "socket 1", ["", [1]]]]),
        (
            "packages and nodes cross",
            ["socket 0, node 0", ["", [0]], "socket 0, node 1", ["", [1]],
             "socket 1, node 0", ["", [2]], "socket 1, node 1", ["", [3]]],
        ),
        ("a node without CPUs", ["socket 0", ["node 0", ["", [0, 1]]], "node 1, no CPUs", []]),
        (
            "a cache across packages",
            ["socket 0", ["node 0", ["L3 0 (part)", [0]]],
             "socket 1", ["node 1", ["L3 0 (part)", [1]]]],
        ),
        (
            "hybrid",
            ["socket 0", ["node 0", ["L3 0, performance cores", [0, 1],
             "L3 0, efficiency cores", [2], "low-power cores", [3]]]],
        ),
    ],
)  # fmt: skip
def test_other_nestings(name: str, outline: list[object]) -> None:
    assert _outline(compose(ODD[name], None, {}).boxes) == outline


@pytest.mark.parametrize("name", ODD)
def test_every_cpu_and_every_node_s_memory_is_there_once(name: str) -> None:
    host = ODD[name]
    picture = compose(host, None, {})
    assert [cpu.id for cpu in picture.cpus] == list(host.online)
    boxes = list(picture.boxes)
    nodes = []
    while boxes:
        box = boxes.pop()
        boxes += box.boxes
        nodes += [box.memory.node] if box.memory else []
    assert sorted(nodes) == [node.id for node in host.nodes]


@pytest.mark.parametrize(
    ("cpu", "lines"),
    [
        (4, ("CPU 4: vCPU 0 of db; also emulator threads", "core 4: thread siblings 4,20",
             "socket 0, node 0, L3 1", "isolated from the scheduler at boot")),
        (6, ("CPU 6: emulator threads of rt",)),
        (21, (f"CPU 21: stranded: its sibling 5 belongs to rt, {NO_OTHER}",)),
        (0, ("CPU 0: reserved for the host: never dedicated to a guest",)),
        (1, ("CPU 1: in the shared set", "3 vCPUs may run here: web",
             "emulator or I/O threads may run here: rt, web")),
        (3, ("CPU 3: in the pool dpdk, which belongs to someone else",)),
        (15, ("CPU 15: not for guests: outside of policy.dedicated",)),
        (9, ("CPU 9: pinned to, but dedicated to nobody", "1 vCPU may run here: x-hand")),
        (25, (f"CPU 25: stranded: its sibling 9 is pinned to, {NO_OTHER}",)),
        (12, ("CPU 12: free", "core 12: thread siblings 12,28", "socket 1, node 1, L3 3")),
        (11, ("CPU 11: dedicated to y-locked", "core 11: thread siblings 11,27")),
        (32, ("CPU 32: offline",)),
    ],
)  # fmt: skip
def test_the_why_of_a_cpu(cpu: int, lines: tuple[str, ...]) -> None:
    assert _cpu(full(), cpu).why[: len(lines)] == lines


def test_a_shared_set_with_many_vms_names_a_few() -> None:
    host = synthetic("core:2 pu:2")
    vms = [floating(f"v{n}", "0-3", 2) for n in range(9)]
    picture = compose(host, plan(host, *vms), {})
    assert _cpu(picture, 0).why[1] == "18 vCPUs may run here: v0, v1, v2 and 6 more"


def test_memory_of_cells_and_of_vms_that_have_one_node() -> None:
    node0, node1 = (box.boxes[0].memory for box in full().boxes)
    assert node0
    assert node1
    assert [(share.tenant, share.kib) for share in node0.shares] == [(0, 8 * GIB), (1, 4 * GIB)]
    assert node0.text == (
        "64GiB · 12GiB bound · 48GiB left · x-hand: from nodes 0-1 · 4 x 1GiB pages"
    )
    assert [(share.tenant, share.kib) for share in node1.shares] == [(0, 16 * GIB)]


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        (Asked(4 * GIB), "64GiB · 12GiB bound · 48GiB left"),
        (Asked(4 * GIB, [0]), "64GiB · 12GiB bound · 52GiB left"),
        (Asked(52 * GIB), "64GiB · 60GiB bound · nothing left"),
        (Asked(53 * GIB), "64GiB · 61GiB bound · 1GiB too much"),
    ],
)
def test_what_is_left_is_outside_of_the_pools_of_huge_pages(asked: Asked, text: str) -> None:
    """Four pages of 1GiB are taken from the 64GiB before any VM; those in them take no more."""
    picture = compose(full_host(), full_plan(), {"rt": asked})
    memory = picture.boxes[0].boxes[0].memory
    assert memory
    assert memory.text.startswith(text + " · ")


def _node_0(asked: dict[str, Asked], *vms: VmPlan, pages: int = 0) -> tuple[list[int], str]:
    """Return the GiB that each VM has on the only node, of 64GiB, and the text there."""
    host = synthetic("node:1 core:4 pu:2", pages=pages)
    memory = compose(host, plan(host, *vms), asked).boxes[0].boxes[0].memory
    assert memory
    return [share.kib // GIB for share in memory.shares], memory.text


@pytest.mark.parametrize("mode", ["preferred", "interleave"])
def test_what_a_full_node_does_not_refuse_counts_as_far_as_it_fits(mode: str) -> None:
    """Bound memory comes first, whatever the names: 20GiB leave 44GiB for the other."""
    where = {"memory_nodes": CpuSet([0])}
    loose = vm("a", "1", memory_mode=mode, **where)
    firm = vm("b", "2", memory_mode="strict", **where)
    asked = {"a": Asked(90 * GIB), "b": Asked(20 * GIB)}
    shares, text = _node_0(asked, loose, firm)
    assert shares == [44, 20]
    assert text == "64GiB · 64GiB bound · nothing left · a: 46GiB from elsewhere"
    shares, text = _node_0({**asked, "a": Asked(4 * GIB)}, loose, firm)
    assert shares == [4, 20]
    assert text == "64GiB · 24GiB bound · 40GiB left"


def test_cells_go_by_the_mode_of_the_spec() -> None:
    cell = CellPlan(id=0, vcpus=CpuSet([0]), memory_kib=90 * GIB, host_node=0)
    one = vm("a", "1", cells=(cell,))
    shares, text = _node_0({"a": Asked(90 * GIB, mode="preferred")}, one)
    assert (shares, text) == (
        [64],
        "64GiB · 64GiB bound · nothing left · a: 26GiB from elsewhere",
    )
    assert _node_0({"a": Asked(90 * GIB, mode="restrictive")}, one) == (
        [90],
        "64GiB · 90GiB bound · 26GiB too much",
    )


def test_huge_pages_fit_in_their_pools() -> None:
    one = vm("a", "1", memory_nodes=CpuSet([0]), memory_mode="preferred")
    shares, text = _node_0({"a": Asked(6 * GIB, [0])}, one, pages=4)
    assert shares == [4]
    assert text.startswith("64GiB · 4GiB bound · 60GiB left · a: 2GiB from elsewhere · ")


def test_totals_of_the_full_host() -> None:
    rows = [line.split() for line in to_text(full().totals).splitlines()]
    words = ("node CPUs dedicated reserved shared pools", "not for guests", "pinned to")
    head = [*words[0].split(), *words[1:], "stranded", "free", "free cores"]
    assert full().totals.head == (*head, "isolated", "memory", "bound")
    assert rows[1:] == [
        ["0", "16", "4", "2", "4", "2", "0", "0", "2", "2", "1", "2", "64GiB", "12GiB"],
        ["1", "16", "3", "0", "0", "0", "2", "2", "3", "6", "3", "0", "64GiB", "16GiB"],
        ["all", "32", "7", "2", "4", "2", "2", "2", "5", "8", "4", "2", "128GiB", "28GiB"],
    ]


@pytest.mark.parametrize("room", [30, 60, 80])
def test_totals_of_a_narrow_terminal_follow_below_with_their_nodes(room: int) -> None:
    table = full().totals
    text = to_text(table, room)
    assert max(map(len, text.splitlines())) <= room
    parts = [part.splitlines() for part in text.split("\n\n")]
    assert len(parts) > 1
    assert all([line.split()[0] for line in part] == ["node", "0", "1", "all"] for part in parts)
    for number, row in enumerate(table.rows, start=1):
        assert [c for part in parts for c in part[number].split()[1:]] == list(row[1:])
    assert to_text(table, max(map(len, to_text(table).splitlines()))) == to_text(table)


@pytest.mark.parametrize("shape", SHAPES)
def test_uses_add_up_to_the_cpus(shape: str) -> None:
    table = compose(synthetic(shape), None, {}).totals
    places = [table.head.index(word) for word in ("dedicated", "free")]
    for row in table.rows:
        assert sum(int(row[place]) for place in places) == int(row[table.head.index("CPUs")])


def test_the_legend_has_what_is_drawn_and_nothing_else() -> None:
    assert [(entry.sign, entry.text) for entry in full().legend] == [
        ("A", "db (4)"),
        ("B", "rt (2)"),
        ("C", "web (floats)"),
        ("D", "x-hand (floats)"),
        ("E", "y-locked (1)"),
        ("r", "reserved (2)"),
        ("s", "shared (4)"),
        ("p", "pool dpdk (2)"),
        ("-", "not for guests (2)"),
        ("f", "pinned to, not dedicated (2)"),
        ("~", "stranded: its core is taken (5)"),
        ("", "free (8)"),
        ("x", "offline (2)"),
        ("", "isolated at boot (2)"),
    ]


def test_what_is_not_placed_is_said() -> None:
    assert full().unplaced == ("big: needs 40 cores; there are 5",)


def test_the_same_picture_twice() -> None:
    assert full() == compose(full_host(), full_plan(), FULL_MEMORY)


def _contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two `#rrggbb` colours, 1 to 21 (WCAG 2.1)."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    # sRGB's transfer function, with WCAG's constants
    red, green, blue = (p / 12.92 if p < LINEAR else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("look", [*LOOKS.values(), *DARK_LOOKS.values(), *VM_LOOKS])
def test_text_can_be_read_on_every_look(look: object) -> None:
    assert _contrast(look.ink, look.fill) >= READABLE  # type: ignore[attr-defined]
    if look.grain:  # type: ignore[attr-defined]
        assert _contrast(look.ink, look.grain) >= READABLE  # type: ignore[attr-defined]


def test_vms_repeat_a_look_only_after_35() -> None:
    looks = [(vm_colour(n), vm_pattern(n)) for n in range(36)]
    assert len(set(looks[:35])) == 35
    assert looks[35] == looks[0]


def test_light_and_dark_have_the_same_looks() -> None:
    assert LOOKS.keys() == DARK_LOOKS.keys()


def test_the_summary_of_a_vm() -> None:
    db, rt, web, _, locked = full().tenants
    assert db.summary == (
        "4 vCPUs, dedicated, threads require",
        "dedicated CPUs 4,8,20,24",
        "emulator threads on CPUs 4,8,20,24",
        "memory 8GiB on node 0, 16GiB on node 1",
    )
    assert rt.summary[0] == "1 vCPU, dedicated, threads require"
    assert rt.summary[2:] == (
        "emulator threads on CPU 6",
        "I/O thread 1 on CPUs 1-2,17-18",
        "memory 4GiB from node 0, strict",
    )
    assert web.summary[1] == "vCPUs float on CPUs 1-2,17-18"
    assert web.summary[-1] == "memory 1GiB, bound to no node"
    assert locked.summary[0] == "dedicated CPU 11"
