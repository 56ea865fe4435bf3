"""The part of the page's style sheet that is made from the palette and from what is drawn.

Colours and the widths of memory bars are classes, not style attributes: the page's content policy
forbids those, so that nothing from a spec can ever become style.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from kvmc.report.picture.palette import (
    DARK_LOOKS,
    LOOKS,
    PATTERNS,
    VM_LOOKS,
    Look,
    vm_colour,
    vm_pattern,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kvmc.report.picture.model import Box, Picture


def vm_class(tenant: int) -> str:
    """Return the class of the n-th VM: its colour and pattern."""
    return f"v{vm_colour(tenant)}{vm_pattern(tenant)}"


def vm_looks(pictures: Sequence[Picture]) -> dict[str, Look]:
    """Return class -> look of every VM drawn."""
    most = max((len(picture.tenants) for picture in pictures), default=0)
    numbers = range(min(most, len(VM_LOOKS) * len(PATTERNS)))
    return {vm_class(n): replace(VM_LOOKS[vm_colour(n)], pattern=vm_pattern(n)) for n in numbers}


def rules_of(pictures: Sequence[Picture]) -> str:
    """Return the rules of all looks in use, light and dark, and of the bars' widths."""
    light = [_rule(name, look) for name, look in (*LOOKS.items(), *vm_looks(pictures).items())]
    dark = [_rule(name, look) for name, look in DARK_LOOKS.items()]
    widths = sorted({w for picture in pictures for w in _widths(picture.boxes)})
    bars = [f".w{width}{{width:{width / 10:.1f}%}}\n" for width in widths]
    scheme = "@media (prefers-color-scheme: dark) {\n" + "".join(dark) + "}\n"
    return "".join(light) + scheme + "".join(bars) + _cpu_width(pictures)


def _cpu_width(pictures: Sequence[Picture]) -> str:
    """Return the rule of a CPU's width: room for its sign, and for `v12` while a VM is picked.

    So nothing moves when a VM is picked.
    """
    cpus = [cpu for picture in pictures for cpu in picture.cpus]
    digits = max((len(str(cpu.id)) for cpu in cpus), default=1)
    signs = [len(cpu.sign) for cpu in cpus]
    vcpus = [vcpu for picture in pictures for vm in picture.tenants for vcpu, _ in vm.vcpus]
    sign = max([1, *signs, *([1 + len(str(max(vcpus)))] if vcpus else [])])
    return f".cpu{{width:calc({digits + sign}ch + 19px)}}\n"


def share_width(kib: int, total: int) -> int:
    """Return a share's width in thousandths of the bar."""
    return round(1000 * kib / total)


def _widths(boxes: Iterable[Box]) -> Iterable[int]:
    for box in boxes:
        yield from _widths(box.boxes)
        memory = box.memory
        if memory:
            total = max(memory.total_kib or 0, memory.bound_kib)
            yield from (share_width(share.kib, total) for share in memory.shares)


def _rule(name: str, look: Look) -> str:
    images = {
        "rising": "repeating-linear-gradient(-45deg, {0} 0 1.2px, transparent 1.2px 5px)",
        "falling": "repeating-linear-gradient(45deg, {0} 0 1.2px, transparent 1.2px 5px)",
        "dots": "radial-gradient({0} 1.2px, transparent 1.5px)",
        "level": "repeating-linear-gradient({0} 0 1px, transparent 1px 4px)",
        "grid": "linear-gradient({0} 1.2px, transparent 1.2px), "
        "linear-gradient(90deg, {0} 1.2px, transparent 1.2px)",
    }
    image = f";background-image:{images[look.pattern].format(look.grain)}" if look.pattern else ""
    size = ";background-size:6px 6px" if look.pattern in ("dots", "grid") else ""
    dash = ";border-style:dashed" if look.dash else ""
    colours = f"color:{look.ink};background-color:{look.fill};border-color:{look.edge}"
    return f".{name}{{{colours}{image}{size}{dash}}}\n"
