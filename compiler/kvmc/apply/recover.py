"""What an apply that was killed left behind, and how the next one ends it, domain by domain.

Before its commit record it goes back to the old definitions, and nothing live had been touched.
After it every domain has its new definition, so the live steps that are missing are done. A trial
that nobody confirmed goes back. What somebody else changed in the meantime is left alone.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from kvmc.apply.execute import Done, Executor, ours_by_digest, roll_back
from kvmc.apply.journal import Journal
from kvmc.apply.model import HypervisorError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from kvmc.apply.execute import Hypervisor, Tell
    from kvmc.apply.journal import Unfinished
    from kvmc.apply.steps import Work


def recover(
    left: Unfinished,
    folder: Path,
    driver: Hypervisor,
    alike: Callable[[str, str], bool],
    tell: Tell,
) -> tuple[Done, ...]:
    """End the unfinished apply and its journal; the journal stays where a domain has a problem.

    `alike` tells whether two definitions say the same about what kvmc owns. Raises OSError, and
    HypervisorError only where libvirt cannot be asked at all.
    """
    ours = ours_by_digest(left.defined, alike)
    journal = Journal.resume(folder)
    if left.fate == "forward":
        done = tuple(_forward(left, Executor(driver, journal, tell), driver, ours))
        if not any(one.problem for one in done):
            with suppress(OSError):
                journal.finish()
            return done
        with suppress(OSError):
            journal.record(back="a live step failed")
    done = roll_back(left.works, driver, ours, live=left.committed)
    if any(one.problem for one in done):
        journal.close()
    else:
        with suppress(OSError):  # what is still there is ended once more, to the same end
            journal.finish()
    return done


def _forward(
    left: Unfinished,
    executor: Executor,
    driver: Hypervisor,
    ours: Callable[[Work, str], bool],
) -> Iterator[Done]:
    for work in left.works:
        now = driver.definition(work.name)
        known = now == work.old if work.new is None else now is not None and ours(work, now)
        if not known:
            what = "was changed by someone else since, and was left alone"
            yield Done(name=work.name, state="left alone", said=(what,))
            continue
        yield _finish(work, executor, driver)


def _finish(work: Work, executor: Executor, driver: Hypervisor) -> Done:
    said = ["has its new definition"] if work.new is not None else []
    try:
        said += [str(step) for step in executor.steps(work)]
        if work.start and driver.live(work.name) is None:
            said.append("was not started")
    except HypervisorError as reason:
        return Done(name=work.name, state="failed", said=(*said, str(reason)), problem=True)
    return Done(name=work.name, state="changed", said=tuple(said) or ("nothing was left to do",))
