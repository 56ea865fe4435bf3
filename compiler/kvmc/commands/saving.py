"""Writing the files of a command, and saying what was done with each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.commands.result import Failure
from kvmc.diagnostics import Outcome, Place, error
from kvmc.report.style import printable
from kvmc.writing import write_atomically

if TYPE_CHECKING:
    from kvmc.files import StrPath


def save(target: StrPath, text: str, *, durable: bool = True, follow: bool = False) -> Outcome[str]:
    """Write a file; return a line that says so, or that it was the same; KV192 where it failed.

    `durable` and `follow` are those of `write_atomically`.
    """
    try:
        changed = write_atomically(target, text, durable=durable, follow=follow)
    except OSError as reason:
        return Outcome(None, (error("KV192", why(reason), Place(file=str(target))),))
    return Outcome(f"{'wrote' if changed else 'unchanged'} {printable(str(target))}\n")


def save_or_fail(target: StrPath, text: str, *, follow: bool = False) -> str:
    """Do as `save` does; raises Failure(4) where the file cannot be written."""
    saved = save(target, text, follow=follow)
    if saved.value is None:
        raise Failure(4, f"{target}: {saved.diagnostics[0].message}")
    return saved.value


def why(reason: OSError) -> str:
    """Return why a file cannot be written, in the system's words."""
    return (reason.strerror or "cannot be written").lower()
