"""A QEMU whose kvmc was killed between its start and its guest's: it waits, and nobody knows it.

It holds the guest's memory, disks and socket, and would for ever. Its state is `prelaunch`
(RunState in qapi/run-state.json): started with -S and never told to go on.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from kvmc.runtime.trouble import Trouble

if TYPE_CHECKING:
    from pathlib import Path

_QUIT_SECONDS = 10
_POLL_SECONDS = 0.05


def end_orphan(name: str, folder: Path) -> None:
    """End the QEMU of a guest's folder where it never ran; the caller holds the folder's lock.

    One that ran is left alone, and so is one that does not answer.
    """
    socket = folder / "qmp"
    if not socket.is_socket():
        return
    from kvmc.runtime.qmp_driver import Monitor

    with suppress(Trouble), Monitor(name, socket) as monitor:
        if monitor.ask("query-status")["status"] != "prelaunch":
            return
        monitor.ask("quit")
        end = time.monotonic() + _QUIT_SECONDS
        while socket.exists() and time.monotonic() < end:  # QEMU takes it along
            time.sleep(_POLL_SECONDS)
