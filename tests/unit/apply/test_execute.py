"""Whatever happens in the middle, every domain ends with its old or its new definition."""

from __future__ import annotations

import itertools
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kvmc.apply import journal as journals
from kvmc.apply.execute import Executor, ours_by_digest, roll_back
from kvmc.apply.journal import Journal
from kvmc.apply.model import HypervisorError
from kvmc.apply.recover import recover
from kvmc.apply.steps import Live, Step, Work
from tests.support.hypervisor import Crash, Fake, normal

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmc.apply.execute import Done

NAMES = ("a", "b", "c")
LIVE = Live(vcpus=2, vcpupins=((0, "0"), (1, "1"), (2, "2")), emulator="0-7",
            iothreads=((1, "3"),), scheduler=(("cpu_shares", 1024),))  # fmt: skip
STEPS = (
    Step(kind="vcpupin", target="0", value="4"),
    Step(kind="iothread", target="2"),
    Step(kind="iothreadpin", target="2", value="5"),
    Step(kind="emulatorpin", value="6"),
    Step(kind="scheduler", target="cpu_shares", value="2048"),
    Step(kind="vcpus", value="3"),
)
NEW_LIVE = Live(vcpus=3, vcpupins=((0, "4"), (1, "1"), (2, "2")), emulator="6",
                iothreads=((1, "3"), (2, "5")), scheduler=(("cpu_shares", 2048),))  # fmt: skip


def _xml(name: str, version: str) -> str:
    return f"<domain><name>{name}</name>{version}</domain>"


def _fake() -> Fake:
    """`a` and `b` exist, `b` runs; `c` is new."""
    return Fake({n: normal(_xml(n, "old")) for n in ("a", "b")}, {"b": LIVE})


def _works(fake: Fake) -> tuple[Work, ...]:
    return tuple(
        Work(
            name=name,
            uuid=name if name in fake.definitions else None,
            old=fake.definitions.get(name),
            new=_xml(name, "new"),
            live=fake.running.get(name),
            steps=STEPS if name in fake.running else (),
        )
        for name in NAMES
    )


def _alike(new: str, now: str) -> bool:
    return normal(new) == now


def _apply(fake: Fake, folder: Path) -> tuple[Done, ...]:
    works = _works(fake)
    journal = Journal.begin(folder, "test:///", works)
    done = Executor(fake, journal, lambda *_: None).forward(works)
    journal.finish()
    return done


def _recover(fake: Fake, folder: Path) -> tuple[Done, ...] | None:
    left = journals.read(folder)
    return None if left is None else recover(left, folder, fake, _alike, lambda *_: None)


def _version(fake: Fake, name: str) -> str:
    text = fake.definitions.get(name, "")
    return "new" if ">new<" in text else "old" if ">old<" in text else "none"


class Stop:
    """Counts every effect and raises at one of them, before or after it."""

    def __init__(self, at: int) -> None:
        self.left = at

    def __call__(self, _what: object = None) -> None:
        if self.left == 0:
            self.left = -1
            raise Crash
        self.left -= 1


def _arm(monkeypatch: pytest.MonkeyPatch, fake: Fake, stop: Stop) -> None:
    """Put the stop before and after every call that changes the fake or the disk."""

    def around(function: Callable[..., object]) -> Callable[..., object]:
        def wrapped(*args: object, **kwargs: object) -> object:
            stop()
            value = function(*args, **kwargs)
            stop()
            return value

        return wrapped

    for name in ("define", "run", "start"):
        monkeypatch.setattr(fake, name, around(getattr(fake, name)))
    monkeypatch.setattr(journals, "_append", around(journals._append))  # noqa: SLF001 (each write)
    monkeypatch.setattr(Path, "rename", around(Path.rename))


def test_an_apply_defines_everything_before_it_touches_what_runs(tmp_path: Path) -> None:
    fake = _fake()
    done = _apply(fake, tmp_path)
    assert [call for call in fake.calls if call.startswith("define")] == fake.calls[:3]
    assert [one.state for one in done] == ["changed", "changed", "new"]
    assert fake.running["b"] == NEW_LIVE
    assert journals.read(tmp_path) is None
    assert len(list(tmp_path.glob("done-*.jsonl"))) == 1


def test_a_kill_at_any_point_and_another_in_the_recovery_lose_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = 0
    points = ((f, s) for f in itertools.count() for s in (0, 1, 2, 5, 9, 10**6))
    for first, second in points:
        fake, folder = _fake(), tmp_path / f"{first}-{second}"
        stopped = _killed(monkeypatch, fake, Stop(first), partial(_apply, fake, folder))
        _killed(monkeypatch, fake, Stop(second), partial(_recover, fake, folder))
        assert "none" not in (_version(fake, "a"), _version(fake, "b"))
        _recover(fake, folder)
        assert journals.read(folder) is None
        versions = {_version(fake, name) for name in ("a", "b")}
        assert len(versions) == 1, f"half of it after a kill at {first} and {second}"
        assert fake.running["b"] == (NEW_LIVE if versions == {"new"} else LIVE)
        killed += stopped
        if not stopped:
            break
    assert killed > 150


def _killed(
    monkeypatch: pytest.MonkeyPatch, fake: Fake, stop: Stop, action: Callable[[], object]
) -> bool:
    with monkeypatch.context() as patch:
        _arm(patch, fake, stop)
        try:
            action()
        except Crash:
            return True
    return False


