"""The effect of host reading: this machine's files, a captured folder's, or a libvirt host."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from msgspec.structs import replace

from kvmc.diagnostics import Outcome, Place, error, warning
from kvmc.host.capabilities import read_capabilities
from kvmc.host.domcaps import read_host_model
from kvmc.host.sysfs import read_tree

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kvmc.diagnostics import Diagnostic
    from kvmc.host.model import Host, HostModel

_MAX_TEXT = 16 * 1024 * 1024
"""Bytes of one file below sys/ or proc/: /proc/cpuinfo of 8192 CPUs has about 12 MiB."""
_MAX_LINKS = 40
_TYPES: tuple[Literal["kvm", "qemu"], ...] = ("kvm", "qemu")
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class FolderTree:
    """The files below a folder, as `kvmc.host.tree.Tree`.

    Symbolic links are resolved as if the folder were the root, so that a captured tree never leads
    to files of this machine.
    """

    def __init__(self, root: Path) -> None:
        self._root = str(root)
        self._folders: dict[str, str | None] = {}

    def read(self, path: str) -> str | None:
        """Return the text of a regular file of at most 16 MiB, else None."""
        folder, _, name = path.rpartition("/")
        inside = self._folder(folder)
        if inside is None or name in ("", ".", ".."):
            return None
        data = _regular(f"{inside}/{name}", _MAX_TEXT)
        if data is None and _link(f"{inside}/{name}") is not None:
            real = self._resolve(path)
            data = None if real is None else _regular(real, _MAX_TEXT)
        return None if data is None else data.decode("utf-8", "replace")

    def list(self, path: str) -> tuple[str, ...]:
        """Return the names in a folder, sorted."""
        inside = self._folder(path)
        try:
            return () if inside is None else tuple(sorted(os.listdir(inside)))  # noqa: PTH208 - half the time of iterdir
        except OSError:
            return ()

    def _folder(self, path: str) -> str | None:
        if path not in self._folders:
            parent, _, name = path.rpartition("/")
            inside = self._folder(parent) if parent else self._root
            full = f"{inside}/{name}"
            # A path without links (nearly all of sysfs) costs one look at its last part.
            plain = inside is not None and name not in ("", ".", "..") and _link(full) is None
            self._folders[path] = full if plain else self._resolve(path)
        return self._folders[path]

    def _resolve(self, path: str) -> str | None:
        """Return the real path of a path below the root; None where links form a circle."""
        done: list[str] = []
        todo = path.split("/")[::-1]
        links = 0
        while todo:
            part = todo.pop()
            if part == "..":
                del done[-1:]
            if part in ("", ".", ".."):
                continue
            target = _link("/".join((self._root, *done, part)))
            if target is None:
                done.append(part)
                continue
            links += 1
            if links > _MAX_LINKS:
                return None
            if target.startswith("/"):
                done = []
            todo.extend(target.split("/")[::-1])
        return "/".join((self._root, *done))


def _link(path: str) -> str | None:
    """Return the text of a symbolic link; None for anything else."""
    try:
        return os.readlink(path)  # noqa: PTH115 - the raw text, and half the time
    except (OSError, ValueError):
        return None


def _regular(path: str, limit: int) -> bytes | None:
    """Return the content of a regular file up to a limit; None for anything else."""
    try:
        handle = os.open(path, _FLAGS)
    except (OSError, ValueError):
        return None
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return None
        return _content(handle, limit)
    except OSError:
        return None
    finally:
        os.close(handle)


def _content(handle: int, limit: int) -> bytes | None:
    """Return all bytes; sysfs and procfs files have no honest size, so read until the end."""
    data = b""
    while chunk := os.read(handle, 65536):
        data += chunk
        if len(data) > limit:
            return None
    return data


def probe_sysfs(root: Path, name: str) -> Outcome[Host]:
    """Return the host of this machine (root "/") or of a captured folder with sys/ and proc/."""
    own = root.resolve() == Path("/")
    if not (root / "sys").is_dir():
        return Outcome(
            None,
            (
                error(
                    "KV404",
                    "the folder holds no sys/",
                    Place(file=str(root)),
                    hint="name the folder that holds sys/ and proc/",
                ),
            ),
        )
    return read_tree(
        FolderTree(root), name, file=str(root), arch=os.uname().machine if own else None
    )


class ConnectionFailed(Exception):  # noqa: N818 (it ends a probe, it is no bug)
    """libvirt could not be asked; the text can be printed as it is."""


def probe_connection(uri: str, name: str | None) -> Outcome[Host]:
    """Return a libvirt host, and what host-model is on it; raises ConnectionFailed.

    `name` None takes the name that the host gives itself, without its domain. Warning KV417:
    libvirt told no host-model, for any domain type.
    """
    try:
        import libvirt
    except ImportError:
        raise ConnectionFailed(
            "libvirt-python is not installed: install it with pip, or the package python3-libvirt"
        ) from None
    # by default it prints every error to stderr
    libvirt.registerErrorHandler(lambda *_: None, None)
    try:
        # virConnectGetDomainCapabilities is refused to a read-only connection
        connection = libvirt.open(uri)
        try:
            own = name or str(connection.getHostname()).partition(".")[0]
            host = read_capabilities(connection.getCapabilities().encode(), own, uri)
            models = [_host_model(libvirt, connection, kind, uri) for kind in _TYPES]
        finally:
            connection.close()
    except libvirt.libvirtError as problem:
        raise ConnectionFailed(f"{uri}: {problem.get_error_message()}") from problem
    if host.value is None:
        return host
    known = tuple(model.value for model in models if model.value is not None)
    said = host.diagnostics if known else (*host.diagnostics, *_first(models))
    return Outcome(replace(host.value, host_models=known), said)


def _host_model(
    libvirt: Any,  # noqa: ANN401 - libvirt-python has no types
    connection: Any,  # noqa: ANN401
    kind: Literal["kvm", "qemu"],
    uri: str,
) -> Outcome[HostModel]:
    """Return host-model of one domain type; a host without KVM, say, has it for the other only."""
    try:
        xml = connection.getDomainCapabilities(None, None, None, kind)
    except libvirt.libvirtError as problem:
        return Outcome(None, (_no_model(problem.get_error_message(), uri),))
    read = read_host_model(xml.encode(), kind, uri)
    if read.value is None and not read.diagnostics:
        return Outcome(None, (_no_model(f"not supported for type {kind}", uri),))
    return read


def _no_model(reason: str, uri: str) -> Diagnostic:
    return warning(
        "KV417",
        f"libvirt tells no host-model: {reason}",
        Place(file=uri),
        hint="the host file has all the rest; only the target qemu wants host-model",
    )


def _first(models: Iterable[Outcome[HostModel]]) -> tuple[Diagnostic, ...]:
    return next((model.diagnostics for model in models), ())


def local_name() -> str:
    """Return this machine's host name without its domain."""
    return os.uname().nodename.partition(".")[0] or "localhost"
