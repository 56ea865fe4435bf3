"""`kvmc explain CODE`: the paragraph behind a diagnostic."""

from __future__ import annotations

import difflib
import textwrap
from typing import TYPE_CHECKING

from kvmc.codes import CODES
from kvmc.commands.result import Failure, Result

if TYPE_CHECKING:
    import argparse

    from kvmc.commands.result import View


def run(options: argparse.Namespace, view: View) -> Result:
    """Print the code's title and paragraph, or name the nearest code."""
    wanted = options.code.upper()
    code = CODES.get(wanted)
    if code is None:
        near = difflib.get_close_matches(wanted, CODES, n=1)
        raise Failure(
            2, f"there is no code {options.code}" + (f"; did you mean {near[0]}?" if near else "")
        )
    title = view.style.paint(f"{code.code}: {code.title}", "1")
    document = {"kvmc": "v1", "kind": "code", "code": code.code, "title": code.title}
    document["text"] = code.text
    text = textwrap.fill(code.text, min(view.width, 88), break_on_hyphens=False)
    return Result(document=document, output=f"{title}\n\n{text}\n")
