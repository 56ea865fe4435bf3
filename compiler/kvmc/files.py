"""Files at the edge: finding specs and host descriptions, reading, and writing atomically."""

from __future__ import annotations

import errno
import os
import stat
import sys
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from kvmc.diagnostics import Diagnostic, Outcome, Place, error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

_SUFFIXES = (".yaml", ".yml")
_HOME_FOLDERS = ("hosts", "vms")
_PATIENCE_MS = 1000
_MAX_READ = 4 * 1024 * 1024 + 1
"""One byte more than the source stage accepts, so that it can say that a file is too large."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
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
        ours = _is_ours(Path(path))
        for file in _files_of(Path(path)):
            read = read_text(file)
            diagnostics += read.diagnostics
            if read.value is not None and (ours(file.parent) or _says_kvmc(read.value)):
                texts.setdefault(real(file), read.value)
    return Outcome(tuple(sorted(texts.values(), key=lambda t: t.name)), tuple(diagnostics))


def _stdin() -> bytes:
    """Return what stands on standard input; nothing where it is closed."""
    return sys.stdin.buffer.read(_MAX_READ) if sys.stdin is not None else b""


def is_there(path: Path) -> bool:
    """Whether something has this name, a link that leads nowhere included."""
    return os.path.lexists(path)  # Path.exists raises for a name that is too long


def _is_dir(path: Path) -> bool:
    """Whether it is a folder; a name that the system refuses is none, and is told when read."""
    try:
        return path.is_dir()
    except OSError:
        return False


def read_text(file: Path) -> Outcome[Text]:
    """Read a YAML file, up to a little over 4 MiB; KV190 where it cannot be read."""
    return read_file(file, _MAX_READ)


def read_file(file: Path, limit: int = 256 * 1024 * 1024) -> Outcome[Text]:
    """Read any file up to a limit in bytes; KV190 where it cannot be read."""
    try:
        with open(file, "rb", opener=_opened) as stream:
            return Outcome(Text(name=str(file), content=stream.read(limit)))
    except OSError as reason:
        text = reason.strerror or "cannot be read"
        return Outcome(None, (error("KV190", text.lower(), Place(file=str(file))),))


def _opened(path: str, flags: int) -> int:
    """Open a file; a pipe that nobody has opened for writing is not waited for without end."""
    handle = os.open(path, flags | os.O_NONBLOCK)
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


def _files_of(path: Path) -> Iterator[Path]:
    if not _is_dir(path):
        yield path
        return
    closed: list[Path] = []
    for folder, folders, names in os.walk(path, onerror=lambda e: closed.append(Path(e.filename))):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        found = (Path(folder) / name for name in sorted(names) if _is_yaml(name))
        yield from filter(_is_readable, found)
    # A folder that may not be searched is told when it is read, like any other file.
    yield from closed


def _is_readable(file: Path) -> bool:
    """Whether it is a file, or a link that leads nowhere, which is told when read.

    A pipe or a device met by chance would be waited for without end.
    """
    return file.is_file() or not file.exists()


def _is_yaml(name: str) -> bool:
    return (
        name.endswith(_SUFFIXES)
        and not name.startswith(".")
        and not name.endswith(tuple(f".lock{s}" for s in _SUFFIXES))
    )


def _is_ours(searched: Path) -> Callable[[Path], bool]:
    """Return what tells whether all files of a folder met below `searched` are kvmc's.

    Only folders within the one searched count: a checkout may lie below somebody's /srv/hosts. A
    file that was named itself always is.
    """
    if not _is_dir(searched):
        return lambda _: True
    home = without_links(searched).name in _HOME_FOLDERS

    @cache
    def ours(folder: Path) -> bool:
        return home or not set(_HOME_FOLDERS).isdisjoint(folder.relative_to(searched).parts)

    return ours


def _says_kvmc(text: Text) -> bool:
    return text.content.startswith(b"kvmc:") or b"\nkvmc:" in text.content


def _real_path() -> Callable[[Path], str]:
    """Return Path.resolve for many files of few folders, each of which it resolves only once."""

    @cache
    def real_folder(folder: Path) -> Path:
        return without_links(folder)

    def real(file: Path) -> str:
        whole = without_links(file) if file.is_symlink() else real_folder(file.parent) / file.name
        return str(whole)

    return real


def without_links(path: Path) -> Path:
    """Return the path without links; one that runs in a circle stays where it is met."""
    return Path(os.path.realpath(path))


def host_files(first_path: str) -> tuple[Path, ...]:
    """Return the YAML files of the nearest hosts/: in the first PATH, beside it, or above it.

    The search ends at the repository's root (the folder that holds .git); outside of a repository
    it goes one folder up, from vms/ to the hosts/ beside it.
    """
    start = Path.cwd() if first_path == "-" else Path(first_path)
    base = start if _is_dir(start) else start.parent
    if not _is_dir(base):
        return ()
    for folder in _upwards(base):
        hosts = folder / "hosts"
        if _is_dir(hosts):
            return _yaml_in(hosts)
    return ()


def _yaml_in(folder: Path) -> tuple[Path, ...]:
    try:
        files = (folder / name for name in sorted(os.listdir(folder)) if _is_yaml(name))  # noqa: PTH208 (raises at once)
        return tuple(filter(_is_readable, files))
    except OSError:
        return (folder,)  # which is told when it is read


def _upwards(base: Path) -> Iterator[Path]:
    """Yield the folder, its parent, and inside a repository every parent up to its root."""
    resolved = without_links(base)
    folders = (resolved, *resolved.parents)
    root = next((i for i, folder in enumerate(folders) if (folder / ".git").exists()), 1)
    yield from (_shortest(folder) for folder in folders[: root + 1])


def _shortest(folder: Path) -> Path:
    relative = Path(os.path.relpath(folder))
    return relative if len(str(relative)) <= len(str(folder)) else folder


def read_base(spec_file: str, base: str) -> Outcome[bytes]:
    """Read the domain XML that a spec's `base:` names, relative to the spec's folder."""
    folder = Path.cwd() if spec_file == "<stdin>" else Path(spec_file).parent
    read = read_file(folder / base, _MAX_READ)
    return Outcome(read.value.content if read.value else None, read.diagnostics)


def write_atomically(target: Path, text: str, *, durable: bool = True) -> bool:
    """Write the text, whole or not at all; return False where it already was the content.

    Raises OSError. The temporary file stands beside the target, so that the rename is atomic.
    `durable` waits for the disk, so that not even a power cut leaves the file empty; that takes
    4 ms a file, and what can be built again does not need it.
    """
    content = text.encode()
    if not target.name:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if _is_special(target):
        return _write_into(target, content)
    if target.is_file() and target.read_bytes() == content:
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = _beside(target)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            if durable:
                os.fsync(stream.fileno())
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return True


def _is_special(target: Path) -> bool:
    """Whether a rename would do harm: a device, a pipe, or a name such as /dev/stdout."""
    try:
        mode = target.lstat().st_mode
    except OSError:
        return False
    plain = stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)
    return not plain or os.path.abspath(target).startswith("/dev/")  # noqa: PTH100 (no links)


def _write_into(target: Path, content: bytes) -> bool:
    """Write to a device or to a pipe that somebody reads; raises OSError."""
    handle = os.open(target, os.O_WRONLY | os.O_NONBLOCK)
    os.set_blocking(handle, True)
    with os.fdopen(handle, "wb") as stream:
        stream.write(content)
    return True


def _beside(target: Path) -> tuple[int, Path]:
    """Create a new file beside the target, with the mode that the umask leaves.

    No tempfile.mkstemp: it takes as long as all the rest of writing, for a mode to be changed.
    """
    for attempt in count():
        path = target.with_name(f".{target.name}.{os.getpid()}-{attempt}")
        with suppress(FileExistsError):  # left by a process of this id that was killed
            return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), path
    raise AssertionError  # count() has no end


def unique(texts: Iterable[Text]) -> tuple[Text, ...]:
    """Return the texts without second readings of the same file."""
    found: dict[str, Text] = {}
    real = _real_path()
    for text in texts:
        found.setdefault(real(Path(text.name)), text)
    return tuple(found.values())
