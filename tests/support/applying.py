"""`kvmc apply` on a real libvirtd: specs of tiny TCG guests, and what libvirt has of them.

Lab       a folder of specs, a state folder of its own, and the domains it cleans up
CPUS      the two host CPUs that pins move between
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_HERE = sorted(os.sched_getaffinity(0))
CPUS = (str(_HERE[0]), str(_HERE[-1]))
INACTIVE_SECURE = 3
"""VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE."""
_UNDEFINE = 0x1 | 0x2 | 0x4 | 0x10
"""With managed save image, snapshots' and NVRAM's and checkpoints' metadata."""


class Lab(Struct):
    """One test's specs and domains; only `clean` ever destroys or undefines."""

    folder: Path
    connection: Any
    uri: str = "qemu:///system"
    made: list[str] = []

    def name(self, which: str = "a") -> str:
        """Return a domain name of this process."""
        name = f"kvmc-test-apply-{os.getpid()}-{which}"
        if name not in self.made:
            self.made.append(name)
        return name

    def spec(self, which: str = "a", *, on: Iterable[int] = (0, 1, 0), **given: Any) -> Path:
        """Write a spec: 3 of up to 5 vCPUs, each pinned to CPUS[i]; return its file."""
        pins = list(on)
        count = given.pop("count", 3)
        ceiling = given.pop("max", 5)
        text = {
            "kvmc": "v1",
            "kind": "vm",
            "name": self.name(which),
            "memory": "32MiB",
            "cpu": {"count": count, "max": ceiling},
            "pin": {
                "strategy": "manual",
                "map": {i: CPUS[pins[i % len(pins)]] for i in range(ceiling)},
                "emulator": CPUS[0],
            },
            "type": "qemu",
            "machine": "q35",
        }
        file = self.folder / "vms" / f"{which}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(yaml.safe_dump(text | given, sort_keys=False), "utf-8")
        return file

    def environment(self) -> dict[str, str]:
        """Return the environment of every kvmc here: a state folder of its own."""
        return {**os.environ, "XDG_STATE_HOME": str(self.folder / "state"), "NO_COLOR": "1"}

    def command(self, *arguments: str) -> list[str]:
        """Return the words that start kvmc."""
        return [sys.executable, "-m", "kvmc.cli", *arguments, "-c", self.uri]

    def kvmc(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run kvmc in the lab's folder."""
        return subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def inside(self, *arguments: str) -> tuple[int, str]:
        """Run kvmc in this process, which saves its start; return its code and what it said."""
        from kvmc.cli import main

        said = io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(said), redirect_stderr(said):
            patch.chdir(self.folder)
            patch.setenv("XDG_STATE_HOME", str(self.folder / "state"))
            code = main([*arguments, "-c", self.uri])
        return code, said.getvalue()

    def apply(self, *arguments: str, code: int = 0) -> str:
        """Run `kvmc apply --yes`; return what it said, having checked the exit code."""
        done, said = self.inside("apply", "--yes", *arguments, "vms")
        assert done == code, said
        return said

    def domain(self, which: str = "a") -> Any:
        """Return the virDomain."""
        return self.connection.lookupByName(self.name(which))

    def inactive(self, which: str = "a") -> str:
        """Return the definition, secrets included."""
        return str(self.domain(which).XMLDesc(INACTIVE_SECURE))

    def live(self, which: str = "a") -> str:
        """Return the running guest's XML."""
        return str(self.domain(which).XMLDesc(0))

    def clean(self) -> None:
        """Destroy and undefine what this test made."""
        ours = set(self.made)
        for domain in self.connection.listAllDomains():
            if domain.name() in ours:
                persistent = domain.isPersistent()  # a transient one is gone once it is destroyed
                if domain.isActive():
                    domain.destroy()
                if persistent:
                    domain.undefineFlags(_UNDEFINE)


def pins(xml: str) -> dict[int, str]:
    """Return vCPU -> host CPUs, as the XML has them."""
    found = re.findall(r"<vcpupin vcpu='(\d+)' cpuset='([^']*)'/>", xml)
    return {int(vcpu): cpus for vcpu, cpus in found}


def wanted(on: Iterable[int], ceiling: int = 5) -> dict[int, str]:
    """Return the pins of `Lab.spec(on=...)`."""
    order = list(on)
    return {i: CPUS[order[i % len(order)]] for i in range(ceiling)}
