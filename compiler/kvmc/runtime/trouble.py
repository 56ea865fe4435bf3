"""What ends an effect on a running machine, in the words of whoever refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kvmc.diagnostics import Diagnostic

MACHINE_FAILED = 4
_ASKED_WRONGLY = frozenset(("KV767", "KV769", "KV770", "KV771"))


class Trouble(Exception):  # noqa: N818 (it carries diagnostics from the edge; it is no bug)
    """Raised by effects of this package only; the command reports the diagnostics."""

    def __init__(self, *diagnostics: Diagnostic) -> None:
        super().__init__("; ".join(d.message for d in diagnostics))
        self.diagnostics = diagnostics

    @property
    def status(self) -> int:
        """The exit code: 1 where the user asked for what cannot be, else 4."""
        return 1 if all(d.code in _ASKED_WRONGLY for d in self.diagnostics) else MACHINE_FAILED


def status_of(diagnostics: Iterable[Diagnostic]) -> int | None:
    """Return 4 where the machine or the guest refused something; None: the diagnostics decide."""
    failed = any(d.is_error and d.code not in _ASKED_WRONGLY for d in diagnostics)
    return MACHINE_FAILED if failed else None
