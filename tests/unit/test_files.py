"""Finding inputs, and reading them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmc import files
from kvmc.files import Text, host_files, read_inputs, unique


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _put(*names: str, text: str = "kvmc: v1\n") -> None:
    for name in names:
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


def _names(*paths: str) -> list[str]:
    return [text.name for text in read_inputs(paths).value or ()]


@given(st.text("/.a", max_size=9))
def test_a_tidy_path_is_what_pathlib_makes_of_it(path: str) -> None:
    assert files.tidy(path) == str(Path(path))


@pytest.mark.parametrize(
    "content",
    [
        b"kvmc: v1\n",
        b"\xef\xbb\xbfkvmc: v1\n",
        b"# a VM\rkvmc: v1\r",
        b"--- {kvmc: v1}\n",
        b"---\n'kvmc' : v1\n",
        b'{\n  "kvmc": "v1"\n}\n',
        b'{\n  "cpu": {"count": 1},\n  "kind": "vm",\n  "kvmc": "v1"\n}\n',
        b"---\n# a VM\n{kind: vm, kvmc: v1}\n",
        b"# a VM\n\n  kind: vm\n  kvmc: v1\n",
        b"a: 1\n---\n  kind: vm\n  kvmc: v1\n",
        b'kind: vm\n"kvmc" : v1\n',
        "kvmc: v1\n".encode("utf-16"),
        "kvmc: v1\n".encode("utf-16-be"),
    ],
)
def test_a_file_outside_of_vms_and_hosts_is_read_in_whatever_form_it_says_kvmc(
    content: bytes,
) -> None:
    Path("a.yaml").write_bytes(content)
    assert _names() == ["a.yaml"]


@pytest.mark.parametrize(
    "text",
    [
        "services:\n  kvmc: {image: x}\n",
        "# kvmc: v1\n",
        "name: kvmc: v1\n",
        "xkvmc: v1\n",
        "a: |\n  kvmc: v1\n  kind: vm\n",
        "{services: {kvmc: {image: x}}}\n",
        "{tags: {kvmc: v1.2}}\n",
        "- kvmc: v1\n",
        '{"a": "kvmc: v1"}\n',
        "{a: 1}  # kvmc: v1\n",
    ],
)
def test_a_file_of_others_that_only_mentions_kvmc_is_passed_over(text: str) -> None:
    _put("a.yaml", text=text)
    assert _names() == []


def test_a_folder_is_searched_to_the_bottom_and_sorted() -> None:
    _put("b.yaml", "a.yml", "vms/deep/c.yaml", "readme.md", "d.json")
    assert _names() == ["a.yml", "b.yaml", "vms/deep/c.yaml"]


def test_hidden_files_and_folders_and_locks_are_passed_over() -> None:
    _put(".git/a.yaml", ".hidden.yaml", "hosts/h.lock.yaml", "hosts/h.lock.yml", "hosts/h.yaml")
    assert _names() == ["hosts/h.yaml"]


@pytest.mark.parametrize("folder", ["vms", "hosts", "vms/team"])
def test_every_yaml_below_vms_and_hosts_is_ours(folder: str) -> None:
    _put(f"{folder}/a.yaml", text="services: {}\n")
    assert _names() == [f"{folder}/a.yaml"]


def test_elsewhere_only_a_kvmc_line_makes_a_file_ours() -> None:
    _put("compose.yaml", text="services: {}\n")
    _put("spec.yaml", text="# a comment\nkvmc: v1\n")
    assert _names() == ["spec.yaml"]


def test_a_file_named_outright_is_ours_whatever_it_holds() -> None:
    _put("compose.txt", text="services: {}\n")
    assert _names("compose.txt") == ["compose.txt"]


@pytest.mark.parametrize("above", ["hosts", "vms"])
def test_where_the_checkout_lies_does_not_make_a_file_ours(above: str, tmp_path: Path) -> None:
    _put(f"{above}/repo/compose.yaml", text="services: {}\n")
    assert _names(str(tmp_path / above / "repo")) == []
    assert _names(f"{above}/repo") == []


def test_a_searched_vms_folder_is_one_from_within_too(monkeypatch: pytest.MonkeyPatch) -> None:
    _put("vms/a.yaml", text="services: {}\n")
    assert _names("vms") == ["vms/a.yaml"]
    monkeypatch.chdir("vms")
    assert _names() == ["a.yaml"]


def test_a_file_reached_by_two_paths_is_read_once() -> None:
    _put("vms/a.yaml")
    Path("b.yaml").symlink_to("vms/a.yaml")
    for paths in (("vms", "vms/a.yaml"), ("vms/a.yaml", "./vms/a.yaml"), (".",)):
        assert len(_names(*paths)) == 1


def test_files_and_folders_mix_and_their_order_does_not_matter() -> None:
    _put("vms/a.yaml", "x/b.yaml", "c.yaml")
    assert _names("x", "c.yaml", "vms") == _names("vms", "x", "c.yaml")


def test_what_is_not_there_is_said_and_the_rest_is_read() -> None:
    _put("a.yaml")
    read = read_inputs(("nosuch.yaml", "a.yaml"))
    assert [text.name for text in read.value or ()] == ["a.yaml"]
    assert [(d.code, d.place.file) for d in read.diagnostics if d.place] == [
        ("KV190", "nosuch.yaml")
    ]


@pytest.mark.parametrize("path", ["a" * 300, "a" * 300 + "/b.yaml", "a.yaml/b.yaml"])
def test_a_path_that_the_system_refuses_is_a_diagnostic(path: str) -> None:
    _put("a.yaml")
    assert [d.code for d in read_inputs((path,)).diagnostics] == ["KV190"]
    assert host_files(path) == ()


def test_a_pipe_met_in_a_folder_is_not_waited_for() -> None:
    _put("vms/a.yaml")
    os.mkfifo("vms/b.yaml")
    assert _names() == ["vms/a.yaml"]


def test_a_link_to_nowhere_is_said() -> None:
    Path("vms").mkdir()
    Path("vms/a.yaml").symlink_to("gone.yaml")
    assert [d.code for d in read_inputs(()).diagnostics] == ["KV190"]


def test_folders_that_link_in_circles_end() -> None:
    _put("vms/a.yaml")
    Path("vms/again").symlink_to(".")
    assert _names() == ["vms/a.yaml"]


def test_no_more_of_a_huge_file_is_read_than_tells_that_it_is_huge() -> None:
    Path("a.yaml").write_bytes(b"x" * (5 << 20))
    (text,) = read_inputs(("a.yaml",)).value or ()
    assert len(text.content) == (4 << 20) + 1


@pytest.mark.parametrize(
    "start", [".", "vms", "vms/a.yaml", "vms/deep/b.yaml", "vms/deep", "-", "hosts"]
)
def test_hosts_is_found_in_beside_or_above_up_to_the_repositorys_root(start: str) -> None:
    _put("vms/a.yaml", "vms/deep/b.yaml", "hosts/h.yaml", ".git/config")
    assert [Path(path).name for path in host_files(start)] == ["h.yaml"]


def test_hosts_beyond_the_repositorys_root_is_someone_elses() -> None:
    _put("hosts/h.yaml", "repo/.git/config", "repo/vms/a.yaml")
    assert host_files("repo/vms/a.yaml") == ()
    assert host_files("repo") == ()


def test_outside_of_a_repository_the_search_ends_where_we_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _put("hosts/h.yaml", "one/two/three/a.yaml")
    assert [Path(p).name for p in host_files("one/two/three/a.yaml")] == ["h.yaml"]
    monkeypatch.chdir(tmp_path / "one")
    assert host_files("two/three") == ()


def test_outside_of_a_repository_hosts_may_be_beside_where_we_are() -> None:
    _put("hosts/h.yaml", "vms/a.yaml", "vms/deep/b.yaml")
    os.chdir("vms")
    assert [Path(p).name for p in host_files(".")] == ["h.yaml"]
    assert host_files("deep") == ()


def test_the_nearest_hosts_wins() -> None:
    _put("hosts/far.yaml", "team/hosts/near.yaml", "team/vms/a.yaml", ".git/config")
    assert [Path(p).name for p in host_files("team/vms")] == ["near.yaml"]


def test_hosts_holds_no_locks_and_no_hidden_files() -> None:
    _put("hosts/h.yaml", "hosts/h.lock.yaml", "hosts/.h.yaml.swp.yaml", "hosts/notes.txt")
    assert [Path(p).name for p in host_files(".")] == ["h.yaml"]


def test_texts_read_twice_are_one() -> None:
    _put("a.yaml")
    one, two = Text(name="a.yaml", content=b"1"), Text(name="./a.yaml", content=b"2")
    assert unique((one, two)) == (one,)


def test_a_base_may_stand_above_its_spec_where_none_is_beside_it() -> None:
    _put("base/b.xml", text="<above/>")
    _put("base/c.xml", text="<above/>")
    _put("vms/web/base/c.xml", text="<beside/>")
    assert files.read_base("vms/web/a.yaml", "base/b.xml").value == b"<above/>"
    assert files.read_base("vms/web/a.yaml", "base/c.xml").value == b"<beside/>"


def test_a_base_is_beside_its_spec_and_not_where_one_stands() -> None:
    _put("vms/base/b.xml", text="<domain/>")
    assert files.read_base("vms/a.yaml", "base/b.xml").value == b"<domain/>"
    assert [d.code for d in files.read_base("<stdin>", "base/b.xml").diagnostics] == ["KV190"]
