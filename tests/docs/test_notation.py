"""The notation of tests.docs.blocks, so that a page that is wrong cannot pass by it."""

from __future__ import annotations

import pytest

from tests.docs.blocks import blocks, commands, shows
from tests.docs.pages import complete

PAGE = """\
# A page

<!-- needs: qemu libvirtd -->
```console
$ kvmc run vm.yaml  # exit code 1 or 3
...
error
$ kvmc ps \\
> --cpu 1
```

<!-- run
$ mkdir x
-->
<!-- file: vms/a.yaml -->
```yaml
memory: 1GiB
```
"""


def test_blocks_and_their_notes() -> None:
    console, hidden, yaml = blocks(PAGE)
    assert (console.language, console.needs, console.line) == ("console", ("qemu", "libvirtd"), 5)
    assert (hidden.language, hidden.text, hidden.needs) == ("console", "$ mkdir x", ())
    assert (yaml.text, yaml.notes) == ("memory: 1GiB", {"file": "vms/a.yaml"})


def test_commands_with_output_and_exit_codes() -> None:
    first, second = commands(blocks(PAGE)[0])
    assert (first.codes, first.output, first.line) == ((1, 3), "...\nerror", 5)
    assert (second.codes, second.output, second.text) == ((0,), "", "kvmc ps \\\n--cpu 1")


@pytest.mark.parametrize(
    "page", ["```yaml\na: 1\n", "<!-- not run: no -->\ntext\n", "<!-- run\n$ true\n"]
)
def test_a_page_that_is_cut_off_is_refused(page: str) -> None:
    with pytest.raises(ValueError, match="line "):
        blocks(page)


def test_output_without_a_prompt_is_refused() -> None:
    with pytest.raises(ValueError, match="starts with"):
        commands(blocks("```console\nhello\n```\n")[0])


@pytest.mark.parametrize(
    ("output", "actual", "same"),
    [
        ("a\nb", "a\nb\n", True),
        ("a\nb", "a\nc\nb\n", False),
        ("a\n...\nb", "a\nc\nd\nb\n", True),
        ("a\n...\nb", "a\nb\n", True),
        ("a\n...", "b\na\n", False),
        ("...\nb", "a\nb\nc\n", False),
        ("...\nb\n...\nd\n...", "a\nb\nc\nd\n", True),
        ("...\nd\n...\nb\n...", "a\nb\nc\nd\n", False),
        ("a\n...\na", "a\n", False),
        ("pid ...: done", "pid 12: done\n", True),
        ("pid ...: done", "pid 12: failed\n", False),
        ("x  ...  y ... z", "x 1      y 2  z\n", True),
        ("x ... y ... z", "x 1 z\n", False),
        ("two  blanks", "two blanks\n", False),
        ("... a ... " * 30 + "b", "a " * 500, False),
    ],
)
def test_output_is_compared(output: str, actual: str, *, same: bool) -> None:
    assert shows(output, actual) is same


def test_a_part_is_completed() -> None:
    assert "memory: 2GiB" in complete({"memory": "2GiB"})
    policy = complete({"policy": {"reserved": "0"}})
    assert "kind: host" in policy
    assert "cores:" in policy
    cpu = complete({"cpu": {"max": 4}})
    assert "count: 2" in cpu
    assert "max: 4" in cpu
    with pytest.raises(ValueError, match="neither"):
        complete({"jobs": {}})
