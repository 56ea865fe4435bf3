"""Codes of the host file, KV43x and KV44x."""

from __future__ import annotations

from kvmc.codes.model import Code

CODES: tuple[Code, ...] = (
    Code(
        "KV430",
        "CPU in two cores",
        "Each online CPU stands once in `cores`, among its thread siblings. [[0, 28], [1, 29]] "
        "are two cores of two threads each.",
    ),
    Code(
        "KV431",
        "core of an unknown node",
        "A group of cores names a NUMA node that `nodes` does not describe.",
    ),
    Code(
        "KV432",
        "CPU offline and in a core",
        "`cores` holds online CPUs. A CPU that is listed as offline cannot be one of them.",
    ),
    Code(
        "KV433",
        "isolated CPU unknown",
        "`isolated` names CPUs that are neither in `cores` nor in `offline`.",
    ),
    Code(
        "KV434",
        "policy names unknown CPUs",
        "A set of the policy names CPUs that are neither in `cores` nor in `offline`. Perhaps "
        "it was written for another host, or the host has been changed.",
    ),
    Code(
        "KV435",
        "CPU with two uses",
        "reserved, shared, dedicated and the pools divide the host's CPUs: a reserved or pooled"
        " CPU is never given to a guest, and a shared one is never dedicated. A pool inside of "
        "dedicated is understood (KV440); every other overlap is an error.",
    ),
    Code(
        "KV436",
        "core half shared",
        "A dedicated vCPU never shares a core with the shared set. Where one thread of a core "
        "is shared, its siblings can never be dedicated, so they lie idle. Share whole cores, "
        "or put the siblings into reserved.",
    ),
    Code(
        "KV437",
        "distance to an unknown node",
        "The distances of a node name a node that `nodes` does not describe.",
    ),
    Code(
        "KV438",
        "distance missing",
        "A node that gives distances gives them to every node in `nodes`, itself included. "
        "Leave all of them out where they are not known.",
    ),
    Code(
        "KV439",
        "node described twice",
        "Two entries of `nodes` have the same id.",
    ),
    Code(
        "KV440",
        "pool inside of dedicated",
        "The CPUs of a pool belong to someone else and are never used, so they are taken out of"
        " policy.dedicated. That is only a note: nothing is wrong.",
    ),
    Code(
        "KV441",
        "host name refused",
        "The name of a host is the name of its folder of artefacts. kvmc refuses '/', '.', "
        "'..', blank names, characters that cannot be printed, blanks at the ends, and more "
        "than 200 bytes.",
    ),
    Code(
        "KV442",
        "more huge pages than memory",
        "The huge pages of a node are a part of its memory, and together they are more than it "
        "has. One of the two is wrong; with too many pages a plan puts guests where they cannot "
        "start. `kvmc host probe`, on that machine, counts both anew.",
    ),
    Code(
        "KV443",
        "node not nearest to itself",
        "The distance of a node to itself is the smallest: 10 in firmware's SLIT, and Linux takes "
        "no other. Where another node is nearer, the distances are mistyped or in the wrong "
        "order, and kvmc would bring together what is far apart.",
    ),
    Code(
        "KV444",
        "shared CPUs are isolated",
        "Shared vCPUs and shared emulator threads float on policy.shared, and the scheduler "
        "moves them where there is room. It moves nothing on CPUs that were isolated at boot "
        "(isolcpus=), so they pile up on one of these while the others idle. Isolated CPUs are "
        "for dedicated vCPUs; share housekeeping CPUs.",
    ),
    Code(
        "KV445",
        "page size that is none, or stands twice",
        "The huge pages of a node are counted by size, and each size stands once: 1GiB and "
        "1024MiB are the same pages, and two numbers of them cannot both be right. Sizes are "
        "powers of two, so 1GB is no page of any machine. `kvmc host probe`, on that machine, "
        "writes what there is.",
    ),
)
