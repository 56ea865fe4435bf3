"""The effect on the emulator threads that libvirt leaves where they were when it pins them anew.

libvirt pins the process's main thread, and sets the cpuset of the cgroup that all of them are in
(qemuDomainPinEmulator). Since Linux 6.2 a wider cpuset gives a thread no CPU beyond what
sched_setaffinity last gave it, or its parent: the others kept the mask of the guest's start.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from kvmc.apply.compare_kernel import places_memory
from kvmc.apply.kernel import qemu_pids, read_threads

if TYPE_CHECKING:
    from kvmc.cpuset import CpuSet
    from kvmc.host.tree import Tree


def bring_along(tree: Tree, uuid: str, cpus: CpuSet) -> None:
    """Let every emulator thread of a guest on this machine run where its pin says.

    `tree` is this machine's root. A thread that ended, or that is not ours to move (EPERM), is
    left: whoever looks again sees it.
    """
    pid = qemu_pids(tree, [uuid]).get(uuid)
    for thread in read_threads(tree, pid) if pid is not None else ():
        stays = thread.role != "emulator" or places_memory(thread) or thread.cpus == cpus
        if not stays:
            with suppress(OSError):
                os.sched_setaffinity(thread.tid, cpus)
