"""What is written down about a running guest: guest.json in its folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from kvmc.runtime import orders as codec
from kvmc.runtime.limits import Group

if TYPE_CHECKING:
    from kvmc.runtime.orders import Orders


class Guest(Struct, frozen=True, kw_only=True):
    """A running guest."""

    pid: int
    started: int
    """Start time of the process in clock ticks after boot."""
    folder: Path
    orders: Orders
    plugs: int = 0
    """How many vCPUs were ever hot-added."""
    group: Group | None = None
    """Its cgroup; None where it is in the one of whoever started it."""

    @property
    def name(self) -> str:
        """The VM's name."""
        return self.orders.name

    @property
    def socket(self) -> Path:
        """Its QMP socket."""
        return self.folder / "qmp"

    @property
    def log(self) -> Path:
        """What QEMU prints."""
        return self.folder / "qemu.log"


def register(guest: Guest) -> None:
    """Write guest.json, over the one there is, whole or not at all; raises OSError."""
    data = {
        "kvmc": "v1",
        "kind": "guest",
        "pid": guest.pid,
        "started": guest.started,
        "plugs": guest.plugs,
        "group": guest.group and [guest.group.version, str(guest.group.path)],
        "orders": codec.to_json(guest.orders),
    }
    temporary = guest.folder / ".guest.json"
    temporary.write_text(json.dumps(data, indent=1) + "\n", "utf-8")
    temporary.replace(guest.folder / "guest.json")


def read(folder: Path) -> Guest | None:
    """Return the guest of a folder; None where no record is, or none that can be read."""
    try:
        data = json.loads((folder / "guest.json").read_text("utf-8"))
        return Guest(
            pid=int(data["pid"]),
            started=int(data["started"]),
            folder=folder,
            orders=codec.from_json(data["orders"]),
            plugs=int(data["plugs"]),
            group=_group(data["group"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None  # a guest that is being started has no record yet


def _group(data: tuple[Literal[1, 2], str] | None) -> Group | None:
    return None if data is None else Group(version=data[0], path=Path(data[1]))
