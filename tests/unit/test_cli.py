"""The command line: exit codes, what goes to which stream, colours, and bytes from anywhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.support.console import kvmc, process
from tests.support.paths import EXAMPLES
from tests.unit.commands.repository import HEAD, host, vm, write

LIANHUA = EXAMPLES / "lianhua"
WARNS = vm("w", 2, "features: {kvm_hint_dedicated: true}", strategy=None)
RULES_OUT_COLOUR = [{"NO_COLOR": "1"}, {"TERM": "dumb"}]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("nosuch",),
        ("check", "--nosuch"),
        ("schema",),
        ("schema", "nosuch"),
        ("explain",),
        ("explain", "KV000"),
        ("host",),
        ("host", "probe", "--sysfs", "a", "--hwloc", "b"),
        ("check", "--format", "xml"),
        ("build", "--target", "nosuch"),
        ("check", "--color", "sometimes"),
    ],
    ids=str,
)
def test_usage_errors_are_2_and_say_why_on_stderr(arguments: tuple[str, ...]) -> None:
    ran = kvmc(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", ""),
        ("plan", "--host", ""),
        ("plan", "--explain", ""),
        ("build", "-o", ""),
        ("map", "--svg", ""),
        ("diff", "--connect", ""),
        ("apply", "--yes", "--host", ""),
        ("import", "d.xml", "-o", ""),
        ("import", ""),
        ("init", ""),
        ("host", "probe", "--connect", ""),
        ("host", "probe", "-o", ""),
        ("host", "probe", "--name", ""),
        ("host", "show", ""),
        ("verify", "--cpuinfo", ""),
        ("run", "--pid-file", "", "vms/web.yaml"),
        ("hotplug", "", "2"),
        ("explain", ""),
    ],
    ids=str,
)
def test_what_a_script_never_set_is_not_guessed(arguments: tuple[str, ...]) -> None:
    """An empty --host would be the only host, an empty folder the one it runs in."""
    write(Path(), vms__web=vm("web"), hosts__h=host())
    ran = kvmc(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert " is empty" in ran.err
    assert sorted(path.name for path in Path().rglob("*.*")) == ["h.yaml", "web.yaml"]


def test_the_package_runs_as_a_module() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "kvmc", "nosuch"], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 2
    assert ran.stderr.startswith("usage: kvmc ")


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("check", ["--host", "--strict", "--format", "--color"]),
        ("plan", ["--host", "--strict", "--format", "--color", "--explain"]),
        ("build", ["--host", "--strict", "--format", "--color", "--target", "-o"]),
        ("host probe", ["--sysfs", "--capabilities", "--hwloc", "-o", "--format", "--strict"]),
        ("host show", ["--format", "--strict", "--color", "FILE"]),
    ],
)
def test_help_names_every_option_of_the_contract(command: str, options: list[str]) -> None:
    ran = kvmc(*command.split(), "--help")
    assert ran.code == 0
    assert [option for option in options if option not in ran.out] == []


def test_help_and_version_go_to_stdout() -> None:
    assert kvmc("--version").out.startswith("kvmc ")
    ran = kvmc("--help")
    assert (ran.code, ran.err) == (0, "")
    assert "exit codes:" in ran.out


def test_nothing_wrong_is_0_and_keeps_stdout_clean() -> None:
    ran = kvmc("check", LIANHUA)
    assert (ran.code, ran.out) == (0, "")
    assert "nothing wrong" in ran.err


def test_wrong_input_is_1_and_keeps_stdout_clean() -> None:
    write(Path(), a=vm("a/b"))
    for command in ("check", "plan", "build"):
        ran = kvmc(command, "a.yaml")
        assert (ran.code, ran.out) == (1, ""), command
        assert "a.yaml:3:7: error[KV351]" in ran.err


def test_warnings_are_errors_only_under_strict() -> None:
    write(Path(), a=WARNS)
    for command in ("check", "plan", "build"):
        assert kvmc(command, "a.yaml").code == 0
        strict = kvmc(command, "--strict", "a.yaml")
        assert strict.code == 1
        assert "error[KV353]" in strict.err
        assert "warning[" not in strict.err


def test_under_strict_the_json_says_error_too() -> None:
    write(Path(), a=WARNS)
    assert kvmc("check", "--format", "json", "a.yaml").json["diagnostics"][0]["severity"] == (
        "warning"
    )
    strict = kvmc("check", "--strict", "--format", "json", "a.yaml")
    assert (strict.code, strict.json["diagnostics"][0]["severity"]) == (1, "error")


def test_a_warning_is_never_followed_by_nothing_wrong() -> None:
    write(Path(), a=WARNS)
    for arguments in (("check", "a.yaml"), ("check", "--strict", "a.yaml")):
        assert "nothing wrong" not in kvmc(*arguments).err


def test_a_bug_is_70_without_a_traceback_unless_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the sky fell")

    monkeypatch.setattr("kvmc.commands.check.run", fail)
    ran = kvmc("check")
    assert (ran.code, ran.out) == (70, "")
    assert "KV900" in ran.err
    assert "Traceback" not in ran.err
    with pytest.raises(RuntimeError, match="the sky fell"):
        kvmc("--debug", "check")


@pytest.mark.parametrize("command", ["check", "plan", "build"])
def test_json_is_alone_on_stdout_and_stderr_is_empty(command: str) -> None:
    write(Path(), a=vm("a/b"), b=WARNS)
    for path in ("a.yaml", "b.yaml", LIANHUA):
        ran = kvmc(command, "--format", "json", path)
        assert ran.err == ""
        assert ran.json["kvmc"] == "v1"
        assert ran.code == (1 if path == "a.yaml" else 0)
        assert ran.out.endswith("}\n")


def test_a_diagnostic_in_json_has_every_key_of_the_contract() -> None:
    write(Path(), a=vm("a", 6, "iothreads: -1").replace("count: 6", "count: 6, max: 2"))
    (first, *_) = kvmc("check", "--format", "json", "a.yaml").json["diagnostics"]
    assert list(first) == [
        "code", "severity", "message", "file", "line", "column", "pointer", "hint",
    ]  # fmt: skip
    assert (first["file"], type(first["line"]), type(first["column"])) == ("a.yaml", int, int)


def test_what_is_not_known_in_a_diagnostic_is_null() -> None:
    (found,) = kvmc("check", "--format", "json", "nosuch.yaml").json["diagnostics"]
    assert (found["line"], found["column"], found["file"]) == (None, None, "nosuch.yaml")


def test_all_problems_are_reported_by_file_line_and_column() -> None:
    wrong = "name: a/b\nmemory: 1\ncpu: {count: 2, max: 1}\npin: {emulator: own, nope: 1}\n"
    write(Path(), b=HEAD + wrong, a=HEAD + wrong)
    found = kvmc("check", "--format", "json", "b.yaml", "a.yaml").json["diagnostics"]
    places = [(d["file"], d["line"], d["column"], d["code"]) for d in found]
    assert places == sorted(places)
    assert {d["file"] for d in found} == {"a.yaml", "b.yaml"}


def test_positions_count_characters_and_lines_of_the_file_itself() -> None:
    write(Path(), a=f"# ümläut 🐧\n---\n{HEAD}name: ok\nmemory: 1GiB\ncpu: {{count: 2, ä: 1}}\n")
    (found,) = kvmc("check", "--format", "json", "a.yaml").json["diagnostics"]
    assert (found["line"], found["column"]) == (7, 17)


def test_standard_input_is_a_file_among_others() -> None:
    write(Path(), a=vm("a", strategy=None))
    ran = kvmc("plan", "--format", "json", "-", "a.yaml", stdin=vm("b", strategy=None).encode())
    (hosts,) = ran.json["hosts"]
    assert [(v["name"], v["file"]) for v in hosts["vms"]] == [("a", "a.yaml"), ("b", "<stdin>")]


def test_standard_input_named_twice_is_one_text() -> None:
    text = vm("a", strategy=None).encode()
    assert kvmc("check", "-", "-", stdin=text).code == 0


def test_an_empty_standard_input_is_an_error_with_a_place() -> None:
    ran = kvmc("check", "-")
    assert ran.code == 1
    assert ran.err.startswith("<stdin>:1:1: error[KV105]")


# Colours.


def test_output_that_is_no_terminal_has_no_colours() -> None:
    for command in (("plan", LIANHUA), ("check", "nosuch.yaml"), ("host", "show")):
        ran = kvmc(*command)
        assert "\x1b" not in ran.out + ran.err


def test_color_always_colours_both_streams_even_against_no_color(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" in kvmc("plan", "--color", "always", LIANHUA).out
    assert "\x1b[1;31m" in kvmc("check", "--color", "always", "nosuch.yaml").err


def test_colours_are_balanced_and_change_no_text() -> None:
    plain = kvmc("plan", LIANHUA).out
    coloured = kvmc("plan", "--color", "always", LIANHUA).out
    assert plain == _uncoloured(coloured)
    for line in coloured.splitlines():
        assert line.count("\x1b[") == 2 * line.count("\x1b[0m")


def _uncoloured(text: str) -> str:
    import re

    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def test_json_never_has_colours() -> None:
    ran = kvmc("plan", "--color", "always", "--format", "json", LIANHUA)
    assert "\x1b" not in ran.out
    assert kvmc("build", "--color", "always", LIANHUA).out.startswith("<domain")


def _on_a_terminal(*arguments: str | Path, **environment: str) -> str:
    """Return what a command writes to a terminal as its stdout."""
    import pty

    keep = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "TERM", "COLUMNS")}
    command = [sys.executable, "-m", "kvmc.cli", *map(str, arguments)]
    leader, follower = pty.openpty()
    with subprocess.Popen(
        command, stdout=follower, stderr=subprocess.DEVNULL, env=keep | environment
    ) as running:
        os.close(follower)
        text = b""
        while True:
            try:
                more = os.read(leader, 65536)
            except OSError:  # EIO: the other end is closed
                break
            if not more:
                break
            text += more
        assert running.wait(60) == 0
    os.close(leader)
    return text.decode()


def test_a_terminal_gets_colours() -> None:
    assert "\x1b[" in _on_a_terminal("plan", LIANHUA, TERM="xterm")


@pytest.mark.parametrize("environment", RULES_OUT_COLOUR, ids=str)
def test_a_terminal_gets_none_where_it_or_the_user_wants_none(environment: Any) -> None:
    assert "\x1b[" not in _on_a_terminal("plan", LIANHUA, **({"TERM": "xterm"} | environment))


def test_an_empty_no_color_is_none() -> None:
    assert "\x1b[" in _on_a_terminal("plan", LIANHUA, TERM="xterm", NO_COLOR="")


# Names and bytes from anywhere.

STEERING = "\x1b[31m\x07\x9b"


def test_no_file_name_steers_a_terminal() -> None:
    Path(f"{STEERING}.yaml").write_text(vm("a/b"), "utf-8")
    ran = kvmc("check", f"{STEERING}.yaml")
    assert "\\x1b[31m\\x07\\x9b.yaml:3:7: error" in ran.err
    assert not _steering(ran.out + ran.err)


@pytest.mark.parametrize(
    "arguments",
    [
        ("explain", STEERING),
        ("plan", LIANHUA, "--explain", STEERING),
        ("build", LIANHUA, "-o", f"out{STEERING}"),
        ("host", "probe", "-o", f"out{STEERING}/h.yaml"),
        ("host", "show", f"nosuch{STEERING}.yaml"),
        ("check", "--host", STEERING, LIANHUA),
        ("plan", "--host", STEERING, LIANHUA),
    ],
    ids=lambda a: str(a[0]),
)
def test_no_argument_steers_a_terminal(arguments: tuple[str | Path, ...]) -> None:
    ran = kvmc(*arguments)
    assert not _steering(ran.out + ran.err)


@pytest.mark.parametrize("field", ["name", "host", "base", "nope\\e"])
@pytest.mark.parametrize("escape", ["\\e[31m", "\\x9b31m", "\\x07", "\\u202e"])
def test_no_value_of_a_spec_steers_a_terminal(field: str, escape: str) -> None:
    value = f'"{field}": "a{escape}"'
    text = vm("a").replace("name: a", value) if field == "name" else vm("a", 2, value)
    write(Path(), a=text, hosts__h=host())
    for command in ("check", "plan", "build"):
        ran = kvmc(command, "a.yaml")
        assert ran.code in (0, 1, 2)
        assert not _steering(ran.out + ran.err)


def _steering(text: str) -> list[str]:
    """Return the characters that a terminal would act on; bidirectional overrides too."""
    return [c for c in text if not c.isprintable() and c != "\n"]


@pytest.mark.parametrize("field", ["model", "name"])
def test_no_value_of_a_host_file_steers_a_terminal(field: str) -> None:
    write(Path(), h=host().replace("name: h", f'name: h\n{field}: "\\u202ex"'))
    ran = kvmc("host", "show", "h.yaml")
    assert not _steering(ran.out + ran.err)


NAMES = ["a b", "ä€λ", "<&>", "'\"", "%n$x", "x" * 200, "-rf", "a;b|c", "🐧", "$(id)", "a\\b"]


@pytest.mark.parametrize("name", NAMES)
def test_odd_names_come_through_every_command(name: str) -> None:
    quoted = json.dumps(name, ensure_ascii=False)
    write(Path(), vms__a=vm(quoted), hosts__h=host())
    planned = kvmc("plan", "--format", "json")
    assert (planned.code, planned.json["hosts"][0]["vms"][0]["name"]) == (0, name)
    assert name in kvmc("plan").out
    assert name in kvmc("plan", f"--explain={name}").out
    (artifact,) = kvmc("build", "--format", "json").json["artifacts"]
    from lxml import etree

    assert etree.fromstring(artifact["text"].encode()).findtext("name") == name
    assert kvmc("build", "-o", "build").code == 0
    assert [p.name for p in Path("build").rglob("*") if p.is_file()] == [f"{name}.xml"]


@pytest.mark.parametrize("name", ["..", ".", "../x", "/etc/x", "a/../../x", "", " ", "x" * 201])
@pytest.mark.parametrize("kind", ["vm", "host"])
def test_names_that_lead_out_of_the_folder_are_refused(
    name: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quoted = json.dumps(name)
    names = {"vm": (quoted, "h"), "host": ("a", quoted)}[kind]
    write(Path("repo"), vms__a=vm(names[0]), hosts__h=host(names[1]))
    monkeypatch.chdir("repo")
    before = sorted(tmp_path.rglob("*"))
    assert kvmc("build", "-o", "build").code == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_a_file_name_that_is_no_utf_8_is_a_file_name() -> None:
    Path(os.fsdecode(b"\xff.yaml")).write_text(vm("a/b"), "utf-8")
    ran = kvmc("check", ".")
    assert ran.code == 1
    assert "\\udcff.yaml:3:7: error[KV351]" in ran.err


def test_a_file_name_that_is_no_utf_8_still_makes_json() -> None:
    Path(os.fsdecode(b"\xff.yaml")).write_text(vm("a/b"), "utf-8")
    ran = kvmc("check", "--format", "json", ".")
    assert ran.code == 1
    assert ran.json["diagnostics"][0]["file"] == "\udcff.yaml"


# In a process of its own.


@pytest.mark.parametrize("seed", ["0", "1", "4711"])
def test_the_same_input_gives_the_same_bytes_whatever_the_hash_seed(
    seed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")  # xdist gives its workers a width of their own
    fleet = Path("fleet")
    write(fleet, hosts__h=host("h", 'policy: {shared: "0", overcommit: 2}', cores=8))
    for name, strategy in zip("cab", ("shared", "dedicated", "dedicated"), strict=True):
        write(fleet, **{f"vms__{name}": vm(name, 3, strategy=strategy)})
    for arguments in (("plan",), ("plan", "--format", "json"), ("build", "--format", "json")):
        here = kvmc(*arguments, fleet)
        there = process(*arguments, "fleet", cwd=Path.cwd(), PYTHONHASHSEED=seed, COLUMNS="100")
        assert (there.returncode, there.stdout.decode()) == (here.code, here.out)
        assert there.stderr.decode() == here.err


def test_a_terminal_that_cannot_show_a_character_gets_an_escape() -> None:
    ran = process("plan", LIANHUA, cwd=Path.cwd(), PYTHONIOENCODING="ascii")
    assert ran.returncode == 0
    assert b"kvm-07" in ran.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("build", "a.yaml"),
        ("build", "--target", "qemu", "a.yaml"),
        ("import", "a.xml"),
        ("host", "probe", "--sysfs", "/", "--name", "b\xfcro"),
        ("map", "--svg", "-", "fleet"),
        ("map", "--html", "-", "fleet"),
        ("plan", "--format", "json", "a.yaml"),
        ("check", "--format", "sarif", "a.yaml"),
        ("check", "--format", "github", "wrong.yaml"),
    ],
    ids=" ".join,
)
def test_data_on_stdout_is_utf_8_whatever_the_locale(arguments: tuple[str, ...]) -> None:
    here = Path.cwd()
    write(here, a=vm("b\xfcro-\u673a", strategy=None), wrong=vm("\u673a/", strategy=None))
    write(here / "fleet", vms__a=vm("b\xfcro-\u673a"), hosts__h=host())
    Path("a.xml").write_bytes(process("build", "a.yaml", cwd=here).stdout)
    ran = process(*arguments, cwd=here, PYTHONIOENCODING="latin-1")
    assert ran.stdout
    assert ran.stdout == process(*arguments, cwd=here).stdout


def test_text_for_a_person_follows_the_locale() -> None:
    write(Path.cwd(), a=vm("b\xfcro-\u673a", strategy=None))
    ran = process("plan", "a.yaml", cwd=Path.cwd(), PYTHONIOENCODING="latin-1")
    assert b"b\xfcro-\\u673a" in ran.stdout


def test_a_full_disk_is_the_machines_failure() -> None:
    with Path("/dev/full").open("wb") as full:
        command = [sys.executable, "-m", "kvmc.cli", "schema", "vm"]
        ran = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)
    assert ran.returncode == 4
    assert b"a bug in kvmc" not in ran.stderr


@pytest.mark.parametrize("arguments", ["schema vm", "plan {0}", "plan --format json {0}"])
def test_a_reader_that_leaves_early_is_no_traceback(arguments: str) -> None:
    command = [sys.executable, "-m", "kvmc.cli", *arguments.format(LIANHUA).split()]
    reader, writer = os.pipe()
    os.close(reader)
    ran = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, timeout=60, check=False)
    os.close(writer)
    assert ran.returncode not in (0, 70)
    assert b"Traceback" not in ran.stderr
    assert b"KV900" not in ran.stderr
    assert b"Exception ignored" not in ran.stderr


def test_a_closed_standard_input_is_an_empty_one() -> None:
    command = f"{sys.executable} -m kvmc.cli check - <&-"
    ran = subprocess.run(["sh", "-c", command], capture_output=True, check=False)
    assert ran.returncode == 1
    assert b"KV105" in ran.stderr


ANY_TEXT = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
FRAGMENTS = st.sampled_from(
    ("kvmc: v1\n", "kind: vm\n", "kind: host\n", "name: a\n", "memory: 1GiB\n", "cpu:\n",
     "  count: 2\n", "cpu: {count: 2}\n", "pin: {strategy: dedicated}\n", "---\n", "{", "[", "- ",
     "&a ", "*a\n", "<<: *a\n", "!!python/object:os.system x\n", "\t", '"', "'", "0x1F", "1e9\n",
     "cores: [{cpus: [[0, 1]]}]\n", "nodes: []\n", "? ", "| \n", "%YAML 1.1\n", "...\n", "\x00",
     "\ufeff", "\u2028", "policy: {shared: 0-99999}\n", "numa: {cells: [{}]}\n", "host: h\n")
)  # fmt: skip
BYTES = st.binary(max_size=200) | st.lists(FRAGMENTS, max_size=20).map(
    lambda parts: "".join(parts).encode()
)


@ANY_TEXT
@given(BYTES)
@example(b"\xff\xfe")
@example(HEAD.encode() + b"name: a\nmemory: 99999999999999999999TiB\ncpu: {count: 2}\n")
@example(HEAD.encode() + b"name: a\nmemory: 1GiB\ncpu: {count: 99999999999999999999}\n")
@example(HEAD.encode() + b"name: a\nmemory: 1GiB\ncpu: {count: 1e999}\n")
@example(HEAD.encode() + b"name: a\nmemory: 1GiB\ncpu: {count: .nan}\n")
def test_any_bytes_as_a_vm_are_an_answer(content: bytes) -> None:
    Path("a.yaml").write_bytes(content)
    write(Path(), hosts__h=host())
    for command in ("check", "plan", "build"):
        ran = kvmc(command, "a.yaml")
        assert ran.code in (0, 1, 2), ran.err
        assert not _steering(ran.err)
        assert kvmc(command, "--format", "json", "a.yaml").json["kvmc"] == "v1"


@ANY_TEXT
@given(BYTES)
@example(host().encode())
@example(host().replace("id: 0, memory: 64GiB", "id: -1").encode())
@example(host().replace("[0, 4]", "[0, 0]").encode())
@example(host().replace("[[0, 4]", "[[]").encode())
@example(host("h", "policy: {overcommit: .inf}").encode())
def test_any_bytes_as_a_host_are_an_answer(content: bytes) -> None:
    write(Path(), a=vm("a"))
    Path("h.yaml").write_bytes(content)
    for command in (("host", "show", "h.yaml"), ("plan", "a.yaml", "--host", "h.yaml")):
        ran = kvmc(*command)
        assert ran.code in (0, 1, 2), ran.err
        assert kvmc(*command, "--format", "json").json["kvmc"] == "v1"


@ANY_TEXT
@given(BYTES | st.binary(max_size=200).map(lambda b: b"<topology>" + b))
@example(b"<capabilities/>")
@example(b"<topology version='2.0'/>")
@example(b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><capabilities>&b;</capabilities>")
def test_any_bytes_as_xml_of_a_host_are_an_answer(content: bytes) -> None:
    Path("h.xml").write_bytes(content)
    for source in ("--capabilities", "--hwloc"):
        ran = kvmc("host", "probe", source, "h.xml")
        assert ran.code in (0, 1, 2), ran.err
        assert "root:" not in ran.out + ran.err
