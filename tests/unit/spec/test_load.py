from __future__ import annotations

from time import process_time

import pytest

from kvmc.cpuset import CpuSet
from kvmc.source.problems import MAX_PROBLEMS
from kvmc.spec.load import load_vm
from kvmc.spec.model import (
    Boot,
    Cell,
    Cpu,
    CpuCache,
    Disk,
    Features,
    Machine,
    MemoryBacking,
    Numa,
    Pin,
    Scheduler,
    Topology,
    Tune,
    Vm,
)
from tests.unit.spec.documents import HEADER, SMALL, document, load, vm

GIB = 1024 * 1024

FULL = """
name: lianhua
host: kvm-07
memory: 32GiB
cpu:
  count: 3
  max: 6
  topology: {sockets: 3, threads: 2}
  mode: custom
  model: Broadwell
  fallback: allow
  match: exact
  check: partial
  features: {pcid: require, hle: disable}
  cache: {mode: emulate, level: 3}
numa:
  mode: preferred
  cells:
    - {cpus: [0, 1-3], memory: 24GiB, access: shared, discard: false, distances: {1: 21, 0: 10}}
    - {cpus: "4-5", memory: 8GiB, hugepages: 1GiB}
pin:
  strategy: mixed
  threads: require
  vcpus: 2-5
  cpus: 0-27,^3
  kind: low-power
  l3: require
  numa: require
  emulator: share
  iothreads: 5
iothreads: 2
tune: {shares: 6144, period: 100000, quota: -1,
       scheduler: [{vcpus: 2-5, policy: fifo, priority: 1}]}
memory_backing: {hugepages: 2MiB, locked: true, nosharepages: true, source: memfd,
                 access: private, allocation: immediate}
features: {kvm_hidden: true, pmu: false}
machine: q35
type: kvm
emulator: /usr/bin/qemu
boot: {kernel: /k, initrd: /i, cmdline: console=ttyS0}
disks: [{file: a.qcow2}, {file: b.img, format: raw}]
serial: {file: /var/log/a.log}
"""


def test_the_smallest_vm_has_the_defaults_of_the_contract() -> None:
    loaded = vm("cpu: {count: 2}")
    assert loaded == Vm(name="web", memory_kib=4 * GIB, cpu=Cpu(count=2, max=2))
    assert loaded.pin.strategy == "none"
    assert (loaded.place.file, loaded.place.document) == ("vm.yaml", 0)


def test_every_field_arrives() -> None:
    value, codes = load(HEADER + FULL)
    assert codes == ("KV321",)  # pin.numa, which means nothing beside cells
    assert value == Vm(
        name="lianhua",
        host="kvm-07",
        memory_kib=32 * GIB,
        cpu=Cpu(
            count=3,
            max=6,
            topology=Topology(sockets=3, threads=2),
            mode="custom",
            model="Broadwell",
            fallback="allow",
            match="exact",
            check="partial",
            features=(("hle", "disable"), ("pcid", "require")),
            cache=CpuCache(mode="emulate", level=3),
        ),
        numa=Numa(
            mode="preferred",
            cells=(
                Cell(
                    id=0,
                    cpus=CpuSet.parse("0-3"),
                    memory_kib=24 * GIB,
                    access="shared",
                    discard=False,
                    hugepages_kib=2048,
                    distances=((0, 10), (1, 21)),
                ),
                Cell(id=1, cpus=CpuSet.parse("4-5"), memory_kib=8 * GIB, hugepages_kib=GIB),
            ),
        ),
        pin=Pin(
            strategy="mixed",
            threads="require",
            vcpus=CpuSet.parse("2-5"),
            cpus=CpuSet.parse("0-2,4-27"),
            kind="low-power",
            l3="require",
            numa="require",
            emulator="share",
            iothreads=CpuSet.parse("5"),
        ),
        iothreads=2,
        tune=Tune(
            shares=6144,
            period=100000,
            quota=-1,
            scheduler=(Scheduler(vcpus=CpuSet.parse("2-5"), policy="fifo", priority=1),),
        ),
        memory_backing=MemoryBacking(
            hugepages_kib=2048,
            locked=True,
            nosharepages=True,
            source="memfd",
            access="private",
            allocation="immediate",
        ),
        features=Features(kvm_hidden=True, pmu=False),
        machine=Machine(
            machine="q35",
            type="kvm",
            emulator="/usr/bin/qemu",
            boot=Boot(kernel="/k", initrd="/i", cmdline="console=ttyS0"),
            disks=(Disk(file="a.qcow2"), Disk(file="b.img", format="raw")),
            serial="/var/log/a.log",
        ),
    )


def test_memory_is_the_sum_of_the_cells_where_it_is_left_out() -> None:
    value, codes = load(
        f"{HEADER}name: a\ncpu: {{count: 2}}\n"
        "numa: {cells: [{cpus: 0, memory: 1GiB}, {cpus: 1, memory: 512MiB}]}"
    )
    assert codes == ()
    assert value is not None
    assert value.memory_kib == 1536 * 1024


