"""`python -m benchmarks`: measure, and write docs/benchmarks.md."""

from __future__ import annotations

import argparse
import gc
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import cold, hotspots, machine, openstack, placing, single, thousand
from benchmarks.effort import FULL, QUICK
from benchmarks.page import summary

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.effort import Effort
    from benchmarks.openstack import Nova
    from benchmarks.page import Section

PAGE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"
INTRO = """\
# Benchmarks

Written by `make bench{how}`; nothing on this page is typed by hand. The hosts and fleets come from
seeded generators (tests/support/fleets.py, benchmarks/fleets.py), so that two runs ask the same
questions. Compare ratios, not times: those are of this machine.
"""


def parts(effort: Effort, say: Callable[[str], None]) -> dict[str, Callable[[], list[Section]]]:
    """Return what can be measured, by the name that --only knows it by."""
    nova = _nova(effort, say)
    return {
        "fleets": lambda: placing.sections(nova, effort, say),
        "cells": lambda: [single.cells(nova, effort)],
        "refusals": lambda: [single.refusals(nova, effort)],
        "churn": lambda: [single.churn(nova, say)],
        "growth": lambda: [single.growth(nova, effort)],
        "profile": lambda: [hotspots.section(effort, say)],
        "cold": lambda: [cold.section()],
        "specs": lambda: [thousand.section(effort.specs, effort.runs, say)],
    }


def _nova(effort: Effort, say: Callable[[str], None]) -> Nova | None:
    nova = openstack.find()
    if nova is None:
        say("Nova is not installed: its columns stay empty")
        return None
    nova.limit = effort.nova_limit
    VERSIONS.append(f"{nova.version}, under Python {nova.speaks}")
    return nova


VERSIONS: list[str] = []
"""Nova's, once it is found."""


def main() -> int:
    """Measure what was asked for, and write the page or print it."""
    names = ("fleets", "cells", "refusals", "churn", "growth", "profile", "cold", "specs")
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a small sample")
    parser.add_argument("--only", action="append", choices=names, help="print, write nothing")
    parser.add_argument("-o", "--output", type=Path, default=PAGE, help="docs/benchmarks.md")
    given = parser.parse_args()
    effort = QUICK if given.quick else FULL
    gc.freeze()
    start = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - start:7.1f} s  {text}", file=sys.stderr, flush=True)

    measured: list[Section] = []
    for name, part in parts(effort, say).items():
        if not given.only or name in given.only:
            say(name)
            measured += part()
    how = " BENCH=--quick" if given.quick else ""
    versions = machine.described(VERSIONS[0] if VERSIONS else "")
    texts = [INTRO.format(how=how), versions + "\n", summary(measured)]
    page = "\n".join([*texts, *(one.text() for one in measured)])
    if given.only:
        print(page)
    else:
        given.output.write_text(page, encoding="utf-8")
        say(f"wrote {given.output}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
