"""The journal survives a torn end, a full disk and strangers."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmc.apply import journal as journals
from kvmc.apply.journal import CorruptError, Journal, parse, read, state_folder
from kvmc.apply.steps import Live, Step, Work

WORK = Work(
    name="lianhua",
    uuid="u",
    old="<domain>\nold é</domain>",
    new="<domain>new</domain>",
    live=Live(vcpus=3, vcpupins=((0, "0"),), iothreads=((1, "2"),), scheduler=(("a", 1),)),
    steps=(Step(kind="vcpus", value="5"),),
    start=True,
)


def _journal(folder: Path) -> Journal:
    return Journal.begin(folder, "qemu:///system", (WORK,))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    journal = _journal(tmp_path)
    assert read(tmp_path) == journals.Unfinished(
        uri="qemu:///system", pid=os.getpid(), works=(WORK,)
    )
    journal.record(defined="lianhua", digest="d")
    left = read(tmp_path)
    assert left is not None
    assert (left.defined, left.fate, left.committed) == ({"lianhua": "d"}, "back", False)


@pytest.mark.parametrize(("records", "trial", "fate"), [
    ((), False, "back"),
    (("commit",), False, "forward"),
    (("commit",), True, "back"),
    (("commit", "kept"), True, "forward"),
    (("commit", "back"), False, "back"),
])  # fmt: skip
def test_the_last_word_decides(
    records: tuple[str, ...], trial: bool, fate: str, tmp_path: Path
) -> None:
    journal = Journal.begin(tmp_path, "qemu:///system", (WORK,), trial=trial)
    for record in records:
        journal.record(**{record: True})
    left = read(tmp_path)
    assert left is not None
    assert left.fate == fate


@given(st.integers(0, 1000))
def test_a_torn_end_is_the_state_before_it(cut: int) -> None:
    whole = b"".join(
        line + b"\n"
        for line in (
            b'{"kvmc": 1, "uri": "u", "pid": 1, "trial": false, "works": []}',
            b'{"defined": "a", "digest": "1"}',
            b'{"commit": true}',
        )
    )
    header = whole.index(b"\n") + 1
    torn = whole[: max(header, min(cut, len(whole)))]
    assert parse(torn).committed == (torn == whole)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_in_words(data: bytes) -> None:
    with pytest.raises(CorruptError, match=r"it is no journal of kvmc|it has version"):
        parse(data)


def test_a_journal_of_a_newer_kvmc_is_refused() -> None:
    with pytest.raises(CorruptError, match="version 2, and this kvmc knows 1"):
        parse(b'{"kvmc": 2}\n')


def test_a_full_disk_leaves_no_header_and_no_half_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write

    def full(handle: int, data: bytes) -> int:
        write(handle, data[:5])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space left"):
            _journal(tmp_path)
    assert list(tmp_path.iterdir()) == []
    journal = _journal(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space left"):
            journal.record(commit=True)
    journal.record(back="full")
    left = read(tmp_path)
    assert left is not None
    assert not left.committed


def test_only_its_owner_reads_a_journal(tmp_path: Path) -> None:
    _journal(tmp_path / "state")
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
    file = tmp_path / "state" / "journal.jsonl"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_last_twenty_stay(tmp_path: Path) -> None:
    for _ in range(23):
        _journal(tmp_path).finish()
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [f"done-{number:06d}.jsonl" for number in range(4, 24)]


@pytest.mark.parametrize(("given_home", "uid", "folder"), [
    ("/s", 0, "/s/kvmc"),
    ("", 0, "/var/lib/kvmc"),
    ("relative", 0, "/var/lib/kvmc"),
    ("", 1, "/home/u/.local/state/kvmc"),
])  # fmt: skip
def test_where_the_state_is(
    given_home: str, uid: int, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", given_home)
    monkeypatch.setenv("HOME", "/home/u")
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    assert state_folder() == Path(folder)
