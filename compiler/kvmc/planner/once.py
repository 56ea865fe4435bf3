"""What follows from a host alone is worked out once for it."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmc.host.model import Host

T = TypeVar("T")


def once(make: Callable[[Host], T]) -> Callable[[Host], T]:
    """Keep what a function makes of a host beside it, as `cached_property` does: hosts are frozen.

    What is kept is for everyone, so nobody may change it.
    """
    name = f"{make.__module__}.{make.__qualname__}"

    @wraps(make)
    def kept(host: Host) -> T:
        known = vars(host)
        if name not in known:
            known[name] = make(host)
        found: T = known[name]
        return found

    return kept
