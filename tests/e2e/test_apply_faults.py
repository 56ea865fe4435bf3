"""kill -9 at every step of an apply and at random: no definition is lost, none is half.

Definitions change between two variants, which move every pin and the number of vCPUs. After a kill
each domain must have the one or the other, with all its foreign elements; after the next apply all
domains must have the same one, and the running guests the pins of it.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from msgspec import Struct, field

from tests.support.applying import CPUS, Lab, pins, wanted
from tests.support.paths import REPO

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.xdist_group("libvirt"),
    pytest.mark.skipif(len(set(CPUS)) < 2, reason="one CPU: no pin could move"),
]

VARIANTS = {"old": (0, 1), "new": (1, 0)}
_TITLE = "<title>not kvmc's</title>"


class Fleet(Struct):
    """Some domains that change together, and the server that kills their applies."""

    lab: Lab
    names: tuple[str, ...]
    running: tuple[str, ...]
    server: subprocess.Popen[str]
    variant: str = "old"
    counts: Counter[str] = field(default_factory=Counter)
    devices: dict[str, str] = {}

    def write(self, variant: str) -> None:
        """Bring the specs to a variant."""
        for which in self.names:
            self.lab.spec(which, on=VARIANTS[variant], max=4, count=3)

    def order(self, *specs: str, **how: float | str) -> dict[str, Any]:
        """Have an apply run, and perhaps killed."""
        argv = ["apply", "--yes", "-c", self.lab.uri, *specs]
        assert self.server.stdin is not None
        assert self.server.stdout is not None
        self.server.stdin.write(json.dumps({"argv": argv, **how}) + "\n")
        self.server.stdin.flush()
        answer: dict[str, Any] = json.loads(self.server.stdout.readline())
        return answer

    def kill(self, **how: float) -> dict[str, Any]:
        """Apply the other variant and kill it; every definition must be one of the two."""
        self.write(self.other)
        answer = self.order("vms", **how)
        self.counts["kills" if answer["killed"] else "not killed"] += 1
        self.seen()
        return answer

    @property
    def other(self) -> str:
        """The variant the domains do not have."""
        return "new" if self.variant == "old" else "old"

    def seen(self) -> dict[str, str]:
        """Return each domain's variant; fails where a definition is lost, torn or robbed."""
        found = {}
        for which in self.names:
            xml = self.lab.inactive(which)  # raises where the domain is gone
            assert _devices(xml) == self.devices[which], f"{which} lost something"
            have = [name for name, on in VARIANTS.items() if pins(xml) == wanted(on, 4)]
            assert len(have) == 1, f"{which} is half of it: {pins(xml)}"
            found[which] = have[0]
        return found

    def recover(self) -> str:
        """Run the next apply, which is about another domain; all must be one variant then."""
        answer = self.order("other")
        assert answer["code"] == 0, answer["said"]
        found = set(self.seen().values())
        assert len(found) == 1, f"half-applied after recovery: {self.seen()}"
        self.variant = found.pop()
        for which in self.running:
            assert pins(self.lab.live(which)) == wanted(VARIANTS[self.variant], 4)
        told = re.findall(r"was (finished|taken back)", answer["said"])
        words = {"finished": "rolled forward", "taken back": "rolled back"}
        self.counts[words[told[0]] if told else "nothing to recover"] += 1
        return answer["said"] if told else ""


def _devices(xml: str) -> str:
    """Return what is not kvmc's of a definition."""
    found = re.findall(r"<uuid>.*?</uuid>|<title>.*?</title>|<devices>.*</devices>", xml, re.DOTALL)
    assert len(found) == 3, xml
    return "\n".join(found)


@pytest.fixture
def lab(libvirtd: str, tmp_path: Path) -> Iterator[Lab]:
    libvirt = pytest.importorskip("libvirt")
    libvirt.registerErrorHandler(lambda *_: None, None)
    connection = libvirt.open(libvirtd)
    made = Lab(tmp_path, connection, libvirtd)
    yield made
    made.clean()
    connection.close()


