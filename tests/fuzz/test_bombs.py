"""Small or large files made to cost much: each in a process with 1 GiB and little time."""

from __future__ import annotations

import resource
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.fuzz import cli
from tests.fuzz.cli import Run, judge
from tests.fuzz.places import inside

if TYPE_CHECKING:
    from collections.abc import Callable

MEMORY = 1024**3
CPU_SECONDS = 5
MIB = 1024 * 1024
HEAD = b"kvmc: v1\nkind: vm\nname: web\nmemory: 1GiB\n"
HOST = b"kvmc: v1\nkind: host\nname: h\narch: x86_64\nnodes: [{id: 0, memory: 1GiB}]\n"


def kvmc(*argv: str, stdin: bytes = b"") -> Run:
    """Run a command in a process of its own, bounded as the issue asks."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 1))

    done = subprocess.run(
        [sys.executable, "-m", "kvmc.cli", *argv],
        input=stdin,
        capture_output=True,
        check=False,
        preexec_fn=limit,
        timeout=120,
    )
    return Run(argv=argv, code=done.returncode, out=done.stdout.decode(), err=done.stderr.decode())


def laughs(open_: bytes = b"[", close: bytes = b"]") -> bytes:
    lines = [b"a0: &a0 " + open_ + b"x" + close + b"\n"]
    lines += [
        b"a%d: &a%d " % (n, n) + open_ + b", ".join([b"*a%d" % (n - 1)] * 9) + close + b"\n"
        for n in range(1, 30)
    ]
    return HEAD + b"".join(lines)


def merges() -> bytes:
    lines = [b"m0: &m0 {k0: 1}\n"]
    lines += [b"m%d: &m%d {<<: [*m%d, *m%d], k%d: 1}\n" % (n, n, n - 1, n - 1, n)
              for n in range(1, 40)]  # fmt: skip
    return HEAD + b"".join(lines)


def full(bit: bytes, size: int = 4 * MIB) -> bytes:
    """Return HEAD and as many repetitions as a file may hold."""
    return HEAD + bit * ((size - len(HEAD)) // len(bit))


YAML: dict[str, Callable[[], bytes]] = {
    "aliases": laughs,
    "aliases of mappings": lambda: laughs(b"{k: ", b"}").replace(b", *", b", j: *"),
    "merges": merges,
    "deep flow": lambda: full(b"["),
    "deep flow, balanced": lambda: HEAD + b"x: " + b"[" * 60 + b"]" * 60 + b"\n",
    "deep maps": lambda: full(b"{a: "),
    "deep block": lambda: HEAD + b"".join(b" " * n + b"a:\n" for n in range(2800)),
    "deep dashes": lambda: full(b"- "),
    "many documents": lambda: full(b"---\n"),
    "many kvmc documents": lambda: full(b"---\nkvmc: v1\nkind: vm\n"),
    "many vms": lambda: b"".join(
        b"---\n{kvmc: v1, kind: vm, name: v%d, memory: 1GiB, cpu: {count: 1}}\n" % n
        for n in range(3000)
    ),
    "many keys": lambda: HEAD + b"".join(b"key%d: 1\n" % n for n in range(300_000)),
    "one key, often": lambda: full(b"name: web\n"),
    "many wrong features": lambda: (
        HEAD
        + b"cpu: {count: 1, features: {"
        + b"".join(b"f%d: x, " % n for n in range(200_000))
        + b"}}\n"
    ),
    "many cells": lambda: (
        HEAD + b"cpu: {count: 1}\nnuma: {cells: [" + b"{cpus: 0, memory: 1GiB}, " * 50_000 + b"]}\n"
    ),
    "an endless number": lambda: HEAD + b"cpu: {count: " + b"9" * (4 * MIB - 100) + b"}\n",
    "an endless hexadecimal": lambda: HEAD + b"cpu: {count: 0x" + b"f" * MIB + b"}\n",
    "an endless exponent": lambda: HEAD + b"cpu: {count: 1e" + b"9" * MIB + b"}\n",
    "an endless fraction": lambda: HEAD + b"cpu: {count: 1." + b"0" * MIB + b"}\n",
    "sexagesimal": lambda: HEAD + b"cpu: {count: 1" + b":59" * 300_000 + b"}\n",
    "underscores": lambda: HEAD + b"cpu: {count: 1" + b"_0" * 1_000_000 + b"}\n",
    "a line": lambda: HEAD + b"host: " + b"a" * (4 * MIB - 100) + b"\n",
    "a line of words": lambda: full(b"a "),
    "escapes": lambda: HEAD + b'host: "' + b"\\x41" * MIB + b'"\n',
    "a long list of CPUs": lambda: (
        HEAD
        + b'cpu: {count: 1}\npin: {strategy: dedicated, cpus: "'
        + b",".join([b"0-65535"] * 200_000)
        + b'"}\n'
    ),
    "a CPU list that is none": lambda: (
        HEAD + b'cpu: {count: 1}\npin: {strategy: dedicated, cpus: "1' + b" " * 3_000_000 + b'x"}\n'
    ),
    "a list of CPU lists": lambda: (
        HEAD
        + b"cpu: {count: 1}\npin: {strategy: dedicated, cpus: ["
        + b"0-65535, " * 150_000
        + b"]}\n"
    ),
    "a size": lambda: b"kvmc: v1\nkind: vm\nname: w\nmemory: '" + b"9" * MIB + b"GiB'\n",
    "most vCPUs": lambda: HEAD + b"cpu: {count: 4096}\n",
    "most vCPUs, by hand": lambda: (
        HEAD + b"cpu: {count: 4096}\npin: {strategy: manual, map: {0-4095: 0-65535}}\n"
    ),
    "comments": lambda: full(b"#\n"),
    "spaces": lambda: full(b" "),
    "line ends": lambda: full(b"\n"),
    "tabs": lambda: full(b"\t"),
    "question marks": lambda: full(b"? "),
    "colons": lambda: full(b": "),
    "quotes": lambda: full(b"'"),
    "anchors": lambda: HEAD + b"".join(b"k%d: &a%d 1\n" % (n, n) for n in range(150_000)),
    "tags": lambda: full(b"!!x "),
    "directives": lambda: b"%TAG !a! b\n" * 380_000,
    "NULs": lambda: full(b"\0"),
    "no UTF-8": lambda: full(b"\xff"),
    "too large": lambda: full(b"#\n", 8 * MIB),
    "a host of many CPUs": lambda: (
        HOST
        + b"cores: [{node: 0, cpus: ["
        + b", ".join(b"[%d, %d]" % (2 * n, 2 * n + 1) for n in range(32_768))
        + b"]}]\n"
    ),
    "a host of many groups": lambda: (
        HOST
        + b"cores: [\n"
        + b"".join(b"{node: 0, cpus: [[%d]]},\n" % n for n in range(60_000))
        + b"]\n"
    ),
    "one CPU, often": lambda: HOST + b"cores: [{node: 0, cpus: [" + b"[0], " * 150_000 + b"]}]\n",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", YAML)
@pytest.mark.parametrize("command", ["check", "plan"])
def test_yaml(name: str, command: str) -> None:
    with inside({"x.yaml": YAML[name]()}):
        run = kvmc(command, "x.yaml")
        assert run.code in (0, 1), run.err[-500:]
        judge(run)


@pytest.mark.parametrize("name", ["aliases", "merges", "an endless number"])
def test_yaml_in_short(name: str) -> None:
    with inside({"x.yaml": YAML[name]()}):
        run = kvmc("check", "x.yaml")
        assert run.code == 1, run.err[-500:]
        judge(run)


ROOTS = {"capabilities": "capabilities", "hwloc": "topology", "import": "domain", "base": "domain"}


def laughing(root: str, encoding: str = "utf-8", where: str = "text") -> bytes:
    entities = '<!ENTITY e0 "ha">' + "".join(
        f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 20)
    )
    body = f'<{root} x="&e19;"/>' if where == "attribute" else f"<{root}>&e19;</{root}>"
    return _encoded(f"<!DOCTYPE {root} [{entities}]>{body}", encoding)


def _encoded(text: str, encoding: str) -> bytes:
    declared = f'<?xml version="1.0" encoding="{encoding}"?>'
    if encoding == "utf-7":  # nothing is hidden but what a search for bytes would look for
        return (declared + text.replace("<", "+ADw-")).encode()
    return (declared + text).encode(encoding)


def _entity(declaration: str) -> Callable[[str], bytes]:
    return lambda root: _encoded(
        f"<!DOCTYPE {root} [{declaration}]><{root}><name>&x;</name></{root}>", "utf-8"
    )


XML: dict[str, Callable[[str], bytes]] = {
    "laughs": laughing,
    "laughs in an attribute": lambda root: laughing(root, where="attribute"),
    "laughs in UTF-16": lambda root: laughing(root, "utf-16"),
    "laughs in UTF-32": lambda root: laughing(root, "utf-32"),
    "laughs in UTF-7": lambda root: laughing(root, "utf-7", "attribute"),
    "quadratic": lambda root: (
        f'<!DOCTYPE {root} [<!ENTITY x "{"a" * 50_000}">]><{root}>{"&x;" * 50_000}</{root}>'
    ).encode(),
    "an external entity": _entity('<!ENTITY x SYSTEM "file:///etc/passwd">'),
    "a public entity": _entity('<!ENTITY x PUBLIC "x" "http://127.0.0.1:9/x">'),
    "a parameter entity": _entity('<!ENTITY % x SYSTEM "file:///etc/passwd">%x;'),
    "an unparsed entity": _entity('<!NOTATION n SYSTEM "n"><!ENTITY x SYSTEM "x" NDATA n>'),
}
HUGE: dict[str, Callable[[str], bytes]] = {
    "an external DTD": lambda r: f'<!DOCTYPE {r} SYSTEM "file:///etc/passwd"><{r}/>'.encode(),
    "XInclude": lambda r: (
        f'<{r} xmlns:i="http://www.w3.org/2001/XInclude"><i:include href="/etc/passwd" '
        f'parse="text"/></{r}>'
    ).encode(),
    "deep": lambda r: f"<{r}>".encode() + b"<a>" * 200_000,
    "deep enough": lambda r: f"<{r}>".encode() + b"<a>" * 250 + b"</a>" * 250 + f"</{r}>".encode(),
    "wide": lambda r: f"<{r}>".encode() + b"<a/>" * 900_000 + f"</{r}>".encode(),
    "very wide": lambda r: f"<{r}>".encode() + b"<a/>" * 4_100_000 + f"</{r}>".encode(),
    "too large": lambda r: f"<{r}>".encode() + b"<a/>" * 20_000_000 + f"</{r}>".encode(),
    "many attributes": lambda r: (
        f"<{r} " + " ".join(f"a{n}='1'" for n in range(200_000)) + "/>"
    ).encode(),
    "a long text": lambda r: f"<{r}>".encode() + b"a" * (3 * MIB) + f"</{r}>".encode(),
    "comments": lambda r: f"<{r}>".encode() + b"<!---->" * 400_000 + f"</{r}>".encode(),
    "NULs": lambda _: b"\0" * MIB,
}
BASED = HEAD + b"cpu: {count: 1}\nbase: x.xml\n"


def read_xml(how: str, xml: bytes) -> Run:
    with inside({"x.xml": xml, "vm.yaml": BASED}):
        if how == "import":
            return kvmc("import", "x.xml")
        if how == "base":
            return kvmc("build", "vm.yaml")
        return kvmc("host", "probe", f"--{how}", "x.xml")


@pytest.mark.slow
@pytest.mark.parametrize("name", XML)
def test_entities_are_refused(name: str) -> None:
    for how, root in ROOTS.items():
        refused(read_xml(how, XML[name](root)))


@pytest.mark.parametrize("how", ROOTS)
@pytest.mark.parametrize("name", ["an external entity", "a parameter entity", "laughs in UTF-7"])
def test_entities_are_refused_in_short(
    name: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(globals(), "kvmc", cli.kvmc)
    refused(read_xml(how, XML[name](ROOTS[how])))


def refused(run: Run) -> None:
    judge(run)
    assert run.code == 1, run
    assert "root:" not in run.out + run.err


@pytest.mark.slow
@pytest.mark.parametrize("how", ROOTS)
@pytest.mark.parametrize("name", HUGE)
def test_huge_xml(name: str, how: str) -> None:
    run = read_xml(how, HUGE[name](ROOTS[how]))
    assert run.code in (0, 1), run.err[-500:]
    judge(run)
    assert "root:" not in run.out + run.err


CPUINFO: dict[str, Callable[[], bytes]] = {
    "many CPUs": lambda: b"".join(b"processor: %d\nmodel name: x\n\n" % n for n in range(300_000)),
    "many models": lambda: b"".join(
        b"processor: %d\nmodel name: %d\n\n" % (n, n) for n in range(100_000)
    ),
    "a number": lambda: b"processor: " + b"9" * MIB + b"\n",
    "a line": lambda: b"a" * (20 * MIB),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CPUINFO)
def test_cpuinfo(name: str) -> None:
    with inside({"vm.yaml": HEAD + b"cpu: {count: 1}\n"}):
        run = kvmc("verify", "vm.yaml", "--cpuinfo", "-", stdin=CPUINFO[name]())
        assert run.code in (0, 1, 3), run.err[-500:]
        judge(run)
        assert len(run.out) + len(run.err) < MIB
