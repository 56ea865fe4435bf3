"""Damaged machines: trees of sysfs, capabilities and hwloc XML."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz import corpus, machines, mutate
from tests.fuzz.cli import changed, judge, kvmc, snapshot
from tests.fuzz.places import inside

SLOW = settings(max_examples=5_000, suppress_health_check=list(HealthCheck))
AFTERWARDS = (("check", "h.yaml"), ("host", "show", "h.yaml"), ("map", "h.yaml"),
              ("host", "show", "h.yaml", "--format", "json"))  # fmt: skip


def probe(files: corpus.Folder, *source: str) -> None:
    """Probe to stdout, as JSON and into a file; what was written is a host kvmc accepts."""
    with inside(files) as work:
        before = snapshot(work.parent)
        judge(kvmc("host", "probe", *source))
        assert not changed(before, snapshot(work.parent))
        run = kvmc("host", "probe", *source, "--name", "h", "-o", "h.yaml")
        judge(run)
        assert changed(before, snapshot(work.parent)) <= {"work/h.yaml"}
        if not (work / "h.yaml").exists():
            assert run.code == 1, run
            return
        for command in AFTERWARDS:
            after = kvmc(*command)
            judge(after)
            assert after.code == run.code, f"{run}\n{after}"


@st.composite
def damaged_tree(draw: st.DrawFn, *, captured: bool = False) -> corpus.Folder:
    """Return a tree of which some files are lost, edited, or where they should not be."""
    files = dict(draw(st.sampled_from(machines.trees(captured=captured))))
    for _ in range(draw(st.integers(1, 6))):
        name = draw(st.sampled_from(sorted(files)))
        match draw(st.integers(0, 4)):
            case 0:
                del files[name]
            case 1:
                lost = name.rpartition("/")[0] + "/"
                files = {n: c for n, c in files.items() if not n.startswith(lost)} or files
            case 2:
                files[name] = files[draw(st.sampled_from(sorted(files)))]
            case _:
                files[name] = draw(mutate.lines(files[name]))
        if not files:
            break
    return {f"root/{name}": content for name, content in files.items()}


@settings(max_examples=20)
@given(damaged_tree())
def test_trees_of_sysfs(files: corpus.Folder) -> None:
    probe(files, "--sysfs", "root")


@settings(max_examples=20)
@given(st.sampled_from(machines.capabilities()).flatmap(mutate.xml))
def test_capabilities(xml: bytes) -> None:
    probe({"h.xml": xml}, "--capabilities", "h.xml")


@settings(max_examples=25)
@given(st.sampled_from(machines.hwloc()).flatmap(mutate.xml))
def test_hwloc(xml: bytes) -> None:
    probe({"h.xml": xml}, "--hwloc", "h.xml")


@pytest.mark.slow
@SLOW
@given(st.data())
def test_many_machines(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["capabilities", "hwloc", "sysfs"]))
    if kind == "sysfs":
        probe(data.draw(damaged_tree(captured=True)), "--sysfs", "root")
        return
    seeds = machines.hwloc if kind == "hwloc" else machines.capabilities
    xml = data.draw(st.sampled_from(seeds(captured=True)).flatmap(mutate.xml))
    probe({"h.xml": xml}, f"--{kind}", "h.xml")
