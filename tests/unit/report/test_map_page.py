"""The HTML page: one file, nothing from elsewhere, names escaped, all of it said to a reader."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest

from kvmc.report.picture.compose import compose
from kvmc.report.picture.markup import Markup, element
from kvmc.report.picture.page import to_html
from tests.unit.report.hosts import EVIL, ODD, full, large

_VOID = ("meta",)


class Page(HTMLParser):
    """Collects elements, and holds that they are balanced."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), "an attribute stands twice"
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open:
            self.texts.setdefault(self._open[-1], []).append(data)

    def all(self, tag: str, kind: str = "") -> list[dict[str, str | None]]:
        return [
            about
            for name, about in self.elements
            if name == tag and (not kind or kind in (about.get("class") or "").split())
        ]


def test_every_cpu_is_a_button_that_says_why() -> None:
    picture = full()
    buttons = Page(to_html((picture,))).all("button", "cpu")
    found = {int(b["data-cpu"] or ""): (b["aria-label"] or "").split("\n") for b in buttons}
    assert found == {cpu.id: list(cpu.why) for cpu in picture.cpus}


@pytest.mark.parametrize("name", ODD)
def test_odd_hosts_make_whole_pages(name: str) -> None:
    host = ODD[name]
    page = Page(to_html((compose(host, None, {}),)))
    assert len(page.all("button", "cpu")) == len(host.online)


def test_nothing_is_loaded_from_elsewhere() -> None:
    text = to_html((full(),))
    page = Page(text)
    assert "http://" not in text
    assert "https://" not in text
    assert {tag for tag, _ in page.elements}.isdisjoint({"link", "img", "iframe", "object", "a"})
    assert not [about for _, about in page.elements if {"src", "href", "style"} & about.keys()]
    assert not [k for _, about in page.elements for k in about if k.startswith("on")]


def test_the_policy_names_the_hashes_of_what_is_there() -> None:
    page = Page(to_html((full(),)))
    policy = next(m["content"] or "" for m in page.all("meta") if "http-equiv" in m)
    assert policy.startswith("default-src 'none'; ")
    script = page.texts["script"][-1]
    for source, text in (("style-src", page.texts["style"][0]), ("script-src", script)):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{source} 'sha256-{digest}'" in policy
    assert "unsafe" not in policy


def test_names_are_text_and_never_markup() -> None:
    page = Page(to_html((full(EVIL),)))
    assert not page.all("img")
    assert len(page.all("script")) == 2
    data = json.loads(page.texts["script"][0])
    assert EVIL in [vm["name"] for vm in data]
    labels = [b["aria-label"] or "" for b in page.all("button", "cpu")]
    assert any(label.startswith(f"CPU 4: vCPU 0 of {EVIL}") for label in labels)


def test_the_data_of_vms_holds_no_character_that_could_end_it() -> None:
    text = to_html((full(EVIL + "<!--"),))
    data = text.partition('<script type="application/json">')[2].partition("</script>")[0]
    assert not set("<>&") & set(data)
    assert json.loads(data)[0] == {
        "name": EVIL + "<!--",
        "letter": "A",
        "summary": json.loads(data)[0]["summary"],
        "vcpus": [[0, "4"], [1, "8"], [2, "20"], [3, "24"]],
        "emulator": "4,8,20,24",
        "iothreads": [],
        "nodes": "0-1",
        "held": "",
    }


def test_every_class_that_is_used_has_a_rule() -> None:
    for picture in (full(), large()):
        text = to_html((picture,))
        page = Page(text)
        style = page.texts["style"][0]
        used = {c for _, about in page.elements for c in (about.get("class") or "").split()}
        hooks = {"package", "vm", "w0"}
        missing = [c for c in used - hooks if not re.search(rf"\.{re.escape(c)}\b", style)]
        assert missing == []


def test_the_width_of_a_cpu_leaves_room_for_the_longest_vcpu() -> None:
    assert ".cpu{width:calc(5ch + 19px)}" in to_html((large(),)), "3 digits and v5"


def test_each_host_has_its_own_section_and_data() -> None:
    page = Page(to_html((full(), large())))
    assert [s["aria-label"] for s in page.all("section")] == ["host synthetic", "host synthetic"]
    assert len(page.all("script")) == 3


def test_same_input_same_bytes() -> None:
    assert to_html((full(),)) == to_html((full(),))


def test_elements_escape_what_is_no_markup() -> None:
    found = element("b", {"title": "a\"b'<\n", "x": None}, "<&>", Markup("<i></i>"))
    assert found == '<b title="a&quot;b&#39;&lt;&#10;">&lt;&amp;&gt;<i></i></b>'
