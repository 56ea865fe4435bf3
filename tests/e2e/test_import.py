"""libvirt reads an imported and rebuilt domain as the one it was imported from."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from lxml import etree

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.e2e.conftest import Driver

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("libvirt")]

_OS = "<os><type arch='x86_64' machine='q35'>hvm</type></os>"
_DEVICES = (
    "<devices><disk type='file' device='disk'><driver name='qemu' type='raw' iothread='1'/>"
    "<source file='/a.img'/><target dev='vda' bus='virtio'/></disk>"
    "<interface type='user'><mac address='52:54:00:00:00:01'/></interface>"
    "<memballoon model='virtio'/></devices>"
)
DOMAINS = {
    "pinned": (
        "<memory unit='GiB'>4</memory><vcpu cpuset='4-7'>4</vcpu><iothreads>1</iothreads>"
        "<cputune><shares>2048</shares><period>50000</period><quota>-1</quota>"
        "<vcpupin vcpu='0' cpuset='4'/><vcpupin vcpu='1' cpuset='5'/>"
        "<vcpupin vcpu='2' cpuset='6'/><vcpupin vcpu='3' cpuset='7'/>"
        "<emulatorpin cpuset='0-1'/><iothreadpin iothread='1' cpuset='2-3'/>"
        "<emulatorsched scheduler='batch'/>"
        "<vcpusched vcpus='1-3' scheduler='fifo' priority='2'/></cputune>"
        + _OS
        + "<features><acpi/><apic/><hyperv><relaxed state='on'/></hyperv>"
        "<kvm><hidden state='on'/><poll-control state='on'/></kvm><pmu state='off'/></features>"
        "<cpu mode='custom' match='strict' check='full'><model fallback='forbid' "
        "vendor_id='KVMKVMKVMKVM'>Haswell</model><topology sockets='1' dies='2' cores='1' "
        "threads='2'/><feature policy='disable' name='hle'/>"
        "<feature policy='force' name='aes'/></cpu>" + _DEVICES
    ),
    "cells": (
        "<memory unit='GiB'>3</memory><memoryBacking><hugepages>"
        "<page size='2048' unit='KiB' nodeset='0'/><page size='1048576' unit='KiB' nodeset='1'/>"
        "</hugepages><nosharepages/><locked/><source type='memfd'/><access mode='shared'/>"
        "<allocation mode='immediate' threads='4'/></memoryBacking><vcpu current='3'>4</vcpu>"
        + _OS
        + "<cpu mode='host-passthrough' check='none' migratable='off'>"
        "<topology sockets='2' dies='1' cores='2' threads='1'/><cache mode='passthrough'/>"
        "<numa><cell id='0' cpus='0,2' memory='1' unit='GiB' memAccess='shared' discard='yes'>"
        "<distances><sibling id='0' value='10'/><sibling id='1' value='21'/></distances></cell>"
        "<cell id='1' cpus='1,3' memory='2' unit='GiB'><distances><sibling id='0' value='21'/>"
        "<sibling id='1' value='10'/></distances></cell></numa></cpu>"
        "<devices/>"
    ),
    "host model": (
        "<memory unit='MB'>512</memory><vcpu>2</vcpu>"
        + _OS
        + "<cpu mode='host-model'><model vendor_id='KVMKVMKVMKVM'/>"
        "<topology sockets='1' dies='1' cores='1' threads='2'/></cpu>"
        "<metadata><a xmlns='urn:a'>&lt;</a></metadata><devices/>"
    ),
}


def rebuilt(xml: str, folder: Path, *options: str) -> str:
    """Return what a build of the imported domain gives, with the domain as its base."""
    (folder / "a.xml").write_text(xml, "utf-8")
    for command in (["import", "a.xml", "-o", "vms/a.yaml", *options], ["build", "vms/a.yaml"]):
        done = subprocess.run(
            [sys.executable, "-m", "kvmc.cli", *command],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    return done.stdout


def domain(inside: str) -> str:
    uuid = "<uuid>c7a5fdbd-edaf-9455-926a-d65c16db1809</uuid>"
    return f"<domain type='kvm'><name>kvmc-test-daily</name>{uuid}{inside}</domain>"


def canonical(xml: str) -> str:
    """Return a domain without what a build adds that changes nothing: the pins' union."""
    root = etree.fromstring(xml.encode())
    vcpu = root.find("vcpu")
    assert vcpu is not None
    if "cpuset" in vcpu.attrib:
        del vcpu.attrib["cpuset"]
    features = sorted(root.findall("cpu/feature"), key=lambda f: f.get("name", ""))
    for feature in features:
        parent = feature.getparent()
        assert parent is not None
        parent.remove(feature)
        parent.append(feature)
    for element in root.iter():
        element.text, element.tail = (element.text or "").strip(), None
    return etree.tostring(root, method="c14n").decode()


@pytest.mark.parametrize("name", DOMAINS)
def test_libvirt_reads_the_same_domain(name: str, test_driver: Driver, tmp_path: Path) -> None:
    before = domain(DOMAINS[name])
    after = rebuilt(before, tmp_path, "--strict")
    assert canonical(test_driver.define(after)) == canonical(test_driver.define(before))


def test_a_fallback_that_libvirt_drops_is_imported(test_driver: Driver, tmp_path: Path) -> None:
    fallback = "<model fallback='forbid' vendor_id"
    before = domain(DOMAINS["host model"].replace("<model vendor_id", fallback))
    after = rebuilt(before, tmp_path)
    assert fallback in after
    kept = test_driver.define(after)
    assert "fallback" not in kept
    assert canonical(kept) == canonical(test_driver.define(before))


@pytest.mark.parametrize("name", DOMAINS)
def test_what_libvirt_prints_is_imported_too(
    name: str, test_driver: Driver, tmp_path: Path
) -> None:
    printed = test_driver.define(domain(DOMAINS[name]))
    assert canonical(test_driver.define(rebuilt(printed, tmp_path))) == canonical(printed)


@pytest.mark.parametrize(
    "inside",
    [
        "<memory unit='MiB'>256</memory><vcpu>3</vcpu>",
        (
            "<memory unit='MiB'>256</memory><vcpu current='1'>4</vcpu>"
            "<cpu><numa><cell cpus='0' memory='128' unit='MiB'/>"
            "<cell cpus='1' memory='128' unit='MiB'/></numa></cpu>"
        ),
        (
            "<memory unit='MiB'>256</memory><vcpu>2</vcpu><iothreads>2</iothreads>"
            "<features><pmu state='off'/></features><cpu match='exact'><model>qemu64</model></cpu>"
        ),
    ],
    ids=["no cpu", "vCPUs in no cell", "a model without a mode"],
)
def test_qemu_gets_the_same_command_line(
    inside: str, native_argv: Callable[[str], list[str]], tmp_path: Path
) -> None:
    before = domain(f"{inside}{_OS}<devices/>").replace("type='kvm'", "type='qemu'")
    after = native_argv(rebuilt(before, tmp_path))
    # QEMU's default, which a topology always says and the absence of one does not
    assert [word.replace(",dies=1", "") for word in after] == native_argv(before)
