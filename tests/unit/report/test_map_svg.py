"""The SVG: well-formed, nothing outside of its box or on top of its neighbour, names escaped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from lxml import etree
from msgspec.structs import replace

from kvmc.report.picture.compose import compose
from kvmc.report.picture.layout import layout, text_width
from kvmc.report.picture.model import Box, Cpu
from kvmc.report.picture.svg import to_svg
from tests.property.hosts import SHAPES, synthetic
from tests.unit.report.hosts import EVIL, ODD, full, large

if TYPE_CHECKING:
    from kvmc.report.picture.layout import Spot
    from kvmc.report.picture.model import Picture

SVG = "{http://www.w3.org/2000/svg}"
PICTURES = {
    "full": full(),
    "large": large(),
    **{name: compose(host, None, {}) for name, host in ODD.items()},
    **{shape: compose(synthetic(shape), None, {}) for shape in SHAPES},
}


def _parsed(text: str) -> Any:
    return etree.fromstring(text.encode())


def _apart(one: Spot, other: Spot) -> bool:
    close = 0.01
    return (
        one.x + one.width <= other.x + close
        or other.x + other.width <= one.x + close
        or one.y + one.height <= other.y + close
        or other.y + other.height <= one.y + close
    )


def _inside(inner: Spot, outer: Spot) -> bool:
    return (
        outer.x <= inner.x
        and outer.y <= inner.y
        and inner.x + inner.width <= outer.x + outer.width
        and inner.y + inner.height <= outer.y + outer.height
    )


@pytest.mark.parametrize("picture", PICTURES.values(), ids=PICTURES)
def test_no_cpu_covers_another_and_every_cpu_is_within_its_boxes(picture: Picture) -> None:
    spots = layout(picture).spots
    cpus = [spot for spot in spots if isinstance(spot.what, Cpu)]
    rows: dict[float, list[Spot]] = {}
    for spot in cpus:
        rows.setdefault(spot.y, []).append(spot)
    for row in rows.values():
        row.sort(key=lambda spot: spot.x)
        assert all(map(_apart, row, row[1:]))
    for frame in spots:
        if isinstance(frame.what, Box):
            mine = set(map(id, frame.what.cpus))
            assert all(_inside(spot, frame) for spot in cpus if id(spot.what) in mine)


@pytest.mark.parametrize("picture", PICTURES.values(), ids=PICTURES)
def test_boxes_of_one_parent_stand_apart(picture: Picture) -> None:
    spots = {id(spot.what): spot for spot in layout(picture).spots}
    families = [picture.boxes]
    while families:
        boxes = families.pop()
        families += [box.boxes for box in boxes]
        found = [spots[id(box)] for box in boxes]
        assert all(_apart(a, b) for n, a in enumerate(found) for b in found[:n])


@pytest.mark.parametrize("picture", PICTURES.values(), ids=PICTURES)
def test_every_cpu_is_drawn_once_and_everything_stays_on_the_page(picture: Picture) -> None:
    root = _parsed(to_svg((picture,)))
    drawn = [e for e in root.iter(f"{SVG}text") if (e.get("class") or "").startswith("n ")]
    assert sorted(int(e.text) for e in drawn) == [cpu.id for cpu in picture.cpus]
    width, height = float(root.get("width")), float(root.get("height"))
    rects = [r for r in root.iter(f"{SVG}rect") if r.get("x")]
    assert all(float(r.get("x")) + float(r.get("width")) <= width for r in rects)
    assert all(float(r.get("y")) + float(r.get("height")) <= height for r in rects)


def test_every_class_has_a_rule_and_every_pattern_is_defined() -> None:
    for picture in (full(), large()):
        root = _parsed(to_svg((picture,)))
        style = root.find(f"{SVG}style").text
        classes = {c for e in root.iter() for c in (e.get("class") or "").split()}
        assert not [c for c in classes if f".{c}{{" not in style and f".{c}," not in style]
        patterns = {p.get("id") for p in root.iter(f"{SVG}pattern")}
        assert {part.split(")")[0] for part in style.split("url(#")[1:]} == patterns


def test_names_are_text_and_never_markup() -> None:
    text = to_svg((full(EVIL),))
    root = _parsed(text)
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {
        *("svg", "title", "style", "defs", "pattern", "rect", "path", "circle", "g", "text"),
    }
    titles = [title.text for title in root.iter(f"{SVG}title")]
    assert any(title.startswith(f"CPU 4: vCPU 0 of {EVIL}") for title in titles)


def test_nothing_is_loaded_from_elsewhere() -> None:
    text = to_svg((full(),)).replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert "http" not in text
    assert "href" not in text
    assert "url(" not in text.replace("url(#", "")


def test_control_characters_are_no_xml_and_are_written_out() -> None:
    assert r"a\x00\x1b\ufffe" in to_svg((full("a\0\x1b\ufffe"),))


def test_long_names_are_cut_in_the_legend_and_whole_in_its_title() -> None:
    name = "x" * 200
    root = _parsed(to_svg((full(name),)))
    assert f"{name} (4)" in [title.text for title in root.iter(f"{SVG}title")]
    assert "x" * 34 + "… (4)" in [text.text for text in root.iter(f"{SVG}text")]


def test_why_a_vm_has_no_place_is_told_in_full_and_within_the_page() -> None:
    reason = "needs 6 whole cores on one node; " + "; ".join(f"node {n} has {n}" for n in range(40))
    root = _parsed(to_svg((replace(full(), unplaced=(f"lb: {reason}", "x" * 300)),)))
    lines = [text for text in root.iter(f"{SVG}text") if text.get("class") == "bad"]
    told = " ".join(line.text for line in lines)
    assert told.startswith(f"not placed: lb: {reason} not placed: ")
    assert told.count("x") == 300
    assert all(text_width(line.text, 11) < float(root.get("width")) for line in lines)
    depths = [float(line.get("y")) for line in lines]
    assert depths == sorted(set(depths))
    assert depths[-1] < float(root.get("height"))


def test_several_hosts_stand_below_each_other() -> None:
    one, two = _parsed(to_svg((full(),))), _parsed(to_svg((full(), full())))
    assert float(two.get("height")) > 1.9 * float(one.get("height")) - 40
    assert one.get("width") == two.get("width")


def test_same_input_same_bytes() -> None:
    assert to_svg((full(),)) == to_svg((full(),))
