"""Files at the edge: finding specs and host descriptions, and reading. `writing.py` writes.

Finding and reading goes without pathlib: it takes a third of Python's own start to import, and ten
times as long for a name.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from kvmc.diagnostics import Diagnostic, Outcome, Place, error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    StrPath = str | os.PathLike[str]

_SUFFIXES = (".yaml", ".yml")
_HOME_FOLDERS = ("hosts", "vms")
_PATIENCE_MS = 1000
_AT_ONCE = 64 * 1024
_BOM = rb"\A(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)"
_SEPARATOR = rb"(?m)^---(?=\s)"
_FIRST = rb"(?:[ \t]*(?:#[^\n]*)?\n)*+( *)(\{\s*)?"
"""What stands before a document's first key: its indentation, and the brace of a flow mapping."""
_KEY = rb"""["']?kvmc["']?\s*:"""
_LATER_KEY = rb"[{,]\s*" + _KEY + rb"""\s*["']?v[0-9]+["']?\s*(?:[,}#]|\Z)"""
"""In a flow mapping any mapping within may have such a key: only `kvmc: v1` is ours."""
_MAX_READ = 4 * 1024 * 1024 + 1
"""One byte more than the source stage accepts, so that it can say that a file is too large."""


class Text(NamedTuple):
    """A file's content: `name` is how the user would type it, `content` its bytes."""

    name: str
    content: bytes


def read_inputs(paths: Sequence[str]) -> Outcome[tuple[Text, ...]]:
    """Read every PATH: a file, a folder (searched), or `-` for standard input."""
    texts: dict[str, Text] = {}
    diagnostics: list[Diagnostic] = []
    real = _real_path()
    for path in paths or (".",):
        if path == "-":
            # Named twice it is still one text: a second reading would find it empty.
            if "-" not in texts:
                texts["-"] = Text(name="<stdin>", content=_stdin())
            continue
        searched = tidy(path)
        ours = _is_ours(searched)
        for file in _files_of(searched):
            read = read_text(file)
            diagnostics += read.diagnostics
            if read.value is not None and (ours(folder_of(file)) or _says_kvmc(read.value)):
                texts.setdefault(real(file), read.value)
    return Outcome(tuple(sorted(texts.values(), key=lambda t: t.name)), tuple(diagnostics))


def tidy(path: str) -> str:
    """Return a path without `.` and doubled slashes, as pathlib writes it."""
    root = path[: len(path) - len(path.lstrip("/"))]
    parts = (part for part in path.split("/") if part not in ("", "."))
    return (root if root == "//" else root[:1]) + "/".join(parts) or "."


def folder_of(file: str) -> str:
    """Return the folder of a file, `.` for one that is named alone."""
    return os.path.dirname(file) or "."


def _within(folder: str, name: str) -> str:
    return name if folder == "." else os.path.join(folder, name)


def _stdin() -> bytes:
    """Return what stands on standard input; nothing where it is closed."""
    return sys.stdin.buffer.read(_MAX_READ) if sys.stdin is not None else b""


def is_there(path: StrPath) -> bool:
    """Whether something has this name, a link that leads nowhere included."""
    return os.path.lexists(path)


def read_text(file: StrPath) -> Outcome[Text]:
    """Read a YAML file, up to a little over 4 MiB; KV190 where it cannot be read."""
    return read_file(file, _MAX_READ)


def read_file(file: StrPath, limit: int = 256 * 1024 * 1024) -> Outcome[Text]:
    """Read any file up to a limit in bytes; KV190 where it cannot be read."""
    try:
        handle = _opened(file)
        try:
            return Outcome(Text(name=str(file), content=_content(handle, limit)))
        finally:
            os.close(handle)
    except OSError as reason:
        text = reason.strerror or "cannot be read"
        return Outcome(None, (error("KV190", text.lower(), Place(file=str(file))),))


def _opened(path: StrPath) -> int:
    """Open a file; a pipe that nobody has opened for writing is not waited for without end."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        if stat.S_ISREG(os.fstat(handle).st_mode):
            return handle
        if stat.S_ISFIFO(os.fstat(handle).st_mode):
            _await_writer(handle)
        os.set_blocking(handle, True)
    except BaseException:
        os.close(handle)
        raise
    return handle


def _content(handle: int, limit: int) -> bytes:
    """Read to the end or the limit; without io's objects, which take as long as the reading."""
    parts: list[bytes] = []
    while limit > 0 and (part := os.read(handle, min(limit, _AT_ONCE))):
        parts.append(part)
        limit -= len(part)
    return b"".join(parts)


def _await_writer(pipe: int) -> None:
    """Wait until a pipe has a writer; raises OSError after a second without one."""
    import select  # only pipes need it

    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    if poll.poll(_PATIENCE_MS):
        return
    try:
        os.read(pipe, 1)  # nothing to read and no writer is the end of the file
    except BlockingIOError:
        return  # there is one, and it has not written yet: `kvmc check <(slow command)`
    raise OSError(errno.EPIPE, "a pipe that nobody writes to")


def _files_of(path: str) -> Iterator[str]:
    if not os.path.isdir(path):
        yield path
        return
    closed: list[str] = []
    for folder, folders, names in os.walk(path, onerror=lambda e: closed.append(e.filename)):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        here = tidy(folder)
        found = (_within(here, name) for name in sorted(names) if _is_yaml(name))
        yield from filter(_is_readable, found)
    # A folder that may not be searched is told when it is read, like any other file.
    yield from map(tidy, closed)


