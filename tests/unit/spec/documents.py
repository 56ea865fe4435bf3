"""Documents for the tests of this folder: text in, one `Document` or `Vm` out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.source.reader import read
from kvmc.spec.load import load_vm

if TYPE_CHECKING:
    from kvmc.source.document import Document
    from kvmc.spec.model import Vm

HEADER = "kvmc: v1\nkind: vm\n"
SMALL = f"{HEADER}name: web\nmemory: 4GiB\n"


def document(text: str) -> Document:
    """Read one document that YAML itself has nothing against."""
    read_text = read(text.encode(), "vm.yaml")
    assert not read_text.diagnostics
    assert read_text.value is not None
    return read_text.value[0]


def load(text: str) -> tuple[Vm | None, tuple[str, ...]]:
    """Load a VM; return it and the codes of all diagnostics."""
    outcome = load_vm(document(text))
    return outcome.value, tuple(d.code for d in outcome.diagnostics)


def vm(body: str) -> Vm:
    """Load a VM of 4GiB named web that nothing is wrong with."""
    value, codes = load(SMALL + body)
    assert codes == ()
    assert value is not None
    return value


def codes(body: str) -> tuple[str, ...]:
    """Return what is wrong with a VM of 4GiB named web."""
    return load(SMALL + body)[1]
