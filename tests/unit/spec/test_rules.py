from __future__ import annotations

import pytest
from msgspec.structs import replace

from kvmc.codes.rules import CODES
from kvmc.spec.rules import RULES, check_fleet
from tests.unit.spec.documents import HEADER, codes, load, vm

CELLS = "cpu: {count: 4}\nnuma: {cells: ["
PAIRS = "cpu: {count: 4, topology: {cores: 2, threads: 2}}\npin: "
MANUAL = "cpu: {count: 2}\npin: {strategy: manual, map: "

FINE = [
    "cpu: {count: 6, topology: {sockets: 3, threads: 2}}",
    "cpu: {count: 2, max: 4, topology: {cores: 4}}",
    "cpu: {count: 2, mode: custom, model: Broadwell, match: strict, fallback: forbid}",
    "cpu: {count: 2, mode: host-passthrough, migratable: false, cache: {mode: passthrough}}",
    "cpu: {count: 2, mode: maximum, migratable: true}\ntype: qemu",
    "cpu: {count: 2, mode: host-model, fallback: allow, cache: {mode: disable}}",
    CELLS + "{cpus: '0,2', memory: 1GiB}, {cpus: '1,3', memory: 3GiB, distances: {0: 21}}]}",
    CELLS + "{cpus: 0-3, memory: 4GiB, hugepages: 1GiB}]}",
    "cpu: {count: 4}\nmemory_backing: {hugepages: 2MiB}",
    "cpu: {count: 4}\npin: {threads: prefer, emulator: own, l3: prefer}",
    "cpu: {count: 4}\npin: {strategy: shared, numa: require, emulator: 0-3}",
    "cpu: {count: 4}\nnuma: {mode: strict}",
    "cpu: {count: 4}\npin: {strategy: shared, numa: require}\nnuma: {mode: interleave}",
    CELLS + "{cpus: 0-3, memory: 4GiB}], mode: preferred}\npin: {strategy: shared}",
    CELLS + "{cpus: 0-3, memory: 4GiB}]}\npin: {strategy: dedicated, numa: prefer}",
    "cpu: {count: 4}\npin: {strategy: dedicated}\nnuma: {mode: interleave}",
    MANUAL + "{0: 1, 1: 2}}\nnuma: {mode: interleave}",
    PAIRS + "{strategy: mixed, threads: require, vcpus: 2-3}",
    PAIRS + "{strategy: mixed, threads: prefer, vcpus: 1-3}",
    PAIRS + "{strategy: dedicated, threads: require}",
    "cpu: {count: 4}\npin: {strategy: dedicated, threads: require}",
    "cpu: {count: 4}\npin: {strategy: dedicated, threads: isolate}",
    PAIRS + "{strategy: dedicated}\nnuma: {cells: [{cpus: '0-1', memory: 1GiB}, "
    "{cpus: '2-3', memory: 3GiB}]}",
    PAIRS + "{strategy: none}\nnuma: {cells: [{cpus: 0-2, memory: 1GiB}, {cpus: 3, memory: 3GiB}]}",
    MANUAL + "{0: 1-4, 1: 1-4}, emulator: 0}",
    "cpu: {count: 4}\niothreads: 1\npin: {strategy: dedicated, iothreads: isolate}",
    (
        "cpu: {count: 4}\npin: {strategy: mixed, vcpus: 0}\n"
        "tune: {quota: 1000, scheduler: [{vcpus: 0, policy: rr, priority: 99}, "
        "{vcpus: 1-3, policy: idle}]}"
    ),
    "cpu: {count: 4}\ntune: {quota: -1, shares: 10000}",
    "cpu: {count: 4}\nbase: base.xml",
    "cpu: {count: 4}\npin: {strategy: dedicated}\nfeatures: {kvm_hint_dedicated: true}",
    MANUAL + "{0: 1, 1: 2}}\nfeatures: {kvm_hint_dedicated: true}",
    "cpu: {count: 4}\nfeatures: {kvm_hint_dedicated: false}",
]

