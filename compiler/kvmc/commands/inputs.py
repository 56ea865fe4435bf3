"""What several commands share: reading PATHs, hosts/ and --host into one repository."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kvmc import files, pipeline
from kvmc.commands.result import Result
from kvmc.diagnostics import Diagnostic, note

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from kvmc.files import Text
    from kvmc.host.model import Host


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Everything read for a run, and the diagnostics so far."""

    texts: tuple[Text, ...]
    repository: pipeline.Repository
    forced: str | None
    """The name of the host that --host stands for."""
    diagnostics: tuple[Diagnostic, ...]

    @property
    def failed(self) -> bool:
        """Whether planning would work on incomplete input."""
        return any(d.is_error for d in self.diagnostics)

    def result(self, extra: Iterable[Diagnostic] = (), **more: Any) -> Result:
        """Return a Result with all diagnostics located in the texts read."""
        from kvmc.source.document import text_lines

        found = pipeline.report((*self.diagnostics, *extra), self.repository)
        named = {d.place.file for d in found if d.place}
        lines = {t.name: text_lines(t.content) for t in self.texts if t.name in named}
        return Result(diagnostics=found, lines=lines, **more)


def read(options: argparse.Namespace) -> Inputs:
    """Read and check PATHs, the nearest hosts/ and --host; nothing is planned yet."""
    found = files.read_inputs(options.paths)
    texts = list(found.value or ())
    diagnostics = list(found.diagnostics)
    paths = list(files.host_files((options.paths or ["."])[0]))
    host_file = _host_file(options.host)
    for path in paths + ([host_file] if host_file else []):
        text = files.read_text(path)
        diagnostics += text.diagnostics
        texts += [text.value] if text.value else []
    unique = files.unique(texts)
    checked = pipeline.check(unique)
    repository = checked.value or pipeline.Repository()
    inputs = Inputs(
        texts=unique,
        repository=repository,
        forced=_forced(options.host, host_file, repository.hosts),
        diagnostics=(*diagnostics, *checked.diagnostics),
    )
    return inputs


def _host_file(option: str | None) -> Path | None:
    """Return the file that --host names: whatever has a separator or a YAML suffix."""
    if option is None or option == "local":
        return None
    is_file = "/" in option or option.endswith((".yaml", ".yml"))
    return Path(option) if is_file else None


def _forced(option: str | None, host_file: Path | None, hosts: Iterable[Host]) -> str | None:
    if host_file is None:
        return option
    return next((h.name for h in hosts if h.place and _same(h.place.file, host_file)), option)


def _same(name: str, path: Path) -> bool:
    return Path(name).resolve() == path.resolve()


def plan(options: argparse.Namespace, inputs: Inputs) -> tuple[Inputs, pipeline.Planned]:
    """Plan what was read; this machine is probed where a VM needs a host and there is none."""
    inputs = _with_this_machine(options, inputs)
    repository = inputs.repository
    planned = pipeline.plan(repository.vms, repository.hosts, inputs.forced)
    merged = replace(inputs, diagnostics=(*inputs.diagnostics, *planned.diagnostics))
    return merged, planned.value or pipeline.EMPTY


def _with_this_machine(options: argparse.Namespace, inputs: Inputs) -> Inputs:
    asked = options.host == "local"
    repository = inputs.repository
    if not asked and not pipeline.homeless(repository.vms, repository.hosts, inputs.forced):
        return inputs
    from kvmc.host.probe import local_name, probe_sysfs

    probed = probe_sysfs(Path("/"), local_name())
    if probed.value is None:
        return replace(inputs, diagnostics=(*inputs.diagnostics, *probed.diagnostics))
    host = probed.value
    said = (
        ()
        if asked
        else (
            note(
                "KV463",
                f"there is no hosts/ folder; planning for this machine, {host.name}, as it is now",
            ),
        )
    )
    return replace(
        inputs,
        repository=replace(repository, hosts=(*repository.hosts, host)),
        forced=host.name if asked else inputs.forced,
        diagnostics=(*inputs.diagnostics, *probed.diagnostics, *said),
    )
