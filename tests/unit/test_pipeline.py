"""The stages joined: nothing is read or printed, and the order of the texts never shows."""

from __future__ import annotations

from itertools import permutations

import pytest
from msgspec.structs import replace

from kvmc import homes, intake, pipeline
from kvmc.diagnostics import Place, error
from kvmc.files import Text
from kvmc.intake import Repository
from kvmc.pipeline import Wishes
from tests.unit.commands.repository import host, vm


def _texts(**files: str) -> tuple[Text, ...]:
    return tuple(Text(name=f"{name}.yaml", content=text.encode()) for name, text in files.items())


def _read(**files: str) -> Repository:
    checked = intake.check(_texts(**files))
    assert checked.value is not None
    assert not checked.diagnostics
    return checked.value


def _planned(wishes: Wishes | None = None, **files: str) -> pipeline.Planned:
    planned = pipeline.plan(_read(**files), wishes or Wishes())
    assert planned.value is not None
    return planned.value


def test_several_documents_of_one_file_are_told_apart() -> None:
    repository = _read(all=vm("b") + "---\n" + host() + "---\n" + vm("a"))
    assert [(v.name, v.place.document) for v in repository.vms] == [("a", 2), ("b", 0)]
    assert [h.name for h in repository.hosts] == ["h"]
    assert len(repository.documents) == 3


def test_what_is_sound_is_loaded_beside_what_is_not() -> None:
    checked = intake.check(_texts(a=vm("a"), b="kvmc: v1\nkind: vm\n", c="{", d=host("d")))
    assert checked.value is not None
    assert [v.name for v in checked.value.vms] == ["a"]
    assert [h.name for h in checked.value.hosts] == ["d"]
    assert {d.place.file for d in checked.diagnostics if d.place} == {"b.yaml", "c.yaml"}


def test_the_order_of_the_texts_changes_no_report() -> None:
    texts = _texts(a=vm("x", 3), b=vm("y", 9), c=host(), d=vm("z/"), e=vm("x", 2), f=host())
    seen = set()
    for order in permutations(texts):
        checked = intake.check(order)
        assert checked.value is not None
        seen.add(intake.report(checked.diagnostics, checked.value))
    assert len({tuple(d.code for d in found) for found in seen}) == 1
    assert len(seen) == 1


def test_the_order_of_the_texts_changes_no_plan() -> None:
    texts = _texts(a=vm("x", 3), b=vm("y", 9), c=host(), d=vm("z", 2), e=vm("w", strategy="none"))
    seen = set()
    for order in permutations(texts):
        repository = intake.check(order).value or Repository()
        planned = pipeline.plan(repository, Wishes())
        assert planned.value is not None
        found = intake.report(planned.diagnostics, repository)
        seen.add((repository.vms, repository.hosts, planned.value.plan, found))
    assert len(seen) == 1


def test_a_host_described_twice_is_an_error_at_the_second_name() -> None:
    checked = intake.check(_texts(a=host("h"), b=host("h", cores=2)))
    (found,) = checked.diagnostics
    assert found.place is not None
    assert (found.code, found.place.file, found.place.pointer) == ("KV462", "b.yaml", "/name")


def test_a_report_is_located_sorted_and_without_repetition() -> None:
    repository = _read(b=vm("b"), a=vm("a"))
    places = [Place(file=f"{n}.yaml", pointer=p) for n in "ba" for p in ("/cpu/count", "/name")]
    found = intake.report([error("KV301", "x", p) for p in (*places, *places)], repository)
    assert [(d.place.file, d.span.line, d.span.column) for d in found if d.place and d.span] == [
        ("a.yaml", 3, 7),
        ("a.yaml", 5, 14),
        ("b.yaml", 3, 7),
        ("b.yaml", 5, 14),
    ]


@pytest.mark.parametrize(
    ("strategy", "line", "forced", "expected"),
    [
        ("none", "host: h", "h", None),
        ("dedicated", "host: h", None, "h"),
        ("dedicated", "host: other", "h", "h"),
        ("dedicated", "# none", None, "h"),
        ("manual", "# none", None, None),
        ("manual", "# none", "h", "h"),
        ("manual", "host: h", None, "h"),
    ],
)
def test_who_goes_where(strategy: str, line: str, forced: str | None, expected: str | None) -> None:
    pin = "pin: {strategy: manual, map: {0: 0, 1: 4}}" if strategy == "manual" else ""
    text = vm("a", 2, line, pin, strategy=None if pin else strategy)
    planned = _planned(Wishes(forced=forced), a=text, b=host())
    assert list(planned.vms) == [(expected, "a")]


def test_vms_without_a_host_come_first_then_hosts_by_name() -> None:
    planned = _planned(
        a=vm("a", 2, "host: two"), b=vm("b", 2, "host: one"), c=vm("c", strategy="none"),
        x=host("two"), y=host("one"),
    )  # fmt: skip
    names = [h.host.name if h.host else None for h in planned.plan.hosts]
    assert names == [None, "one", "two"]
    assert planned.files == {
        (None, "c"): "c.yaml", ("one", "b"): "b.yaml", ("two", "a"): "a.yaml",
    }  # fmt: skip


