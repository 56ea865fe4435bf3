"""Every captured machine beside the repository, read from each of its files, against its oracle."""

from __future__ import annotations

import json
import tarfile
from typing import TYPE_CHECKING, Any

import pytest

from kvmc.host.capabilities import read_capabilities
from kvmc.host.hwloc import read_hwloc
from kvmc.host.probe import probe_sysfs
from kvmc.host.show import to_json
from kvmc.host.snapshot import load_host
from kvmc.host.snapshot_text import dump_host
from kvmc.host.sysfs import read_tree
from kvmc.source.reader import read as read_yaml
from tests.hosts.compare import disagreements
from tests.support.paths import SHARED, needs_shared
from tests.unit.host.trees import DictTree

if TYPE_CHECKING:
    from pathlib import Path

    from kvmc.diagnostics import Outcome
    from kvmc.host.model import Host

pytestmark = needs_shared

SOURCES = {
    "sysfs.tar.gz": "sysfs",
    "hwloc.xml": "hwloc",
    "hwloc-v3.xml": "hwloc",
    "capabilities.xml": "capabilities",
}
FOLDERS = sorted(SHARED.glob("hosts/*/oracle.json")) if SHARED else []
FILES = [
    folder.parent / name
    for folder in FOLDERS
    for name in SOURCES
    if (folder.parent / name).exists()
]
INVENTED_PAGES = {
    # libvirt's own test data: its mock gives every node of 1 GiB 6144 pages of that size.
    "libvirt-basic-4-nodes",
    "libvirt-caches",
    "libvirt-hmat",
    "libvirt-resctrl-2s",
    "qemu-dies-24",
}
KNOWN = {
    # Written by hwloc's CPUID reading alone: it sees one node where the oracle's file has two.
    ("amd-epyc7763-zen3-2s-nosmt", "hwloc-v3.xml"): ["nodes"],
}


def read(file: Path) -> Outcome[Host]:
    name, source = file.parent.name, SOURCES[file.name]
    if source == "capabilities":
        return read_capabilities(file.read_bytes(), name, str(file))
    if source == "hwloc":
        return read_hwloc(file.read_bytes(), name, str(file))
    return read_tree(_unpacked(file), name)


def _unpacked(file: Path) -> DictTree:
    """Hold a tree in memory: tens of thousands of small files take longer than reading them."""
    with tarfile.open(file) as tar:
        members = (
            (member.name.removeprefix("./"), tar.extractfile(member))
            for member in tar.getmembers()
            if member.isfile()
        )
        return DictTree(
            {
                name: data.read().decode("utf-8", "replace")
                for name, data in members
                if data is not None
            }
        )


@pytest.fixture(params=FILES, ids=[f"{file.parent.name}-{file.name}" for file in FILES])
def file(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


def test_agrees_with_the_oracle(file: Path) -> None:
    oracle: dict[str, Any] = json.loads((file.parent / "oracle.json").read_text())
    outcome = read(file)
    host = outcome.value
    assert host is not None
    expected = KNOWN.get((file.parent.name, file.name), [])
    assert disagreements(host, oracle, SOURCES[file.name]) == expected
    assert not outcome.failed
    hidden = set(host.online) - set(oracle.get("allowed_cpus", host.online))
    if SOURCES[file.name] != "capabilities":
        assert bool(hidden) <= ("KV410" in {one.code for one in outcome.diagnostics})
    _check_json(host)
    invented = file.name == "capabilities.xml" and file.parent.name in INVENTED_PAGES
    assert _said_of_its_file(host) == (["KV442"] if invented else [])


def test_a_large_folder_on_disk_reads_as_in_memory(tmp_path: Path) -> None:
    """The file system adds nothing."""
    file = max(
        (file for file in FILES if SOURCES[file.name] == "sysfs"),
        key=lambda file: file.stat().st_size,
    )
    with tarfile.open(file) as tar:
        tar.extractall(tmp_path, filter="data")
    assert probe_sysfs(tmp_path, file.parent.name).value == read(file).value


def _check_json(host: Host) -> None:
    """Equal numbers mean "shared" over the whole host: contract, section 6."""
    found: Any = to_json(host)
    assert [cpu["id"] for cpu in found["cpus"]] == sorted(host.online)
    dies: dict[int, set[object]] = {}
    for cpu in found["cpus"]:
        if cpu["die"] is not None:
            dies.setdefault(cpu["die"], set()).add(cpu["package"])
    assert all(len(packages) == 1 for packages in dies.values())
    json.dumps(found)


def _said_of_its_file(host: Host) -> list[str]:
    """Return what is said about the file that is written of a machine, each code once."""
    documents = read_yaml(dump_host(host).encode(), "h.yaml")
    assert documents.value is not None
    return sorted({d.code for d in load_host(documents.value[0]).diagnostics})


def test_every_source_was_found() -> None:
    """Fails when the folders move: a suite without parameters would pass in silence."""
    assert {SOURCES[file.name] for file in FILES} == set(SOURCES.values())
    assert len(FILES) > 100
