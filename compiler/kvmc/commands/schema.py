"""`kvmc schema KIND`: the JSON Schema that editors and other tools read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.commands.result import Result
from kvmc.resources import schema_text

if TYPE_CHECKING:
    import argparse

    from kvmc.commands.result import View


def run(options: argparse.Namespace, _view: View) -> Result:
    """Print the schema file as it is."""
    return Result(output=schema_text(options.kind))
