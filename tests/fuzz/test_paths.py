"""Names and paths that are no plain files, for every argument that is one."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kvmc import files, writing
from tests.fuzz import corpus
from tests.fuzz.cli import changed, judge, kvmc, snapshot
from tests.fuzz.places import inside
from tests.fuzz.test_domains import HOST
from tests.unit.host.trees import smt_host

if TYPE_CHECKING:
    from collections.abc import Iterator

VM = b"{kvmc: v1, kind: vm, name: %s, memory: 1GiB, cpu: {count: 2}, pin: {strategy: dedicated}}\n"
LONG = "a" * 300
DEEP = "a/" * 2600 + "x.yaml"

AWKWARD = (
    "folder", "pipe", "loop", "dangling", "nowhere/x.yaml", "vms/web.yaml/x.yaml", "/dev/zero",
    "/dev/null", "/proc/self/mem", "/dev/full", LONG, f"{LONG}.yaml", DEEP, "", "esc\x1b[31m.yaml",
    "line\nbreak.yaml", "\udcff.yaml", "\u202e.yaml", "loop/x.yaml", "./loop", "./pipe", "./folder",
)  # fmt: skip
READERS: tuple[tuple[str, ...], ...] = (
    ("check", "@"), ("check", "@", "--format", "sarif"), ("check", "@", "--format", "github"),
    ("check", "@", "--format", "json"), ("plan", "@"), ("plan", "@", "vms"), ("build", "@"),
    ("check", "vms", "--host", "@"), ("plan", "vms", "--host", "@"), ("map", "@"),
    ("map", "vms", "@", "--format", "json"), ("host", "show", "@"),
    ("host", "show", "@", "--format", "json"), ("host", "probe", "--capabilities", "@"),
    ("host", "probe", "--hwloc", "@"), ("host", "probe", "--sysfs", "@"), ("import", "@"),
    ("import", "@", "--format", "json"), ("import", "d.xml", "--host", "@"),
    ("verify", "vms/web.yaml", "--cpuinfo", "@"), ("lock", "@", "--locked"),
)  # fmt: skip
WRITERS: tuple[tuple[str, ...], ...] = (
    ("build", "-o", "@"), ("build", "--target", "qemu", "-o", "@"), ("map", "--svg", "@"),
    ("map", "--html", "@"), ("host", "probe", "--sysfs", "root", "-o", "@"),
    ("import", "d.xml", "-o", "@"), ("init", "@"),
)  # fmt: skip


def repository() -> corpus.Folder:
    tree = {f"root/{name}": text.encode() for name, text in smt_host().items()}
    return {
        **tree,
        "hosts/kvm-07.yaml": HOST.read_bytes(),
        "vms/web.yaml": VM % b"web",
        "d.xml": corpus.xml("domain")[0],
    }


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(files, "_PATIENCE_MS", 20)
    with inside(repository()) as folder:
        Path("folder").mkdir()
        os.mkfifo("pipe")
        Path("loop").symlink_to("loop")
        Path("dangling").symlink_to("not/there")
        for number, name in enumerate(AWKWARD[-10:-6]):
            if "/" not in name and name:
                Path(name).write_bytes(VM % (b"odd%d" % number))
        yield folder


def fill(command: tuple[str, ...], path: str) -> tuple[str, ...]:
    return tuple(path if word == "@" else word for word in command)


FEW = ("folder", "pipe", "loop/x.yaml", "/dev/zero", LONG, "esc\x1b[31m.yaml", "\udcff.yaml")
SETS = [pytest.param(FEW, id="few"), pytest.param(AWKWARD, id="all", marks=pytest.mark.slow)]


@pytest.mark.parametrize("paths", SETS)
@pytest.mark.parametrize("command", READERS, ids=" ".join)
@pytest.mark.usefixtures("work")
def test_what_is_read_may_be_anything(command: tuple[str, ...], paths: tuple[str, ...]) -> None:
    before = snapshot(Path.cwd())
    for path in paths:
        judge(kvmc(*fill(command, path)))
    assert not changed(before, snapshot(Path.cwd()))


@pytest.mark.parametrize("paths", SETS)
@pytest.mark.parametrize("command", WRITERS, ids=" ".join)
def test_what_is_written_may_be_anywhere(
    command: tuple[str, ...], paths: tuple[str, ...], work: Path
) -> None:
    kvmc("lock")
    for path in (p for p in paths if not p.startswith("/")):
        before = snapshot(work.parent)
        run = kvmc(*fill(command, path))
        judge(run)
        wrote = {p.removeprefix("work/") for p in changed(before, snapshot(work.parent))}
        if path:
            assert {Path(p).parts[0] for p in wrote} <= {Path(path).parts[0]}, (run, wrote)


@pytest.mark.parametrize("kind", ["device", "pipe"])
def test_a_device_or_a_pipe_is_not_renamed_over(kind: str, work: Path) -> None:
    if kind == "device":
        try:
            os.mknod(work / kind, stat.S_IFCHR | 0o666, os.makedev(1, 3))  # a /dev/null to lose
        except PermissionError:
            pytest.skip("needs CAP_MKNOD")
    before = os.lstat(work / kind)
    run = kvmc("map", "hosts", "--svg", kind)
    judge(run)
    assert run.code == (4 if kind == "pipe" else 0), run
    assert os.lstat(work / kind).st_ino == before.st_ino
    assert {p.name for p in work.iterdir() if p.name.startswith(".")} == set()


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/null", "/dev/../dev/stdout"])
def test_what_is_in_dev_is_written_to(name: str) -> None:
    assert writing.is_special(Path(name))  # a test that fails must not harm /dev


def test_a_lock_whose_name_would_be_too_long(work: Path) -> None:
    (work / "hosts" / "kvm-07.yaml").rename(work / "hosts" / f"{'h' * 250}.yaml")
    run = kvmc("plan")
    judge(run)
    assert "too long" in run.err


@pytest.mark.parametrize(
    "base", ["folder", "pipe", "loop", "dangling", "/dev/zero", "/dev/null", LONG, DEEP, ".", "/"]
)
def test_a_base_may_be_anything(base: str, work: Path) -> None:
    (work / "b.yaml").write_bytes((VM % b"b").replace(b"}}", b"}, base: %s}" % base.encode()))
    for prefix in ("", "../"):
        judge(kvmc("build", f"{prefix}work/b.yaml" if prefix else "b.yaml"))


def test_a_pipe_with_a_slow_writer_is_waited_for(work: Path) -> None:
    def write() -> None:
        with (work / "pipe").open("wb") as stream:
            threading.Event().wait(1.5)
            stream.write(VM % b"piped")

    writer = threading.Thread(target=write)
    writer.start()
    run = kvmc("check", "pipe")
    writer.join()
    assert run.code == 0, run
    assert "1 VM" in run.err


@pytest.mark.parametrize("name", ["hosts/p.yaml", "vms/p.yaml", "p.yaml", "hosts/l.yaml"])
def test_a_pipe_met_in_a_folder_is_passed_over(name: str, work: Path) -> None:
    if name == "hosts/l.yaml":
        (work / name).symlink_to("../pipe")
    else:
        os.mkfifo(work / name)
    run = kvmc("check")
    judge(run)
    assert run.code == 0, run


def _as_nobody(*argv: str) -> tuple[int, str]:
    """Run a command as a user who owns nothing here; root may read what nobody may."""
    os.seteuid(65534)
    try:
        run = kvmc(*argv)
    finally:
        os.seteuid(0)
    judge(run)
    return run.code, run.err


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become nobody")
@pytest.mark.parametrize("name", ["hosts", "vms", "vms/web.yaml", "hosts/kvm-07.yaml"])
def test_what_may_not_be_read_is_said(name: str, work: Path) -> None:
    for folder in (work.parent, work):
        folder.chmod(0o755)
    assert _as_nobody("check")[0] == 0
    (work / name).chmod(0)
    code, said = _as_nobody("check")
    assert code == 1
    assert f"{name}: error[KV190]: permission denied" in said


def test_a_link_in_the_output_folder_leads_nowhere_else(work: Path) -> None:
    (work / "elsewhere").mkdir()
    (work / "out").mkdir()
    (work / "out" / "kvm-07").symlink_to("../elsewhere")
    run = kvmc("build", "-o", "out")
    judge(run)
    assert run.code in (1, 4)
    assert "error[KV192]" in run.err
    assert not list((work / "elsewhere").iterdir())
    (work / "also").symlink_to("elsewhere")
    assert kvmc("build", "-o", "also").code == 0, "the folder itself may be a link"
    assert (work / "elsewhere" / "kvm-07" / "web.xml").is_file()


def test_an_artefact_that_is_a_link_is_replaced_and_not_followed(work: Path) -> None:
    (work / "precious").write_text("mine")
    (work / "out" / "kvm-07").mkdir(parents=True)
    (work / "out" / "kvm-07" / "web.xml").symlink_to(work / "precious")
    assert kvmc("build", "-o", "out").code == 0
    assert (work / "precious").read_text() == "mine"


NAMES = st.text(
    st.characters(exclude_characters="/\0") | st.sampled_from("\udc80\udcff.-\n\x1b \\'\""),
    min_size=1,
    max_size=12,
).filter(lambda name: name not in (".", "..") and _can_be_a_name(name))


def _can_be_a_name(name: str) -> bool:
    try:
        os.fsencode(name)
    except UnicodeEncodeError:
        return False
    return True


COMMANDS = (
    ("check",), ("check", "--format", "json"), ("check", "--format", "sarif"), ("lock",),
    ("check", "--format", "github"), ("plan",), ("plan", "--format", "json"), ("map",),
    ("build", "-o", "out"), ("build", "--format", "json"), ("map", "--format", "json"),
)  # fmt: skip


@settings(max_examples=25)
@given(NAMES, NAMES, NAMES, st.sampled_from(COMMANDS))
def test_files_of_any_name(vm: str, host: str, folder: str, command: tuple[str, ...]) -> None:
    files_of_any_name(vm, host, folder, command)


def files_of_any_name(vm: str, host: str, folder: str, command: tuple[str, ...]) -> None:
    named = {
        f"{folder}/vms/{vm}.yaml": VM % b"web" + b"---\n{kvmc: v1, kind: vm}\n" * (len(vm) % 2),
        f"{folder}/hosts/{host}.yaml": HOST.read_bytes(),
    }
    with inside(named):
        judge(kvmc(*command, f"./{folder}"))


WORDS = st.sampled_from(
    ["check", "plan", "build", "lock", "map", "host", "probe", "show", "import", "schema", "vm",
     "explain", "KV301", "KV", "completion", "bash", "--format", "json", "sarif", "-o", "out", "-",
     "--", "--host", "kvm-07", "local", "--strict", "--replan", "--locked", "--svg", "--html", ".",
     "vms", "hosts", "d.xml", "--explain", "web", "--target", "qemu", "--sysfs", "root", "--name",
     "--color", "always", "--capabilities", "--hwloc", "verify", "--cpuinfo", "@x", "\x1b[31m", ""]
) | NAMES  # fmt: skip
HARMLESS = st.sampled_from(["check", "plan", "build", "map", "host", "import", "schema", "explain"])


@settings(max_examples=25)
@given(HARMLESS, st.lists(WORDS, max_size=5))
def test_any_command_line(command: str, words: list[str]) -> None:
    any_command_line(command, words)


def any_command_line(command: str, words: list[str]) -> None:
    with inside(repository()):
        run = kvmc(command, *words, stdin=VM % b"web")
        assert run.code in (0, 1, 2, 3, 4), run
        assert "Traceback" not in run.err
        assert "KV9" not in run.err, run


@pytest.mark.slow
@settings(max_examples=1_000, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_many_names_and_command_lines(data: st.DataObject) -> None:
    if data.draw(st.booleans()):
        files_of_any_name(data.draw(NAMES), data.draw(NAMES), data.draw(NAMES),
                          data.draw(st.sampled_from(COMMANDS)))  # fmt: skip
    else:
        any_command_line(data.draw(HARMLESS), data.draw(st.lists(WORDS, max_size=5)))
