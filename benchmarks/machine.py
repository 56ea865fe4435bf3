"""What the figures were measured on, and with which versions."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from shutil import which

from benchmarks import exact
from benchmarks.page import table


def described(nova: str) -> str:
    """Return the table of the machine and of every program that takes part."""
    rows = [
        ("CPU", _cpu_model()),
        ("CPUs", str(len(os.sched_getaffinity(0)))),
        ("kernel", platform.release()),
        ("Python", f"{platform.python_implementation()} {platform.python_version()}"),
        *((name, _version(name)) for name in ("jinja2", "jsonschema", "lxml", "pyyaml")),
        ("OR-Tools", exact.installed() or "not installed"),
        ("Nova", nova or "not installed"),
        ("virt-install", _virt_install() or "not installed"),
    ]
    return table(("", "measured with"), rows)


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _virt_install() -> str:
    if not which("virt-install"):
        return ""
    said = subprocess.run(["virt-install", "--version"], capture_output=True, text=True, check=True)
    return said.stdout.strip()
