"""The text of /proc about cgroups and mounts, as values.

Formats: cgroups(7) for /proc/PID/cgroup; proc(5) for mounts and mountinfo.
"""

from __future__ import annotations

import re
from typing import Literal

_OCTAL = re.compile(r"\\([0-7]{3})")


def groups_of(text: str, controller: str) -> dict[Literal[1, 2], str]:
    """Return cgroup version -> path of a /proc/PID/cgroup, lowest version first.

    Version 1 is there where a hierarchy of it has the controller, which is then not in version 2.
    """
    found: dict[Literal[1, 2], str] = {}
    unified = None
    for line in text.splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controller in controllers.split(","):
            found.setdefault(1, path)
        elif number == "0" and not controllers:
            unified = path
    return found if unified is None else found | {2: unified}


def unescaped(text: str) -> str:
    r"""Undo the octal escapes (\040 is a blank) of a mount table."""
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), text)
