"""kvmc's command line says what libvirt's translation of kvmc's XML says; libvirt is the judge.

What counts are the facts of tests/support/argv_facts.py. A domain that libvirt refuses is skipped
with libvirt's reason. The examples' hosts do not tell what host-model is on them, which kvmc warns
of (KV623), so that for it model and features are not compared there; in generated specs they are,
with what `kvmc host probe --connect` read.
"""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from lxml import etree
from msgspec.structs import replace

from kvmc.render import libvirt, qemu
from kvmc.spec.model import Cpu, Machine
from tests.support.argv_facts import facts
from tests.support.golden import cases
from tests.support.jobs import job, vm
from tests.support.judged_jobs import judged_job
from tests.support.paths import EXAMPLES

if TYPE_CHECKING:
    from kvmc.render.model import Job
    from tests.e2e.judge.conftest import Translator

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("libvirt-judge")]

QUICK, ALL = 200, 3000
CHUNK = 50
CPU_MAP = Path("/usr/share/libvirt/cpu_map")
needs_cpu_map = pytest.mark.skipif(not CPU_MAP.is_dir(), reason=f"{CPU_MAP} is absent")
SPECS = [case for case in cases() if case.folder.is_relative_to(EXAMPLES)]


def _judged(given: Job, translator: Translator) -> dict[str, Any]:
    given = replace(given, host_models=translator.host_models)
    argv = qemu.argv_of(given, qmp=None, paused=False)
    xml = libvirt.render(given)
    assert argv.value is not None, argv.diagnostics
    assert xml.value is not None, xml.diagnostics
    return facts(argv.value).differs(translator.facts(xml.value.text))


def _but_host_model(found: dict[str, Any], xml: str) -> dict[str, Any]:
    cpu = etree.fromstring(xml.encode()).find("cpu")
    if cpu is None or cpu.get("mode") != "host-model":
        return found
    return {name: both for name, both in found.items() if name not in ("cpu", "features")}


def _built(folder: Path, target: str) -> dict[str, dict[str, Any]]:
    """Return what `kvmc build` makes of a folder, by VM."""
    from kvmc.cli import main

    out = io.StringIO()
    with redirect_stdout(out), redirect_stderr(io.StringIO()):
        main(["build", "--target", target, "--format", "json", str(folder)])
    artifacts = json.loads(out.getvalue())["artifacts"]
    return {a["name"].rpartition(".")[0]: a for a in artifacts}


@pytest.mark.parametrize("case", SPECS, ids=lambda case: case.folder.name)
def test_an_example(case: Any, translator: Translator) -> None:
    xml, argv = _built(case.folder, "libvirt"), _built(case.folder, "qemu")
    if not xml:
        pytest.skip("kvmc builds nothing of it: that is what the example shows")
    assert xml.keys() == argv.keys()
    for name, artifact in xml.items():
        found = facts(argv[name]["argv"]).differs(translator.facts(artifact["text"]))
        assert not _but_host_model(found, artifact["text"]), name


@pytest.mark.parametrize(
    "first",
    [
        *range(0, QUICK, CHUNK),
        *(pytest.param(i, marks=pytest.mark.slow) for i in range(QUICK, ALL, CHUNK)),
    ],
)
def test_generated_specs(first: int, translator: Translator) -> None:
    differing, refused = {}, {}
    for number in range(first, first + CHUNK):
        try:
            found = _judged(judged_job(number), translator)
        except pytest.skip.Exception as reason:
            refused[number] = str(reason)
            continue
        if found:
            differing[number] = found
    assert not differing
    if translator.made_up:
        assert not refused
    elif refused:
        reasons = "; ".join(sorted(set(refused.values())))
        pytest.skip(f"{CHUNK - len(refused)} compared, {len(refused)} refused: {reasons}")


@needs_cpu_map
@pytest.mark.parametrize("kind", ["kvm", "qemu"])
@pytest.mark.parametrize("policy", ["force", "disable"])
def test_every_cpu_feature_of_libvirts(policy: str, kind: Any, translator: Translator) -> None:
    text = (CPU_MAP / "x86_features.xml").read_text("utf-8")
    names = sorted(set(re.findall(r"<feature name='([^']+)'", text)))
    assert len(names) > 100
    cpu = Cpu(count=2, max=2, mode="custom", model="qemu64", check="none",
              features=tuple((name, policy) for name in names))  # fmt: skip
    assert not _judged(job(vm(cpu=cpu, machine=Machine(type=kind))), translator)


@needs_cpu_map
@pytest.mark.parametrize("kind", ["kvm", "qemu"])
def test_every_cpu_model_that_both_know(kind: Any, translator: Translator) -> None:
    """For one that QEMU does not have, libvirt falls back to another, and QEMU does not start."""
    binary = shutil.which("qemu-system-x86_64")
    assert binary is not None
    listed = subprocess.run([binary, "-cpu", "help"], capture_output=True, text=True, check=True)
    known = set(re.findall(r"^x86 (\S+)", listed.stdout, re.MULTILINE))
    texts = [path.read_text("utf-8") for path in sorted(CPU_MAP.glob("x86_*.xml"))]
    models = sorted(set(re.findall(r"<model name='([^']+)'", "".join(texts))) & known)
    assert len(models) > 40
    differing = {}
    for model in models:
        cpu = Cpu(count=2, max=2, mode="custom", model=model, check="none")
        if found := _judged(job(vm(cpu=cpu, machine=Machine(type=kind))), translator):
            differing[model] = found
    assert not differing