def _fleet(lab: Lab, size: int, running: int) -> Fleet:
    names = tuple(f"{number:02d}" for number in range(size))
    script = str(REPO / "tests" / "support" / "killed_apply.py")
    server = subprocess.Popen(
        [sys.executable, script, str(lab.folder / "steps"), str(lab.folder / "said")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=lab.folder,
        env=lab.environment(),
        text=True,
    )
    fleet = Fleet(lab, names, names[:running], server)
    other = lab.spec("other", max=3)
    (lab.folder / "other").mkdir()
    other.rename(lab.folder / "other" / "other.yaml")
    fleet.write("old")
    for specs in ("vms", "other"):
        answer = fleet.order(specs)
        assert answer["code"] == 0, answer["said"]
    for which in names:
        xml = lab.inactive(which).replace("</name>", f"</name>{_TITLE}")
        lab.connection.defineXML(xml)
        fleet.devices[which] = _devices(lab.inactive(which))
    for which in fleet.running:
        lab.domain(which).createWithFlags(1)  # paused: it costs no CPU
    return fleet


@pytest.fixture
def small(lab: Lab) -> Iterator[Fleet]:
    yield from _served(_fleet(lab, size=3, running=1))


@pytest.fixture
def large(lab: Lab) -> Iterator[Fleet]:
    yield from _served(_fleet(lab, size=10, running=3))


def _served(fleet: Fleet) -> Iterator[Fleet]:
    yield fleet
    assert fleet.server.stdin is not None
    fleet.server.stdin.close()
    fleet.server.wait(60)


def _random_kills(fleet: Fleet, kills: int, seed: int) -> None:
    """Kill applies after random times, and some of the recoveries too."""
    chance = random.Random(seed)  # noqa: S311 (repeatable, no secret)
    fleet.write("new")
    work = fleet.order("vms")["work"]
    fleet.variant = "new"
    while fleet.counts["kills"] < kills:
        fleet.kill(seconds=chance.uniform(0, work * 1.1))
        if chance.random() < 0.3:
            again = fleet.order("other", seconds=chance.uniform(0, work))
            fleet.counts["kills of a recovery"] += again["killed"]
            fleet.seen()
        fleet.recover()


def _kill_at_every_step(fleet: Fleet, stride: int = 1) -> int:
    """Kill at every step, before and after each effect; return how many steps there are."""
    step = 1
    while fleet.kill(step=step)["killed"]:
        fleet.recover()
        step += stride
    fleet.recover()
    return step - 1


def _report(title: str, fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    counts = ", ".join(f"{count} {what}" for what, count in sorted(fleet.counts.items()))
    with capsys.disabled():
        sys.stdout.write(f"\n{title}, {len(fleet.names)} domains: {counts}; "
                         "0 lost definitions, 0 half-applied\n")  # fmt: skip


def test_a_few_random_kills(small: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    _random_kills(small, 10, seed=1)
    _report("random kill -9", small, capsys)


@pytest.mark.slow
def test_kills_at_some_steps(small: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    steps = _kill_at_every_step(small, stride=5)
    assert steps > 15
    assert {"rolled forward", "rolled back"} <= set(small.counts)
    _report("kill -9 at every fifth step", small, capsys)


_PRIVATE = """
mount --make-rprivate /
for d in /run/libvirt /var/lib/libvirt /var/cache/libvirt /etc/libvirt; do
    mkdir -p $d && mount -t tmpfs tmpfs $d || exit 1
done
while :; do libvirtd -f libvirtd.conf -p libvirtd.pid; sleep 0.3; done
"""
"""A libvirtd with nothing of this machine's, which comes back when it is killed."""


@pytest.fixture
def own_libvirtd(tmp_path: Path) -> Iterator[Path]:
    """Yield the folder of a libvirtd that nobody else uses: its socket and its pid file."""
    if os.geteuid() != 0 or shutil.which("libvirtd") is None or shutil.which("unshare") is None:
        pytest.skip("a libvirtd of its own takes root, libvirtd and unshare")
    # a socket's path has at most 108 characters
    folder = Path(tempfile.mkdtemp(prefix="kvmc-test-"))
    conf = f'unix_sock_dir = "{folder}"\nauth_unix_rw = "none"\n'
    (folder / "libvirtd.conf").write_text(conf, "utf-8")
    log = (tmp_path / "libvirtd.log").open("w")
    loop = subprocess.Popen(["unshare", "-m", "sh", "-c", _PRIVATE], cwd=folder, stderr=log)
    try:
        end = time.monotonic() + 60
        while not (folder / "libvirt-sock").exists():
            if loop.poll() is not None:
                pytest.skip("no mount namespace can be made here")
            assert time.monotonic() < end, (tmp_path / "libvirtd.log").read_text("utf-8")
            time.sleep(0.1)
        yield folder
    finally:
        loop.kill()
        loop.wait(10)
        with contextlib.suppress(OSError, ValueError):
            os.kill(int((folder / "libvirtd.pid").read_text("ascii")), signal.SIGTERM)
        log.close()
        shutil.rmtree(folder, ignore_errors=True)


def test_libvirtd_is_killed_in_the_middle_and_comes_back(
    own_libvirtd: Path, tmp_path: Path
) -> None:
    libvirt = pytest.importorskip("libvirt")
    uri = f"qemu+unix:///system?socket={own_libvirtd}/libvirt-sock"
    lab = Lab(tmp_path, libvirt.open(uri), uri)
    for fleet in _served(_fleet(lab, size=3, running=0)):
        for step in (3, 6, 9):
            fleet.write(fleet.other)
            answer = fleet.order("vms", step=step, pid_file=str(own_libvirtd / "libvirtd.pid"))
            assert answer["code"] == 0, answer["said"]
            lab.connection = _again(libvirt, uri)
            assert set(fleet.seen().values()) == {fleet.other}
            fleet.variant = fleet.other
    lab.clean()


def _again(libvirt: Any, uri: str) -> Any:
    end = time.monotonic() + 60
    while True:
        try:
            return libvirt.open(uri)
        except libvirt.libvirtError:
            assert time.monotonic() < end
            time.sleep(0.2)


@pytest.mark.slow
def test_a_kill_at_every_step(large: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    steps = _kill_at_every_step(large)
    assert steps > 80
    assert {"rolled forward", "rolled back"} <= set(large.counts)
    _report("kill -9 at every step", large, capsys)


@pytest.mark.slow
def test_two_hundred_random_kills(large: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    _random_kills(large, 200, seed=2)
    _report("random kill -9", large, capsys)
