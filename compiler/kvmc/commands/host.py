"""`kvmc host probe` and `kvmc host show`: what there is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from kvmc import files, intake
from kvmc.commands.inputs import stops
from kvmc.commands.result import Failure, Result
from kvmc.commands.saving import save_or_fail
from kvmc.diagnostics import Diagnostic, Outcome, Place, error
from kvmc.writing import is_special

if TYPE_CHECKING:
    import argparse

    from kvmc.commands.result import View
    from kvmc.host.model import Host


_MAX_XML = 16 * 1024 * 1024
"""Bytes; the largest machines' hwloc XML has 2 MiB, and in memory it is 30 times that."""


def run(options: argparse.Namespace, view: View) -> Result:
    """Probe a source, or show a description (this machine's where no file is named)."""
    return _probe(options) if options.action == "probe" else _show(options, view)


def _probe(options: argparse.Namespace) -> Result:
    from kvmc.host.show import to_json
    from kvmc.host.snapshot_text import dump_host
    from kvmc.spec.names import name_problem

    if options.name is not None and (problem := name_problem(options.name)):
        raise Failure(2, f"the name {options.name!r} {problem}")
    probed = _read_source(options)
    if probed.value is None:
        return Result(diagnostics=probed.diagnostics, document={"kvmc": "v1", "kind": "host"})
    if options.output is None:
        output = dump_host(probed.value)
        return Result(diagnostics=probed.diagnostics, document=to_json(probed.value), output=output)
    if stops(probed.diagnostics, options):
        return Result(diagnostics=probed.diagnostics, document=to_json(probed.value))
    target = Path(options.output)
    host = _with_old_policy(probed.value, target, options.name)
    text = _with_their_words(dump_host(host), host, target)
    said = save_or_fail(target, text, follow=True)
    # The policy is older than the facts: what it names may be gone.
    written = _loaded(files.Text(name=str(target), content=text.encode()))
    return Result(
        diagnostics=(*probed.diagnostics, *written.diagnostics),
        lines={str(target): text.splitlines()},
        document=to_json(host),
        said=said,
    )


def _read_source(options: argparse.Namespace) -> Outcome[Host]:
    from kvmc.host import probe
    from kvmc.host.capabilities import read_capabilities
    from kvmc.host.hwloc import read_hwloc

    if options.connect is not None:
        try:
            return probe.probe_connection(options.connect, options.name)
        except probe.ConnectionFailed as problem:
            raise Failure(4, str(problem)) from None
    if options.capabilities is None and options.hwloc is None:
        root = Path("/" if options.sysfs is None else options.sysfs)
        if not os.path.isdir(root):  # noqa: PTH112 (Path.is_dir raises for a name that is too long)
            return Outcome(None, (error("KV190", "no such folder", Place(file=str(root))),))
        name = options.name or (
            probe.local_name() if options.sysfs is None else files.without_links(root).name
        )
        return probe.probe_sysfs(root, name)
    capabilities = options.capabilities is not None
    path = Path(options.capabilities if capabilities else options.hwloc)
    text = files.read_file(path, _MAX_XML + 1)
    if text.value is None:
        return Outcome(None, text.diagnostics)
    if len(text.value.content) > _MAX_XML:
        message = f"the file has more than {_MAX_XML} bytes: no host description"
        return Outcome(None, (error("KV404", message, Place(file=str(path))),))
    reader = read_capabilities if capabilities else read_hwloc
    return reader(text.value.content, options.name or path.stem, str(path))


def _is_old(target: Path) -> bool:
    """Whether a description may stand there; /dev/stdout and a pipe take one, and keep none."""
    return files.is_there(target) and not is_special(target)


def _with_old_policy(host: Host, target: Path, name: str | None) -> Host:
    """Keep what a person wrote in a description that is probed anew: its policy and its name.

    A `name` that the command line gives is newer than the one in the file.
    """
    if not _is_old(target):
        return host
    old = _load(target)
    if old.value is None:
        unwanted = next((d for d in old.diagnostics if d.code == "KV191"), None)
        if unwanted is not None:
            raise Failure(1, f"{target} is not written over: {unwanted.message}; name another file")
        raise Failure(
            1,
            f"{target} is there but is no valid host description, so the policy in it cannot "
            "be kept; mend it (`kvmc check` tells what is wrong) or remove it",
        )
    repository, before = old.value
    if len(repository.documents) > 1:
        raise Failure(
            1, f"{target} is not written over: it holds other documents too; name another file"
        )
    # only libvirt knows its host-model, so that any other source leaves it as it was
    models = host.host_models or before.host_models
    return replace(host, name=name or before.name, policy=before.policy, host_models=models)


def _with_their_words(text: str, host: Host, target: Path) -> str:
    """Return `text` with what a person wrote in the file besides the facts."""
    from kvmc.host.rewrite import rewritten
    from kvmc.source.text import decode

    old = files.read_text(target) if _is_old(target) else Outcome(None)
    words = decode(old.value.content, old.value.name).value if old.value else None
    return text if words is None else rewritten(text, words, host)


def _show(options: argparse.Namespace, view: View) -> Result:
    from kvmc.host.probe import local_name, probe_sysfs

    if options.file is None:
        probed = probe_sysfs(Path("/"), local_name())
        return _shown(probed.value, probed.diagnostics, view)
    loaded = _load(Path(options.file))
    return _shown(loaded.value[1] if loaded.value else None, loaded.diagnostics, view)


def _shown(host: Host | None, diagnostics: tuple[Diagnostic, ...], view: View) -> Result:
    from kvmc.host.show import to_json, to_text
    from kvmc.report.hostmap import draw
    from kvmc.report.style import printable

    if host is None:
        return Result(diagnostics=diagnostics, document={"kvmc": "v1", "kind": "host"})
    summary = "\n".join(printable(line) for line in to_text(host).split("\n"))
    output = draw(host, None, view.style, view.width) + "\n" + summary
    return Result(diagnostics=diagnostics, document=to_json(host), output=output)


def _load(path: Path) -> Outcome[tuple[intake.Repository, Host]]:
    """Read a host YAML; located diagnostics, and a value only where it is one whole host."""
    text = files.read_text(path)
    return Outcome(None, text.diagnostics) if text.value is None else _loaded(text.value)


def _loaded(text: files.Text) -> Outcome[tuple[intake.Repository, Host]]:
    checked = intake.check((text,))
    repository = checked.value or intake.Repository()
    found = intake.report(checked.diagnostics, repository)
    if any(d.is_error for d in found):
        return Outcome(None, found)
    if len(repository.hosts) != 1:
        count = len(repository.hosts)
        message = f"one host is wanted, and the file describes {count or 'none'}"
        return Outcome(None, (*found, error("KV191", message, Place(file=text.name))))
    return Outcome((repository, repository.hosts[0]), found)
