"""A small file of a running guest, through its QEMU guest agent.

Source: guest-file-open, -read and -close in qga/qapi-schema.json of QEMU; the channel's state is in
libvirt's live XML (formatdomain, "Channel"). A guest answers what it likes, so nothing of it is
taken for granted.
"""

from __future__ import annotations

import binascii
import json
from base64 import b64decode
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from kvmc.apply.compare_xml import every
from kvmc.apply.model import HypervisorError
from kvmc.render.xmltree import parse

if TYPE_CHECKING:
    from kvmc.apply.model import Observed

CHANNEL = "org.qemu.guest_agent.0"
"""The name by which libvirt knows the agent's channel."""
Ask: TypeAlias = Callable[[str], str]
"""Sends one command and returns the reply, both JSON; raises HypervisorError."""

_NONSENSE = "the guest agent's answer makes no sense"
_CHUNK = 1024 * 1024
_MAX_BYTES = 16 * 1024 * 1024
"""/proc/cpuinfo of 8192 CPUs has about 12 MiB."""


def channel(observed: Observed) -> Literal["connected", "disconnected", "none"]:
    """Return whether an agent has opened its channel in the guest; `none`: there is no channel."""
    root = parse((observed.live or "").encode(), observed.name, None).value
    found = [] if root is None else list(every(root, "devices/channel/target"))
    states = [one.get("state") for one in found if one.get("name") == CHANNEL]
    if not states:
        return "none"
    return "connected" if "connected" in states else "disconnected"


def read_file(ask: Ask, path: str) -> str:
    """Return a file of the guest, of at most 16 MiB; raises HypervisorError with the reason."""
    handle = _answer(ask, "guest-file-open", path=path, mode="r")
    try:
        return _content(ask, handle).decode("utf-8", "replace")
    finally:
        # what was read is good, and the agent closes its files when it ends
        with suppress(HypervisorError):
            _answer(ask, "guest-file-close", handle=handle)


def _content(ask: Ask, handle: object) -> bytes:
    """Return a file's bytes; how long that may take is for `ask` to say."""
    data = bytearray()
    while len(data) <= _MAX_BYTES:
        reply = _answer(ask, "guest-file-read", handle=handle, count=_CHUNK)
        text = reply.get("buf-b64") if isinstance(reply, dict) else None
        if not isinstance(text, str):
            break
        try:
            chunk = b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            break
        data += chunk
        if reply.get("eof") or not chunk:
            return bytes(data)
    raise HypervisorError(_NONSENSE)


def _answer(ask: Ask, command: str, **arguments: object) -> Any:  # noqa: ANN401 (JSON)
    text = ask(json.dumps({"execute": command, "arguments": arguments}))
    try:
        reply = json.loads(text)
    except (ValueError, RecursionError):
        reply = None
    if not isinstance(reply, dict) or "return" not in reply:
        raise HypervisorError(_NONSENSE)
    return reply["return"]
