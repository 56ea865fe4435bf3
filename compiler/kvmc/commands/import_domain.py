"""`kvmc import XML`: an existing domain as YAML that builds the same domain again."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from kvmc import files, intake, pipeline
from kvmc.commands.hosts import LOCAL, file_of
from kvmc.commands.result import Failure, Result
from kvmc.commands.saving import save_or_fail
from kvmc.diagnostics import Diagnostic, Outcome, Place, Severity, note, warning
from kvmc.render import xmltree
from kvmc.writing import is_special

if TYPE_CHECKING:
    import argparse

    from kvmc.commands.result import View
    from kvmc.files import Text
    from kvmc.host.model import Host
    from kvmc.spec.domain.fit import Rest
    from kvmc.spec.domain.model import Domain

_STDOUT = "<stdout>"
_STDIN = "<stdin>"


def run(options: argparse.Namespace, _view: View) -> Result:
    """Import one domain; what a spec cannot say, and what a build would change, is said."""
    from kvmc.spec.domain.fit import Rest, fitted
    from kvmc.spec.dump import dump_vm
    from kvmc.spec.importer import vm_of

    read = _read(options.xml)
    given = _given(read.value) if read.value else Outcome(None)
    if given.value is None:
        return _result("", (*read.diagnostics, *given.diagnostics))
    host, base = _host(options.host), _base(options)
    name, online = (host.name, host.online) if host else (None, None)
    target = Path(options.output) if options.output else None
    near, gave = fitted(given.value.domain, Rest() if base is None else given.value.rest)
    text = dump_vm(vm_of(near, base=base, host=name, online=online), _schema(target))
    built = _Trial(text, options.output or _STDOUT, given.value, base, host)
    found = (*built.unspelled(), *_gave(gave, given.value.xml.name), *built.changes(near))
    said = _write(target, text) if target else ""
    output = "" if target else text
    return built.located((*found, *built.diagnostics), output=output, said=said)


class _Given(Struct, frozen=True, kw_only=True):
    """The domain that is imported."""

    xml: Text
    domain: Domain
    rest: Rest


def _given(xml: Text) -> Outcome[_Given]:
    from kvmc.spec.domain.read import read_domain
    from kvmc.spec.domain.rest import rest_of
    from kvmc.spec.domain.xml import parse_domain

    root = parse_domain(xml.content, xml.name).value
    read = read_domain(xml.content, xml.name)
    if root is None or read.value is None:
        return Outcome(None, read.diagnostics)
    return Outcome(_Given(xml=xml, domain=read.value, rest=rest_of(root)))


def _gave(sentences: tuple[str, ...], file: str) -> tuple[Diagnostic, ...]:
    hint = "no spec can say what the domain says there; look at it before you apply the spec"
    return tuple(warning("KV646", text, Place(file=file), hint=hint) for text in sentences)


def _result(text: str, found: tuple[Diagnostic, ...]) -> Result:
    return Result(diagnostics=found, document={"kvmc": "v1", "kind": "import", "text": text})


def _read(xml: str) -> Outcome[Text]:
    if xml != "-":
        return files.read_file(Path(xml), _LIMIT)
    return Outcome(files.Text(name=_STDIN, content=sys.stdin.buffer.read(_LIMIT)))


_LIMIT = 4 * 1024 * 1024 + 1
"""One byte more than is accepted, so that it can be said that a file is too large."""


def _base(options: argparse.Namespace) -> str | None:
    """Return the XML's path as the spec's `base:` names it: relative to the spec."""
    if options.output is None or options.xml == "-":
        return None
    return os.path.relpath(options.xml, Path(options.output).parent)


def _schema(target: Path | None) -> str:
    """Return what the modeline names: the schemas/ that `kvmc init` makes, where there is one."""
    # os.path: Path.resolve raises for links that form a circle
    folder = Path(os.path.realpath(target or "vms/x.yaml")).parent
    for parent in (folder, *folder.parents):
        if (parent / "schemas" / "vm.json").is_file():
            return os.path.relpath(parent / "schemas" / "vm.json", folder)
    return "../schemas/vm.json"


def _host(option: str | None) -> Host | None:
    """Return the host that --host means: this machine, a file, or one of hosts/ by name."""
    if option is None:
        return None
    if option == LOCAL:
        from kvmc.host.probe import local_name, probe_sysfs

        known: tuple[Host, ...] = tuple(filter(None, [probe_sysfs(Path("/"), local_name()).value]))
        return known[0] if known else _no_host(option)
    file = file_of(option)
    paths = (file,) if file else files.host_files(".")
    texts = [text for path in paths if (text := files.read_text(path).value)]
    checked = intake.check(texts).value or intake.Repository()
    hosts = [host for host in checked.hosts if file or host.name == option]
    return hosts[0] if len(hosts) == 1 else _no_host(option)


def _no_host(option: str) -> Host:
    raise Failure(2, f"--host {option}: there is no one valid host description of that name")


def _write(target: Path, text: str) -> str:
    old = files.is_there(target) and not is_special(target)
    there = files.read_file(target).value if old else None
    if old and (there is None or there.content != text.encode()):
        raise Failure(2, f"{target} is there already, and is not overwritten; name another file")
    return save_or_fail(target, text)


class _Trial:
    """What check, plan and build make of the new spec: the proof of the import."""

    def __init__(
        self, text: str, name: str, given: _Given, base: str | None, host: Host | None
    ) -> None:
        self._text = files.Text(name=name, content=text.encode())
        self._xml = xml = given.xml
        self._base = base
        checked = intake.check((self._text,))
        self._repository = checked.value or intake.Repository()
        self._built = ""
        found = list(checked.diagnostics)
        if base is None:
            # A spec with a base parses it strictly when it is built; without one nobody would.
            found += xmltree.parse(xml.content, xml.name, Place(file=xml.name)).diagnostics
        if not any(d.is_error for d in found):
            hosts = (host,) if host else ()
            repository = replace(self._repository, hosts=hosts)
            wishes = pipeline.Wishes(forced=host.name if host else None)
            planned = pipeline.plan(repository, wishes)
            bases = {(name, base): xml.content} if base is not None else {}
            rendered = pipeline.build(planned.value or pipeline.EMPTY, bases, "libvirt")
            found += (*planned.diagnostics, *rendered.diagnostics)
            self._built = "".join(artifact.text for artifact in rendered.value or ())
        self.diagnostics = tuple(d for d in found if d.severity is not Severity.NOTE)

    def unspelled(self) -> tuple[Diagnostic, ...]:
        """Return a note about what the spec has no words for."""
        gone = self._gone()
        paths = [path for path in self._paths(self._xml.content) if path not in gone]
        if not paths:
            return ()
        place, names = Place(file=self._xml.name), ", ".join(paths)
        if self._base is not None:
            hint = "keep the file beside the spec: it is the spec's base"
            return (note("KV644", f"stays as it is in {self._base}: {names}", place, hint=hint),)
        hint = "with -o FILE and a file as XML the spec names it as its base, and nothing is lost"
        return (note("KV644", f"not in the YAML: {names}", place, hint=hint),)

    def changes(self, before: Domain) -> tuple[Diagnostic, ...]:
        """Return a warning about what a build of the spec says otherwise than the domain."""
        from kvmc.spec.domain.model import changes
        from kvmc.spec.domain.read import read_domain

        after = read_domain(self._built.encode(), _STDOUT).value if self._built else None
        found = (*changes(before, after), *self._gone()) if after else ()
        if not found:
            return ()
        message = f"a build of this spec changes {'; '.join(found)}"
        hint = "look at each; --host (NAME, FILE or local) lets kvmc know the host's CPUs and nodes"
        return (warning("KV645", message, Place(file=self._xml.name), hint=hint),)

    def _gone(self) -> tuple[str, ...]:
        """Return what of the domain a build with a base does not have, though nothing owns it."""
        if self._base is None or not self._built:
            return ()
        left = self._paths(self._built.encode())
        return tuple(path for path in self._paths(self._xml.content) if path not in left)

    def _paths(self, xml: bytes) -> tuple[str, ...]:
        from kvmc.spec.domain.rest import unspelled
        from kvmc.spec.domain.xml import parse_domain

        root = parse_domain(xml, self._xml.name).value
        return () if root is None else unspelled(root, with_base=self._base is not None)

    def located(self, found: tuple[Diagnostic, ...], *, output: str, said: str) -> Result:
        """Return the result, with positions in the new spec."""
        from kvmc.source.document import text_lines

        return Result(
            diagnostics=intake.report(found, self._repository),
            lines={self._text.name: text_lines(self._text.content)},
            document={"kvmc": "v1", "kind": "import", "text": self._text.content.decode()},
            output=output,
            said=said,
        )
