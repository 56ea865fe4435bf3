"""A tree of /sys and /proc files to a `Host`.

Sources: Documentation/admin-guide/cputopology.rst, Documentation/ABI/stable/sysfs-devices-node and
sysfs-devices-system-cpu of the Linux kernel. Nothing is derived from core_id: it restarts in each
node, die or cluster on some machines and does not identify a core.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.cpuset import EMPTY
from kvmc.diagnostics import Outcome, Place, warning
from kvmc.host.assemble import assemble
from kvmc.host.facts import Facts
from kvmc.host.sysfs_cpuinfo import read_cpuinfo
from kvmc.host.sysfs_cpus import CPU, find_cpus, read_cpus
from kvmc.host.sysfs_kinds import read_kinds
from kvmc.host.sysfs_limits import read_limits
from kvmc.host.sysfs_nodes import machine_hugepages, machine_memory, read_nodes
from kvmc.host.tree import Reader, ignored

if TYPE_CHECKING:
    from kvmc.cpuset import CpuSet
    from kvmc.diagnostics import Diagnostic
    from kvmc.host.model import Host
    from kvmc.host.tree import Tree


def read_tree(tree: Tree, name: str, *, file: str = "/", arch: str | None = None) -> Outcome[Host]:
    """Return the host of a tree that holds sys/ and, where there is one, proc/.

    `file` is what diagnostics name; `arch` is known when the tree is this machine's own, otherwise
    it is taken from /proc/cpuinfo. Fails (KV400) only where no CPU can be found at all.
    """
    reader = Reader(tree)
    found = find_cpus(reader)
    info = read_cpuinfo(reader)
    allowed_cpus, allowed_nodes = read_limits(reader)
    facts = Facts(
        name=name,
        file=file,
        arch=arch or info.arch,
        model=info.model,
        cpus=read_cpus(reader, found.online),
        nodes=read_nodes(reader),
        kinds=read_kinds(reader, found.online, info),
        memory_kib=machine_memory(reader),
        hugepages=machine_hugepages(reader),
        offline=found.offline,
        isolated=reader.cpus(f"{CPU}/isolated") or EMPTY,
        allowed_cpus=allowed_cpus,
        allowed_nodes=allowed_nodes,
    )
    outcome = assemble(facts)
    left_out = _left_out(found.folderless, Place(file=file))
    said = (*outcome.diagnostics, *left_out, *ignored(reader.bad, file))
    return Outcome(outcome.value, said)


def _left_out(cpus: CpuSet, place: Place) -> tuple[Diagnostic, ...]:
    if not cpus:
        return ()
    return (
        warning(
            "KV412",
            f"CPUs {cpus} are listed as online but have no folder: left out",
            place,
            hint="capture the tree again with all of sys/devices/system/cpu",
        ),
    )
