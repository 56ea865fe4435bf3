"""Repositories with edited YAML, through every command that reads them."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz import corpus, mutate
from tests.fuzz.cli import changed, judge, kvmc, snapshot
from tests.fuzz.places import inside

COMMANDS = (
    ("check",),
    ("check", "--strict", "--format", "json"),
    ("check", "--format", "sarif"),
    ("check", "--format", "github"),
    ("plan", "--host", "local"),
    ("plan", "--format", "json"),
    ("plan", "--color", "never"),
    ("plan", "--replan", "--format", "json"),
    ("plan", "--locked"),
    ("build", "-o", "out"),
    ("build", "--format", "json"),
    ("build", "--target", "qemu", "-o", "out"),
    ("build", "--target", "qemu", "--format", "json"),
    ("lock",),
    ("map",),
    ("map", "--format", "json"),
    ("map", "--svg", "-"),
    ("map", "--html", "-"),
)


@st.composite
def edited(draw: st.DrawFn) -> corpus.Folder:
    """Return a repository of which one to three YAML files are edited."""
    files = dict(draw(st.sampled_from(corpus.repositories())))
    names = [name for name in files if name.endswith((".yaml", ".yml"))]
    for name in draw(st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True)):
        files[name] = draw(mutate.yaml(files[name]))
    return files


def writes_only(command: tuple[str, ...], paths: set[str]) -> bool:
    """Whether a command may have changed these paths."""
    if command[0] == "build" and "-o" in command:
        return all(p == "out" or p.startswith("out/") or p.endswith(".lock.yaml") for p in paths)
    return not paths or (command[0] == "lock" and all(p.endswith(".lock.yaml") for p in paths))


def go(files: corpus.Folder, command: tuple[str, ...]) -> None:
    with inside(files) as work:
        before = snapshot(work.parent)
        run = kvmc(*command)
        after = {p.removeprefix("work/") for p in changed(before, snapshot(work.parent))}
        judge(run)
        assert writes_only(command, after), f"{command} wrote {after}"


@settings(max_examples=120)
@given(edited(), st.sampled_from(COMMANDS))
def test_edited_repositories(files: corpus.Folder, command: tuple[str, ...]) -> None:
    go(files, command)


@pytest.mark.slow
@settings(max_examples=20_000, suppress_health_check=list(HealthCheck))
@given(edited(), st.sampled_from(COMMANDS))
def test_many_edited_repositories(files: corpus.Folder, command: tuple[str, ...]) -> None:
    go(files, command)
