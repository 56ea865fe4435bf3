"""Damaged locks: edited ones, two merged as git leaves them, and one of another host."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz import corpus, mutate, trees
from tests.fuzz.cli import changed, judge, kvmc, snapshot
from tests.fuzz.places import inside
from tests.fuzz.test_trees import as_yaml
from tests.fuzz.test_yaml import go

READERS = (("plan",), ("plan", "--locked"), ("plan", "--replan"), ("plan", "--format", "json"),
           ("check",), ("build", "-o", "out"), ("lock",), ("lock", "--replan"))  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn) -> corpus.Folder:
    """Return a repository whose lock is edited, merged with another, or swapped for it."""
    files = dict(draw(st.sampled_from(corpus.with_lock())))
    name = draw(st.sampled_from([n for n in sorted(files) if n.endswith(".lock.yaml")]))
    other = draw(st.sampled_from(corpus.with_lock()))
    theirs = next(content for n, content in sorted(other.items()) if n.endswith(".lock.yaml"))
    match draw(st.integers(0, 4)):
        case 0:
            files[name] = _merged(files[name], theirs, draw)
        case 1:
            files[name] = _conflict(files[name], theirs)
        case _:
            files[name] = draw(mutate.yaml(files[name], 3))
    return files


def _merged(ours: bytes, theirs: bytes, draw: st.DrawFn) -> bytes:
    """Both locks' lines of VMs in one, as `merge=union` makes it."""
    lines = [line for line in theirs.splitlines(keepends=True) if line.startswith(b"  ")]
    return ours.rstrip(b"\n") + b"\n" + b"".join(draw(st.permutations(lines)))


def _conflict(ours: bytes, theirs: bytes) -> bytes:
    return b"<<<<<<< HEAD\n" + ours + b"=======\n" + theirs + b">>>>>>> theirs\n"


@settings(max_examples=50)
@given(damaged(), st.sampled_from(READERS))
def test_damaged_locks(files: corpus.Folder, command: tuple[str, ...]) -> None:
    go(files, command)


def live(fleet: trees.Files, later: trees.Files) -> None:
    """Lock a fleet, then change it: the lock stays readable, and what it wrote it accepts."""
    with inside(as_yaml(fleet)) as work:
        first = kvmc("lock")
        judge(first)
        if first.code == 0:
            again = kvmc("plan", "--locked")
            judge(again)
            assert again.code == 0, again
            before = snapshot(work)
            judge(kvmc("lock"))
            assert not changed(before, snapshot(work))
        hosts = {n: text for n, text in as_yaml(fleet).items() if n.startswith("hosts/")}
        corpus.write(work, {**as_yaml(later), **hosts})
        for command in (("plan",), ("plan", "--locked"), ("plan", "--replan"), ("lock",)):
            judge(kvmc(*command))


@settings(max_examples=12)
@given(trees.fleet(), trees.fleet())
def test_locks_of_changing_fleets(fleet: trees.Files, later: trees.Files) -> None:
    live(fleet, later)


@pytest.mark.slow
@settings(max_examples=3_000, suppress_health_check=list(HealthCheck))
@given(damaged(), st.sampled_from(READERS))
def test_many_damaged_locks(files: corpus.Folder, command: tuple[str, ...]) -> None:
    go(files, command)


@pytest.mark.slow
@settings(max_examples=1_500, suppress_health_check=list(HealthCheck))
@given(trees.fleet(), trees.fleet())
def test_many_locks_of_changing_fleets(fleet: trees.Files, later: trees.Files) -> None:
    live(fleet, later)
