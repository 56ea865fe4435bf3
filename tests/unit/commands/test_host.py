"""`kvmc host probe` and `kvmc host show`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.console import kvmc
from tests.unit.commands.repository import host, vm, write

POLICY = 'policy: {reserved: "0", overcommit: 2.5}'


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _sysfs(cpus: int = 2) -> None:
    """Write a tree of single-threaded cores on one node."""
    system = Path("captured/sys/devices/system")
    texts = {
        "cpu/online": f"0-{cpus - 1}",
        "node/online": "0",
        "node/node0/cpulist": f"0-{cpus - 1}",
    }
    texts["node/node0/distance"] = "10"
    texts["node/node0/meminfo"] = "Node 0 MemTotal: 1048576 kB"
    for cpu in range(cpus):
        texts |= {
            f"cpu/cpu{cpu}/topology/thread_siblings_list": str(cpu),
            f"cpu/cpu{cpu}/topology/core_id": str(cpu),
            f"cpu/cpu{cpu}/topology/physical_package_id": "0",
        }
    for name, text in texts.items():
        path = system / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")


def _probe(*arguments: str) -> str:
    ran = kvmc("host", "probe", "--sysfs", "captured", *arguments)
    assert ran.code == 0, ran.err
    return ran.out


def test_a_probe_goes_to_stdout_and_reads_back_as_the_same_host() -> None:
    _sysfs()
    Path("h.yaml").write_text(_probe(), "utf-8")
    assert "name: captured\n" in _probe()
    told = kvmc("host", "probe", "--sysfs", "captured", "--format", "json").json
    shown = kvmc("host", "show", "h.yaml", "--format", "json").json
    assert told["fingerprint"] == shown["fingerprint"]
    assert told["cpus"] == shown["cpus"]


def test_a_probe_into_a_file_says_nothing_on_stdout() -> None:
    _sysfs()
    ran = kvmc("host", "probe", "--sysfs", "captured", "--name", "x", "-o", "hosts/x.yaml")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err.endswith("wrote hosts/x.yaml\n")
    assert "name: x\n" in Path("hosts/x.yaml").read_text("utf-8")


def test_a_new_probe_keeps_policy_and_name_and_renews_the_facts() -> None:
    _sysfs(3)
    write(Path(), h=host("mine", POLICY, cores=1))
    _probe("-o", "h.yaml")
    text = Path("h.yaml").read_text("utf-8")
    assert "name: mine\n" in text
    assert 'reserved: "0"' in text
    assert "overcommit: 2.5" in text
    shown = kvmc("host", "show", "h.yaml", "--format", "json").json
    assert [cpu["id"] for cpu in shown["cpus"]] == [0, 1, 2]


def test_a_new_probe_keeps_the_policy_in_its_writers_words() -> None:
    _sysfs()
    _probe("-o", "h.yaml")
    words = '# agreed with Ana\npolicy:\n  reserved: "0"   # housekeeping\n\n  # pools: none yet\n'
    facts = Path("h.yaml").read_text("utf-8")
    Path("h.yaml").write_text(facts.replace("name: captured", f"{words}name: captured"), "utf-8")
    _sysfs(3)
    _probe("-o", "h.yaml")
    renewed = Path("h.yaml").read_text("utf-8")
    assert renewed.endswith(words)
    assert "[2]" in renewed
    _probe("-o", "h.yaml")
    assert Path("h.yaml").read_text("utf-8") == renewed


POLICIES = [
    'policy: {reserved: "0"}  # why',
    'policy: {reserved: "0",  # why\n  overcommit: 2.5}  # and why',
    'policy: {reserved: "0"  # why\n}  # the end',
    '"policy": {reserved: "0"}  # why',
    'policy :\n  reserved: "0"  # why',
]
MODELINE = "# yaml-language-server: $schema=../schemas/host.json\n"


@pytest.mark.parametrize("policy", POLICIES)
def test_a_new_probe_keeps_all_that_a_person_wrote_around_the_facts(policy: str) -> None:
    _sysfs()
    _probe("-o", "h.yaml")
    facts = Path("h.yaml").read_text("utf-8").removeprefix(MODELINE)
    head = "# rack 4, ask Ana\n\n# bought in 2024\n"
    _sysfs(3)
    _probe("-o", "new.yaml")
    new = Path("new.yaml").read_text("utf-8").removeprefix(MODELINE)
    for end in ("", "\n\n# vim: set ts=2:"):
        Path("h.yaml").write_text(f"{head}{facts}# so it is\n{policy}{end}\n", "utf-8")
        _probe("-o", "h.yaml")
        wanted = f"{MODELINE}{head}{new}# so it is\n{policy}{end}\n"
        assert Path("h.yaml").read_text("utf-8") == wanted


def test_a_new_probe_keeps_the_words_where_the_policy_stands_elsewhere() -> None:
    _sysfs()
    _probe("-o", "h.yaml")
    facts = Path("h.yaml").read_text("utf-8").removeprefix(MODELINE)
    own = "# yaml-language-server: $schema=../../host.json\n"
    policy = 'policy: {reserved: "0"}  # why\n'
    Path("h.yaml").write_text(f"{own}---\n{policy}{facts}\n# the end\n...\n", "utf-8")
    _probe("-o", "h.yaml")
    assert Path("h.yaml").read_text("utf-8") == f"{own}---\n{facts}{policy}\n# the end\n"


def test_a_description_on_one_line_keeps_the_comments_around_it() -> None:
    _sysfs()
    line = "{kvmc: v1, kind: host, name: x, cores: [{cpus: [[0]]}], policy: {reserved: 0}}"
    Path("h.yaml").write_text(f"# above\n{line}\n# below\n", "utf-8")
    _probe("-o", "h.yaml")
    text = Path("h.yaml").read_text("utf-8")
    assert text.startswith(f"{MODELINE}# above\nkvmc: v1\n")
    assert text.endswith('policy:\n  reserved: "0"\n# below\n')


def test_a_policy_that_the_new_facts_contradict_keeps_its_words() -> None:
    _sysfs(2)
    write(Path(), h=host("mine", '# Ana\npolicy: {reserved: "5"}  # why'))
    ran = kvmc("host", "probe", "--sysfs", "captured", "-o", "h.yaml")
    assert (ran.code, "error[KV434]" in ran.err) == (1, True)
    assert Path("h.yaml").read_text("utf-8").endswith('\n# Ana\npolicy: {reserved: "5"}  # why\n')


def test_a_file_that_holds_more_than_the_host_is_not_written_over() -> None:
    _sysfs()
    text = host("mine") + "---\n" + vm("a")
    write(Path(), h=text)
    ran = kvmc("host", "probe", "--sysfs", "captured", "-o", "h.yaml")
    assert ran.code == 1
    assert "h.yaml is not written over: it holds other documents too" in ran.err
    assert Path("h.yaml").read_text("utf-8") == text


def test_a_policy_that_leans_on_the_facts_is_written_anew() -> None:
    _sysfs()
    _probe("-o", "h.yaml")
    facts = Path("h.yaml").read_text("utf-8")
    told = facts.replace('isolated: ""', 'isolated: &one "1"') + "policy: {reserved: *one}\n"
    Path("h.yaml").write_text(told, "utf-8")
    _probe("-o", "h.yaml")
    assert Path("h.yaml").read_text("utf-8") == facts + 'policy:\n  reserved: "1"\n'


def test_a_name_on_the_command_line_is_newer_than_the_one_in_the_file() -> None:
    _sysfs()
    write(Path(), h=host("mine", POLICY, cores=1))
    _probe("-o", "h.yaml", "--name", "other")
    text = Path("h.yaml").read_text("utf-8")
    assert "name: other\n" in text
    assert 'reserved: "0"' in text


def test_strict_writes_nothing_where_a_fact_is_doubtful() -> None:
    _sysfs()
    Path("captured/sys/devices/system/node/node0/distance").write_text("nothing\n")
    plain = kvmc("host", "probe", "--sysfs", "captured")
    assert (plain.code, "warning[" in plain.err) == (0, True)
    ran = kvmc("host", "probe", "--sysfs", "captured", "-o", "h.yaml", "--strict")
    assert ran.code == 1
    assert not Path("h.yaml").exists()


def test_a_probe_that_finds_nothing_new_leaves_the_file_alone() -> None:
    _sysfs()
    _probe("-o", "h.yaml")
    os.utime("h.yaml", (1, 1))
    ran = kvmc("host", "probe", "--sysfs", "captured", "-o", "h.yaml")
    assert ran.err.endswith("unchanged h.yaml\n")
    assert Path("h.yaml").stat().st_mtime == 1


@pytest.mark.parametrize("broken", ["kvmc: v1\nkind: host\n", "\x00", "", "kvmc: v1\nkind: vm\n"])
def test_a_file_whose_policy_cannot_be_read_is_never_written_over(broken: str) -> None:
    _sysfs()
    Path("h.yaml").write_text(broken)
    ran = kvmc("host", "probe", "--sysfs", "captured", "-o", "h.yaml")
    assert (ran.code, ran.out) == (1, "")
    assert "mend it" in ran.err
    assert Path("h.yaml").read_text() == broken


@pytest.mark.parametrize(
    ("text", "count"), [(host("a") + "---\n" + host("b"), "2"), (vm("a"), "none")]
)
def test_a_file_that_is_sound_and_not_of_one_host_is_told_for_what_it_is(
    text: str, count: str
) -> None:
    _sysfs()
    write(Path(), all=text)
    ran = kvmc("host", "probe", "--sysfs", "captured", "-o", "all.yaml")
    assert ran.code == 1
    assert f"one host is wanted, and the file describes {count}; name another file" in ran.err
    assert "kvmc check" not in ran.err
    assert Path("all.yaml").read_text("utf-8") == text


def test_a_policy_that_the_new_facts_contradict_is_kept_and_said() -> None:
    _sysfs(2)
    write(Path(), h=host("mine", 'policy: {reserved: "5"}'))
    ran = kvmc("host", "probe", "--sysfs", "captured", "-o", "h.yaml")
    assert ran.code == 1
    assert "h.yaml:" in ran.err
    assert "error[KV434]: policy names CPU 5" in ran.err
    assert 'reserved: "5"' in Path("h.yaml").read_text("utf-8")


@pytest.mark.parametrize("name", ["../x", "a/b", "", "."])
def test_a_name_that_no_host_may_have_is_refused_before_anything_is_written(name: str) -> None:
    _sysfs()
    ran = kvmc("host", "probe", "--sysfs", "captured", f"--name={name}", "-o", "h.yaml")
    assert (ran.code, Path("h.yaml").exists()) == (2, False)


@pytest.mark.parametrize(
    ("option", "code"), [("--sysfs", "KV190"), ("--capabilities", "KV190"), ("--hwloc", "KV190")]
)
def test_a_source_that_is_not_there_is_an_error(option: str, code: str) -> None:
    ran = kvmc("host", "probe", option, "nosuch", "--format", "json")
    assert (ran.code, ran.codes) == (1, [code])


@pytest.mark.parametrize("option", ["--capabilities", "--hwloc"])
def test_a_file_far_larger_than_any_description_is_not_read(option: str) -> None:
    with Path("huge.xml").open("wb") as file:
        file.truncate(1 << 40)
    answer = kvmc("host", "probe", option, "huge.xml")
    assert answer.code == 1
    assert "huge.xml: error[KV404]" in answer.err


def test_a_place_that_cannot_be_written_is_no_bug() -> None:
    _sysfs()
    Path("file").write_text("in the way")
    ran = kvmc("host", "probe", "--sysfs", "captured", "-o", "file/h.yaml")
    assert ran.code == 4
    assert "file/h.yaml" in ran.err


def test_this_machine_is_probed_and_shown_without_root() -> None:
    told = kvmc("host", "probe", "--format", "json").json
    shown = kvmc("host", "show", "--format", "json").json
    assert told["cpus"] == shown["cpus"]
    online = os.sched_getaffinity(0)
    assert online <= {cpu["id"] for cpu in shown["cpus"]}


# show


def test_the_json_of_a_host_has_every_key_of_the_contract() -> None:
    write(Path(), h=host("h"))
    shown = kvmc("host", "show", "h.yaml", "--format", "json").json
    assert list(shown) == [
        "kvmc", "kind", "name", "fingerprint", "cpus", "nodes", "offline", "diagnostics",
    ]  # fmt: skip
    assert (shown["kvmc"], shown["kind"], shown["name"]) == ("v1", "host", "h")
    assert shown["cpus"][5] == {
        "id": 5, "core": 1, "siblings": "1,5", "package": 0, "die": None, "node": 0, "l3": 0,
        "kind": None, "isolated": False,
    }  # fmt: skip
    assert list(shown["cpus"][0]) == list(shown["cpus"][5])
    assert shown["nodes"] == [
        {"id": 0, "cpus": "0-7", "memory_kib": 67108864, "distances": {"0": 10}, "hugepages": {}}
    ]
    assert shown["offline"] == ""


def test_only_online_cpus_are_listed() -> None:
    write(Path(), h=host("h", 'offline: "9"', 'isolated: "1"'))
    shown = kvmc("host", "show", "h.yaml", "--format", "json").json
    assert [cpu["id"] for cpu in shown["cpus"]] == list(range(8))
    assert shown["offline"] == "9"
    assert [cpu["id"] for cpu in shown["cpus"] if cpu["isolated"]] == [1]


def test_the_fingerprint_is_of_the_facts_alone() -> None:
    write(Path(), a=host("a"), b=host("b", POLICY), c=host("a", cores=3))
    prints = [
        kvmc("host", "show", f"{n}.yaml", "--format", "json").json["fingerprint"] for n in "abc"
    ]
    assert prints[0] == prints[1] != prints[2]


def test_a_host_is_drawn_with_its_policy() -> None:
    write(Path(), h=host("h", POLICY))
    out = kvmc("host", "show", "h.yaml").out
    assert "reserved" in out
    assert "8 CPUs" in out


@pytest.mark.parametrize("text", ["kvmc: v1\nkind: vm\nname: a\nmemory: 1GiB\ncpu: {count: 1}\n"])
def test_a_file_without_a_host_is_an_error(text: str) -> None:
    Path("a.yaml").write_text(text)
    assert kvmc("host", "show", "a.yaml").code == 1


def test_a_file_with_two_hosts_is_an_error() -> None:
    write(Path(), a=host("a") + "---\n" + host("b"))
    ran = kvmc("host", "show", "a.yaml", "--format", "json")
    assert (ran.code, ran.codes) == (1, ["KV191"])


def test_show_says_how_many_hosts_a_file_describes() -> None:
    write(Path(), vm=vm("web"), two=f"{host('a')}---\n{host('b')}")
    assert "one host is wanted, and the file describes none" in kvmc("host", "show", "vm.yaml").err
    assert "the file describes 2" in kvmc("host", "show", "two.yaml").err
