"""`kvmc check`: everything that can be known without a host, and nothing else is done."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.console import kvmc
from tests.unit.commands.repository import host, vm, write


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_it_counts_files_vms_and_hosts() -> None:
    write(Path(), vms__a=vm("a") + "---\n" + vm("b"), vms__c=vm("c"), hosts__h=host())
    assert kvmc("check").err == "3 files: 3 VMs, 1 host, nothing wrong\n"


def test_it_says_how_many_warnings_there_are() -> None:
    write(Path(), a=vm("a", 2, "features: {kvm_hint_dedicated: true}", strategy=None))
    assert kvmc("check").err.endswith("1 file: 1 VM, 0 hosts, 1 warning\n")


def test_it_needs_no_host_even_for_vms_that_name_one() -> None:
    write(Path(), a=vm("a", 2, "host: nosuch"))
    assert kvmc("check").code == 0


def test_it_never_asks_whether_vms_fit() -> None:
    write(Path(), a=vm("a", 500), hosts__h=host())
    assert kvmc("check").code == 0


def test_hosts_beside_the_vms_are_checked_too() -> None:
    write(Path(), vms__a=vm("a"), hosts__h=host("a/b"))
    assert kvmc("check", "--format", "json", "vms").codes == ["KV441"]
    assert kvmc("check", "--format", "json", "vms/a.yaml").codes == ["KV441"]


def test_the_file_of_host_is_checked_too() -> None:
    write(Path(), a=vm("a"), elsewhere=host("a/b"))
    assert kvmc("check", "a.yaml", "--host", "elsewhere.yaml").code == 1
    assert kvmc("check", "a.yaml").code == 0


def test_one_vm_name_on_one_host_is_once() -> None:
    write(Path(), a=vm("x", 2, "host: h"), b=vm("x", 2, "host: h"), c=vm("x", 2, "host: other"))
    assert kvmc("check", "--format", "json").codes == ["KV361"]


def test_a_folder_without_anything_of_ours_is_an_error() -> None:
    assert kvmc("check", "--format", "json").codes == ["KV191"]


def test_json_has_its_kind_and_nothing_but_the_diagnostics() -> None:
    write(Path(), a=vm("a"))
    assert kvmc("check", "--format", "json").json == {
        "kvmc": "v1",
        "kind": "check",
        "diagnostics": [],
    }


def test_it_writes_nothing() -> None:
    write(Path(), vms__a=vm("a"), hosts__h=host())
    before = sorted(Path().rglob("*"))
    kvmc("check")
    assert sorted(Path().rglob("*")) == before
