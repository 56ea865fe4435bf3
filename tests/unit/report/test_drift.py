"""The tables and the unified diff of `kvmc diff`."""

from __future__ import annotations

from msgspec.structs import replace

from kvmc.apply.diff import diff
from kvmc.apply.model import DomainDiff
from kvmc.report.drift import diff_text, diff_xml
from kvmc.report.style import Style
from tests.support.observed import defined, observed, pinned, running, started


def _new(wanted: str, inactive: str | None, name: str = "web") -> DomainDiff:
    return DomainDiff(
        name=name, new=inactive is None, state=None, wanted_xml=wanted, inactive_xml=inactive
    )


def test_a_crashed_guest_that_is_kept_has_a_live_column() -> None:
    job = pinned()
    seen = running(job)
    live = (seen.live or "").replace("vcpu='2' cpuset='2'", "vcpu='2' cpuset='6'")
    texts = {}
    for state in ("running", "crashed"):
        found = diff(job, replace(seen, state=state, live=live)).value
        assert found is not None
        texts[state] = diff_text([found], Style()).replace(state, "STATE")
    assert "6 *" in texts["crashed"]
    assert texts["crashed"] == texts["running"]


def test_a_guest_that_is_off_has_no_live_column() -> None:
    job = pinned()
    for state in ("shut off", "crashed"):
        seen = observed(defined(job).replace("vcpu='2' cpuset='2'", "vcpu='2' cpuset='6'"))
        found = diff(job, replace(seen, state=state)).value
        assert found is not None
        assert diff_text([found], Style()).splitlines()[1].split() == ["spec", "inactive", "effect"]


def test_a_long_line_is_folded_to_the_terminal() -> None:
    cpus = "0,2,4,6,8,10,12,14,16,18,20,22,24,26"
    job = pinned()
    seen = observed(defined(job).replace("vcpu='2' cpuset='2'", f"vcpu='2' cpuset='{cpus}'"))
    found = diff(job, seen).value
    assert found is not None
    assert max(map(len, diff_text([found], Style()).splitlines())) > 60
    folded = diff_text([found], Style(), 60)
    assert max(map(len, folded.splitlines())) <= 60
    assert "0,2,4" in folded


def test_control_characters_of_a_definition_are_escaped() -> None:
    old = "<a>\n\t<title>\x9b2J\u202e</title>\n</a>\n"
    found = diff_xml([_new(old.replace("2J", "3J"), old, name="w\x90b")])
    assert found.splitlines() == [
        "--- libvirt/w\\x90b.xml",
        "+++ kvmc/w\\x90b.xml",
        "@@ -1,3 +1,3 @@",
        " <a>",
        "-\t<title>\\x9b2J\\u202e</title>",
        "+\t<title>\\x9b3J\\u202e</title>",
        " </a>",
    ]


def test_only_a_line_feed_ends_a_line() -> None:
    old = "<title>a\x85b\u2028c</title>\n"
    found = diff_xml([_new(old + "<b/>", old)])
    assert found.splitlines()[3:] == [
        " <title>a\\x85b\\u2028c</title>",
        "+<b/>",
        "\\ No newline at end of file",
    ]
    assert diff_xml([_new("<a/>\n", None)]).startswith("--- /dev/null\n+++ kvmc/web.xml\n")


def test_definitions_that_say_the_same_differ_in_no_line() -> None:
    text = started(defined(pinned()))
    assert diff_xml([_new(text, text)]) == ""
