"""One `kvmc apply` on one host: look, show, ask, execute, look again.

The safety is in kvmc.apply.transaction; this is the order of things and what is said about them.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from kvmc.apply import journal, lockfile, receipt, remarks, trial
from kvmc.apply.diff import diff_all
from kvmc.apply.observe import observe
from kvmc.apply.recover import recover
from kvmc.apply.transaction import Transaction
from kvmc.apply.works import alike, does_something, work_of
from kvmc.commands import inputs, locks, looking, placed
from kvmc.commands.terminal import agreed, countdown, progress, say
from kvmc.diagnostics import error

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from kvmc.apply.execute import Done
    from kvmc.apply.libvirt_writer import Writer
    from kvmc.apply.model import DomainDiff
    from kvmc.apply.steps import Work
    from kvmc.apply.transaction import Ended
    from kvmc.apply.trial import Verdict
    from kvmc.commands.placed import Placed
    from kvmc.commands.result import Result
    from kvmc.cpuset import CpuSet
    from kvmc.diagnostics import Diagnostic

WAIT_SECONDS = 30.0
"""How long to wait for another apply on the same host."""


class _Sight(Struct, frozen=True, kw_only=True):
    """The host as it was looked at once; equal sights mean that nothing changed between them."""

    online: CpuSet
    diffs: tuple[DomainDiff, ...]
    works: tuple[Work, ...]
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def all(self) -> tuple[DomainDiff | Work, ...]:
        """What was seen of every domain, and what is to be done to it."""
        return (*self.diffs, *self.works)


class Session:
    """One run on one host."""

    def __init__(self, options: argparse.Namespace, read: Placed, uri: str, writer: Writer) -> None:
        host = writer.host()
        self._options = options
        self._placed = read
        self._uri = uri
        self._writer = writer
        self._named = placed.another_name(read, host)
        self._jobs = placed.jobs_on(read, host)
        self._folder = journal.host_folder(host)
        self._recovered: tuple[Done, ...] = ()
        self._found: tuple[Diagnostic, ...] = ()

    def dry_run(self) -> Result:
        """Show; exit code 3 where something would change."""
        sight = self._look()
        self._found += remarks.unfinished(self._folder, self._uri)
        differs = bool(sight.works)
        compared = not any(d.is_error for d in sight.diagnostics)
        said = "nothing to do\n" if compared and not differs else ""
        waits = () if differs else remarks.waiting(sight.diffs)
        shown = self._shown(sight)
        return self._result(sight, extra=waits, output=shown, said=said, differs=differs)

    def locked(self) -> Result:
        """Do it all while no other apply can."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = lockfile.acquire(self._folder / "lock", WAIT_SECONDS, self._waits)
        except lockfile.BusyError as busy:
            return self._refused("KV702", f"{busy} is at work on {self._uri}", "wait for it")
        except OSError as reason:
            return self._no_journal(reason)
        try:
            return self._recover() or self._apply()
        finally:
            lock.release()

    def _apply(self) -> Result:
        sight = self._look()
        offline = remarks.offline(self._jobs, sight.online)
        if offline or inputs.stops(sight.diagnostics, self._options):
            return self._result(sight, extra=offline)
        if not sight.works:
            said, extra = self._lock()
            extra += remarks.waiting(sight.diffs)
            return self._result(sight, extra=extra, said=f"{said}nothing to do\n")
        say(self._shown(sight))
        if not self._options.yes and not agreed(self._question(sight)):
            return self._result(sight, said="nothing was changed\n", differs=True)
        again = self._look()
        if replace(again, diagnostics=()) != replace(sight, diagnostics=()):
            return self._result(sight, extra=(remarks.stale(sight.all, again.all),))
        return self._executed(sight)

    def _executed(self, sight: _Sight) -> Result:
        transaction = Transaction(
            driver=self._writer,
            folder=self._folder,
            uri=self._uri,
            alike=alike,
            tell=progress(len(sight.works)),
        )
        try:
            trial.forget(self._folder)
            ended = transaction.run(sight.works, self._trial())
        except OSError as reason:
            return self._no_journal(reason, sight)
        if ended.back:
            return self._taken_back(sight, ended)
        return self._verified(sight, ended)

    def _verified(self, sight: _Sight, ended: Ended) -> Result:
        """Look again: nothing that apply can change may be left."""
        after = self._look()
        left = remarks.left_over(after.diffs)
        # a start uses an image up, and brings its older settings back: that is why they differ
        images = tuple(d for d in sight.diagnostics if d.code == "KV730")
        images = tuple(d for d in images if d not in after.diagnostics)
        kept = "kept: it was confirmed\n" if ended.verdict else ""
        locked, unlocked = self._lock()
        return self._result(
            replace(after, diffs=sight.diffs, works=sight.works),
            ended=ended,
            extra=(*images, *left, *unlocked, *remarks.waiting(after.diffs)),
            said=receipt.told(ended.done) + kept + locked,
            machine_failed=bool(left),
        )

    def _taken_back(self, sight: _Sight, ended: Ended) -> Result:
        return self._result(
            sight,
            ended=ended,
            extra=tuple(remarks.taken_back(ended, journal.journal_file(self._folder))),
            said=receipt.told(ended.back),
            differs=True,
            machine_failed=bool(ended.failure or ended.stuck),
        )

    def _trial(self) -> Callable[[], Verdict] | None:
        seconds = self._options.trial
        if seconds is None:
            return None
        terminal = sys.stdin if sys.stdin.isatty() else None
        how = "press Enter or run" if terminal else "run"
        text = f"applied; {how} `kvmc apply --confirm -c {self._uri}` within {seconds} s to keep it"

        def wait() -> Verdict:
            say(f"{text}\n")
            return trial.wait(seconds, self._folder, terminal, countdown)

        return wait

    def _recover(self) -> Result | None:
        """End what an earlier apply left; a Result only where that is not possible."""
        try:
            left = journal.read(self._folder)
            if left is None:
                return None
            self._recovered = recover(left, self._folder, self._writer, alike, progress(0))
        except journal.CorruptError as bad:
            file = journal.journal_file(self._folder)
            return self._refused(
                "KV707", f"{file}: {bad}", "look at the domains, then move it away"
            )
        except OSError as reason:
            return self._no_journal(reason)
        self._found += remarks.recovered(left, self._recovered)
        stuck = [one.name for one in self._recovered if one.problem]
        if not stuck:
            return None
        text = f"an earlier apply could not be taken back: {', '.join(stuck)}"
        return self._refused("KV706", text, f"see {journal.journal_file(self._folder)}")

    def _look(self) -> _Sight:
        names = frozenset(job.vm.name for job in self._jobs)
        seen = observe(self._writer, looking.this_machine(), names)
        found = diff_all(self._jobs, seen)
        diffs = found.value or ()
        works = (
            work_of(
                one,
                seen.find(one.name),
                self._writer.live(one.name),
                seen.online,
                cgroup=seen.cgroup,
                start=self._options.start,
            )
            for one in diffs
        )
        todo = tuple(work for work in works if does_something(work))
        said = (*self._named, *found.diagnostics)
        return _Sight(online=seen.online, diffs=diffs, works=todo, diagnostics=said)

    def _lock(self) -> tuple[str, tuple[Diagnostic, ...]]:
        """Write the lock of this host: what runs there now is where it stays."""
        mine = {name for name, job in self._placed.jobs if job in self._jobs}
        planned = self._placed.planned.locks
        changed = {n: made for n, made in planned.items() if n in mine and made[1]}
        if not changed:
            return "", ()
        anew = replace(self._placed.planned, locks=changed)
        read = self._placed.inputs
        said, failed = locks.write_locks(read.repository, anew)
        kept = tuple(d for d in read.diagnostics if d.code != "KV527")
        self._placed = replace(self._placed, inputs=replace(read, diagnostics=kept))
        return said, failed

    def _question(self, sight: _Sight) -> str:
        doubts = "".join(f"{doubt.message}\n" for doubt in self._named)
        return f"\n{doubts}{receipt.summary(sight.works)}: do it?"

    def _shown(self, sight: _Sight) -> str:
        return receipt.announcement(sight.diffs, {work.name: work for work in sight.works})

    def _result(
        self,
        sight: _Sight | None = None,
        *,
        ended: Ended | None = None,
        extra: tuple[Diagnostic, ...] = (),
        **more: str | bool,
    ) -> Result:
        document = receipt.document(
            dry_run=self._options.dry_run,
            uri=self._uri,
            diffs=sight.diffs if sight else (),
            works={work.name: work for work in sight.works} if sight else {},
            ended=ended,
            recovered=self._recovered,
        )
        found = (*self._found, *(sight.diagnostics if sight else ()), *extra)
        return self._placed.inputs.result(found, document=document, **more)

    def _refused(self, code: str, text: str, hint: str) -> Result:
        return self._result(extra=(error(code, text, hint=hint),), machine_failed=True)

    def _no_journal(self, reason: OSError, sight: _Sight | None = None) -> Result:
        text = f"the journal in {self._folder} cannot be written: {reason.strerror or reason}"
        found = error("KV703", f"{text}; nothing was changed", hint="make room, then apply again")
        return self._result(sight, extra=(found,), machine_failed=True)

    def _waits(self, holder: str) -> None:
        say(f"waiting for {holder}, which is at work on {self._uri}\n")
