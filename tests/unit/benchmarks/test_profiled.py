"""Profiles: every second is blamed on the module of kvmc that spent it, or had it spent."""

from __future__ import annotations

from typing import Any

import pytest
from benchmarks import cold, hotspots, profiled
from benchmarks.profiled import IMPORTS, OTHER, ROOT

from kvmc.cpuset import CpuSet

SEARCH = (str(ROOT / "planner" / "search.py"), 10, "search")
VERIFY = (str(ROOT / "planner" / "verify.py"), 20, "breaches")
MODULE = (str(ROOT / "cli.py"), 1, "<module>")
LENGTH = ("~", 0, "<built-in method builtins.len>")
LIBRARY = ("/usr/lib/python3/yaml/loader.py", 5, "load")
LOST = ("/usr/lib/python3/threading.py", 5, "wait")


def _entry(own: float, **_: float) -> tuple[int, int, float, float, dict[Any, Any]]:
    return (1, 3, own, own, {})


def _called(own: float, callers: dict[Any, float]) -> tuple[int, int, float, float, dict[Any, Any]]:
    return (1, 3, own, own, {who: (1, 1, part, part) for who, part in callers.items()})


STATS = {
    SEARCH: _entry(3.0),
    VERIFY: _entry(1.0),
    MODULE: _entry(1.0),
    LENGTH: _called(4.0, {SEARCH: 1.0, LIBRARY: 3.0}),
    LIBRARY: _called(0.5, {VERIFY: 0.25, LIBRARY: 0.25}),
    LOST: _entry(0.5),
}


def test_time_in_c_and_in_libraries_is_their_callers() -> None:
    shares = profiled.by_module(STATS)
    assert sum(shares.values()) == pytest.approx(1.0)
    assert shares["planner/search"] == pytest.approx(0.4)
    assert shares["planner/verify"] == pytest.approx(0.45, abs=0.001)
    assert shares[IMPORTS] == pytest.approx(0.1)
    assert shares[OTHER] == pytest.approx(0.05, abs=0.001)
    assert list(shares.values()) == sorted(shares.values(), reverse=True)


def test_functions_are_named_with_their_module() -> None:
    assert next(iter(profiled.by_function(STATS))) == "planner/verify: breaches"


def test_shares_in_words_are_the_largest() -> None:
    words = profiled.words({"planner/search": 0.5, "planner/verify": 0.3, "cpuset": 0.2}, most=2)
    assert words == "planner/search 50 %, planner/verify 30 %"


def test_a_real_profile_finds_who_works() -> None:
    reason = profiled.reason([lambda: CpuSet(range(50_000))], 10)
    assert reason.startswith("cpuset ")
    assert reason.endswith(" calls a VM")
    assert profiled.reason([], 0) == "nothing was measured"


def test_stages_are_folders_and_the_rest_is_the_rest() -> None:
    modules = {"source/plain": 0.3, "source/scalars": 0.1, "pipeline": 0.2, "cli": 0.3, OTHER: 0.1}
    stages = hotspots.by_stage(modules)
    assert stages == pytest.approx(
        {hotspots.STAGES["source"]: 0.4, hotspots.STAGES["planner"]: 0.2, hotspots.REST: 0.4}
    )


@pytest.mark.parametrize(
    ("planning", "function", "met"), [(0.2, 0.1, True), (0.7, 0.1, False), (0.2, 0.4, False)]
)
def test_a_hot_spot_is_a_stage_or_a_function(planning: float, function: float, met: bool) -> None:
    parsing = {hotspots.STAGES["source"]: 0.4, hotspots.STAGES["spec"]: 0.2}
    ground, ours = hotspots.hottest({"source/plain: f": 0.3, "planner/x: g": function, OTHER: 0.9})
    stages = {**parsing, hotspots.STAGES["planner"]: planning}
    target = hotspots.verdict(1000, ground, ours, stages)
    assert target.met is met
    assert "`planner/x: g`" in target.measured


def test_imports_are_summed_by_package() -> None:
    said = (
        "import time: self [us] | cumulative | imported package\n"
        "import time:       100 |        100 |     yaml.nodes\n"
        "import time:        50 |        150 |   yaml\n"
        "import time:        30 |         30 | re\n"
        "kvmc: something else | 5 | yaml\n"
    )
    assert cold.by_package(said) == {"yaml": 150, "the standard library": 30}
