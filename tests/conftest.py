"""Options and settings of every test."""

from __future__ import annotations

import os
import signal
import tempfile

import pytest
from hypothesis import settings

# The same examples on every machine and in every run: a test that fails, fails for everyone.
settings.register_profile("kvmc", derandomize=True, deadline=None, database=None)
settings.load_profile("kvmc")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write what the commands print now into expected.txt; never in CI",
    )


def pytest_configure(config: pytest.Config) -> None:
    os.environ["XDG_CACHE_HOME"] = tempfile.gettempdir() + "/nowhere"  # none but a test's own
    # A job in the background, or under nohup, ignores these, and so would what the tests end.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    config.addinivalue_line("markers", "xdist_group(name): tests that one worker runs together")
    if config.getoption("--update-golden") and os.environ.get("CI"):
        raise pytest.UsageError("--update-golden would make every golden pass; CI must not use it")


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether goldens are rewritten instead of compared."""
    return bool(request.config.getoption("--update-golden"))
