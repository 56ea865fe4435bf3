"""Do the works of an apply, and undo them where one fails.

    journal ─▶ define every domain ─▶ commit ─▶ live steps and starts ─▶ finish
                      │ refused                        │ failed
                      ▼                                ▼
                   old definitions back      old live values and definitions back

A definition changes nothing that runs, so whatever libvirt may refuse it refuses before the first
guest has felt anything. The same two halves serve the next apply after a crash: before `commit` it
goes back, after it forward (see `kvmc.apply.recover`). Nothing here undefines, destroys, shuts down
or suspends: the protocol below has no word for it.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct
from msgspec.structs import replace

from kvmc.apply.model import HypervisorError
from kvmc.apply.steps import Step, digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from kvmc.apply.journal import Journal
    from kvmc.apply.steps import Live, Work


class Hypervisor(Protocol):
    """All that apply ever asks of libvirt. Every method raises HypervisorError."""

    def definition(self, name: str) -> str | None:
        """Return a domain's inactive XML with its secrets; None: there is no definition of it."""

    def define(self, xml: str) -> None:
        """Define a domain, new or over the one of the same name and UUID."""

    def live(self, name: str) -> Live | None:
        """Return what a running domain has; None: it is not running."""

    def run(self, name: str, step: Step) -> None:
        """Do one step on a running domain, and not on its definition."""

    def start(self, name: str) -> None:
        """Start a domain."""


class Tell(Protocol):
    """Progress."""

    def __call__(self, name: str, what: str, /) -> None:
        """Take a domain's name and what was just done to it."""


class Done(Struct, frozen=True, kw_only=True):
    """What became of one domain, in words for a person and data for a program."""

    name: str
    state: str
    """new | changed | unchanged | restored | kept | left alone | failed."""
    said: tuple[str, ...] = ()
    problem: bool = False
    """Whether it is neither as it was nor as it should be."""


class Executor:
    """One apply: the driver, the journal and who is told."""

    def __init__(self, driver: Hypervisor, journal: Journal, tell: Tell) -> None:
        self._driver = driver
        self._journal = journal
        self._tell = tell
        self.defined: dict[str, str] = {}
        """Name -> digest of what libvirt made of the new definition."""
        self.committed = False
        """Whether live steps may have been done."""

    def forward(self, works: Iterable[Work]) -> tuple[Done, ...]:
        """Define everything, commit, then do what is live; HypervisorError and OSError go up."""
        todo = tuple(works)
        for work in todo:
            if work.new is not None:
                self._define(work, work.new)
        self._journal.record(commit=True)
        self.committed = True
        return tuple(self._bring_live(work) for work in todo)

    def _define(self, work: Work, xml: str) -> None:
        before = self._driver.definition(work.name)
        if before != work.old:
            raise HypervisorError(f"{work.name} was changed by someone else a moment ago")
        self._driver.define(xml)
        after = self._driver.definition(work.name) or ""
        self.defined[work.name] = digest(after)
        self._journal.record(defined=work.name, digest=digest(after))
        self._tell(work.name, "defined")

    def _bring_live(self, work: Work) -> Done:
        said = ["defined"] if work.new is not None else []
        for step in self.steps(work):
            with suppress(OSError):  # a full disk: the commit stands, the steps can be repeated
                self._journal.record(done=work.name, step=str(step))
            said.append(str(step))
            self._tell(work.name, str(step))
        if work.start and self._driver.live(work.name) is None:
            self._driver.start(work.name)
            said.append("started")
            self._tell(work.name, "started")
        state = "new" if work.uuid is None else "changed" if said else "unchanged"
        return Done(name=work.name, state=state, said=tuple(said))

    def steps(self, work: Work) -> Iterator[Step]:
        """Do the live steps of a domain that runs, and look whether they were taken."""
        if not work.steps or self._driver.live(work.name) is None:
            return
        for step in work.steps:
            self._driver.run(work.name, step)
            yield step
        if any(step.kind == "vcpus" for step in work.steps):
            # libvirt and the kernel have both been seen to lose pins when a vCPU is plugged
            for step in _lost_pins(work, self._driver.live(work.name)):
                self._driver.run(work.name, step)
                yield step
        now = self._driver.live(work.name)
        for step in work.steps if now else ():
            if now and not _is_so(step, now):
                raise HypervisorError(f"{work.name}: libvirt took `{step}` and has something else")