WRONG = [
    ("KV301", "cpu: {count: 6, topology: {cores: 4}}"),
    ("KV302", "cpu: {count: 3, max: 2}"),
    ("KV303", "cpu: {count: 2, model: Broadwell}"),
    ("KV304", "cpu: {count: 2, mode: custom}"),
    ("KV305", "cpu: {count: 2, mode: maximum, match: exact}"),
    ("KV306", "cpu: {count: 2, migratable: false}"),
    ("KV307", "cpu: {count: 2, mode: host-model, cache: {mode: emulate, level: 2}}"),
    ("KV307", "cpu: {count: 2, mode: maximum, cache: {mode: passthrough, level: 3}}"),
    ("KV308", "cpu: {count: 2, cache: {mode: passthrough}}"),
    ("KV309", "cpu: {count: 2, mode: host-passthrough}\ntype: qemu"),
    ("KV310", "cpu: {count: 2, check: full}"),
    ("KV311", CELLS + "{cpus: 0-2, memory: 4GiB}]}"),
    ("KV312", CELLS + "{cpus: 0-3, memory: 2GiB}, {cpus: 1, memory: 2GiB}]}"),
    ("KV313", CELLS + "{cpus: 0-4, memory: 4GiB}]}"),
    ("KV314", CELLS + "{cpus: 0-3, memory: 4GiB}, {cpus: [], memory: 0KiB}]}"),
    ("KV315", CELLS + "{cpus: 0-3, memory: 1GiB}]}"),
    ("KV316", CELLS + "{cpus: 0-3, memory: 4GiB, distances: {9: 20}}]}"),
    ("KV317", CELLS + "{cpus: 0-3, memory: 4GiB, distances: {0: 11}}]}"),
    ("KV318", CELLS + "{cpus: 0-3, memory: 4GiB, hugepages: 16GiB}]}"),
    ("KV320", CELLS + "{cpus: 0-3, memory: 4GiB, hugepages: 1GB}]}"),
    (
        "KV320",
        "memory_backing: {hugepages: 2MiB}\n"
        + CELLS
        + "{cpus: 0-3, memory: 4GiB, hugepages: 0KiB}]}",
    ),
    ("KV320", "cpu: {count: 4}\nmemory_backing: {hugepages: 0KiB}"),
    ("KV321", "cpu: {count: 4}\npin: {cpus: 0-3}"),
    ("KV321", "cpu: {count: 4}\npin: {strategy: shared, kind: efficiency}"),
    ("KV321", MANUAL + "{0: 1, 1: 2}, numa: require}"),
    ("KV321", "cpu: {count: 4}\nnuma: {mode: interleave}"),
    ("KV321", CELLS + "{cpus: 0-3, memory: 4GiB}], mode: preferred}"),
    ("KV321", "cpu: {count: 4}\npin: {strategy: shared}\nnuma: {mode: restrictive}"),
    ("KV321", CELLS + "{cpus: 0-3, memory: 4GiB}]}\npin: {strategy: shared, numa: require}"),
    ("KV321", CELLS + "{cpus: 0-3, memory: 4GiB}]}\npin: {strategy: dedicated, numa: require}"),
    ("KV322", "cpu: {count: 1}\npin: {strategy: shared, map: {0: 1}}"),
    ("KV323", "cpu: {count: 1, max: 2}\npin: {strategy: manual, map: {0: 1}}"),
    ("KV323", "cpu: {count: 1}\npin: {strategy: manual}"),
    ("KV324", MANUAL + "{0: 1, 1: 2, 2: 3}}"),
    ("KV325", MANUAL + "{0: 1, 1: ''}}"),
    ("KV326", "cpu: {count: 4}\npin: {vcpus: ''}"),
    ("KV327", "cpu: {count: 4}\npin: {strategy: mixed, vcpus: ''}"),
    ("KV328", "cpu: {count: 4}\npin: {strategy: mixed, vcpus: 3-4}"),
    ("KV329", "cpu: {count: 4}\npin: {strategy: mixed, vcpus: 0-3}"),
    ("KV330", PAIRS + "{strategy: dedicated, threads: isolate}"),
    ("KV330", PAIRS + "{strategy: mixed, vcpus: 1, threads: isolate}"),
    ("KV331", ("cpu: {count: 4, topology: {cores: 4}}\n"
     "pin: {strategy: dedicated, threads: require}")),
    ("KV332", PAIRS + "{strategy: mixed, threads: require, vcpus: 3}"),
    ("KV333", PAIRS + "{strategy: mixed, vcpus: 3}\nnuma: {cells: [{cpus: 0-2, memory: 1GiB}, "
     "{cpus: 3, memory: 3GiB}]}"),
    ("KV334", "cpu: {count: 4}\npin: {strategy: shared, emulator: ''}"),
    ("KV334", "cpu: {count: 4}\niothreads: 1\npin: {strategy: dedicated, iothreads: ''}"),
    ("KV335", "cpu: {count: 4}\npin: {strategy: dedicated, iothreads: 3}"),
    ("KV341", "cpu: {count: 4}\ntune: {scheduler: [{vcpus: 4, policy: idle}]}"),
    ("KV342", "cpu: {count: 4}\ntune: {scheduler: [{policy: idle}, {policy: batch}]}"),
    ("KV343", "cpu: {count: 4}\npin: {strategy: dedicated}\ntune: {scheduler: [{policy: rr}]}"),
    ("KV344", "cpu: {count: 4}\ntune: {scheduler: [{policy: idle, priority: 9}]}"),
    ("KV345", "cpu: {count: 4}\ntune: {quota: 999}"),
    ("KV346", "cpu: {count: 4}\ntune: {scheduler: [{vcpus: [], policy: idle}]}"),
    ("KV347", "cpu: {count: 4}\ntune: {shares: 10001}"),
    ("KV348", "cpu: {count: 4}\ntune: {scheduler: [{policy: rr, priority: 1}]}"),
    ("KV348", ("cpu: {count: 4}\npin: {strategy: mixed, vcpus: 2-3}\n"
     "tune: {scheduler: [{vcpus: 1-3, policy: fifo, priority: 1}]}")),
    ("KV348", MANUAL + "{0: 1, 1: 2-3}}\ntune: {scheduler: [{policy: fifo, priority: 1}]}"),
    ("KV352", "cpu: {count: 4}\nbase: b.xml\ntype: kvm"),
    ("KV353", MANUAL + "{0: 1, 1: 1}}\nfeatures: {kvm_hint_dedicated: true}"),
    ("KV353", ("cpu: {count: 4}\npin: {strategy: mixed, vcpus: 1-3}\n"
     "features: {kvm_hint_dedicated: true}")),
    ("KV354", "cpu: {count: 4}\nmemory_backing: {hugepages: 2MiB, source: anonymous}"),
    ("KV354", "cpu: {count: 4}\nmemory_backing: {hugepages: 2MiB, allocation: ondemand}"),
]  # fmt: skip


