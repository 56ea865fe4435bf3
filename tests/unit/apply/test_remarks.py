"""What is said before an apply: who is at work, and what one left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.apply import lockfile
from kvmc.apply.journal import Journal
from kvmc.apply.remarks import stale, unfinished
from kvmc.apply.steps import Live, Work

if TYPE_CHECKING:
    from pathlib import Path

URI = "qemu:///system"


def test_a_journal_is_left_over_only_where_nobody_is_at_work(tmp_path: Path) -> None:
    assert unfinished(tmp_path, URI) == ()
    lock = lockfile.acquire(tmp_path / "lock", 0, print)
    Journal.begin(tmp_path, URI, ()).close()
    (at_work,) = unfinished(tmp_path, URI)
    assert at_work.code == "KV702"
    assert "is at work on qemu:///system" in at_work.message
    lock.release()
    (left,) = unfinished(tmp_path, URI)
    assert left.code == "KV705"
    assert "did not come to its end" in left.message


def test_a_guest_whose_live_values_changed_is_named() -> None:
    """The differences may be the same all the same: a plugged vCPU that no spec speaks of."""
    one, other = (
        Work(name=name, uuid=name, old="x", new="y", live=Live(vcpus=2)) for name in ("web", "db")
    )
    plugged = Work(name="web", uuid="web", old="x", new="y", live=Live(vcpus=3))
    assert stale((one, other), (plugged, other)).message == (
        "changed since it was shown: web; nothing was done"
    )
    assert "shown: db;" in stale((one, other), (one,)).message
    assert "shown: the host's CPUs;" in stale((one,), (one,)).message
