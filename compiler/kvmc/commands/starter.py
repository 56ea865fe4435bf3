"""The files of a starting repository: a probed host, one VM that fits it, hooks, a README."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from kvmc.cpuset import CpuSet
from kvmc.resources import schema_text
from kvmc.source.quote import quote

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmc.host.model import Host

VM = "vms/example.yaml"
KEPT = ("README.md", ".gitignore")
"""Files that a repository may have already: they stay as they are."""

_SPARE_CORES = 2
"""From so many cores on, one is kept for the host."""
_QEMU = {"aarch64": "virt", "ppc64le": "pseries", "s390x": "s390-ccw-virtio", "riscv64": "virt"}
"""Architecture -> machine type, where it is not x86's default."""


class Size(Struct, frozen=True, kw_only=True):
    """An example VM to try: vCPUs, memory, and whether they get CPUs of their own."""

    vcpus: int
    memory: str
    strategy: str


SIZES = tuple(
    Size(vcpus=vcpus, memory=memory, strategy=strategy)
    for strategy, vcpus in (("dedicated", 2), ("dedicated", 1), ("none", 1))
    for memory in ("1GiB", "256MiB")
)
"""What to try, best first, until one fits."""


def with_policy(host: Host) -> Host:
    """Return the host with its first core reserved for the host itself, where it has enough."""
    if len(host.cores) < _SPARE_CORES:
        return host
    first = min(host.cores, key=lambda core: core.cpus)
    return replace(host, policy=replace(host.policy, reserved=CpuSet(first.cpus)))


def vm_text(host: Host, size: Size) -> str:
    """Return the example VM, with a word on what can be changed."""
    lines = [
        "# yaml-language-server: $schema=../schemas/vm.json",
        "kvmc: v1",
        "kind: vm",
        "name: example",
        f"host: {quote(host.name)}",
        f"memory: {size.memory}",
        "cpu:",
        f"  count: {size.vcpus}  # vCPUs at boot; add `max:` for hotplug",
        "  mode: host-passthrough",
        *_pin(size),
        *_machine(host),
        "disks:",
        "  - {file: /var/lib/libvirt/images/example.qcow2}",
        "serial: pty",
    ]
    return "\n".join(lines) + "\n"


def _pin(size: Size) -> Iterator[str]:
    if size.strategy != "none":
        yield "pin:"
        yield f"  strategy: {size.strategy}  # each vCPU has a host CPU of its own"


def _machine(host: Host) -> Iterator[str]:
    machine = _QEMU.get(host.arch or "")
    if machine is not None and host.arch is not None:
        yield f"machine: {machine}"
        yield f"emulator: /usr/bin/qemu-system-{host.arch.removesuffix('le')}"


def other_files() -> dict[str, str]:
    """Return path -> text of all files that say nothing about this machine."""
    return {
        "schemas/vm.json": schema_text("vm"),
        "schemas/host.json": schema_text("host"),
        "schemas/lock.json": schema_text("lock"),
        ".pre-commit-config.yaml": _HOOKS,
        ".gitignore": "/build/\n",
        "README.md": _README,
    }


_HOOKS = """\
# Hooks of pre-commit, https://pre-commit.com. These take kvmc from PATH; kvmc's docs/ci.md has
# those that install it by themselves.
repos:
  - repo: local
    hooks:
      - id: kvmc-check
        name: kvmc check
        entry: kvmc check --strict
        language: system
        files: ^(hosts|vms)/.*\\.ya?ml$
        require_serial: true
      - id: kvmc-locked
        name: kvmc plan --locked
        entry: kvmc plan --locked
        language: system
        pass_filenames: false
        always_run: true
"""

_README = """\
# Virtual machines

What each VM needs of CPUs and memory, in YAML for kvmc.

    hosts/NAME.yaml         a host: its facts, probed, and the policy, which is yours to write
    hosts/NAME.lock.yaml    who has which CPU; written by `kvmc lock`, reviewed, not edited
    vms/NAME.yaml           a VM
    schemas/                for editors; `kvmc schema vm > schemas/vm.json` after an update of kvmc

    kvmc check              is everything all right?
    kvmc plan               who gets which CPU
    kvmc lock               write that down, to be committed
    kvmc build -o build     the libvirt domains; `virsh define` takes them

`kvmc host probe -o hosts/NAME.yaml`, run on a host, writes its file, or brings its facts up to date
and keeps its policy. `kvmc import XML -o vms/NAME.yaml` takes over a domain that exists.
"""
