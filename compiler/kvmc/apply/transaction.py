"""One apply from its journal to its end: done, taken back, or left to the next apply."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec import Struct

from kvmc.apply.execute import Done, Executor, ours_by_digest, roll_back
from kvmc.apply.interrupt import stoppable, unstoppable
from kvmc.apply.journal import Journal
from kvmc.apply.model import HypervisorError
from kvmc.apply.trial import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from kvmc.apply.execute import Hypervisor, Tell
    from kvmc.apply.steps import Work


class Ended(Struct, frozen=True, kw_only=True):
    """How an apply ended."""

    done: tuple[Done, ...] = ()
    """What was done, where it stayed."""
    back: tuple[Done, ...] = ()
    """What was taken back; () where nothing had to be."""
    failure: str = ""
    """Why it was taken back, where it was not a trial that ended."""
    verdict: Verdict | None = None
    """How the trial ended; None: there was none."""
    differs: tuple[str, ...] = ()
    """What is not as it was before, although it was taken back."""

    @property
    def stuck(self) -> bool:
        """Whether the journal stays, for the next apply."""
        return any(one.problem for one in self.back)


class Transaction(Struct, frozen=True, kw_only=True):
    """Everything an apply works with; `alike` compares what kvmc owns of two definitions."""

    driver: Hypervisor
    folder: Path
    uri: str
    alike: Callable[[str, str], bool]
    tell: Tell

    def run(self, works: tuple[Work, ...], trial: Callable[[], Verdict] | None) -> Ended:
        """Do the works; `trial` waits for its verdict once all is done.

        Raises OSError where the journal cannot be begun: nothing has been changed then.
        """
        with stoppable():
            journal = Journal.begin(self.folder, self.uri, works, trial=trial is not None)
            executor = Executor(self.driver, journal, self.tell)
            try:
                done = executor.forward(works)
                verdict = _verdict(trial) if trial else None
            except (HypervisorError, OSError) as reason:
                return self._back(works, executor, journal, Ended(failure=str(reason)))
            except KeyboardInterrupt as reason:
                why = f"interrupted ({reason})" if str(reason) else "interrupted"
                return self._back(works, executor, journal, Ended(failure=why))
            if verdict in (None, Verdict.CONFIRMED):
                with suppress(OSError):  # the commit stands: the next apply finds nothing to do
                    if verdict:
                        journal.record(kept=True)
                    journal.finish()
                return Ended(done=done, verdict=verdict)
            return self._back(works, executor, journal, Ended(verdict=verdict))

    def _back(
        self, works: tuple[Work, ...], executor: Executor, journal: Journal, why: Ended
    ) -> Ended:
        with unstoppable():
            with suppress(OSError):
                journal.record(back=why.failure or str(why.verdict))
            ours = ours_by_digest(executor.defined, self.alike)
            back = roll_back(works, self.driver, ours, live=executor.committed)
            ended = Ended(
                back=back,
                failure=why.failure,
                verdict=why.verdict,
                differs=self._differs(works) if executor.committed else (),
            )
            if ended.stuck:
                journal.close()
            else:
                with suppress(OSError):
                    journal.finish()
            return ended

    def _differs(self, works: tuple[Work, ...]) -> tuple[str, ...]:
        """Look again after the way back: what is not as it was before."""
        return tuple(text for work in works if work.uuid for text in self._differences(work))

    def _differences(self, work: Work) -> list[str]:
        found = []
        try:
            if self.driver.definition(work.name) != work.old:
                found.append(f"{work.name} does not have its old definition")
            now = self.driver.live(work.name)
        except HypervisorError as reason:
            return [f"{work.name} could not be looked at: {reason}"]
        if now is not None and work.live is not None:
            found += [f"{work.name}: {text}" for text in work.live.differences(now)]
        return found


def _verdict(trial: Callable[[], Verdict]) -> Verdict:
    try:
        return trial()
    except KeyboardInterrupt:  # between the invitation and the wait
        return Verdict.INTERRUPTED
