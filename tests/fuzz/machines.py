"""Seeds of host descriptions: hand-made ones, and the captured machines where those are at hand."""

from __future__ import annotations

import tarfile
from functools import cache

from tests.fuzz import corpus
from tests.support.paths import SHARED
from tests.unit.host.test_hwloc import V1, V2
from tests.unit.host.trees import smt_host

_BIG = 60_000
_MOST_FILES = 2_500


def _captured(name: str) -> tuple[bytes, ...]:
    if SHARED is None:
        return ()
    found = (p.read_bytes() for p in sorted((SHARED / "hosts").glob(f"*/{name}")))
    return tuple(content for content in found if len(content) < _BIG)


@cache
def hwloc(*, captured: bool = False) -> tuple[bytes, ...]:
    """Return hwloc XML of both versions."""
    return (V2.encode(), V1.encode(), *(_captured("hwloc.xml") if captured else ()))


@cache
def capabilities(*, captured: bool = False) -> tuple[bytes, ...]:
    """Return capabilities XML."""
    return (*corpus.xml("capabilities"), *(_captured("capabilities.xml") if captured else ()))


@cache
def trees(*, captured: bool = False) -> tuple[corpus.Folder, ...]:
    """Return the files below the root of a machine: sys/ and proc/."""
    own = {name: text.encode() for name, text in smt_host().items()}
    if SHARED is None or not captured:
        return (own,)
    archives = sorted((SHARED / "hosts").glob("*/sysfs.tar.gz"))
    return (own, *filter(None, map(_unpacked, map(str, archives))))


def _unpacked(archive: str) -> corpus.Folder:
    """Return the regular files of an archive; nothing where it is a large one."""
    found: corpus.Folder = {}
    with tarfile.open(archive) as tar:
        for member in tar:
            content = tar.extractfile(member) if member.isfile() else None
            if content is not None:
                found[member.name.removeprefix("./")] = content.read(_BIG)
            if len(found) > _MOST_FILES:
                return {}
    return found
