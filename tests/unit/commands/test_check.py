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


# What every later command would refuse


def test_a_host_that_nobody_described_is_said_where_others_are() -> None:
    write(Path(), vms__a=vm("a", 2, "host: zz"), hosts__h=host())
    assert kvmc("check", "--format", "json").codes == ["KV460"]
    assert kvmc("check", "--host", "h").code == 0
    assert kvmc("check", "--host", "local").code == 0
    assert kvmc("check", "--host", "nope", "--format", "json").codes == ["KV460"]


def test_a_base_that_is_not_there_is_said() -> None:
    write(Path(), vms__a=vm("a", 2, "base: nope.xml"))
    ran = kvmc("check")
    assert ran.code == 1
    assert "vms/a.yaml:7:7: error[KV190]: base nope.xml: no such file or directory" in ran.err
    Path("vms/nope.xml").write_text("<domain/>")
    assert kvmc("check").code == 0


@pytest.mark.parametrize("strategy", [None, "dedicated"])
def test_it_refuses_the_names_that_a_plan_refuses(strategy: str | None) -> None:
    """Two without pins are on no host, whatever they name; libvirt has them on two all the same."""
    one, two = vm("x", 2, "host: a", strategy=strategy), vm("x", 2, "host: b", strategy=strategy)
    write(Path(), vms__one=one, vms__two=two, hosts__a=host("a"), hosts__b=host("b"))
    for command in ("check", "plan"):
        codes = kvmc(command, "--format", "json").codes
        assert codes == (["KV361"] if strategy is None else [])
        assert "KV361" in kvmc(command, "--format", "json", "--host", "a").codes


def test_a_lock_is_checked_where_it_is_named_and_where_it_is_found() -> None:
    write(Path(), vms__a=vm("a"), hosts__h=host())
    kvmc("lock")
    lock = Path("hosts/h.lock.yaml")
    assert kvmc("check", lock).code == 0
    lock.write_text(lock.read_text("utf-8") + "extra: 1\n", "utf-8")
    for paths in ([], [lock], ["vms"]):
        assert kvmc("check", "--format", "json", *paths).codes == ["KV211"]
    lock.rename("spare.yaml")
    assert kvmc("check", "--format", "json", "spare.yaml").codes == ["KV211"]
