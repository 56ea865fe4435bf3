"""The target `libvirt`: a VM and its plan as domain XML.

With no base the artifact is a whole minimal domain, printed as `virsh dumpxml` prints one. With a
base it is that document with the elements kvmc owns replaced (see `kvmc.render.merge`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.diagnostics import Outcome
from kvmc.render.checks import check_job
from kvmc.render.model import Artifact
from kvmc.render.printing import print_template
from kvmc.render.views.domain import domain_view

if TYPE_CHECKING:
    from kvmc.render.model import Job


def render(job: Job) -> Outcome[Artifact]:
    """Return `NAME.xml`; no value where libvirt could not read or would not accept the result.

    Errors: KV601-KV603 and KV606 for a base that cannot be used, KV604 for relative paths.
    Warning KV605 and notes KV607 and KV608 go with a value.
    """
    found = check_job(job)
    if any(d.is_error for d in found):
        return Outcome(None, found)
    text = print_template("libvirt/domain.xml.j2", domain=domain_view(job))
    if job.base is None:
        return Outcome(Artifact(name=f"{job.vm.name}.xml", text=text), found)
    from kvmc.render.merge import merge  # and an XML parser with it

    merged = merge(job, job.base, text)
    diagnostics = found + merged.diagnostics
    if merged.value is None:
        return Outcome(None, diagnostics)
    return Outcome(Artifact(name=f"{job.vm.name}.xml", text=merged.value), diagnostics)
