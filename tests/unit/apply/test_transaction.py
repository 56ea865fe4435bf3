"""An apply that cannot go on goes back, whatever stopped it, and says so."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, NoReturn

import pytest

from kvmc.apply import journal as journals
from kvmc.apply.model import HypervisorError
from kvmc.apply.steps import Live, Step, Work
from kvmc.apply.transaction import Ended, Transaction
from kvmc.apply.trial import Verdict
from tests.support.hypervisor import Fake, normal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

OLD, NEW = (f"<domain><name>web</name>{version}</domain>" for version in ("old", "new"))
LIVE = Live(vcpus=1, vcpupins=((0, "0"),), emulator="0-7")


def _run(fake: Fake, folder: Path, trial: Callable[[], Verdict] | None = None) -> Ended:
    work = Work(
        name="web",
        uuid="u",
        old=normal(OLD),
        new=NEW,
        live=LIVE,
        steps=(Step(kind="vcpupin", target="0", value="4"),),
    )
    transaction = Transaction(
        driver=fake,
        folder=folder,
        uri="test:///",
        alike=lambda new, now: normal(new) == now,
        tell=lambda *_: None,
    )
    return transaction.run((work,), trial)


def _fake() -> Fake:
    return Fake({"web": normal(OLD)}, {"web": LIVE})


def _is_as_before(fake: Fake, folder: Path) -> bool:
    same = fake.definitions == {"web": normal(OLD)} and fake.running == {"web": LIVE}
    return same and journals.read(folder) is None


@pytest.mark.parametrize("record", ["defined", "commit"])
def test_a_disk_that_fills_up_in_the_middle_takes_it_back(
    record: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = journals._append  # noqa: SLF001 (each write)

    def full(handle: int, what: dict[str, object]) -> None:
        if record in what:
            raise OSError(errno.ENOSPC, "No space left on device")
        append(handle, what)

    monkeypatch.setattr(journals, "_append", full)
    fake = _fake()
    ended = _run(fake, tmp_path)
    assert "No space left" in ended.failure
    assert _is_as_before(fake, tmp_path)


def test_a_disk_that_fills_up_after_the_commit_is_no_reason_to_go_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = journals._append  # noqa: SLF001

    def full(handle: int, what: dict[str, object]) -> None:
        if "done" in what:
            raise OSError(errno.ENOSPC, "No space left on device")
        append(handle, what)

    monkeypatch.setattr(journals, "_append", full)
    fake = _fake()
    ended = _run(fake, tmp_path)
    assert (ended.failure, ended.back) == ("", ())
    assert fake.definitions == {"web": normal(NEW)}


@pytest.mark.parametrize("call", ["define web", "web: vcpupin 0 4"])
def test_ctrl_c_takes_it_back(call: str, tmp_path: Path) -> None:
    fake = _fake()

    def press(asked: str) -> None:
        if asked == call:
            raise KeyboardInterrupt

    fake.before = press
    assert _run(fake, tmp_path).failure == "interrupted"
    assert _is_as_before(fake, tmp_path)


@pytest.mark.parametrize("verdict", [Verdict.EXPIRED, Verdict.INTERRUPTED])
def test_a_trial_is_taken_back_and_looked_at(verdict: Verdict, tmp_path: Path) -> None:
    fake = _fake()
    ended = _run(fake, tmp_path, lambda: verdict)
    assert (ended.verdict, ended.failure, ended.differs) == (verdict, "", ())
    assert _is_as_before(fake, tmp_path)


def test_a_trial_that_is_confirmed_stays(tmp_path: Path) -> None:
    fake = _fake()
    assert _run(fake, tmp_path, lambda: Verdict.CONFIRMED).back == ()
    assert fake.definitions == {"web": normal(NEW)}
    assert journals.read(tmp_path) is None


def test_what_cannot_be_taken_back_keeps_the_journal(tmp_path: Path) -> None:
    fake = _fake()

    def gone(asked: str) -> NoReturn:
        raise HypervisorError(f"cannot {asked}: libvirtd went away")

    def trial() -> Verdict:
        fake.before = gone
        return Verdict.EXPIRED

    ended = _run(fake, tmp_path, trial)
    assert ended.stuck
    assert ended.differs[0] == "web does not have its old definition"
    left = journals.read(tmp_path)
    assert left is not None
    assert (left.fate, left.trial) == ("back", True)


def test_a_transient_guest_is_looked_at_after_the_way_back(tmp_path: Path) -> None:
    fake = Fake({}, {"web": LIVE})
    step = Step(kind="vcpupin", target="0", value="4")
    work = Work(name="web", uuid="u", old=None, new=None, live=LIVE, steps=(step,))
    transaction = Transaction(
        driver=fake,
        folder=tmp_path,
        uri="test:///",
        alike=lambda *_: False,
        tell=lambda *_: None,
    )

    def trial() -> Verdict:
        fake.before = _refuse
        return Verdict.EXPIRED

    ended = transaction.run((work,), trial)
    assert ended.differs == ("web: vCPU pins: 0:0 before, 0:4 now",)


def _refuse(_call: str) -> NoReturn:
    raise HypervisorError("no")
