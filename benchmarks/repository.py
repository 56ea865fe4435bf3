"""Repositories on disk: many specs of 40 lines and the hosts they are for."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from msgspec.structs import replace
from tests.support.fleets import LAYOUTS, host_of

from kvmc.host.snapshot_text import dump_host

if TYPE_CHECKING:
    from pathlib import Path

    from kvmc.host.model import Host

A_HOST = 100
"""VMs on one of the equal hosts, at most."""
SHAPES = ("8x56x2", "snc", "epyc", "2x14x2", "desktop")
"""Of a mixed repository's hosts, in turn."""

SPEC = """\
# yaml-language-server: $schema=https://example.org/schemas/vm.json
# vm {name}: one of many; owner team-{team}
kvmc: v1
kind: vm
name: {name}
host: {host}
memory: {gib}GiB
cpu:
  count: {vcpus}
  max: {vcpus}
  mode: host-model
  fallback: allow
  features:
    pcid: require
    hle: disable
numa:
  mode: strict
  cells:
    - cpus: 0-{last}
      memory: {gib}GiB
      access: shared
pin:
  strategy: dedicated
  threads: require
  emulator: own
tune:
  shares: {shares}
memory_backing:
  source: memfd
  access: shared
features:
  kvm_hidden: false
  kvm_hint_dedicated: true
  pmu: true
machine: q35
emulator: /usr/bin/qemu-system-x86_64
disks:
  - file: /var/lib/libvirt/images/{name}.qcow2
    format: qcow2
serial: pty
"""


def write_equal(root: Path, count: int, hosts: int) -> None:
    """Write so many specs on equal hosts of 896 CPUs, one after the other in turn."""
    names = [f"host-{n:03}" for n in range(hosts)]
    _write_hosts(root, [replace(host_of("8x56x2"), name=name) for name in names])
    sizes = (2, 4, 8, 8, 16)
    for n in range(count):
        # Not n % 5: with hosts in fives each would get VMs of one size, too many of the biggest.
        _write_spec(root, n, sizes[n // hosts % len(sizes)], names[n % hosts])


def write_mixed(root: Path, count: int, hosts: int) -> None:
    """Write so many specs on hosts of five shapes, each VM where most CPUs are left."""
    rng = Random(f"mixed/{count}/{hosts}")
    shapes = [SHAPES[n % len(SHAPES)] for n in range(hosts)]
    names = [f"host-{n:03}" for n in range(hosts)]
    _write_hosts(root, [replace(host_of(s), name=n) for s, n in zip(shapes, names, strict=True)])
    # A small host gets its part too: what counts is the share of it that is left.
    room = {name: _cpus(shape) for name, shape in zip(names, shapes, strict=True)}
    left = dict(room)
    for n in range(count):
        vcpus = rng.choice((2, 2, 4, 4, 6, 8, 8, 16))
        fitting = [name for name in names if left[name] >= vcpus]
        home = max(fitting, key=lambda name: left[name] / room[name])
        left[home] -= vcpus
        _write_spec(root, n, vcpus, home)


def _cpus(shape: str) -> int:
    """Return the CPUs of a host, 16 less than there are on each node but at least half of them.

    VMs of an even size up to 16 then always fit, whatever was placed before.
    """
    layout = LAYOUTS[shape]
    node = 2 * layout.width
    return layout.sockets * layout.nodes * max(node - 16, node // 2)


def _write_hosts(root: Path, hosts: list[Host]) -> None:
    (root / "hosts").mkdir(parents=True)
    (root / "vms").mkdir()
    for host in hosts:
        path = root / "hosts" / f"{host.name}.yaml"
        path.write_text(dump_host(host), encoding="utf-8")


def _write_spec(root: Path, n: int, vcpus: int, host: str) -> None:
    name = f"vm-{n:05}"
    text = SPEC.format(
        name=name,
        team=n % 7,
        host=host,
        gib=vcpus,
        vcpus=vcpus,
        last=vcpus - 1,
        shares=1024 * vcpus,
    )
    (root / "vms" / f"{name}.yaml").write_text(text, encoding="utf-8")
