"""The locks: where they are, which commands touch which, and what is said of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from kvmc.diagnostics import Outcome
from kvmc.host.model import Core, Host, Node
from tests.support.console import kvmc
from tests.unit.commands.repository import host, vm, write


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path(".git").mkdir()


def _locks() -> list[str]:
    return sorted(str(path) for path in Path().rglob("*.lock.yaml"))


def _text(name: str) -> str:
    return Path(f"hosts/{name}.lock.yaml").read_text("utf-8")


def _two_hosts() -> None:
    """Write hosts a and b, x on the one and y on the other, and lock both."""
    write(Path(), hosts__a=host("a"), hosts__b=host("b"))
    write(Path(), vms__x=vm("x", 2, "host: a"), vms__y=vm("y", 2, "host: b"))
    assert kvmc("lock").code == 0


# Names


def test_a_lock_has_the_name_of_its_host_even_where_one_file_describes_two() -> None:
    write(Path(), hosts__all=host("a") + "---\n" + host("b"))
    write(Path(), vms__x=vm("x", 2, "host: a"), vms__y=vm("y", 2, "host: b"))
    assert kvmc("lock").err == "wrote hosts/a.lock.yaml\nwrote hosts/b.lock.yaml\n"
    assert ["  x:" in _text("a"), '  "y":' in _text("b")] == [True, True]
    assert kvmc("lock").err == "unchanged hosts/a.lock.yaml\nunchanged hosts/b.lock.yaml\n"
    assert kvmc("plan", "--locked").code == 0


def test_a_host_described_where_kvmc_runs_has_its_lock_there() -> None:
    write(Path(), box=host("h"), vms__x=vm("x"))
    assert kvmc("lock", "--host", "box.yaml", "vms").code == 0
    assert _locks() == ["h.lock.yaml"]


def test_a_lock_named_after_the_file_is_read_and_gives_way_to_one_named_after_the_host() -> None:
    write(Path(), hosts__all=host("a") + "---\n" + host("b"))
    write(Path(), vms__w=vm("w", 2, "host: b"), vms__y=vm("y", 2, "host: b"))
    kvmc("lock")
    # Held elsewhere than it would be placed, which shows that the old lock is read.
    before = _text("b").replace("cpus: [0, 4]", "cpus: [3, 7]")
    Path("hosts/b.lock.yaml").unlink()
    Path("hosts/all.lock.yaml").write_text(before, "utf-8")
    assert kvmc("plan", "--locked").code == 0
    ran = kvmc("lock")
    assert "wrote hosts/b.lock.yaml\nremoved hosts/all.lock.yaml" in ran.err
    assert _text("b") == before
    assert _locks() == ["hosts/b.lock.yaml"]
    assert kvmc("plan", "--locked").code == 0


def test_a_lock_named_after_the_file_that_nobody_can_read_is_not_passed_over() -> None:
    write(Path(), hosts__all=host("a"), vms__x=vm("x"))
    Path("hosts/all.lock.yaml").write_text("kvmc: v1\nkind: lock\n<<<<<<<\n", "utf-8")
    assert kvmc("lock").code == 1
    assert _locks() == ["hosts/all.lock.yaml"]


def test_replan_on_one_host_leaves_a_broken_lock_to_the_other_one_of_its_file() -> None:
    write(Path(), hosts__all=host("a") + "---\n" + host("b"), vms__x=vm("x", 2, "host: a"))
    Path("hosts/all.lock.yaml").write_text("", "utf-8")
    assert kvmc("lock", "--replan", "--host", "a").code == 0
    assert _locks() == ["hosts/a.lock.yaml", "hosts/all.lock.yaml"]
    assert kvmc("lock").code == 1
    assert kvmc("lock", "--replan").code == 0
    assert kvmc("lock").code == 0


def test_a_lock_named_after_the_file_of_a_host_that_is_gone_is_refused() -> None:
    write(Path(), hosts__a=host("a"), vms__x=vm("x"))
    kvmc("lock")
    write(Path(), hosts__a=host("b"))
    assert kvmc("plan", "--format", "json").codes == ["KV524"]


def test_two_documents_are_no_lock() -> None:
    _two_hosts()
    Path("hosts/a.lock.yaml").write_text(_text("a") + "---\n" + _text("a"), "utf-8")
    assert kvmc("plan", "--format", "json").codes == ["KV522"]
    assert kvmc("lock", "--replan").code == 0
    assert "---" not in _text("a")


# --host


def test_the_lock_of_another_host_is_not_for_host_to_touch() -> None:
    _two_hosts()
    before = _text("b")
    ran = kvmc("lock", "--host", "a")
    assert (ran.code, ran.err) == (0, "wrote hosts/a.lock.yaml\n")
    assert _text("b") == before
    drawn = kvmc("map", "--host", "a", "--format", "json").json["hosts"]
    assert [one["name"] for one in drawn] == ["a"]


def test_artefacts_of_another_host_are_not_left_over_from_an_earlier_build() -> None:
    _two_hosts()
    kvmc("build", "-o", "out")
    assert "KV193" not in kvmc("build", "--host", "a", "-o", "out").err


def test_what_is_gone_from_a_lock_is_said() -> None:
    _two_hosts()
    Path("vms/x.yaml").unlink()
    note = "note[KV529]: gone from the lock of a: x\n"
    assert note in kvmc("plan").err
    assert kvmc("lock").err == f"{note}wrote hosts/a.lock.yaml\nunchanged hosts/b.lock.yaml\n"
    assert "KV529" not in kvmc("plan").err


def test_what_has_no_place_is_not_gone() -> None:
    _two_hosts()
    write(Path(), vms__x=vm("x", 9, "host: a"))
    assert kvmc("plan", "--format", "json").codes == ["KV501"]
    write(Path(), vms__x=vm("x", 2))
    assert kvmc("plan", "--format", "json").codes == ["KV461"]


def test_a_description_elsewhere_wins_over_the_one_in_hosts() -> None:
    _two_hosts()
    write(Path(), elsewhere__h=host("a", "policy: {reserved: '0,4'}"))
    ran = kvmc("plan", "--host", "elsewhere/h.yaml", "--format", "json", "vms/x.yaml")
    assert ran.codes == []
    assert [v["cpus"] for v in ran.json["hosts"][0]["vms"][0]["vcpus"]] == ["1", "5"]


# No file for a lock


def _probed(monkeypatch: pytest.MonkeyPatch, *, name: str, memory_kib: int = 64 << 20) -> None:
    """Let this machine be one like that of `host`."""

    def probe_sysfs(_root: Path, called: str) -> Outcome[Host]:
        cores = tuple(Core(cpus=(n, n + 4), package=0, node=0, l3=0) for n in range(4))
        nodes = (Node(id=0, memory_kib=memory_kib, distances=((0, 10),)),)
        return Outcome(Host(name=called, arch="x86_64", cores=cores, nodes=nodes))

    monkeypatch.setattr("kvmc.host.probe.probe_sysfs", probe_sysfs)
    monkeypatch.setattr("kvmc.host.probe.local_name", lambda: name)


@pytest.mark.parametrize("arguments", [(), ("--host", "local")], ids=["no hosts", "local"])
def test_a_host_without_a_file_has_no_lock_and_that_is_said(
    arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    _probed(monkeypatch, name="here")
    write(Path(), vms__x=vm("x"))
    for command in (("lock",), ("plan", "--locked")):
        ran = kvmc(*command, *arguments)
        assert ran.code == 1
        assert "error[KV530]" in ran.err
        assert "hint: `kvmc host probe -o hosts/here.yaml`, then `kvmc lock`" in ran.err
        assert "KV525" not in ran.err
    plain = kvmc("plan", *arguments)
    assert plain.code == 0
    assert ("note[KV530]" if arguments else "note[KV463]") in plain.err
    assert not _locks()
    write(Path(), hosts__here=host("here"))
    assert kvmc("lock", *arguments).code == 0
    assert kvmc("plan", "--locked", *arguments).code == 0


def test_a_host_from_a_pipe_has_no_lock() -> None:
    write(Path(), vms__x=vm("x"))
    ran = kvmc("lock", "-", "vms", stdin=host().encode())
    assert ran.code == 1
    assert "hint: write its description to hosts/h.yaml, then `kvmc lock`" in ran.err


def test_nothing_to_lock_is_said() -> None:
    write(Path(), hosts__h=host())
    assert kvmc("lock").err.startswith("there is nothing to lock")


# --host local


def test_this_machine_has_the_policy_and_the_lock_of_its_description(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _probed(monkeypatch, name="here")
    write(Path(), hosts__here=host("here", "policy: {reserved: '0,4'}"), hosts__o=host("other"))
    write(Path(), vms__x=vm("x", 2, "host: other"))
    ran = kvmc("plan", "--host", "local", "--format", "json")
    (planned,) = ran.json["hosts"]
    assert (planned["name"], ran.codes) == ("here", [])
    assert [v["cpus"] for v in planned["vms"][0]["vcpus"]] == ["1", "5"]
    assert kvmc("lock", "--host", "local").code == 0
    assert _locks() == ["hosts/here.lock.yaml"]
    assert "cpus: [1, 5]" in _text("here")
    assert kvmc("plan", "--locked", "--host", "here").code == 0


def test_a_description_with_the_domain_in_its_name_is_this_machines_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _probed(monkeypatch, name="here")
    named = type("Uname", (), {"nodename": "here.example.org"})
    monkeypatch.setattr("kvmc.commands.hosts.os.uname", named)
    write(Path(), hosts__h=host("here.example.org", "policy: {reserved: '0,4'}"), vms__x=vm("x"))
    planned = kvmc("plan", "--host", "local", "--format", "json").json["hosts"][0]
    assert planned["name"] == "here.example.org"
    assert planned["vms"][0]["vcpus"][0]["cpus"] == "1"


def test_a_policy_for_cpus_that_this_machine_has_no_more_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _probed(monkeypatch, name="here")
    write(Path(), hosts__here=host("here", "policy: {reserved: '5,11'}", cores=6), vms__x=vm("x"))
    assert "KV434" in kvmc("plan", "--host", "local", "--format", "json").codes


# --replan


@pytest.mark.parametrize(
    "broken",
    [
        "",
        "kvmc: v1\nkind: lock\nhost: a\nfingerprint: x\nvms: {}\n",
        "kvmc: v1\nkind: lock\nhost: a\nvms: {}\n",
        "<<<<<<< ours\n",
    ],
    ids=["empty", "fingerprint", "lacks a field", "merge"],
)
def test_replan_replaces_a_lock_that_cannot_be_read_and_nothing_else_does(broken: str) -> None:
    _two_hosts()
    whole = _text("a")
    Path("hosts/a.lock.yaml").write_text(broken, "utf-8")
    for arguments in ((), ("--replan", "vms/x.yaml")):
        assert kvmc("lock", *arguments).code == 1
        assert _text("a") == broken
    ran = kvmc("lock", "--replan")
    assert ran.code == 0
    assert "warning[KV" in ran.err
    assert _text("a") == whole


def test_replan_replaces_a_broken_lock_of_a_host_without_vms() -> None:
    write(Path(), hosts__h=host())
    Path("hosts/h.lock.yaml").write_text("", "utf-8")
    assert kvmc("lock", "--replan").code == 0
    assert _text("h").endswith("vms: {}\n")


def test_replan_of_one_file_keeps_no_lines_that_do_not_fit_the_host_any_more() -> None:
    """The rest of the lock would get the fingerprint of facts that it was not made for."""
    write(Path(), hosts__h=host(), vms__x=vm("x"), vms__y=vm("y"))
    kvmc("lock")
    before = _text("h")
    write(Path(), hosts__h=host(cores=3))
    assert kvmc("lock", "--replan", "--format", "json", "vms/x.yaml").codes == ["KV520"]
    assert _text("h") == before
    assert kvmc("lock", "--replan").code == 0


# Lines that were edited


@pytest.mark.parametrize(
    ("was", "now", "words"),
    [
        ("strategy: dedicated", "strategy: mixed", "its strategy is mixed, the spec's dedicated"),
        ("threads: prefer", "threads: isolate", "its threads are isolate, the spec's prefer"),
        ("cpus: [0, 4]", "cpus: [0]", "it has 1 vCPU, the spec 2"),
        ("cpus: [0, 4]", "cpus: [0]", "vCPU 0 has a CPU of its own, the spec asks for 0-1"),
        ("cpus: [0, 4]", "cpus: [shared, shared]", "no vCPU has a CPU of its own, the spec"),
    ],
)
def test_an_edited_line_says_what_differs(was: str, now: str, words: str) -> None:
    write(Path(), hosts__h=host(), vms__x=vm("x"))
    kvmc("lock")
    text = _text("h")
    assert was in text
    Path("hosts/h.lock.yaml").write_text(text.replace(was, now), "utf-8")
    ran = kvmc("plan")
    assert f"error[KV521]: the line of x was edited: {words}" in ran.err
    assert "not where its CPUs are" not in ran.err


# Links


def test_a_lock_that_is_a_link_is_written_where_it_leads() -> None:
    write(Path(), hosts__h=host(), vms__x=vm("x"))
    kvmc("lock")
    link = Path("hosts/h.lock.yaml")
    Path("locks").mkdir()
    link.rename("locks/h.lock.yaml")
    link.symlink_to("../locks/h.lock.yaml")
    write(Path(), vms__y=vm("y"))
    assert kvmc("lock").err == "wrote hosts/h.lock.yaml\n"
    assert link.is_symlink()
    assert '  "y":' in Path("locks/h.lock.yaml").read_text("utf-8")
    assert kvmc("plan", "--locked").code == 0


def test_a_lock_that_is_a_link_out_of_the_repository_is_left_alone(tmp_path: Path) -> None:
    write(Path(), hosts__h=host(), vms__x=vm("x"))
    kvmc("lock")
    before, outside = _text("h"), tmp_path.with_suffix(".yaml")
    Path("hosts/h.lock.yaml").rename(outside)
    Path("hosts/h.lock.yaml").symlink_to(outside)
    write(Path(), vms__y=vm("y"))
    ran = kvmc("lock")
    assert ran.code == 4
    assert "error[KV192]: the link leads out of its repository" in ran.err
    assert Path("hosts/h.lock.yaml").is_symlink()
    assert outside.read_text("utf-8") == before


def test_a_map_that_is_a_link_is_written_where_it_leads() -> None:
    write(Path(), hosts__h=host())
    Path("map.svg").symlink_to("today.svg")
    assert kvmc("map", "--svg", "map.svg").code == 0
    assert (Path("map.svg").is_symlink(), Path("today.svg").is_file()) == (True, True)
