"""Damaged domain XML as `base:` and for `kvmc import`, and a guest's damaged /proc/cpuinfo."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz import corpus, mutate
from tests.fuzz.cli import changed, judge, kvmc, snapshot
from tests.fuzz.places import inside
from tests.support.paths import EXAMPLES, GOLDEN

VM = b"""kvmc: v1
kind: vm
name: web
memory: 1GiB
cpu: {count: 4, features: {pcid: require}}
numa: {cells: [{cpus: 0-3, memory: 1GiB}]}
pin: {strategy: manual, map: {0: 2, 1: 3, 2: 4, 3: 5}, emulator: 0-1, iothreads: "1"}
iothreads: 2
tune: {shares: 2048, scheduler: [{vcpus: 0-1, policy: fifo, priority: 1}]}
base: base.xml
"""
HOST = EXAMPLES / "lianhua" / "hosts" / "kvm-07.yaml"
GUEST = GOLDEN / "drift" / "guest"


def build(xml: bytes) -> None:
    with inside({"vm.yaml": VM, "base.xml": xml}):
        for command in (("build", "vm.yaml"), ("build", "vm.yaml", "--target", "qemu")):
            run = kvmc(*command)
            judge(run)
            assert run.code in (0, 1), run
            assert bool(run.out) == (run.code == 0), run
        if run.out:
            return


def bring_in(xml: bytes, *, by_stdin: bool) -> None:
    with inside({"d.xml": xml, "hosts/kvm-07.yaml": HOST.read_bytes()}) as work:
        before = snapshot(work.parent)
        run = kvmc("import", "-", stdin=xml) if by_stdin else kvmc("import", "d.xml")
        judge(run, xml)
        judge(kvmc("import", "d.xml", "--host", "kvm-07", "--format", "json"))
        assert not changed(before, snapshot(work.parent))
        written = kvmc("import", "d.xml", "-o", "vms/d.yaml")
        judge(written)
        # What is wrong with a base alone cannot show where there is none.
        refused = 1 if "error[KV606]" in written.err else run.code
        assert written.code == refused, f"{run}\n{written}"
        assert changed(before, snapshot(work.parent)) <= {"work/vms", "work/vms/d.yaml"}
        if (work / "vms" / "d.yaml").exists():
            judge(kvmc("check", "vms/d.yaml"))
            judge(kvmc("build", "vms/d.yaml"))


def look(cpuinfo: bytes, *, by_stdin: bool) -> None:
    files = {"vm.yaml": (GUEST / "vms" / "lianhua.yaml").read_bytes(), "c.txt": cpuinfo}
    with inside(files):
        name = "-" if by_stdin else "c.txt"
        run = kvmc("verify", "vm.yaml", "--cpuinfo", name, stdin=cpuinfo)
        judge(run)
        assert run.code in (0, 1, 3), run
        judge(kvmc("verify", "vm.yaml", "--cpuinfo", "c.txt", "--format", "json"))


DOMAINS = st.sampled_from(corpus.xml("domain"))
CPUINFO = st.sampled_from([(GUEST / n).read_bytes() for n in ("right.txt", "cores.txt")])


@settings(max_examples=40)
@given(DOMAINS.flatmap(mutate.xml))
def test_bases(xml: bytes) -> None:
    build(xml)


@settings(max_examples=25)
@given(DOMAINS.flatmap(mutate.xml), st.booleans())
def test_imports(xml: bytes, by_stdin: bool) -> None:
    bring_in(xml, by_stdin=by_stdin)


@settings(max_examples=25)
@given(CPUINFO.flatmap(mutate.lines), st.booleans())
def test_cpuinfo(cpuinfo: bytes, by_stdin: bool) -> None:
    look(cpuinfo, by_stdin=by_stdin)


@pytest.mark.slow
@settings(max_examples=5_000, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_many_domains(data: st.DataObject) -> None:
    kind = data.draw(st.integers(0, 2))
    if kind == 0:
        build(data.draw(DOMAINS.flatmap(mutate.xml)))
    elif kind == 1:
        bring_in(data.draw(DOMAINS.flatmap(mutate.xml)), by_stdin=data.draw(st.booleans()))
    else:
        look(data.draw(CPUINFO.flatmap(mutate.lines)), by_stdin=data.draw(st.booleans()))