def _lost_pins(work: Work, now: Live | None) -> tuple[Step, ...]:
    """Return the steps for vCPU pins that are not what they should be."""
    should = dict(work.live.vcpupins if work.live else ())
    should |= {int(s.target): s.value for s in work.steps if s.kind == "vcpupin"}
    have = dict(now.vcpupins if now else ())
    return tuple(
        Step(kind="vcpupin", target=str(vcpu), value=cpus)
        for vcpu, cpus in sorted(should.items())
        if vcpu in have and have[vcpu] != cpus
    )


def _is_so(step: Step, now: Live) -> bool:
    if step.kind == "vcpus":
        return str(now.vcpus) == step.value
    if step.kind == "iothread":
        return any(str(thread) == step.target for thread, _ in now.iothreads)
    if step.kind == "scheduler":
        return dict(now.scheduler).get(step.target) in (int(step.value), None)
    have = {
        "vcpupin": {str(i): cpus for i, cpus in now.vcpupins},
        "emulatorpin": {"": now.emulator},
        "iothreadpin": {str(i): cpus for i, cpus in now.iothreads},
    }[step.kind]
    return have.get(step.target) == step.value


def roll_back(
    works: Iterable[Work],
    driver: Hypervisor,
    ours: Callable[[Work, str], bool],
    *,
    live: bool,
) -> tuple[Done, ...]:
    """Bring every domain back to what it was, last one first; never raises HypervisorError.

    `ours` tells whether a definition that is not the old one is the one this apply made: what
    somebody else defined since is left alone. `live`: whether live steps may have been done.
    """
    return tuple(_back(work, driver, ours, live=live) for work in reversed(tuple(works)))


def _back(work: Work, driver: Hypervisor, ours: Callable[[Work, str], bool], *, live: bool) -> Done:
    try:
        done = _definition_back(work, driver, ours)
    except HypervisorError as reason:
        text = f"its old definition could not be put back: {reason}"
        return Done(name=work.name, state="failed", said=(text,), problem=True)
    if not live or work.live is None or done.state == "left alone":
        return done
    said = tuple(_live_back(work, work.live, driver))
    return replace(done, said=(*done.said, *said))


def _definition_back(work: Work, driver: Hypervisor, ours: Callable[[Work, str], bool]) -> Done:
    now = driver.definition(work.name)
    if work.old is None:
        return _without_old(work, now)
    if now == work.old or work.new is None:
        return Done(name=work.name, state="unchanged", said=("has its old definition",))
    if now is None or not ours(work, now):
        what = "was changed by someone else since, and was left alone"
        return Done(name=work.name, state="left alone", said=(what,))
    driver.define(work.old)
    return Done(name=work.name, state="restored", said=("has its old definition again",))


def _without_old(work: Work, now: str | None) -> Done:
    """Say what becomes of a domain that had no definition: a new one, or a transient one."""
    if work.uuid is not None:
        said = "is transient: it has no definition to put back"
        return Done(name=work.name, state="unchanged", said=(said,))
    said = "stays defined: kvmc undefines nothing" if now else "was not defined"
    return Done(name=work.name, state="kept" if now else "unchanged", said=(said,))


def _live_back(work: Work, before: Live, driver: Hypervisor) -> Iterator[str]:
    """Yield what was put back and what could not be: a guest may hold on to a vCPU."""
    try:
        now = driver.live(work.name)
    except HypervisorError as reason:
        yield f"its live values were not put back: {reason}"
        return
    for step in before.steps_back(work.steps) if now else ():
        if now and _is_so(step, now):
            continue
        try:
            driver.run(work.name, step)
            yield f"{step} again"
        except HypervisorError as reason:
            yield f"`{step}` was not put back: {reason}"


def ours_by_digest(
    defined: Mapping[str, str], alike: Callable[[str, str], bool]
) -> Callable[[Work, str], bool]:
    """Return how to know a definition of this apply: by its digest, else by what it says.

    The digest is missing where a crash came between the definition and its record.
    """

    def ours(work: Work, now: str) -> bool:
        if work.name in defined:
            return defined[work.name] == digest(now)
        return work.new is not None and alike(work.new, now)

    return ours