def test_hosts_without_a_vm_are_not_planned() -> None:
    planned = _planned(a=vm("a", 2, "host: one"), x=host("two"), y=host("one"))
    assert [h.host.name for h in planned.plan.hosts if h.host] == ["one"]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"a": vm("a")}, True),
        ({"a": vm("a"), "h": host()}, False),
        ({"a": vm("a", 2, "host: h")}, False),
        ({"a": vm("a", strategy="none")}, False),
    ],
    ids=["dedicated", "with a host", "names one", "none"],
)
def test_this_machine_is_wanted_only_where_nothing_else_is(
    files: dict[str, str], expected: bool
) -> None:
    repository = _read(**files)
    assert homes.homeless(repository.vms, repository.hosts, None) is expected


def test_where_it_would_fit_counts_what_the_host_has_already() -> None:
    repository = _read(
        a=vm("full", 8, "host: one"), b=vm("free", 4), x=host("one"), y=host("two"),
    )  # fmt: skip
    found = [d for d in pipeline.plan(repository, Wishes()).diagnostics if d.code == "KV461"]
    assert [d.message.rsplit(": ", 1)[1] for d in found] == ["it would fit on two"]


def test_where_it_would_fit_counts_what_the_lock_holds() -> None:
    """The locked VM is not among those that are planned: one file of a repository."""
    parts = {"x": host("one"), "y": host("two")}
    full = pipeline.plan(_read(a=vm("full", 8, "host: one"), **parts), Wishes()).value
    assert full is not None
    repository = replace(_read(b=vm("free", 4), **parts), locks={"one": full.locks["one"][0]})
    found = pipeline.plan(repository, Wishes(whole=False)).diagnostics
    assert [d.message.rsplit(": ", 1)[1] for d in found] == ["it would fit on two"]
    assert [d.hint for d in found] == ["say `host: two` in the spec, or --host"]


def test_a_vm_that_has_to_choose_fits_where_its_own_line_is() -> None:
    parts = {"x": host("one"), "y": host("two", cores=2)}
    full = pipeline.plan(_read(a=vm("a", 8, "host: one"), **parts), Wishes()).value
    assert full is not None
    repository = replace(_read(a=vm("a", 8), **parts), locks={"one": full.locks["one"][0]})
    for whole in (True, False):
        found = pipeline.plan(repository, Wishes(whole=whole)).diagnostics
        assert [d.message.rsplit(": ", 1)[1] for d in found] == ["it would fit on one"]


def test_where_nothing_would_fit_the_hint_leads_to_the_reason() -> None:
    repository = _read(b=vm("big", 40), x=host("one"), y=host("two"))
    (found,) = [d for d in pipeline.plan(repository, Wishes()).diagnostics if d.is_error]
    assert (found.hint or "").startswith("`kvmc plan --host one b.yaml` says what")


def test_it_says_where_nothing_would_fit() -> None:
    repository = _read(b=vm("big", 40), x=host("one"), y=host("two"))
    (found,) = [d for d in pipeline.plan(repository, Wishes()).diagnostics if d.is_error]
    assert "it would fit on none of them" in found.message


def test_artefacts_are_named_by_host_and_vm() -> None:
    planned = _planned(a=vm("a"), b=vm("b", strategy="none"), h=host())
    built = pipeline.build(planned, {}, "libvirt")
    assert [a.name for a in built.value or ()] == ["b.xml", "h/a.xml"]


def test_only_what_has_a_place_is_rendered() -> None:
    planned = _planned(a=vm("a", 4), b=vm("b", 9), h=host())
    built = pipeline.build(planned, {}, "libvirt")
    assert [a.name for a in built.value or ()] == ["h/a.xml"]


@pytest.mark.parametrize(("line", "forced"), [("host: arm", None), ("# none", "arm")])
def test_a_vm_without_pins_is_of_the_architecture_of_the_host_it_names(
    line: str, forced: str | None
) -> None:
    arm = host("arm").replace("x86_64", "aarch64")
    asked = vm("a", 2, line, "machine: virt", strategy=None)
    planned = _planned(Wishes(forced=forced), a=asked, h=arm, x=host())
    assert list(planned.vms) == [(None, "a")]
    (xml,) = pipeline.build(planned, {}, "libvirt").value or ()
    assert "<type arch='aarch64' machine='virt'>" in xml.text
    assert "<apic/>" not in xml.text
    (command,) = pipeline.build(planned, {}, "qemu").value or ()
    assert command.argv[0] == "qemu-system-aarch64"


def test_a_vm_that_neither_has_pins_nor_names_a_host_is_of_the_default_architecture() -> None:
    arm = host("arm").replace("x86_64", "aarch64")
    planned = _planned(a=vm("a", strategy=None), h=arm)
    (xml,) = pipeline.build(planned, {}, "libvirt").value or ()
    assert "<type arch='x86_64' machine='q35'>" in xml.text
