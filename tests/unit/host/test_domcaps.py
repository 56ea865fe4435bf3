from __future__ import annotations

import sys

import pytest
from msgspec.structs import replace

from kvmc.host.capabilities import read_capabilities
from kvmc.host.domcaps import read_host_model
from kvmc.host.model import Host, HostModel
from kvmc.host.probe import ConnectionFailed, probe_connection
from kvmc.host.snapshot import load_host
from kvmc.host.snapshot_text import dump_host
from kvmc.source.reader import read
from tests.support.fake_libvirt import CAPABILITIES, HOST_MODEL, install

BROADWELL = HostModel(
    type="kvm",
    model="Broadwell",
    features=(("hle", "disable"), ("lahf_lm", "require"), ("vme", "require")),
)


def _host() -> Host:
    host = read_capabilities(CAPABILITIES.encode(), "h", "c.xml").value
    assert host is not None
    return host


def test_a_model_and_its_features_without_those_that_block_migration() -> None:
    assert read_host_model(HOST_MODEL.encode(), "kvm", "d.xml").value == BROADWELL


@pytest.mark.parametrize(
    "text",
    [
        "<domainCapabilities/>",
        HOST_MODEL.replace("supported='yes'", "supported='no'"),
        HOST_MODEL.replace("Broadwell", " "),
    ],
)
def test_a_mode_that_is_not_supported_is_nothing(text: str) -> None:
    outcome = read_host_model(text.encode(), "kvm", "d.xml")
    assert outcome.value is None
    assert outcome.diagnostics == ()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("<capabilities/>", "KV402"),
        ("<domainCapabilities>", "KV401"),
        ("<!DOCTYPE d [<!ENTITY a 'b'>]><domainCapabilities/>", "KV403"),
    ],
)
def test_another_document_is_refused(text: str, code: str) -> None:
    assert [d.code for d in read_host_model(text.encode(), "kvm", "d.xml").diagnostics] == [code]


@pytest.mark.parametrize(
    "models",
    [
        (BROADWELL,),
        (HostModel(type="kvm", model="a b: {"), HostModel(type="qemu", model="null")),
        (HostModel(type="qemu", model="EPYC", features=(
            ("3dnow", "require"), ("no", "disable"), ("sse4.1", "require"))),),
        (HostModel(type="qemu", model="EPYC", features=tuple(
            (f"f{i:03}", "require") for i in range(100))),),
    ],
)  # fmt: skip
def test_a_host_file_gives_it_back(models: tuple[HostModel, ...]) -> None:
    host = replace(_host(), host_models=models)
    documents = read(dump_host(host).encode(), "h.yaml")
    assert documents.value is not None
    loaded = load_host(documents.value[0])
    assert loaded.diagnostics == ()
    assert loaded.value == host


def test_placement_and_so_the_fingerprint_do_not_depend_on_it() -> None:
    host = _host()
    assert replace(host, host_models=(BROADWELL,)).fingerprint == host.fingerprint


def test_a_libvirt_host_is_asked_for_both_types(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, {"kvm": HOST_MODEL, "qemu": HOST_MODEL.replace("Broadwell", "EPYC")})
    host = probe_connection("qemu:///system", None).value
    assert host is not None
    assert host.name == "kvm-07"
    assert [(m.type, m.model) for m in host.host_models] == [("kvm", "Broadwell"), ("qemu", "EPYC")]


def test_a_type_that_the_host_does_not_have_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, {"qemu": HOST_MODEL})
    outcome = probe_connection("qemu:///system", "mine")
    assert [d.code for d in outcome.diagnostics] == ["KV416"]  # of the CPUs, not of host-model
    assert outcome.value is not None
    assert outcome.value.name == "mine"
    assert [m.type for m in outcome.value.host_models] == ["qemu"]


def test_a_libvirt_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, {})
    with pytest.raises(ConnectionFailed, match="xen:///: no connection driver"):
        probe_connection("xen:///", None)
    monkeypatch.setitem(sys.modules, "libvirt", None)
    with pytest.raises(ConnectionFailed, match="libvirt-python is not installed"):
        probe_connection("qemu:///system", None)
