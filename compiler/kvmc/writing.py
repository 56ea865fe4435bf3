"""Files written whole or not at all, whatever ends the process meanwhile."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from functools import cache
from itertools import count
from typing import TYPE_CHECKING

from kvmc.files import folder_of, tidy

if TYPE_CHECKING:
    from types import FrameType

    from kvmc.files import StrPath

_unfinished: list[str] = []
"""The temporary file that is being written, if any."""
_MOST_LINKS = 40
"""As the kernel has it: path_resolution(7)."""


def write_atomically(
    target: StrPath, text: str, *, durable: bool = True, follow: bool = False
) -> bool:
    """Write the text, whole or not at all; return False where it already was the content.

    Raises OSError. The temporary file stands beside the target, so that the rename is atomic.
    `durable` waits for the disk, so that not even a power cut leaves the file empty; that takes
    4 ms a file, and what can be built again does not need it.

    A target that is a link is replaced by a file, and what it leads to stays as it is. With
    `follow` that is what is written, as an editor does (`followed`): a file that is read again
    must not part from the one that others read through their links.
    """
    content = text.encode()
    path = tidy(os.fspath(target))
    if os.path.basename(path) in ("", "."):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if is_special(path):
        return _write_into(path, content)
    if follow:
        path = followed(path)
    if _holds(path, content):
        return False
    if not os.path.isdir(folder_of(path)):
        _make_folder(folder_of(path))
    _clean_up_when_ended()
    try:
        handle, temporary = _beside(path)
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            if durable:
                os.fsync(stream.fileno())
        os.replace(temporary, path)
    finally:
        _remove_unfinished()
    return True


def followed(path: str) -> str:
    """Return the file that a link leads to, there or not; a path that is no link as it is.

    Links are kept by repositories, and whoever proposes a change to one would choose what is
    written over. So one is followed within its repository only, its .git excepted, and outside of
    one within its folder: raises OSError for any other. One that somebody else put into a folder
    such as /tmp is none to follow either (fs.protected_symlinks, which knows of open() alone).
    Nor is one into a folder that is not there, as for open().
    Links to folders on the way are the system's affair: `hosts` may be one to anywhere.
    """
    if not os.path.islink(path):
        return path
    path = _real_folder(path)
    tree = _tree(os.path.dirname(path))
    for _ in range(_MOST_LINKS):
        if not os.path.islink(path):
            os.stat(os.path.dirname(path))  # no folder is made where a link leads
            return path
        if _is_foreign(path):
            raise OSError(errno.EPERM, "the link is not yours, in a folder that others write to")
        path = _real_folder(os.path.join(os.path.dirname(path), os.readlink(path)))
        within = os.path.relpath(path, tree).split("/")
        if {"..", ".git"} & set(within):
            raise OSError(errno.EPERM, "the link leads out of its repository, and is not followed")
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))


def _real_folder(path: str) -> str:
    """Return a path without links, but for the last part, which may be one."""
    return os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))


def _tree(folder: str) -> str:
    """Return the root of the repository that a folder is in; outside of one the folder."""
    at = folder
    while not os.path.lexists(os.path.join(at, ".git")):
        if at == os.path.dirname(at):
            return folder
        at = os.path.dirname(at)
    return at


def _is_foreign(link: str) -> bool:
    """Whether a link in a folder that all may write to is neither ours nor the folder owner's."""
    above = os.stat(os.path.dirname(link))
    open_to_all = stat.S_ISVTX | stat.S_IWOTH
    return above.st_mode & open_to_all == open_to_all and os.lstat(link).st_uid not in (
        os.geteuid(),
        above.st_uid,
    )


def _remove_unfinished() -> None:
    """Remove the temporary file, unless it was renamed or never made."""
    while _unfinished:
        with suppress(OSError):
            os.unlink(_unfinished[-1])
        _unfinished.pop()


def _make_folder(path: str) -> None:
    """Make a folder and those above it; raises OSError, also for a thousand levels of them."""
    try:
        os.makedirs(path, exist_ok=True)
    except RecursionError:
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG)) from None


def is_special(target: StrPath) -> bool:
    """Whether a rename would do harm: a device, a pipe, or a name such as /dev/stdout.

    Nothing is there to be read either: to ask a pipe for what it held is to wait without end.
    """
    try:
        mode = os.lstat(target).st_mode
    except OSError:
        return False
    plain = stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)
    return not plain or os.path.abspath(target).startswith("/dev/")


def _write_into(target: str, content: bytes) -> bool:
    """Write to a device or to a pipe that somebody reads; raises OSError."""
    handle = os.open(target, os.O_WRONLY | os.O_NONBLOCK)
    os.set_blocking(handle, True)
    with os.fdopen(handle, "wb") as stream:
        stream.write(content)
    return True


def _holds(path: str, content: bytes) -> bool:
    """Whether a file has this content; raises OSError where it cannot be read."""
    if not os.path.isfile(path):
        return False
    with open(path, "rb") as stream:
        return stream.read() == content


def _beside(target: str) -> tuple[int, str]:
    """Create a new file beside the target, with the mode that the umask leaves.

    It is among the unfinished before it is there: Ctrl-C may come at any moment.

    No tempfile.mkstemp: it takes as long as all the rest of writing, for a mode to be changed.
    """
    folder, name = os.path.split(target)
    for attempt in count():
        path = os.path.join(folder, f".{name}.{os.getpid()}-{attempt}")
        _unfinished.append(path)
        try:
            return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), path
        except FileExistsError:  # left by a process of this id that was killed
            _unfinished.remove(path)
    raise AssertionError  # count() has no end


@cache
def _clean_up_when_ended() -> None:
    """Let a signal that ends this process take the temporary file along; kill -9 leaves it.

    Ctrl-C needs no more than the KeyboardInterrupt that it raises, and a signal that somebody
    handles or ignores (nohup) stays as it is.
    """
    import signal  # only who writes needs it

    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            with suppress(ValueError):  # another thread than the first one
                signal.signal(number, _end)


def _end(number: int, _frame: FrameType | None) -> None:
    import signal

    _remove_unfinished()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