@pytest.mark.parametrize("body", FINE)
def test_what_is_fine_is_left_alone(body: str) -> None:
    assert codes(body) == ()


@pytest.mark.parametrize(("code", "body"), WRONG)
def test_a_broken_rule_says_its_own_code_and_no_other(code: str, body: str) -> None:
    also_empty = {"KV314": {"KV319"}}.get(code, set())  # a cell of nothing has no memory either
    assert set(codes(body)) - also_empty == {code}


def test_every_code_of_one_document_is_broken_here() -> None:
    elsewhere = {"KV319", "KV351", "KV361"}
    assert {code.code for code in CODES} == {code for code, _ in WRONG} | elsewhere


def test_a_rule_is_listed_once_and_there_is_one_a_code() -> None:
    assert len(set(RULES)) == len(RULES) == len(CODES) - 1  # KV361 is between documents


@pytest.mark.parametrize(
    "name",
    ["", " ", "a/b", ".", "..", " a", "a\\tb", "é" * 101, "x" * 201],
)
def test_a_name_that_libvirt_or_a_file_system_refuses(name: str) -> None:
    assert load(f'{HEADER}name: "{name}"\nmemory: 1GiB\ncpu: {{count: 1}}')[1] == ("KV351",)


@pytest.mark.parametrize("name", ["a", "web 1", "Köln", "a.b_c-d", "..a", "x" * 200])
def test_a_name_that_is_fine(name: str) -> None:
    assert load(f'{HEADER}name: "{name}"\nmemory: 1GiB\ncpu: {{count: 1}}')[1] == ()


@pytest.mark.parametrize(
    ("memory", "expected"),
    [("", ("KV319",)), ("memory: 0GiB", ("KV319",)), ("memory: 99999999TiB", ("KV319",)),
     ("memory: 1KiB", ())],
)  # fmt: skip
def test_memory_has_bounds(memory: str, expected: tuple[str, ...]) -> None:
    assert load(f"{HEADER}name: a\ncpu: {{count: 1}}\n{memory}")[1] == expected


def test_a_name_is_used_once_on_a_host_and_once_without_one() -> None:
    web = vm("cpu: {count: 1}")
    places = [replace(web.place, document=n) for n in range(5)]
    hosts = [None, "a", None, "b", "a"]
    fleet = [replace(web, place=p, host=h) for p, h in zip(places, hosts, strict=True)]
    found = check_fleet(fleet[::-1])
    assert [d.place.document for d in found if d.place] == [2, 4]
    assert found[0].message == "VM 'web' without a host is already in vm.yaml"
    assert found[1].message == "VM 'web' on host 'a' is already in vm.yaml, document 2"
    assert found == check_fleet(fleet)
