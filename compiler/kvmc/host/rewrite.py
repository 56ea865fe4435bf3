"""A host file that is probed anew: fresh facts between the words of who wrote the rest."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct

from kvmc.host.snapshot import host_as_said
from kvmc.source.reader import read_with_positions
from kvmc.source.text import lines_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmc.host.model import Host
    from kvmc.source.nodes import Node

_MODELINE = "# yaml-language-server:"
_END = re.compile(r"(?:---|\.\.\.)(?:\s|$)")
"""A line that ends a document; below its first key nothing else starts so."""


class _Words(Struct, frozen=True, kw_only=True):
    """Lines of a file that a probe has nothing to say to."""

    head: Sequence[str] = ()
    """All above the first key."""
    policy: Sequence[str] = ()
    """The policy, with the comments in it, right above it and below it."""
    tail: Sequence[str] = ()
    """Comments at the end, where the policy is not there."""


def rewritten(fresh: str, old: str, host: Host) -> str:
    """Return the text of a host's new facts (`dump_host`) with what else the old file has.

    That are comments above the first key, the policy as it stands, and comments at the end; those
    among the facts go with the facts. Where that would not say the same as `host` (a policy that
    is an alias into the facts, say) the policy, or all of it, is written anew.
    """
    words = _words(lines_of(old))
    modeline, *lines = fresh.splitlines()
    head = [*([] if any(_MODELINE in line for line in words.head) else [modeline]), *words.head]
    facts = lines[: lines.index("policy:")] if "policy:" in lines else lines
    tries = [[*head, *facts, *words.policy, *words.tail]] if words.policy else []
    tries.append([*head, *lines, *words.tail])
    texts = ("\n".join(one).rstrip() + "\n" for one in tries)
    return next((text for text in texts if _says(text) == host), fresh)


def _words(lines: tuple[str, ...]) -> _Words:
    root = _root("\n".join(lines))
    if root is None or not root.entries:
        return _Words()
    first = root.line - 1
    end = next((i for i in range(first, len(lines)) if _END.match(lines[i])), len(lines))
    starts = sorted(entry.line - 1 for entry in root.entries.values())
    policy = root.entries.get("policy")
    apart = len(set(starts)) == len(starts) and policy is not None and policy.column == 1
    if policy is None or not apart:
        return _Words(head=lines[:first], tail=lines[_comments(lines, end, starts[-1]) : end])
    start = policy.line - 1
    after = next((one for one in starts if one > start), None)
    return _Words(
        head=lines[:first],
        policy=lines[start if start == first else _comments(lines, start) : after or end],
        tail=() if after is None else lines[_comments(lines, end, starts[-1]) : end],
    )


def _comments(lines: Sequence[str], end: int, key: int | None = None) -> int:
    """Return the first of the comment lines that end at a line; blank ones too, behind a `key`."""
    while lines[end - 1].startswith("#") or (key is not None and not lines[end - 1].strip()):
        end -= 1
    return end


def _root(text: str) -> Node | None:
    documents = read_with_positions(text, "").value or ()
    return documents[0].root if len(documents) == 1 else None


def _says(text: str) -> Host | None:
    documents = read_with_positions(text, "").value or ()
    return host_as_said(documents[0]) if len(documents) == 1 else None
