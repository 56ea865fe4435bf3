"""Strategies that change bytes: as a careless editor does, and as an attacker does."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable

_YAML_TOKEN = re.compile(rb"[A-Za-z0-9_./-]+|[ ]+|\n|.", re.DOTALL)
_XML_TOKEN = re.compile(rb"<[/!?]?|/?>|[A-Za-z0-9_-]+|.", re.DOTALL)

_ODD = (
    "0", "-1", "1", "2", "3", "65535", "65536", "4096", "4097", "99999999999999999999", "1e309",
    "-0", "0x10", "010", "1:30", "1_000", ".inf", ".nan", "1.5", "0-3", "0-65535", "3-1", "0-",
    "^0", "0-7,^2", "0,0", "0-0", "4294967295", "18446744073709551615", "1KiB", "1GiB", "0GiB",
    "32GiB", "512MiB", "2MiB", "4KiB", "999999999999999TiB", "64KB", "null", "~", "true", "no", "",
    '""', "[]", "{}", "[[]]", "''", "'0-3'", '"\\0"', '"\\ud800"', '"\\x1b[31m"', "é", "\u202e",
    "\x7f", "\u2028", "\x85", "\ufeff", "\U0001f525", "../../x", "/etc/passwd", "a" * 300, "?",
    "x y",
)  # fmt: skip
_WORDS = (
    "none", "shared", "dedicated", "mixed", "manual", "prefer", "require", "isolate", "own",
    "share", "performance", "efficiency", "any", "strict", "preferred", "interleave",
    "restrictive", "host-model", "host-passthrough", "maximum", "custom", "memfd", "kvm", "qemu",
    "q35", "vm", "host", "lock", "v1", "v2", "name", "cpu", "count", "max", "topology", "numa",
    "cells", "cpus", "pin", "vcpus", "map", "emulator", "iothreads", "memory", "nodes", "cores",
    "policy", "reserved", "shared", "pools", "offline", "isolated", "l3", "kind", "die",
    "package", "node", "distances", "hugepages", "base", "threads", "strategy", "siblings",
    "takes", "demand", "fingerprint", "vms", "unlimited", "allow", "never",
)  # fmt: skip
_YAML_BITS = (
    "\n---\n", "\n...\n", "%YAML 1.2\n---\n", "&a ", "*a", "<<: *a", "!!python/name:os.system ",
    "!!binary ", "!!set ", "!!timestamp ", "!x ", ": ", "- ", "? ", "# ", "|\n ", ">-\n ", "\t",
    "\n", "\r", "\r\n", "{", "}", "[", "]", ",", "'", '"', "@", "`", "%", "\\", "\n  ", " ",
)  # fmt: skip
_XML_BITS = (
    "<", ">", "/>", "</", "<!--", "-->", "<![CDATA[", "]]>", "<?x?>", "&amp;", "&x;", "&#0;",
    "&#x1b;", "<!DOCTYPE x>", '"', "'", "=", "<a/>", "<vcpu>4</vcpu>", " x='1'", "xmlns='u'",
    "<x:y xmlns:x='z'/>",
)  # fmt: skip
_BYTES = (
    b"\xff",
    b"\x00",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\x80",
    b"\xc3",
    b"\xed\xa0\x80",
    b"\x1b[2J",
)

_payload = st.sampled_from([*_ODD, *_WORDS]).map(str.encode)


def _edits(
    data: bytes, token: re.Pattern[bytes], bits: tuple[str, ...], draw: st.DrawFn, most: int
) -> bytes:
    tokens: list[bytes] = token.findall(data)
    for _ in range(draw(st.integers(1, most))):
        if not tokens:
            break
        at = draw(st.integers(0, len(tokens) - 1))
        _EDITS[draw(st.sampled_from(sorted(_EDITS)))](tokens, at, bits, draw)
    return b"".join(tokens)[:400_000]


def _replace(tokens: list[bytes], at: int, _bits: tuple[str, ...], draw: st.DrawFn) -> None:
    """A value for a value: the edit that gets deepest."""
    words = [i for i in range(at, min(at + 40, len(tokens))) if tokens[i].isalnum()]
    tokens[words[0] if words else at] = draw(_payload)


def _another(tokens: list[bytes], at: int, _bits: tuple[str, ...], draw: st.DrawFn) -> None:
    tokens[at] = tokens[draw(st.integers(0, len(tokens) - 1))]


def _insert(tokens: list[bytes], at: int, bits: tuple[str, ...], draw: st.DrawFn) -> None:
    tokens.insert(at, draw(st.sampled_from(bits)).encode())


def _raw(tokens: list[bytes], at: int, _bits: tuple[str, ...], draw: st.DrawFn) -> None:
    tokens.insert(at, draw(st.sampled_from(_BYTES)))


def _delete(tokens: list[bytes], at: int, _bits: tuple[str, ...], draw: st.DrawFn) -> None:
    del tokens[at : at + draw(st.integers(1, 30))]


def _repeat(tokens: list[bytes], at: int, _bits: tuple[str, ...], draw: st.DrawFn) -> None:
    some = tokens[at : at + draw(st.integers(1, 60))]
    tokens[at:at] = some * draw(st.sampled_from([1, 1, 1, 2, 50]))


def _line(tokens: list[bytes], at: int, _bits: tuple[str, ...], draw: st.DrawFn) -> None:
    """Take a line out, put it in somewhere else, or both."""
    ends = [i for i, t in enumerate(tokens) if t == b"\n"]
    if len(ends) < 2:
        return
    n = draw(st.integers(0, len(ends) - 2))
    line = tokens[ends[n] : ends[n + 1]]
    if draw(st.booleans()):
        del tokens[ends[n] : ends[n + 1]]
    tokens[min(at, len(tokens)) : min(at, len(tokens))] = line


_EDITS: dict[str, Callable[[list[bytes], int, tuple[str, ...], st.DrawFn], None]] = {
    "another": _another,
    "delete": _delete,
    "insert": _insert,
    "line": _line,
    "raw": _raw,
    "repeat": _repeat,
    "replace": _replace,
    "replace again": _replace,
    "replace more": _replace,
}


@st.composite
def yaml(draw: st.DrawFn, seed: bytes, most: int = 6) -> bytes:
    """Return a YAML text with some edits."""
    return _edits(seed, _YAML_TOKEN, _YAML_BITS, draw, most)


@st.composite
def xml(draw: st.DrawFn, seed: bytes, most: int = 6) -> bytes:
    """Return an XML text with some edits."""
    return _edits(seed, _XML_TOKEN, _XML_BITS, draw, most)


@st.composite
def lines(draw: st.DrawFn, seed: bytes, most: int = 8) -> bytes:
    """Return a text such as /proc/cpuinfo or a file of sysfs with some edits."""
    return _edits(seed, _YAML_TOKEN, _YAML_BITS, draw, most)
