"""Whatever a document holds, loading gives diagnostics and never an exception."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from kvmc.codes import CODES
from kvmc.host.snapshot import load_host
from kvmc.source.document import Document
from kvmc.spec.load import load_vm
from tests.unit.spec.documents import HEADER, document
from tests.unit.spec.test_load import FULL

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmc.diagnostics import Outcome

HOST = """
kvmc: v1
kind: host
name: h
arch: x86_64
model: some
nodes: [{id: 0, memory: 1GiB, hugepages: {2MiB: 1}, distances: {0: 10}}]
cores: [{package: 0, die: 0, node: 0, l3: 0, kind: performance, cpus: [[0, 1], [2, 3]]}]
offline: "4"
isolated: "1"
policy: {reserved: "0", shared: "1", dedicated: 2-3, pools: {x: "3"}, overcommit: 2.0,
         core_sharing: allow}
"""
BASES: list[tuple[Any, Callable[[Document], Outcome[Any]]]] = [
    (document(HEADER + FULL).data, load_vm),
    (document(HOST).data, load_host),
]

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 2**70),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from(["0-3", "^1", "1GiB", "2MB", "0KiB", "own", "pty", "010", "5-1", "-1", "32G"]),
)
anything = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(st.text(max_size=4), st.integers(-1, 9)), inner, max_size=3),
    ),
    max_leaves=6,
)


@st.composite
def mutated(draw: st.DrawFn) -> tuple[Any, Callable[[Document], Outcome[Any]]]:
    """Return one of the documents with up to four values or keys replaced by anything."""
    base, load = draw(st.sampled_from(BASES))
    data = copy.deepcopy(base)
    for _ in range(draw(st.integers(1, 4))):
        _mutate(data, draw)
    return data, load


def _mutate(data: Any, draw: st.DrawFn) -> None:
    node = data
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        if not keys:
            return
        key = draw(st.sampled_from(keys))
        inner = node[key]
        if isinstance(inner, dict | list) and inner and draw(st.booleans()):
            node = inner
            continue
        if isinstance(node, dict) and draw(st.integers(0, 3)) == 0:
            node[draw(st.one_of(st.text(max_size=4), st.integers(0, 9)))] = node.pop(key)
        else:
            node[key] = draw(anything)
        return


@given(mutated())
def test_loading_is_total(case: tuple[Any, Callable[[Document], Outcome[Any]]]) -> None:
    data, load = case
    outcome = load(Document(file="f.yaml", index=0, data=data))
    assert outcome.value is not None or outcome.failed
    assert (outcome.value is None) <= any(d.is_error for d in outcome.diagnostics)
    assert len(set(outcome.diagnostics)) == len(outcome.diagnostics)
    for diagnostic in outcome.diagnostics:
        assert diagnostic.code in CODES or diagnostic.code.startswith("KV4")
        assert diagnostic.message.isprintable()
        assert diagnostic.hint is None or diagnostic.hint.isprintable()


@given(anything)
def test_loading_anything_at_all_is_total(data: Any) -> None:
    for _, load in BASES:
        assert load(Document(file="f.yaml", index=0, data=data)).value is None
