"""What /proc/cpuinfo adds to sysfs: the model, a hint at the architecture, Arm part numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from kvmc.host.tree import Reader

# x86 and Arm compat, LoongArch, MIPS, POWER and SPARC, in this order of preference.
_MODEL_KEYS = ("model name", "Model Name", "cpu model", "cpu")


class CpuInfo(Struct, frozen=True, kw_only=True):
    """The little of /proc/cpuinfo that sysfs does not have."""

    arch: str | None = None
    model: str | None = None
    parts: tuple[tuple[int, str], ...] = ()
    """(CPU, "implementer part") as Arm kernels print them."""


def read_cpuinfo(reader: Reader) -> CpuInfo:
    """Return what the file tells; its form differs between architectures."""
    text = reader.text("proc/cpuinfo") or ""
    first: dict[str, str] = {}
    parts: dict[int, str] = {}
    cpu, implementer = -1, ""
    for line in text.splitlines():
        key, colon, value = line.partition(":")
        key, value = key.strip(), value.strip()
        if not colon or not value:
            continue
        first.setdefault(key, value)
        if key == "processor" and value.isascii() and value.isdigit():
            cpu, implementer = int(value[:6]), ""
        elif key == "CPU implementer":
            implementer = value
        elif key == "CPU part" and implementer and cpu >= 0:
            parts[cpu] = f"{implementer} {value}"
    model = next((first[key] for key in _MODEL_KEYS if first.get(key)), None)
    return CpuInfo(arch=_arch(first), model=model, parts=tuple(sorted(parts.items())))


def _arch(first: dict[str, str]) -> str | None:
    """Return the machine name of uname(2) where the file leaves no doubt, else None.

    POWER is not named: the file does not tell ppc64 from ppc64le.
    """
    flags = first.get("flags", "").split()
    if "lm" in flags and "vendor_id" in first:
        return "x86_64"
    if "asimd" in first.get("Features", "").split():
        return "aarch64"
    if first.get("vendor_id") == "IBM/S390":
        return "s390x"
    if first.get("isa", "").startswith("rv64"):
        return "riscv64"
    return None
