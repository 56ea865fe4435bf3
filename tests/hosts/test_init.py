"""On every captured machine `kvmc init` writes what its own commands have no word against."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kvmc import cli
from kvmc.diagnostics import Outcome
from tests.hosts.test_hosts import FOLDERS, read
from tests.support.paths import needs_shared

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = needs_shared

LIGHTEST = ("hwloc.xml", "capabilities.xml", "hwloc-v3.xml", "sysfs.tar.gz")


@pytest.mark.parametrize("folder", [f.parent for f in FOLDERS], ids=lambda folder: folder.name)
def test_the_files_of_init_pass_check_and_plan(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = next(folder / name for name in LIGHTEST if (folder / name).exists())
    host = read(file).value
    assert host is not None
    monkeypatch.setattr("kvmc.host.probe.probe_sysfs", lambda *_: Outcome(host))
    monkeypatch.chdir(tmp_path)
    for command in ("init", "check --strict", "plan --strict --locked", "build --strict"):
        code = cli.main(command.split())
        said = capsys.readouterr()
        assert (command, code, said.err if code else "") == (command, 0, "")
    assert "<name>example</name>" in said.out
