"""This machine as a host of two cores, so that the output is the same everywhere."""

from tests.support.this_machine import patch

__all__ = ["patch"]
