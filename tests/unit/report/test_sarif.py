"""SARIF logs: their shape here, and against OASIS's schema where npm can fetch it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
from typing import TYPE_CHECKING, Any

import pytest

from kvmc import __version__
from kvmc.codes import CODES
from kvmc.diagnostics import Diagnostic, Place, Span, error, note, warning
from kvmc.report.sarif import to_text

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA_PACKAGE = "@microsoft/jest-sarif@1.0.0-beta.0"
"""Has the schema of OASIS, and is of SARIF's editors; nothing of it is run."""
SCHEMA_FILE = "package/lib/schemas/sarif-2.1.0-rtm.5.json"

ODD = "vms/a b:ü%.yaml"
FOUND = (
    error("KV301", "too many", Place(file=ODD), hint="fewer", span=Span(line=3, column=9)),
    warning("KV353", "no\tgood \U0001f427", Place(file="/elsewhere/a.yaml")),
    error("KV301", "again", Place(file="../hosts/h.yaml"), span=Span(line=1, column=1)),
    note("KV608", "nowhere"),
    error("KV190", "\udcff", Place(file="<stdin>")),
)


def log(*found: Diagnostic) -> dict[str, Any]:
    text = to_text(found, "/repo/fleet", "/repo")
    text.encode()  # whatever a file is called
    value: dict[str, Any] = json.loads(text)
    return value


def test_results_point_to_their_rules() -> None:
    (run,) = log(*FOUND)["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert run["tool"]["driver"]["version"] == __version__
    assert [rule["id"] for rule in rules] == ["KV190", "KV301", "KV353", "KV608"]
    assert rules[1]["shortDescription"] == {"text": CODES["KV301"].title}
    assert rules[1]["fullDescription"] == {"text": CODES["KV301"].text}
    assert [rules[r["ruleIndex"]]["id"] for r in run["results"]] == [d.code for d in FOUND]
    assert [r["level"] for r in run["results"]] == ["error", "warning", "error", "note", "error"]


def test_places_are_relative_uris_with_regions() -> None:
    results = log(*FOUND)["runs"][0]["results"]
    assert [r.get("locations") for r in results] == [
        [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": "fleet/vms/a%20b%3A%C3%BC%25.yaml"},
                    "region": {"startLine": 3, "startColumn": 9},
                }
            }
        ],
        [{"physicalLocation": {"artifactLocation": {"uri": "file:///elsewhere/a.yaml"}}}],
        [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": "hosts/h.yaml"},
                    "region": {"startLine": 1, "startColumn": 1},
                }
            }
        ],
        None,
        None,
    ]
    assert results[0]["message"]["text"] == "too many\nhint: fewer"


def test_nothing_found_is_a_log_without_results() -> None:
    (run,) = log()["runs"]
    assert (run["results"], run["tool"]["driver"]["rules"]) == ([], [])


def _absent(reason: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed, and PyPI has no package with SARIF's schema")
    folder: Path = tmp_path_factory.mktemp("sarif")
    command = ["npm", "pack", "--silent", SCHEMA_PACKAGE]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )
    if done.returncode != 0:
        _absent(f"npm cannot fetch {SCHEMA_PACKAGE}: {done.stderr.strip()[-200:]}")
    with tarfile.open(next(folder.glob("*.tgz"))) as archive:
        member = archive.extractfile(SCHEMA_FILE)
        assert member is not None
        value: dict[str, Any] = json.load(member)
    return value


@pytest.mark.slow
@pytest.mark.parametrize("found", [FOUND, ()], ids=["results", "nothing"])
def test_the_log_is_valid_against_the_schema_of_oasis(
    found: tuple[Diagnostic, ...], schema: dict[str, Any]
) -> None:
    from jsonschema import Draft7Validator

    validator = Draft7Validator(schema)
    assert [e.message for e in validator.iter_errors(log(*found))] == []
    broken = log(*found) | {"version": "2.0.0"}
    assert list(validator.iter_errors(broken))


@pytest.mark.slow
def test_every_code_makes_a_valid_rule(schema: dict[str, Any]) -> None:
    from jsonschema import Draft7Validator

    found = [error(code, "x", Place(file="a.yaml")) for code in CODES]
    assert [e.message for e in Draft7Validator(schema).iter_errors(log(*found))] == []
