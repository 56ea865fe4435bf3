"""Every YAML and console block of the pages does what the page says; tests.docs.blocks has how.

A page is one session: its blocks run in order in one folder. What needs a hypervisor runs in a
second session, with all of the page, where that hypervisor is.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.docs.blocks import Block, blocks, commands
from tests.docs.pages import PAGES, complete, documents, is_whole
from tests.docs.session import Session, session
from tests.support.console import kvmc
from tests.support.paths import REPO

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_RUN = ("yaml", "console")
_SHOWN = ("", "text", "xml", "json", "ini")
"""Languages of blocks that are only looked at."""
_OPTIONAL = ("virt-install",)
"""What `make test` does not install."""
_DOMAINS = re.compile(r"^(?:> )?name: (\S+)$", re.MULTILINE)

_BLOCKS = {page: blocks(page.read_text("utf-8")) for page in PAGES}
_NEEDING = [page for page, found in _BLOCKS.items() if any(block.needs for block in found)]
_YAML = [
    pytest.param(page, block, id=f"{page.name}:{block.line}")
    for page, found in _BLOCKS.items()
    for block in found
    if block.language == "yaml"
]


def _name(page: Path) -> str:
    return page.relative_to(REPO).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_command_is_in_a_block_that_runs(page: Path) -> None:
    found = _BLOCKS[page]
    text = page.read_text("utf-8")
    assert {block.language for block in found} <= {*_RUN, *_SHOWN}
    assert not re.findall(r"^    (?:\$ |kvmc |virsh |pip )", text, re.MULTILINE), (
        "an indented command is not run: make it a console block"
    )
    for block in found:
        if block.language == "console":
            assert commands(block)
        else:
            assert not re.search(r"^\$ ", block.text, re.MULTILINE), f"line {block.line}"


@pytest.mark.parametrize(("page", "block"), _YAML)
def test_yaml_is_what_kvmc_takes(page: Path, block: Block, tmp_path: Path) -> None:
    parsed = documents(block.text)
    if block.skipped:
        return
    quoted = REPO / page.parent / block.notes.get("file", "none")
    if quoted.is_file():
        assert block.text == quoted.read_text("utf-8").rstrip("\n")
    text = block.text if is_whole(parsed[0]) else complete(parsed[0])
    (tmp_path / "page.yaml").write_text(f"{text}\n", "utf-8")
    ran = kvmc("check", tmp_path / "page.yaml")
    wrong = "exit code 1" in "".join(b.text for b in _BLOCKS[page] if b.line > block.line)
    # a page may show a mistake, and what kvmc says of it
    assert ran.code == 0 or (wrong and "file" in block.notes), ran.err


@pytest.mark.parametrize(
    "page",
    [p for p, found in _BLOCKS.items() if any(b.language == "console" for b in found)],
    ids=_name,
)
def test_commands_do_what_the_page_shows(page: Path) -> None:
    with session() as opened:
        _walk(opened, [block for block in _BLOCKS[page] if not block.needs])


@pytest.mark.e2e
@pytest.mark.xdist_group("libvirt")
@pytest.mark.parametrize("page", _NEEDING, ids=_name)
def test_the_whole_page_on_a_hypervisor(page: Path, request: pytest.FixtureRequest) -> None:
    found = _BLOCKS[page]
    needs = sorted({need for block in found for need in block.needs})
    for need in needs:
        if reason := _missing(need):
            must = os.environ.get("CI") and need not in _OPTIONAL
            pytest.fail(reason) if must else pytest.skip(reason)
    names = []
    if "libvirtd" in needs:
        request.getfixturevalue("libvirtd")
        names = _DOMAINS.findall(page.read_text("utf-8"))
    if taken := _virsh("list", "--all", "--name").split() if names else []:
        # their pins would count, and a name may be theirs
        pytest.skip(f"this libvirt has domains of its own: {', '.join(taken)}")
    try:
        with session() as opened:
            _walk(opened, found)
    finally:
        for name in names:
            _virsh("destroy", name)
            _virsh("undefine", name)


def _walk(opened: Session, found: Sequence[Block]) -> None:
    """Write the page's files and run its commands in their order; fail at the first surprise."""
    for block in found:
        if block.skipped:
            continue
        if block.language == "yaml" and "file" in block.notes:
            opened.write(block.notes["file"], block.text)
        elif block.language == "console":
            for command in commands(block):
                if wrong := opened.run(command):
                    pytest.fail(wrong, pytrace=False)


def _missing(need: str) -> str:
    """Return why something is not there; '' where it is."""
    if need == "qemu":
        if shutil.which("qemu-system-x86_64") is None:
            return "qemu-system-x86_64 is not installed"
        fetched = subprocess.run(
            [str(REPO / ".ci" / "guest-kernel")], capture_output=True, text=True, check=False
        )
        return "" if fetched.returncode == 0 else f"no kernel for a guest: {fetched.stderr}"
    if need == "virt-install":
        return "" if shutil.which(need) else f"{need} is not installed"
    if need == "libvirtd":
        return ""  # its fixture says so itself
    raise ValueError(f"a page needs {need}, and no one knows what that is")


def _virsh(*arguments: str) -> str:
    if shutil.which("virsh") is None:
        return ""
    command = ["virsh", "-q", "-c", "qemu:///system", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stdout