def test_a_manual_map_is_sorted_and_takes_any_spelling() -> None:
    loaded = vm('cpu: {count: 3}\npin: {strategy: manual, map: {2: [4, 6-7], "0": 9, 1: "1,37"}}')
    assert [(v, str(cpus)) for v, cpus in loaded.pin.map] == [(0, "9"), (1, "1,37"), (2, "4,6-7")]


def test_kind_any_means_no_wish() -> None:
    assert vm("cpu: {count: 1}\npin: {strategy: dedicated, kind: any}").pin.kind is None


def test_a_scheduler_without_vcpus_is_for_all_up_to_max() -> None:
    loaded = vm("cpu: {count: 1, max: 3}\ntune: {scheduler: [{policy: batch}]}")
    assert str(loaded.tune.scheduler[0].vcpus) == "0-2"


def test_a_serial_console_is_a_word_or_a_file() -> None:
    assert vm("cpu: {count: 1}\nserial: pty").machine.serial == "pty"
    assert vm("cpu: {count: 1}\nserial: {file: a.log}").machine.serial == "a.log"


@pytest.mark.parametrize("empty", ["pin: {}", "tune: {}", "numa: {}", "memory_backing: {}"])
def test_an_empty_mapping_is_as_good_as_none(empty: str) -> None:
    assert vm(f"cpu: {{count: 1}}\n{empty}") == vm("cpu: {count: 1}")


def test_no_value_where_the_schema_refuses_and_one_where_a_rule_does() -> None:
    assert load_vm(document(HEADER + "name: a\ncpu: {count: 0}")).value is None
    ruled = load_vm(document(HEADER + "name: a\nmemory: 1GiB\ncpu: {count: 2, max: 1}"))
    assert ruled.value is not None
    assert ruled.failed


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("cpu: {count: 2, match: exact}\nfeatures: {bogus: 1}", ("KV211", "KV305")),
        ("cpu: {count: 2, topolgy: {sockets: 3}}", ("KV211", "KV301")),
        ("cpu: {cuont: 2, topology: {sockets: 3}}", ("KV211", "KV301")),
        ("cpu: {cuont: 2, count: 4, topology: {sockets: 2}}", ("KV211", "KV301")),
        ("cpu: {count: 1}\nnuma: {cells: [{cpu: 0, memory: 1GiB, a: 1}]}",
         ("KV211", "KV211", "KV315")),
    ],
)  # fmt: skip
def test_an_unknown_field_hides_no_rule(body: str, expected: tuple[str, ...]) -> None:
    value, codes = load(SMALL + body)
    assert value is not None
    assert codes == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("cpu: {count: 2}\npin: {stratgy: dedicated, threads: require}", ("KV211",)),
        ("cpu: {count: 2}\npin: {threads: require}\nstrategy: dedicated", ("KV211",)),
        ("cpu: {cuont: six, match: exact}", ("KV211",)),
        ("cpu: {count: six, match: exact}\nfeatures: {bogus: 1}", ("KV213", "KV211")),
        ("cpu: {count: 2, match: exact}\nserial: {fil: a}", ("KV211",)),
        ("cpu: {count: 2, match: exact}\nfeatures: {bogus: 1}\ntune:", ("KV211", "KV213")),
    ],
)
def test_rules_say_nothing_that_only_follows_from_an_unknown_field(
    body: str, expected: tuple[str, ...]
) -> None:
    _, codes = load(SMALL + body)
    assert sorted(codes) == sorted(expected)


def test_a_field_that_is_nearly_memory_is_taken_for_it() -> None:
    assert load(f"{HEADER}name: a\nmemroy: 4GiB\ncpu: {{count: 2}}")[1] == ("KV211",)


MANY = {
    "pins": "pin: {strategy: manual, map: {" + ", ".join(f"{n}: ''" for n in range(9000)) + "}}",
    "schedulers": "tune: {scheduler: [" + "{vcpus: 0-9, policy: fifo}, " * 9000 + "]}",
    "cells": "numa: {cells: [" + "{cpus: 0-9, memory: 0KiB}, " * 9000 + "]}",
}


@pytest.mark.parametrize("part", MANY.values(), ids=MANY)
def test_of_many_problems_the_first_are_told_and_that_there_are_more(part: str) -> None:
    started = process_time()
    outcome = load_vm(document(f"{SMALL}cpu: {{count: 4}}\n{part}\n"))
    assert process_time() - started < 5
    assert outcome.value is not None, "checks across documents go on"
    assert len(outcome.diagnostics) == MAX_PROBLEMS + 1
    codes = [d.code for d in outcome.diagnostics]
    assert codes.index("KV118") == MAX_PROBLEMS
    assert all(code.startswith("KV3") for code in codes[:-1])


def test_a_thousand_problems_are_told_without_a_word_of_more() -> None:
    pins = ", ".join(f"{n}: 1" for n in range(4 + MAX_PROBLEMS))
    text = f"{SMALL}cpu: {{count: 4}}\npin: {{strategy: manual, map: {{{pins}}}}}\n"
    outcome = load_vm(document(text))
    assert {d.code for d in outcome.diagnostics} == {"KV324"}
    assert len(outcome.diagnostics) == MAX_PROBLEMS
