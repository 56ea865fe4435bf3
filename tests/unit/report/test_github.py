"""Workflow commands that GitHub reads back as they were meant."""

from __future__ import annotations

import re
from urllib.parse import unquote

from hypothesis import given
from hypothesis import strategies as st

from kvmc.diagnostics import Diagnostic, Place, Span, error, note, warning
from kvmc.report.github import to_text
from kvmc.report.location import path_of

SPAN = Span(line=3, column=9)


def one(diagnostic: Diagnostic) -> str:
    return to_text([diagnostic], "/repo/fleet", "/repo")


def parsed(line: str) -> tuple[str, dict[str, str], str]:
    """Read a command as the runner does (actions/runner, ActionCommand.TryParseV2)."""
    match = re.fullmatch(r"::(\w+)(?: ([^\n]*?))?::([^\n]*)\n", line)
    assert match is not None
    pairs = [pair.split("=", 1) for pair in (match[2] or "").split(",") if pair]
    return match[1], {name: unquote(value) for name, value in pairs}, unquote(match[3])


def test_a_line_says_where_and_what() -> None:
    found = error("KV301", "too many", Place(file="vms/a.yaml"), hint="fewer", span=SPAN)
    assert one(found) == (
        "::error file=fleet/vms/a.yaml,line=3,col=9,title=KV301%3A topology is not cpu.max"
        "::too many%0Ahint: fewer\n"
    )


def test_warnings_and_notes_have_githubs_words() -> None:
    assert one(warning("KV353", "w")).startswith("::warning title=KV353")
    assert one(note("KV608", "n")).startswith("::notice title=KV608")


def test_a_name_full_of_separators_is_read_back() -> None:
    file = "vms/a,b:c=d%25\n::error::.yaml"
    command, properties, message = parsed(one(error("KV301", "100% :: x", Place(file=file))))
    assert command == "error"
    assert properties["file"] == f"fleet/{file}"
    assert message == "100% :: x"


@given(st.text(), st.text(min_size=1).filter(lambda name: "\0" not in name))
def test_nothing_in_a_message_or_a_name_begins_a_command(message: str, file: str) -> None:
    text = one(error("KV301", message, Place(file=f"./{file}"), span=SPAN))
    assert text.count("\n") == 1
    assert "\r" not in text
    command, properties, _ = parsed(text)
    assert command == "error"
    assert set(properties) <= {"file", "line", "col", "title"}


def test_paths_are_the_repositorys_where_they_are_inside() -> None:
    def path(file: str) -> str | None:
        return path_of(error("KV301", "x", Place(file=file)), "/repo/fleet", "/repo")

    assert path("vms/a.yaml") == "fleet/vms/a.yaml"
    assert path("./vms/../a.yaml") == "fleet/a.yaml"
    assert path("../hosts/h.yaml") == "hosts/h.yaml"
    assert path("/repo/a.yaml") == "a.yaml"
    assert path("../../elsewhere/a.yaml") == "/elsewhere/a.yaml"
    assert path("-a.yaml") == "fleet/-a.yaml"
    assert path("<stdin>") is None
    assert path("-") is None
    assert path_of(error("KV900", "x"), "/repo", "/repo") is None
