"""Files at the edge: finding specs and host descriptions, reading, and writing atomically."""

from __future__ import annotations

import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kvmc.diagnostics import Diagnostic, Outcome, Place, error

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_SUFFIXES = (".yaml", ".yml")
_HOME_FOLDERS = ("hosts", "vms")
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
    for path in paths or (".",):
        if path == "-":
            # Named twice it is still one text: a second reading would find it empty.
            if "-" not in texts:
                texts["-"] = Text(name="<stdin>", content=_stdin())
            continue
        for file in _files_of(Path(path)):
            read = read_text(file)
            diagnostics += read.diagnostics
            if read.value is not None and (
                file == Path(path) or _is_ours(file, Path(path), read.value)
            ):
                texts.setdefault(str(file.resolve()), read.value)
    return Outcome(tuple(sorted(texts.values(), key=lambda t: t.name)), tuple(diagnostics))


def _stdin() -> bytes:
    """Return what stands on standard input; nothing where it is closed."""
    return sys.stdin.buffer.read(_MAX_READ) if sys.stdin is not None else b""


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
        with file.open("rb") as stream:
            return Outcome(Text(name=str(file), content=stream.read(limit)))
    except OSError as reason:
        text = reason.strerror or "cannot be read"
        return Outcome(None, (error("KV190", text.lower(), Place(file=str(file))),))


def _files_of(path: Path) -> Iterator[Path]:
    if not _is_dir(path):
        yield path
        return
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        found = (Path(folder) / name for name in sorted(names) if _is_yaml(name))
        # A pipe or a device met by chance would be waited for without end.
        yield from (file for file in found if file.is_file() or file.is_symlink())


def _is_yaml(name: str) -> bool:
    return (
        name.endswith(_SUFFIXES)
        and not name.startswith(".")
        and not name.endswith(tuple(f".lock{s}" for s in _SUFFIXES))
    )


def _is_ours(file: Path, searched: Path, text: Text) -> bool:
    """Whether a file met in a folder is kvmc's: by its folder, or by a `kvmc:` line.

    Only folders within the one searched count: a checkout may lie below somebody's /srv/hosts.
    """
    within = (searched.resolve().name, *file.relative_to(searched).parts[:-1])
    if any(part in _HOME_FOLDERS for part in within):
        return True
    return text.content.startswith(b"kvmc:") or b"\nkvmc:" in text.content


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
        if hosts.is_dir():
            return tuple(sorted(f for f in hosts.iterdir() if _is_yaml(f.name)))
    return ()


def _upwards(base: Path) -> Iterator[Path]:
    """Yield the folder, its parent, and inside a repository every parent up to its root."""
    resolved = base.resolve()
    folders = (resolved, *resolved.parents)
    root = next((i for i, folder in enumerate(folders) if (folder / ".git").exists()), 1)
    yield from (_shortest(folder) for folder in folders[: root + 1])


def _shortest(folder: Path) -> Path:
    relative = Path(os.path.relpath(folder))
    return relative if len(str(relative)) <= len(str(folder)) else folder


def read_base(spec_file: str, base: str) -> Outcome[bytes]:
    """Read the domain XML that a spec's `base:` names, relative to the spec's folder."""
    folder = Path.cwd() if spec_file == "<stdin>" else Path(spec_file).parent
    read = read_file(folder / base)
    return Outcome(read.value.content if read.value else None, read.diagnostics)


def write_atomically(target: Path, text: str) -> bool:
    """Write the text, whole or not at all; return False where it already was the content.

    Raises OSError. The temporary file stands beside the target, so that the rename is atomic.
    """
    content = text.encode()
    if target.is_file() and target.read_bytes() == content:
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).chmod(0o666 & ~_umask())
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return True


def _umask() -> int:
    """Return the process's umask; the only way to read it is to set it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def unique(texts: Iterable[Text]) -> tuple[Text, ...]:
    """Return the texts without second readings of the same file."""
    found: dict[str, Text] = {}
    for text in texts:
        found.setdefault(str(Path(text.name).resolve()), text)
    return tuple(found.values())
