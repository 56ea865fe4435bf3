"""The map where people look at it: the page in a real browser, the SVG through a rasteriser."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from lxml import etree

from kvmc.report.picture.page import to_html
from kvmc.report.picture.svg import to_svg
from tests.support.chromium import Chromium, executable
from tests.unit.report.hosts import EVIL, full, large

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kvmc.report.picture.model import Picture

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("chromium")]

FOCUS = "document.activeElement"
TIP = "document.getElementById('tip')"


def _absent(reason: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    if executable() is None:
        _absent("Chromium is not installed")
    with Chromium.started() as started:
        yield started


@pytest.fixture
def page(browser: Chromium, tmp_path: Path) -> Chromium:
    """Return the browser with the map of the full host."""
    _show(browser, tmp_path, full())
    return browser


def _show(browser: Chromium, folder: Path, *pictures: Picture) -> None:
    file = folder / "map.html"
    file.write_text(to_html(pictures), "utf-8")
    browser.resize(1400, 900)
    browser.scheme("light")
    # where the last test left the pointer, the new page would show a reason
    browser.call("Input.dispatchMouseEvent", type="mouseMoved", x=1, y=1)
    browser.open(file)


def _with_class(page: Chromium, name: str) -> list[int]:
    """Return the CPUs that carry a class."""
    cpus = f"[...document.querySelectorAll('button.cpu.{name}')].map((c) => Number(c.dataset.cpu))"
    return sorted(page.evaluate(cpus))


def _signs(page: Chromium, *cpus: int) -> list[str]:
    one = "document.querySelector('button.cpu[data-cpu=\"{}\"] b').textContent"
    return [page.evaluate(one.format(cpu)) for cpu in cpus]


def _tip(page: Chromium) -> list[str]:
    """Return the lines of the reason that is shown."""
    shown = f"{TIP}.hidden ? [] : [...{TIP}.children].map((line) => line.textContent)"
    lines: list[str] = page.evaluate(shown)
    return lines


def test_it_asks_nobody_and_breaks_no_policy(page: Chromium) -> None:
    assert [url.split(":")[0] for url in page.requests] == ["file"]
    page.point("button.vm", click=True)
    page.point("button.cpu")
    assert page.errors == []


def test_pointing_at_a_cpu_says_why(page: Chromium) -> None:
    page.point('button.cpu[data-cpu="21"]')
    assert _tip(page)[0].startswith("CPU 21: stranded: its sibling 5 belongs to rt")
    assert "socket 0, node 0, L3 1" in _tip(page)
    page.point("h1")
    assert _tip(page) == []


@pytest.mark.parametrize("cpu", [0, 16, 15, 31, 33])
def test_the_reason_is_in_the_window_and_not_on_the_core(page: Chromium, cpu: int) -> None:
    page.resize(700, 500)
    page.point(f'button.cpu[data-cpu="{cpu}"]')
    edges = "(({left, top, right, bottom}) => [left, top, right, bottom])"
    left, top, right, bottom = page.evaluate(f"{edges}({TIP}.getBoundingClientRect())")
    assert left >= 0
    assert top >= 0
    assert right <= 700
    assert bottom <= 500
    where = f"document.querySelector('button.cpu[data-cpu=\"{cpu}\"]').getBoundingClientRect()"
    _, high, _, low = page.evaluate(f"{edges}({where})")
    assert bottom <= high or top >= low


def test_a_click_on_a_vm_shows_all_that_it_has(page: Chromium) -> None:
    page.point("li:nth-child(2) > button.vm", click=True)
    assert _with_class(page, "is-vcpu") == [5]
    assert _with_class(page, "is-emulator") == [6]
    assert _with_class(page, "is-iothread") == [1, 2, 17, 18]
    assert page.evaluate("[...document.querySelectorAll('.is-memory')].length") == 1
    here = "[...document.querySelectorAll('.here')].map((text) => text.textContent)"
    assert page.evaluate(here) == ["memory of B here", ""]
    assert _signs(page, 5, 6, 4) == ["v0", "B", "A"]
    detail = page.evaluate("document.querySelector('.detail').innerText").split("\n")
    assert detail[0] == "rt"
    assert "emulator threads on CPU 6" in detail
    page.point("li:nth-child(2) > button.vm", click=True)
    assert _with_class(page, "is-vcpu") == []
    assert _signs(page, 5) == ["B"]


def test_a_click_on_a_cpu_picks_its_vm_and_one_on_a_free_cpu_none(page: Chromium) -> None:
    page.point('button.cpu[data-cpu="24"]', click=True)
    assert _with_class(page, "is-vcpu") == [4, 8, 20, 24]
    page.point('button.cpu[data-cpu="12"]', click=True)
    assert _with_class(page, "is-vcpu") == []


def test_a_vm_that_only_the_lock_knows_is_shown_too(page: Chromium) -> None:
    page.point('button.cpu[data-cpu="11"]', click=True)
    assert _with_class(page, "is-vcpu") == [11]


@pytest.mark.parametrize("picture", [full(EVIL), large()], ids=["full", "large"])
def test_nothing_moves_when_a_vm_is_picked(
    browser: Chromium, tmp_path: Path, picture: Picture
) -> None:
    _show(browser, tmp_path, picture)
    places = (
        "[...document.querySelectorAll('main .box, button.cpu')].map((each) => "
        "{ const {left, top, right, bottom} = each.getBoundingClientRect();"
        "return [left, top, right, bottom]; })"
    )
    before = browser.evaluate(places)
    # not by pointing, which scrolls
    browser.evaluate("document.querySelector('button.vm').click()")
    assert len(before) > len(picture.cpus)
    assert browser.evaluate(places) == before


def test_the_keyboard_alone(page: Chromium) -> None:
    page.press("Tab")
    assert page.evaluate(f"{FOCUS}.dataset.cpu") == "0"
    assert _tip(page)[0].startswith("CPU 0: reserved")
    page.press("ArrowDown")
    assert page.evaluate(f"{FOCUS}.dataset.cpu") == "16"
    page.press("ArrowRight")
    assert page.evaluate(f"{FOCUS}.dataset.cpu") == "17"
    page.press("End")
    assert page.evaluate(f"{FOCUS}.dataset.cpu") == "23"
    page.press("Home")
    for _ in range(4):
        page.press("ArrowRight")
    assert page.evaluate(f"{FOCUS}.dataset.cpu") == "4"
    page.press("Enter")
    assert _with_class(page, "is-vcpu") == [4, 8, 20, 24]
    page.press("Escape")
    assert _with_class(page, "is-vcpu") == []
    assert _tip(page) == []


def test_a_tab_stop_for_each_node_and_each_vm(page: Chromium) -> None:
    stops = []
    for _ in range(9):
        page.press("Tab")
        stops.append(
            page.evaluate(f"{FOCUS}.dataset.cpu ?? {FOCUS}.ariaLabel ?? {FOCUS}.textContent")
        )
    vms = ["Adb (4)", "Brt (2)", "Cweb (floats)", "Dx-hand (floats)", "Ey-locked (1)"]
    assert stops == ["0", "8", "32", "totals", *vms]
    page.press(" ")
    assert _with_class(page, "is-vcpu") == [11]
    page.press("Tab", shift=True)
    page.press(" ")
    assert _with_class(page, "is-vcpu") == [9, 10]
    pressed = "[...document.querySelectorAll('button.vm')].map((vm) => vm.ariaPressed)"
    assert page.evaluate(pressed) == ["false", "false", "false", "true", "false"]


def test_the_reason_goes_along_when_a_focus_scrolls(browser: Chromium, tmp_path: Path) -> None:
    _show(browser, tmp_path, large())
    for _ in range(8):
        browser.press("Tab")
    browser.press("End")
    frames = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
    browser.call("Runtime.evaluate", expression=frames, awaitPromise=True)
    assert browser.evaluate("scrollY") > 0
    assert _tip(browser)[0].startswith("CPU 895: ")
    assert browser.evaluate(f"{TIP}.getBoundingClientRect().bottom <= innerHeight")


def test_a_focus_can_be_seen(page: Chromium) -> None:
    page.press("Tab")
    assert page.evaluate(f"getComputedStyle({FOCUS}).outlineStyle") == "solid"
    assert page.evaluate(f"parseFloat(getComputedStyle({FOCUS}).outlineWidth)") >= 2


def test_what_a_screen_reader_meets(page: Chromium) -> None:
    met = page.accessible()
    assert ("group", "node 0") in met
    assert ("image", "bound by db, rt") in met
    assert ("status", "") in met
    names = [name for role, name in met if role == "button"]
    assert any(name.startswith("CPU 4: vCPU 0 of db") for name in names)
    assert all(names)


def test_names_from_specs_stay_text(browser: Chromium, tmp_path: Path) -> None:
    _show(browser, tmp_path, full(EVIL))
    browser.point('button.cpu[data-cpu="4"]', click=True)
    assert EVIL in _tip(browser)[0]
    assert browser.evaluate("document.querySelector('.detail').firstChild.textContent") == EVIL
    assert browser.evaluate("document.title") == "CPU map of synthetic"
    assert browser.evaluate("document.querySelectorAll('img').length") == 0
    assert browser.errors == []


def _pixel(page: Chromium, selector: str, property_: str) -> str:
    return str(page.evaluate(f"getComputedStyle(document.querySelector('{selector}')).{property_}"))


def test_light_and_dark(page: Chromium) -> None:
    light = (_pixel(page, "body", "backgroundColor"), _pixel(page, ".cpu.free", "color"))
    page.scheme("dark")
    dark = (_pixel(page, "body", "backgroundColor"), _pixel(page, ".cpu.free", "color"))
    assert light == ("rgb(255, 255, 255)", "rgb(51, 51, 51)")
    assert dark == ("rgb(15, 17, 19)", "rgb(221, 221, 221)")


@pytest.mark.parametrize("width", [360, 800, 1400, 2560])
@pytest.mark.parametrize("name", ["full", "large"])
def test_no_window_is_too_narrow(browser: Chromium, tmp_path: Path, name: str, width: int) -> None:
    _show(browser, tmp_path, {"full": full, "large": large}[name]())
    browser.resize(width, 900)
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    clipped = (
        "[...document.querySelectorAll('button.cpu')]"
        ".filter((cpu) => cpu.scrollWidth > cpu.clientWidth + 1).length"
    )
    assert browser.evaluate(clipped) == 0


def test_896_cpus_answer_at_once(browser: Chromium, tmp_path: Path) -> None:
    _show(browser, tmp_path, large())
    spent: Any = browser.evaluate(
        "(() => { const start = performance.now(); document.querySelector('button.vm').click();"
        "document.querySelector('button.cpu').focus(); return performance.now() - start; })()"
    )
    assert spent < 500


def test_two_hosts_do_not_meddle(browser: Chromium, tmp_path: Path) -> None:
    _show(browser, tmp_path, full(), full("other"))
    browser.point("section:nth-of-type(2) button.vm", click=True)
    picked = "[...document.querySelectorAll('.is-vcpu')].map((c) => c.closest('section').ariaLabel)"
    assert len(browser.evaluate("[...document.querySelectorAll('.picked')]")) == 1
    assert browser.evaluate(picked) == ["host synthetic"] * 4
    first = "document.querySelectorAll('section')[0].querySelectorAll('.is-vcpu').length"
    assert browser.evaluate(first) == 0


@pytest.mark.parametrize("picture", [full(EVIL), large()], ids=["full", "large"])
def test_a_rasteriser_draws_the_svg(picture: Picture, tmp_path: Path) -> None:
    if shutil.which("rsvg-convert") is None:
        _absent("rsvg-convert is not installed")
    source, target = tmp_path / "map.svg", tmp_path / "map.png"
    source.write_text(to_svg((picture,)), "utf-8")
    command = ["rsvg-convert", str(source), "-o", str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    header = target.read_bytes()[:24]
    assert header[:8] == b"\x89PNG\r\n\x1a\n"
    root = etree.fromstring(source.read_bytes())
    size = (int.from_bytes(header[16:20]), int.from_bytes(header[20:24]))
    assert size == (int(root.get("width") or 0), int(root.get("height") or 0))
