"""`kvmc build`: one artefact on stdout, or all of them in a folder, or nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from lxml import etree

from tests.support.console import kvmc
from tests.unit.commands.repository import host, vm, write

WARNS = "features: {kvm_hint_dedicated: true}"
LOCK = ".lock.yaml"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _files(folder: str = ".") -> set[str]:
    """Return the files there, but for the locks beside the hosts."""
    found = {p.as_posix() for p in Path(folder).rglob("*") if p.is_file()}
    return {name for name in found if not name.endswith(LOCK)}


def _name(xml: str) -> str | None:
    return etree.fromstring(xml.encode()).findtext("name")


def test_one_vm_goes_to_stdout_and_nothing_is_written() -> None:
    write(Path(), vms__a=vm("a"), hosts__h=host())
    before = sorted(Path().rglob("*"))
    ran = kvmc("build")
    assert ran.code == 0
    assert _name(ran.out) == "a"
    assert sorted(Path().rglob("*")) == before


def test_several_vms_need_a_folder() -> None:
    write(Path(), vms__a=vm("a"), vms__b=vm("b"), hosts__h=host())
    ran = kvmc("build")
    assert (ran.code, ran.out) == (2, "")
    assert "-o DIR" in ran.err


def test_a_folder_gets_a_file_for_each_vm_below_its_host() -> None:
    write(Path(), vms__a=vm("a"), vms__b=vm("b", strategy=None), hosts__h=host())
    before = _files()
    ran = kvmc("build", "-o", "out")
    assert (ran.code, ran.out) == (0, "")
    assert _files() - before == {"out/h/a.xml", "out/b.xml"}
    assert "wrote out/h/a.xml\n" in ran.err
    assert _name(Path("out/h/a.xml").read_text("utf-8")) == "a"


def test_the_same_build_again_touches_nothing_and_says_so() -> None:
    write(Path(), vms__a=vm("a"), hosts__h=host())
    kvmc("build", "-o", "out")
    os.utime("out/h/a.xml", (1, 1))
    ran = kvmc("build", "-o", "out")
    assert "unchanged out/h/a.xml\n" in ran.err
    assert Path("out/h/a.xml").stat().st_mtime == 1


def test_the_folder_holds_what_stdout_had() -> None:
    write(Path(), vms__a=vm("a"), hosts__h=host())
    text = kvmc("build").out
    kvmc("build", "-o", "out")
    assert Path("out/h/a.xml").read_text("utf-8") == text
    (artifact,) = kvmc("build", "--format", "json").json["artifacts"]
    assert (artifact["name"], artifact["text"]) == ("h/a.xml", text)


@pytest.mark.parametrize("wrong", ["a/b", "too big", "base", "warning"])
def test_nothing_is_written_where_anything_is_wrong(wrong: str) -> None:
    second = {
        "a/b": vm("a/b"),
        "too big": vm("b", 99),
        "base": vm("b", 2, "base: nosuch.xml"),
        "warning": vm("b", 2, WARNS, strategy=None),
    }[wrong]
    write(Path(), vms__a=vm("a"), vms__b=second, hosts__h=host())
    before = sorted(Path().rglob("*"))
    strict = ["--strict"] if wrong == "warning" else []
    ran = kvmc("build", "-o", "out", *strict)
    assert (ran.code, ran.out) == (1, "")
    assert sorted(Path().rglob("*")) == before
    assert kvmc("build", "--format", "json", *strict).json["artifacts"] == []


def test_a_base_that_is_missing_is_said_where_the_spec_names_it() -> None:
    write(Path(), vms__a=vm("a", 2, "base: nosuch.xml", strategy=None))
    ran = kvmc("build", "vms/a.yaml")
    assert "vms/a.yaml:6:7: error[KV190]: base nosuch.xml: no such file" in ran.err


def test_a_base_is_found_beside_its_spec() -> None:
    write(Path(), vms__a=vm("a", 2, "base: base/b.xml", strategy=None))
    Path("vms/base").mkdir()
    Path("vms/base/b.xml").write_text(
        "<domain type='kvm'><name>x</name><title>kept</title><memory>1</memory>"
        "<vcpu>1</vcpu><os><type>hvm</type></os></domain>"
    )
    ran = kvmc("build", "vms/a.yaml")
    assert (ran.code, _name(ran.out)) == (0, "a")
    assert "<title>kept</title>" in ran.out


def test_a_folder_that_cannot_be_is_an_error_with_its_name() -> None:
    write(Path(), vms__a=vm("a"), hosts__h=host())
    Path("out").write_text("a file in the way")
    ran = kvmc("build", "-o", "out")
    assert ran.code != 0
    assert "out" in ran.err
    assert "KV900" not in ran.err


def test_json_with_a_folder_writes_and_tells() -> None:
    write(Path(), vms__a=vm("a"), hosts__h=host())
    ran = kvmc("build", "-o", "out", "--format", "json")
    assert [a["name"] for a in ran.json["artifacts"]] == ["h/a.xml"]
    assert "out/h/a.xml" in _files("out")


def test_two_hosts_have_a_folder_each_even_for_vms_of_one_name() -> None:
    write(
        Path(),
        vms__a=vm("a", 2, "host: one"),
        vms__b=vm("a", 4, "host: two"),
        hosts__one=host("one"),
        hosts__two=host("two"),
    )
    kvmc("build", "-o", "out")
    assert _files("out") == {"out/one/a.xml", "out/two/a.xml"}
    texts = [Path(f"out/{name}/a.xml").read_text("utf-8") for name in ("one", "two")]
    assert [etree.fromstring(t.encode()).findtext("vcpu") for t in texts] == ["2", "4"]


def test_locked_leaves_a_lock_alone_that_says_the_same_in_other_bytes() -> None:
    write(Path(), vms__a=vm("a"), hosts__h=host())
    assert kvmc("lock").code == 0
    lock = Path("hosts/h.lock.yaml")
    lock.write_text(lock.read_text("utf-8") + "# ours\n", "utf-8")
    before = lock.read_bytes()
    assert kvmc("lock", "--locked").code == 0
    assert kvmc("build", "--locked", "-o", "out").code == 0
    assert Path("out/h/a.xml").is_file()
    assert lock.read_bytes() == before
    assert kvmc("lock").code == 0
    assert lock.read_bytes() != before
