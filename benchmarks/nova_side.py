"""The half of the comparison that runs under the Python that has Nova: JSON lines in, JSON out.

It imports nothing of kvmc, so that Nova may live in a virtual environment of its own. What is
called is what nova-compute calls for a claim: numa_fit_instance_to_host, then
numa_usage_from_instance_numa to book it. Logging stays at its default level, which is Nova's
cheapest.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import time
from importlib.metadata import version
from typing import Any

from nova import objects
from nova.conf import CONF
from nova.virt import hardware

SMALL_PAGE_KIB = 4


class TooSlowError(Exception):
    """One call took longer than the limit."""


def topology(host: dict[str, Any]) -> Any:  # noqa: ANN401 - Nova has no types here
    """Return Nova's host; libvirt always reports the small pages, so they are there."""
    return objects.NUMATopology(
        cells=[
            objects.NUMACell(
                id=node["id"],
                cpuset=set(node["cpus"]),
                # The two sets are equal, else Nova refuses `isolate` on a host with SMT.
                pcpuset=set(node["cpus"]),
                memory=node["memory_mib"],
                socket=node["socket"],
                cpu_usage=0,
                memory_usage=0,
                pinned_cpus=set(),
                siblings=[set(core) for core in node["cores"]],
                mempages=[
                    objects.NUMAPagesTopology(
                        size_kb=SMALL_PAGE_KIB,
                        total=node["memory_mib"] * 1024 // SMALL_PAGE_KIB,
                        used=0,
                        reserved=0,
                    )
                ],
            )
            for node in host["nodes"]
        ]
    )


def instance(vm: dict[str, Any]) -> Any:  # noqa: ANN401
    """Return what numa_get_constraints makes of hw:cpu_policy=dedicated and hw:numa_nodes."""
    return objects.InstanceNUMATopology(
        emulator_threads_policy=None,
        cells=[
            objects.InstanceNUMACell(
                id=number,
                cpuset=set(),
                pcpuset=set(cell["vcpus"]),
                memory=cell["memory_mib"],
                pagesize=None,
                cpu_policy="dedicated",
                cpu_thread_policy=vm["threads"],
                cpu_pinning_raw=None,
            )
            for number, cell in enumerate(vm["cells"])
        ],
    )


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Do the events in turn; return what was placed where, and how long each fit and claim took."""
    strategy = request["pack"]
    CONF.set_override("packing_host_numa_cells_allocation_strategy", strategy, "compute")
    host = topology(request["host"])
    here: dict[str, Any] = {}
    wanted = {vm["name"]: instance(vm) for vm in request["vms"]}
    refused, broken, fits, claims, late = [], [], [], 0.0, False
    gc.collect()
    for verb, name in request["events"]:
        if verb == "remove":
            if name in here:
                host = hardware.numa_usage_from_instance_numa(host, here.pop(name), free=True)
            continue
        try:
            took, got = fit(host, wanted[name], request["limit"])
        except TooSlowError:
            late = True
            break
        fits.append(took)
        if not got:
            refused.append(name)
            continue
        if not bookable(host, got):
            broken.append(name)
            continue
        start = time.process_time()
        host = hardware.numa_usage_from_instance_numa(host, got)
        claims += time.process_time() - start
        here[name] = got
    pins = {
        name: [[cell.id, sorted(cell.cpu_pinning.items())] for cell in got.cells]
        for name, got in here.items()
    }
    return {
        "refused": refused,
        "broken": broken,
        "fits": fits,
        "claims": claims,
        "late": late,
        "pins": pins,
    }


def bookable(host: Any, got: Any) -> bool:  # noqa: ANN401
    """Whether the pins are there and free on the nodes named.

    Nova 34 caches what fits by the ids of guest cells, which it changes as it goes: a guest of
    several cells may come back with a cell that has no pins, or the pins of another node.
    """
    free = {cell.id: cell.free_pcpus for cell in host.cells}
    return all(
        set(cell.cpu_pinning or ()) == cell.pcpuset
        and set(cell.cpu_pinning.values()) <= free[cell.id]
        for cell in got.cells
    )


def fit(host: Any, wanted: Any, limit: float) -> tuple[float, Any]:  # noqa: ANN401
    """Return the CPU seconds of one placement, and the placement; TooSlowError past the limit."""
    signal.setitimer(signal.ITIMER_REAL, limit)
    try:
        start = time.process_time()
        got = hardware.numa_fit_instance_to_host(host, wanted, None)
        return time.process_time() - start, got
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _too_slow(*_: object) -> None:
    raise TooSlowError


def main() -> None:
    """Say the version, then answer one request a line until the input ends."""
    signal.signal(signal.SIGALRM, _too_slow)
    # Whatever a library prints must not get between the answers.
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    objects.register_all()
    # Collections then look at what a question makes, not at all of Nova.
    gc.freeze()
    python = sys.version.split()[0]
    print(json.dumps({"nova": version("nova"), "python": python}), file=out, flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), file=out, flush=True)


if __name__ == "__main__":
    main()
