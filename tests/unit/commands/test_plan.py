"""`kvmc plan`: the JSON of contract section 6 key by key, --host in its three forms, --explain."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.console import kvmc
from tests.support.paths import EXAMPLES
from tests.unit.commands.repository import host, vm, write


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _plan(*arguments: str | Path) -> Any:
    return kvmc("plan", "--format", "json", *arguments).json


def test_lianhua_is_the_contracts_own_example() -> None:
    plan = _plan(EXAMPLES / "lianhua")
    assert list(plan) == ["kvmc", "kind", "hosts", "diagnostics"]
    assert (plan["kvmc"], plan["kind"]) == ("v1", "plan")
    (one,) = plan["hosts"]
    assert list(one) == ["name", "fingerprint", "vms", "unplaced"]
    assert one["fingerprint"].startswith("sha256:")
    (lianhua,) = one["vms"]
    assert lianhua["file"].endswith("vms/lianhua.yaml")
    assert {k: lianhua[k] for k in lianhua if k not in ("file", "vcpus", "iothreads", "cells")} == {
        "name": "lianhua",
        "strategy": "dedicated",
        "threads": "require",
        "topology": {"sockets": 3, "dies": 1, "clusters": 1, "cores": 1, "threads": 2},
        "emulator": "6,9,11,34,37,39",
        "moved": False,
    }
    assert lianhua["iothreads"] == []
    assert lianhua["cells"] == [{"id": 0, "vcpus": "0-5", "memory_kib": 33554432, "host_node": 0}]
    assert [list(pin) for pin in lianhua["vcpus"]] == [
        ["id", "cpus", "dedicated", "boot", "cell"]
    ] * 6
    assert lianhua["vcpus"][0] == {
        "id": 0, "cpus": "6", "dedicated": True, "boot": True, "cell": 0,
    }  # fmt: skip


def test_vms_without_a_host_stand_under_null() -> None:
    write(Path(), a=vm("a", strategy="none"))
    (one,) = _plan("a.yaml")["hosts"]
    assert (one["name"], one["fingerprint"]) == (None, None)
    (only,) = one["vms"]
    assert (only["threads"], only["emulator"]) == (None, None)
    assert [(p["cpus"], p["cell"]) for p in only["vcpus"]] == [(None, None)] * 2


def test_what_floats_has_no_thread_policy_and_is_not_dedicated() -> None:
    write(Path(), a=vm("a", strategy="shared"), hosts__h=host("h", 'policy: {shared: "0,4"}'))
    (only,) = _plan()["hosts"][0]["vms"]
    assert only["threads"] is None
    assert [(p["cpus"], p["dedicated"]) for p in only["vcpus"]] == [("0,4", False)] * 2


def test_iothreads_and_hotplug_are_told() -> None:
    text = vm("a", 3, "iothreads: 2").replace("count: 3", "count: 1, max: 3")
    write(Path(), a=text, hosts__h=host())
    (only,) = _plan()["hosts"][0]["vms"]
    assert [p["boot"] for p in only["vcpus"]] == [True, False, False]
    assert [list(t) for t in only["iothreads"]] == [["id", "cpus"]] * 2
    assert [t["id"] for t in only["iothreads"]] == [1, 2]


def test_what_has_no_place_is_told_with_the_plan_of_the_rest() -> None:
    write(Path(), a=vm("a", 4), b=vm("b", 9), hosts__h=host())
    ran = kvmc("plan", "--format", "json")
    assert (ran.code, ran.codes) == (1, ["KV501"])
    (one,) = ran.json["hosts"]
    assert [v["name"] for v in one["vms"]] == ["a"]
    (left,) = one["unplaced"]
    assert list(left) == ["name", "reason", "proven"]
    assert (left["name"], left["proven"]) == ("b", True)
    assert left["reason"]
    text = kvmc("plan")
    assert "A a (4)" in text.out
    assert "not placed b" in text.out


def test_input_that_is_wrong_makes_a_plan_of_no_hosts() -> None:
    write(Path(), a=vm("a/b"), hosts__h=host())
    assert _plan()["hosts"] == []


def test_the_plan_does_not_depend_on_file_names_or_the_order_of_paths() -> None:
    one, two = Path("one"), Path("two")
    write(one, hosts__h=host(cores=8), vms__a=vm("web", 4), vms__b=vm("db", 6), vms__c=vm("x", 2))
    write(
        two, hosts__z=host(cores=8), vms__c=vm("web", 4), vms__a=vm("x", 2) + "---\n" + vm("db", 6)
    )

    def places(*paths: str) -> Any:
        (found,) = _plan(*paths)["hosts"]
        return [{k: v for k, v in one.items() if k != "file"} for one in found["vms"]]

    expected = places("one")
    assert places("two") == expected
    assert places("one/vms/c.yaml", "one/vms/a.yaml", "one/vms/b.yaml") == expected
    assert places("one/vms/b.yaml", "one/vms", "one/vms/c.yaml") == expected


# --host


def test_a_vm_without_a_host_goes_to_the_only_one() -> None:
    write(Path(), vms__a=vm("a"), hosts__h=host())
    assert _plan()["hosts"][0]["name"] == "h"


def test_with_several_hosts_it_is_an_error_that_says_where_it_would_fit() -> None:
    write(Path(), vms__a=vm("a", 6), hosts__big=host("big"), hosts__small=host("small", cores=2))
    ran = kvmc("plan", "--format", "json")
    assert ran.codes == ["KV461"]
    assert "it would fit on big" in ran.json["diagnostics"][0]["message"]
    assert "small" not in ran.json["diagnostics"][0]["message"]


def test_a_host_in_the_spec_is_kept_and_option_host_wins() -> None:
    write(Path(), vms__a=vm("a", 2, "host: one"), hosts__one=host("one"), hosts__two=host("two"))
    assert [h["name"] for h in _plan()["hosts"]] == ["one"]
    assert [h["name"] for h in _plan("--host", "two")["hosts"]] == ["two"]


@pytest.mark.parametrize("form", ["./elsewhere/h.yaml", "elsewhere/h.yaml"])
def test_host_may_be_a_file_anywhere(form: str) -> None:
    write(Path(), vms__a=vm("a", 2, "host: one"), elsewhere__h=host("far"), hosts__one=host("one"))
    assert [h["name"] for h in _plan("--host", form, "vms")["hosts"]] == ["far"]


def test_host_may_be_this_machine() -> None:
    write(Path(), vms__a=vm("a", 1, "host: one"), hosts__one=host("one"))
    (one,) = _plan("--host", "local")["hosts"]
    assert one["name"] != "one"
    assert one["fingerprint"] == kvmc("host", "show", "--format", "json").json["fingerprint"]


def test_without_hosts_this_machine_is_probed_and_that_is_said() -> None:
    write(Path(), vms__a=vm("a", 1))
    assert "KV463" in [d["code"] for d in _plan()["diagnostics"]]


@pytest.mark.parametrize("option", ["nosuch", "nosuch.yaml"])
def test_a_host_that_is_not_there_is_an_error(option: str) -> None:
    write(Path(), vms__a=vm("a"), hosts__h=host())
    assert kvmc("plan", "--host", option).code == 1


def test_host_takes_no_file_of_a_vm() -> None:
    write(Path(), vms__a=vm("a", 2, "host: h"), hosts__h=host())
    ran = kvmc("plan", "--host", "vms/a.yaml")
    assert ran.code == 1
    assert "vms/a.yaml:2:7: error[KV205]: expected `kind: host`, got `kind: vm`" in ran.err
    assert "KV460" not in ran.err
    write(Path(), vms__bad="kvmc: v1\nkind: host\nname: x\n")
    assert "KV205" not in kvmc("plan", "--host", "vms/bad.yaml", "--format", "json").codes


def test_a_probe_that_is_advised_can_be_run() -> None:
    write(Path(), vms__a=vm("a", 2, "host: my host"), hosts__h=host())
    hint = "`kvmc host probe --name 'my host' -o 'hosts/my host.yaml'` on that machine"
    assert hint in kvmc("plan").err


def test_no_vm_is_a_line() -> None:
    write(Path(), hosts__h=host())
    ran = kvmc("plan")
    assert (ran.code, ran.out, ran.err) == (0, "", "there is no VM to plan\n")


# --explain


def test_explain_tells_every_vcpus_why() -> None:
    write(Path(), vms__a=vm("web", 4), hosts__h=host())
    out = kvmc("plan", "--explain", "web").out
    lines = out.splitlines()
    assert lines[0] == "web on h: dedicated, threads prefer"
    assert [line.split()[0] for line in lines[2:6]] == ["0", "1", "2", "3"]
    assert "given up: nothing" in out


def test_explain_of_a_vm_without_a_place_says_why_and_that_it_is_proven() -> None:
    write(Path(), vms__a=vm("web", 9), hosts__h=host())
    ran = kvmc("plan", "--explain", "web")
    assert ran.code == 1
    assert "web has no place: needs 9 CPUs" in ran.out
    assert "this is proven" in ran.out


def test_explain_of_a_vm_whose_host_is_unknown_says_that() -> None:
    write(Path(), vms__a=vm("web", 2, "host: nosuch"), hosts__h=host())
    ran = kvmc("plan", "--explain", "web")
    assert ran.code == 1
    assert "error[KV460]" in ran.err


def test_explain_of_a_vm_that_is_not_there_is_usage_and_names_those_that_are() -> None:
    write(Path(), vms__a=vm("web"), vms__b=vm("db"), hosts__h=host())
    ran = kvmc("plan", "--explain", "nosuch")
    assert (ran.code, ran.out) == (2, "")
    assert "db, web" in ran.err


def test_it_writes_nothing() -> None:
    write(Path(), vms__a=vm("a"), hosts__h=host())
    before = sorted(Path().rglob("*"))
    for arguments in (("plan",), ("plan", "--format", "json"), ("plan", "--explain", "a")):
        kvmc(*arguments)
    assert sorted(Path().rglob("*")) == before


def test_of_many_that_are_not_locked_yet_a_note_names_some() -> None:
    write(Path(), hosts__h=host(cores=16), **{f"vms__v{n:02}": vm(f"v{n:02}") for n in range(10)})
    said = kvmc("plan").err
    assert "not locked yet on h: v00, v01, v02, v03, v04, v05, v06, v07 and 2 more" in said
