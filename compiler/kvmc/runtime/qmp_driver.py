"""The effect of asking QEMU: one QMP session, on the library qemu.qmp, which is asyncio inside.

QEMU serves one client of a socket at a time, so sessions are short: connect, ask, leave.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from kvmc.diagnostics import Diagnostic, error
from kvmc.runtime.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping
    from pathlib import Path
    from types import TracebackType
    from typing import Self

_ANSWER_SECONDS = 60
"""The longest a command may take: QEMU answers within its main loop."""


class Monitor:
    """An open session; a context manager. Every method raises Trouble (KV762) with QEMU's words."""

    def __init__(self, name: str, socket: Path, *, seconds: float = 5) -> None:
        """Connect; `seconds`: how long another client may hold the socket before we give up."""
        try:
            from qemu.qmp import EventListener, QMPClient
        except ImportError as missing:
            raise Trouble(no_library()) from missing
        # Without a handler Python prints the library's own notes about every refusal.
        logging.getLogger("qemu.qmp").addHandler(logging.NullHandler())
        self._name = name
        self._runner = asyncio.Runner()
        self._client = QMPClient(name)
        self._events = EventListener()
        self._client.register_listener(self._events)
        try:
            self._run(self._client.connect(str(socket)), seconds, "connect to its monitor")
        except Trouble:
            self._runner.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._runner.run(asyncio.wait_for(self._client.disconnect(), _ANSWER_SECONDS))
        except (Exception, asyncio.CancelledError):  # noqa: BLE001, S110 - QEMU may be gone, which the caller learns from elsewhere
            pass
        finally:
            self._runner.close()

    def ask(self, command: str, **arguments: str) -> Any:  # noqa: ANN401 - JSON
        """Return QEMU's answer to a command."""
        return self.ask_with(command, arguments)

    def ask_with(self, command: str, arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON
        """Return QEMU's answer to a command."""
        return self._run(self._client.execute(command, dict(arguments)), _ANSWER_SECONDS, command)

    def wait(self, seconds: float) -> tuple[str, dict[str, Any]] | None:
        """Return the next event since connecting (name, data); None where none comes in time."""
        try:
            message = self._runner.run(asyncio.wait_for(self._events.get(), seconds))
        except TimeoutError:
            return None
        data = message.get("data")
        return str(message["event"]), data if isinstance(data, dict) else {}

    def _run(self, question: Coroutine[Any, Any, Any], seconds: float, what: str) -> Any:  # noqa: ANN401 - JSON
        from qemu.qmp import QMPError

        try:
            return self._runner.run(asyncio.wait_for(question, seconds))
        except TimeoutError as late:
            raise Trouble(_silent(self._name, what, seconds)) from late
        except (QMPError, OSError) as refusal:
            raise Trouble(_refused(self._name, what, refusal)) from refusal


def no_library() -> Diagnostic:
    """Return KV776: the library that speaks QMP is not here."""
    hint = "pip install qemu.qmp"
    return error("KV776", "the Python library qemu.qmp is not installed", hint=hint)


def _silent(name: str, what: str, seconds: float) -> Diagnostic:
    hint = "QEMU serves one client at a time: is another program on its QMP socket?"
    return error("KV762", f"{name}: no answer in {seconds:g} s to: {what}", hint=hint)


def _refused(name: str, what: str, refusal: Exception) -> Diagnostic:
    return error("KV762", f"{name}: QEMU refused to {_sentence(what)}: {refusal}")


def _sentence(what: str) -> str:
    return what if " " in what else f"do {what}"