def _is_readable(file: str) -> bool:
    """Whether it is a file, or a link that leads nowhere, which is told when read.

    A pipe or a device met by chance would be waited for without end.
    """
    return os.path.isfile(file) or not os.path.exists(file)


def _is_yaml(name: str) -> bool:
    return (
        name.endswith(_SUFFIXES)
        and not name.startswith(".")
        and not name.endswith(tuple(f".lock{s}" for s in _SUFFIXES))
    )


def _is_ours(searched: str) -> Callable[[str], bool]:
    """Return what tells whether all files of a folder met below `searched` are kvmc's.

    Only folders within the one searched count: a checkout may lie below somebody's /srv/hosts. A
    file that was named itself always is.
    """
    if not os.path.isdir(searched):
        return lambda _: True
    home = os.path.basename(os.path.realpath(searched)) in _HOME_FOLDERS
    outside = 0 if searched == "." else len(searched)

    @cache
    def ours(folder: str) -> bool:
        return home or not set(_HOME_FOLDERS).isdisjoint(folder[outside:].split("/"))

    return ours


def _says_kvmc(text: Text) -> bool:
    """Whether a file means to be kvmc's: as YAML with or without a BOM, as JSON, or in UTF-16.

    What is passed over here is passed over in silence, and others may get the CPUs of a VM that
    nobody plans.
    """
    content = text.content
    if content.startswith(b"kvmc:") or b"\nkvmc:" in content:
        return True
    plain = content.replace(b"\0", b"")
    if b"kvmc" not in plain:
        return False
    import re  # most files were told apart above

    plain = re.sub(_BOM, b"", plain).replace(b"\r", b"\n")
    return any(map(_document_says_kvmc, re.split(_SEPARATOR, plain)))


def _document_says_kvmc(document: bytes) -> bool:
    import re

    first = re.match(_FIRST, document)
    indent, brace = first.groups() if first else (b"", None)  # it matches any text
    if re.match(_FIRST + _KEY, document):
        return True
    return re.search(_LATER_KEY if brace else b"(?m)^" + indent + _KEY, document) is not None


def _real_path() -> Callable[[str], str]:
    """Return os.path.realpath for many files of few folders, each of which it asks about once."""
    real_folder = cache(os.path.realpath)

    def real(file: str) -> str:
        if os.path.islink(file):
            return os.path.realpath(file)
        return os.path.join(real_folder(folder_of(file)), os.path.basename(file))

    return real


def without_links(path: Path) -> Path:
    """Return the path without links; one that runs in a circle stays where it is met."""
    return type(path)(os.path.realpath(path))


def host_files(first_path: str) -> tuple[str, ...]:
    """Return the YAML files of the nearest hosts/: in the first PATH, beside it, or above it.

    The search ends at the repository's root (the folder that holds .git); outside of a repository
    it ends at the working directory, or one folder up, from vms/ to the hosts/ beside it.
    """
    start = "." if first_path == "-" else tidy(first_path)
    base = start if os.path.isdir(start) else folder_of(start)
    if not os.path.isdir(base):
        return ()
    for folder in _upwards(base):
        hosts = _within(folder, "hosts")
        if os.path.isdir(hosts):
            return _yaml_in(hosts)
    return ()


def _yaml_in(folder: str) -> tuple[str, ...]:
    try:
        files = (_within(folder, name) for name in sorted(os.listdir(folder)) if _is_yaml(name))
        return tuple(filter(_is_readable, files))
    except OSError:
        return (folder,)  # which is told when it is read


def _upwards(base: str) -> Iterator[str]:
    """Yield the folder and its parents up to the repository's root (see `host_files`)."""
    folders = [os.path.realpath(base)]
    while (parent := os.path.dirname(folders[-1])) != folders[-1]:
        folders.append(parent)
    here = os.path.realpath(".")
    last = max(1, folders.index(here)) if here in folders else 1
    root = next((i for i, f in enumerate(folders) if os.path.exists(os.path.join(f, ".git"))), last)
    yield from (_shortest(folder) for folder in folders[: root + 1])


def _shortest(folder: str) -> str:
    relative = os.path.relpath(folder)
    return relative if len(relative) <= len(folder) else folder


def read_base(spec_file: str, base: str) -> Outcome[bytes]:
    """Read the domain XML that a spec's `base:` names.

    It is relative to the spec's folder, or where nothing is there to a folder above it, up to the
    repository's root, as hosts/ is.
    """
    folder = "." if spec_file == "<stdin>" else folder_of(spec_file)
    near = tidy(_within(folder, base))
    above = (tidy(_within(parent, base)) for parent in _upwards(folder))
    found = near if is_there(near) else next(filter(is_there, above), near)
    read = read_file(found, _MAX_READ)
    return Outcome(read.value.content if read.value else None, read.diagnostics)


def unique(texts: Iterable[Text]) -> tuple[Text, ...]:
    """Return the texts without second readings of the same file."""
    found: dict[str, Text] = {}
    real = _real_path()
    for text in texts:
        found.setdefault(real(text.name), text)
    return tuple(found.values())
