"""Everything that was read: documents checked, VMs and hosts loaded, locks beside them.

Reads no files and prints nothing. It stands apart from `pipeline` because `kvmc check` needs no
more than this, and the models of planning take their time to import.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from kvmc.diagnostics import Diagnostic, Outcome, Place, Severity, error, locate

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from kvmc.diagnostics import Locator
    from kvmc.files import Text
    from kvmc.host.model import Host
    from kvmc.planner.locking.lock import Lock
    from kvmc.source.document import Document
    from kvmc.spec.model import Vm


_LEAST = 100
"""Texts that are worth a fork: it takes 5 ms, and they take 30."""


class Repository(Struct, frozen=True, kw_only=True):
    """All that was read: VMs by name and file, hosts by name, and the documents they came from."""

    vms: tuple[Vm, ...] = ()
    hosts: tuple[Host, ...] = ()
    documents: tuple[Document, ...] = ()
    locks: Mapping[str, Lock] = {}
    """By the name of the host whose description they stand beside."""

    def locators(self) -> dict[tuple[str, int], Locator]:
        """Return what turns places into lines and columns."""
        return {(d.file, d.index): d for d in self.documents}


def check(texts: Sequence[Text], first: str | None = None) -> Outcome[Repository]:
    """Read, validate and load every document, and check what only shows across documents.

    The value is always there and holds what could be loaded; the diagnostics are not located yet.
    Hosts in the file `first` win over those of the same names in others.
    """
    # All that a part needs, so that no fork imports it once more.
    import kvmc.source.reader
    import kvmc.spec.load  # noqa: F401
    from kvmc.spec.rules import check_fleet

    parts = _load_in_parts(texts)
    vms = [vm for part in parts for vm in part.vms]
    hosts = [host for part in parts for host in part.hosts]
    diagnostics = [found for part in parts for found in part.diagnostics]
    # Sorted first: of two with one name it is always the same one that is told.
    vms.sort(key=lambda vm: (vm.name, vm.place.file, vm.place.document))
    hosts.sort(key=lambda host: (host.name, _where(host)))
    chosen = {host.name for host in hosts if _where(host)[0] == first}
    hosts = [host for host in hosts if host.name not in chosen or _where(host)[0] == first]
    diagnostics += check_fleet(vms)
    diagnostics += _same_host_twice(hosts)
    documents = tuple(document for part in parts for document in part.documents)
    return Outcome(
        Repository(vms=tuple(vms), hosts=tuple(hosts), documents=documents), tuple(diagnostics)
    )


def _load_in_parts(texts: Sequence[Text]) -> Sequence[_Part]:
    if len(texts) < _LEAST:
        return (_load(texts),)
    from kvmc.forks import share_out

    return share_out(_load, texts, _LEAST)


class _Part(NamedTuple):
    """What some of the texts hold."""

    documents: list[Document]
    vms: list[Vm]
    hosts: list[Host]
    diagnostics: list[Diagnostic]


def _load(texts: Sequence[Text]) -> _Part:
    part = _Part(documents=[], vms=[], hosts=[], diagnostics=[])
    for text in texts:
        _load_text(text, part)
    return part


def _load_text(text: Text, part: _Part) -> None:
    """Add what a file holds; of one with too many problems no more than these."""
    from kvmc.source.problems import MAX_PROBLEMS, too_many
    from kvmc.source.reader import read

    source = read(text.content, text.name)
    part.diagnostics.extend(source.diagnostics)
    errors = 0
    for document in source.value or ():
        if errors > MAX_PROBLEMS:
            part.diagnostics.append(too_many(Place(file=text.name, document=document.index)))
            return
        # Kept for its positions: the data is in the Vm or Host, and would travel for nothing.
        part.documents.append(document.without_data())
        found = _load_document(document, part)
        part.diagnostics.extend(found)
        errors += sum(d.is_error for d in found)


def _load_document(document: Document, part: _Part) -> tuple[Diagnostic, ...]:
    """Add the VM or the host of a document; return what there is to say of it, or of a lock."""
    from kvmc.spec.schema import kind_of

    kind = kind_of(document)
    if kind.value == "vm":
        from kvmc.spec.load import load_vm

        vm = load_vm(document)
        part.vms.extend([vm.value] if vm.value else [])
        return (*kind.diagnostics, *vm.diagnostics)
    if kind.value == "host":
        from kvmc.host.snapshot import load_host

        host = load_host(document)
        part.hosts.extend([host.value] if host.value else [])
        return (*kind.diagnostics, *host.diagnostics)
    if kind.value == "lock":
        from kvmc.planner.locking.lock import load_lock

        return (*kind.diagnostics, *load_lock(document).diagnostics)
    return kind.diagnostics


def _where(host: Host) -> tuple[str, int]:
    return (host.place.file, host.place.document) if host.place else ("", 0)


def _same_host_twice(hosts: Sequence[Host]) -> list[Diagnostic]:
    seen: dict[str, Host] = {}
    found: list[Diagnostic] = []
    for host in hosts:
        first = seen.setdefault(host.name, host)
        if first is not host and host.place is not None and first.place is not None:
            message = f"the host {host.name} is described in {first.place.file} already"
            found.append(error("KV462", message, host.place.at("name")))
    return found


def locked_host(text: Text) -> str | None:
    """Return the host that a lock says it is for; None where that cannot be read."""
    from kvmc.source.reader import read

    for document in read(text.content, text.name).value or ():
        if isinstance(document.data, dict) and isinstance(document.data.get("host"), str):
            return str(document.data["host"])
    return None


def with_locks(
    repository: Repository, texts: Mapping[str, Text], *, anew: bool = False
) -> Outcome[Repository]:
    """Add the locks; `texts` maps the name of a host to the lock file beside its description.

    `anew` says that whatever they hold is freed: what is wrong with one is a warning, and where it
    cannot be read it holds nothing.
    """
    if not texts:
        return Outcome(repository)
    from kvmc.planner.locking.lock import Lock

    diagnostics: list[Diagnostic] = []
    documents: list[Document] = []
    locks: dict[str, Lock] = {}
    for host, text in texts.items():
        lock, found, read = _lock_of(host, text)
        if anew and any(d.is_error for d in found):
            found = [replace(d, severity=Severity.WARNING) if d.is_error else d for d in found]
            lock = lock or Lock(host=host, fingerprint="", place=Place(file=text.name))
        diagnostics += found
        documents += read
        locks |= {host: lock} if lock else {}
    added = replace(repository, documents=(*repository.documents, *documents), locks=locks)
    return Outcome(added, tuple(diagnostics))


def _lock_of(host: str, text: Text) -> tuple[Lock | None, list[Diagnostic], Sequence[Document]]:
    """Return what a lock file holds, what is wrong with it, and its documents."""
    from kvmc.planner.locking.lock import load_lock
    from kvmc.source.reader import read

    source = read(text.content, text.name)
    documents = source.value or ()
    loaded = [load_lock(document) for document in documents]
    found = [*source.diagnostics, *(d for lock in loaded for d in lock.diagnostics)]
    if len(documents) > 1:
        message = f"the lock of {host} is {len(documents)} documents, of which one can be right"
        place = Place(file=text.name, document=1)
        found.append(error("KV522", message, place, hint="take one side of the merge"))
    return loaded[0].value if loaded else None, found, documents


def report(diagnostics: Iterable[Diagnostic], repository: Repository) -> tuple[Diagnostic, ...]:
    """Give the diagnostics their lines and columns, and sort them."""
    return locate(diagnostics, repository.locators())
