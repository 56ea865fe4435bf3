"""The colours and patterns of a picture, as data for SVG and CSS.

VM colours are those of Okabe and Ito, "Color Universal Design" (2008), which people with any colour
vision tell apart; from the eighth VM on a pattern is laid over them, and a letter stands on every
CPU. Contrast of text is at least 4.5 to 1 (WCAG 2.1, 1.4.3); tests hold it.
"""

from __future__ import annotations

from msgspec import Struct

from kvmc.report.marks import Use


class Look(Struct, frozen=True, kw_only=True):
    """How a CPU of one use is drawn."""

    fill: str
    ink: str
    """The colour of text."""
    edge: str
    pattern: str = ""
    """A name of PATTERNS; "" for a plain fill."""
    grain: str = ""
    """The colour of the pattern's lines."""
    dash: str = ""
    """SVG's stroke-dasharray."""


PATTERNS = ("", "rising", "falling", "dots", "grid")
"""In the order in which VMs get them."""

VM_LOOKS = tuple(
    Look(fill=fill, ink=ink, edge="#1a1a1a", grain=grain)
    for fill, ink, grain in (
        ("#56b4e9", "#000000", "#9fd4f3"),
        ("#e69f00", "#000000", "#ffcb62"),
        ("#009e73", "#000000", "#4fcaa7"),
        ("#f0e442", "#000000", "#cfc000"),
        ("#cc79a7", "#000000", "#edb4d2"),
        ("#0072b2", "#ffffff", "#00568a"),
        ("#d55e00", "#000000", "#f59452"),
    )
)

LOOKS = {
    "free": Look(fill="#ffffff", ink="#333333", edge="#8a8a8a"),
    "stranded": Look(
        fill="#ffffff", ink="#333333", edge="#555555", pattern="rising", grain="#d6d6d6", dash="3 2"
    ),
    "reserved": Look(fill="#4a4a4a", ink="#ffffff", edge="#1a1a1a"),
    "shared": Look(fill="#dedede", ink="#1a1a1a", edge="#555555", pattern="dots", grain="#b4b4b4"),
    "pool": Look(fill="#a8a8a8", ink="#000000", edge="#333333", pattern="level", grain="#bdbdbd"),
    "floating": Look(
        fill="#ffffff", ink="#1a1a1a", edge="#333333", pattern="dots", grain="#c8c8c8"
    ),
    "excluded": Look(fill="#efefef", ink="#5f5f5f", edge="#cfcfcf"),
    "offline": Look(fill="#ffffff", ink="#5f5f5f", edge="#8a8a8a", dash="1 2"),
}

DARK_LOOKS = {
    "free": Look(fill="#15181b", ink="#dddddd", edge="#8a9096"),
    "stranded": Look(
        fill="#15181b", ink="#e0e0e0", edge="#a0a6ac", pattern="rising", grain="#3a4046", dash="3 2"
    ),
    "reserved": Look(fill="#d5d9dd", ink="#15181b", edge="#ffffff"),
    "shared": Look(fill="#3b4147", ink="#f2f2f2", edge="#8a9096", pattern="dots", grain="#5a626a"),
    "pool": Look(fill="#7f878f", ink="#000000", edge="#b9bfc5", pattern="level", grain="#949ca4"),
    "floating": Look(
        fill="#15181b", ink="#f2f2f2", edge="#b9bfc5", pattern="dots", grain="#4a5158"
    ),
    "excluded": Look(fill="#23282c", ink="#9aa1a8", edge="#363d43"),
    "offline": Look(fill="#15181b", ink="#9aa1a8", edge="#6d747b", dash="1 2"),
}

SIGNS = {
    Use.RESERVED: ("reserved", "r"),
    Use.SHARED: ("shared", "s"),
    Use.POOL: ("pool", "p"),
    Use.EXCLUDED: ("excluded", "-"),
    Use.FLOATING: ("floating", "f"),
    Use.STRANDED: ("stranded", "~"),
    Use.FREE: ("free", ""),
}
"""Use -> (key of LOOKS, sign); the signs are those of the terminal map."""


def vm_colour(tenant: int) -> int:
    """Return the place in VM_LOOKS of the n-th VM's colour."""
    return tenant % len(VM_LOOKS)


def vm_pattern(tenant: int) -> str:
    """Return the pattern of the n-th VM."""
    return PATTERNS[tenant // len(VM_LOOKS) % len(PATTERNS)]