@pytest.mark.parametrize("call", [
    "define a", "define b", "define c", "b: vcpupin 0 4", "b: iothread 2", "b: vcpus 3",
])  # fmt: skip
def test_what_is_refused_takes_everything_back(call: str, tmp_path: Path) -> None:
    fake = _fake()

    def refuse(asked: str) -> None:
        if asked == call:
            raise HypervisorError("no")

    fake.before = refuse
    works = _works(fake)
    journal = Journal.begin(tmp_path, "test:///", works)
    executor = Executor(fake, journal, lambda *_: None)
    with pytest.raises(HypervisorError, match="no"):
        executor.forward(works)
    done = roll_back(works, fake, ours_by_digest(executor.defined, _alike), live=True)
    assert not any(one.problem for one in done)
    assert [_version(fake, name) for name in ("a", "b")] == ["old", "old"]
    back = fake.running["b"]
    # an I/O thread that was added stays until the guest stops; no device uses it
    assert (back.vcpus, back.vcpupins, back.emulator) == (2, LIVE.vcpupins, LIVE.emulator)
    assert back.scheduler == LIVE.scheduler


def test_a_new_domain_is_never_undefined(tmp_path: Path) -> None:
    fake = _fake()
    works = _works(fake)
    Executor(fake, Journal.begin(tmp_path, "test:///", works), lambda *_: None).forward(works)
    done = roll_back(works, fake, lambda *_: True, live=True)
    assert _version(fake, "c") == "new"
    assert next(one for one in done if one.name == "c").said == (
        "stays defined: kvmc undefines nothing",
    )


def test_what_somebody_else_changed_meanwhile_is_left_alone(tmp_path: Path) -> None:
    fake = _fake()
    works = _works(fake)
    Journal.begin(tmp_path, "test:///", works).close()
    fake.definitions["a"] = theirs = normal(_xml("a", "theirs"))
    done = _recover(fake, tmp_path)
    assert done is not None
    assert fake.definitions["a"] == theirs
    assert {one.name: one.state for one in done}["a"] == "left alone"


def test_a_definition_that_changed_since_it_was_shown_is_not_overwritten(tmp_path: Path) -> None:
    fake = _fake()
    works = _works(fake)
    fake.definitions["b"] = theirs = normal(_xml("b", "theirs"))
    journal = Journal.begin(tmp_path, "test:///", works)
    with pytest.raises(HypervisorError, match="b was changed by someone else"):
        Executor(fake, journal, lambda *_: None).forward(works)
    assert fake.definitions["b"] == theirs


def test_pins_that_a_hotplug_lost_are_set_again(tmp_path: Path) -> None:
    fake = Fake({"b": "x"}, {"b": LIVE})
    work = Work(name="b", uuid="b", old="x", new=None, live=LIVE, steps=STEPS[-1:])
    run = fake.run

    def losing(name: str, step: Step) -> None:
        run(name, step)
        if step.kind == "vcpus":
            run(name, Step(kind="vcpupin", target="2", value="0-7"))

    fake.run = losing  # type: ignore[method-assign]
    journal = Journal.begin(tmp_path, "test:///", (work,))
    Executor(fake, journal, lambda *_: None).forward((work,))
    assert fake.running["b"].vcpupins == LIVE.vcpupins


def test_a_step_that_libvirt_took_and_forgot_is_a_failure(tmp_path: Path) -> None:
    fake = Fake({"b": "x"}, {"b": LIVE})
    fake.run = lambda *_: None  # type: ignore[method-assign]
    work = Work(name="b", uuid="b", old="x", new=None, live=LIVE, steps=STEPS[:1])
    journal = Journal.begin(tmp_path, "test:///", (work,))
    with pytest.raises(HypervisorError, match="libvirt took `vcpupin 0 4`"):
        Executor(fake, journal, lambda *_: None).forward((work,))


def test_a_transient_domain_gets_its_live_values_back_and_no_definition() -> None:
    fake = Fake({}, {"t": NEW_LIVE})
    work = Work(name="t", uuid="t", old=None, new=None, live=LIVE, steps=STEPS[-1:])
    (done,) = roll_back((work,), fake, lambda *_: False, live=True)
    assert (done.state, done.said) == (
        "unchanged",
        ("is transient: it has no definition to put back", "vcpus 2 again"),
    )


def test_what_a_kill_left_of_a_transient_domain_is_finished(tmp_path: Path) -> None:
    fake = Fake({}, {"t": LIVE})
    work = Work(name="t", uuid="t", old=None, new=None, live=LIVE, steps=STEPS[:1])
    journal = Journal.begin(tmp_path, "test:///", (work,))
    journal.record(commit=True)
    journal.close()
    done = _recover(fake, tmp_path)
    assert done is not None
    assert done[0].said == (str(STEPS[0]),)
    assert fake.running["t"].vcpupins[0] == (0, "4")


def test_a_guest_that_ended_before_its_apply_was_ended_has_nothing_left(tmp_path: Path) -> None:
    fake = Fake({"b": "x"}, {})
    work = Work(name="b", uuid="b", old="x", new=None, live=LIVE, steps=STEPS)
    journal = Journal.begin(tmp_path, "test:///", (work,))
    journal.record(commit=True)
    journal.close()
    done = _recover(fake, tmp_path)
    assert done is not None
    assert done[0].said == ("nothing was left to do",)
