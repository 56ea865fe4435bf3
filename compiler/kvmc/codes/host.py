"""Codes of host descriptions, KV4xx; KV400-KV429 belong to the readers of real hosts."""

from __future__ import annotations

from kvmc.codes.model import Code

CODES: tuple[Code, ...] = (
    Code(
        "KV400",
        "no CPU found",
        "The source describes no online CPU at all. A captured sysfs tree must hold "
        "sys/devices/system/cpu, libvirt capabilities <topology><cells>, and an hwloc XML "
        "PU objects. Capture the host again, or use another source.",
    ),
    Code(
        "KV401",
        "not well-formed XML",
        "The file given with --capabilities or --hwloc is no XML. Often it is cut off, or "
        "it holds an error message of the tool that should have written it.",
    ),
    Code(
        "KV402",
        "another kind of document",
        "The root element is not the one that this reader wants: <capabilities> for libvirt "
        "(virsh capabilities), <topology> for hwloc (lstopo --of xml).",
    ),
    Code(
        "KV403",
        "XML entities are not read",
        "The file declares XML entities. Neither libvirt nor hwloc writes any, and they can "
        "be used to read other files or to exhaust memory, so such a file is refused.",
    ),
    Code(
        "KV404",
        "host source cannot be read",
        "The file or folder with the host's description is missing, unreadable, far too "
        "large, or does not hold sys/.",
    ),
    Code(
        "KV405",
        "one node assumed",
        "The source describes no NUMA node: a kernel without NUMA support shows no node "
        "folder. kvmc then treats the machine as a single node 0 that holds all CPUs and "
        "all memory.",
    ),
    Code(
        "KV406",
        "node without CPUs of its own left out",
        "A NUMA node lists only CPUs that belong to other nodes as well. A CPU has one "
        "node, so this is a firmware error or NUMA emulation (numa=fake). The first node "
        "keeps the CPUs, and the others are left out, as hwloc does it.",
    ),
    Code(
        "KV407",
        "CPUs without a node",
        "Some online CPUs belong to none of the host's NUMA nodes. They are kept, without a "
        "node; rules about NUMA locality cannot be met with them.",
    ),
    Code(
        "KV408",
        "thread siblings unknown",
        "The source does not say which CPUs are threads of one core. Each such CPU counts "
        "as a core of its own. On a host with SMT that would place two guests on one core: "
        "describe it from its sysfs (kvmc host probe --sysfs) instead.",
    ),
    Code(
        "KV409",
        "thread siblings contradict each other",
        "One CPU names another as its thread sibling, but not the other way round. kvmc "
        "takes the safe side: all CPUs that are named together count as one core.",
    ),
    Code(
        "KV410",
        "a cpuset limits the reader",
        "The process that read the host may only use a part of its CPUs or memory nodes "
        "(cgroup cpuset, container, batch job). The host is described in full; if guests "
        "are bound by the same limit, restrict policy.dedicated to what they may use.",
    ),
    Code(
        "KV411",
        "threads of a core disagree",
        "Thread siblings are described as parts of different packages, dies, nodes or "
        "caches. That fact is left out for the core, since none of the answers can be "
        "trusted.",
    ),
    Code(
        "KV412",
        "online CPUs without a folder",
        "cpu/online lists CPUs for which the captured tree has no folder. Nothing is known "
        "about them and they are left out. Capture all of sys/devices/system/cpu.",
    ),
    Code(
        "KV413",
        "invalid values ignored",
        "Some files or attributes hold no valid value: text where a number belongs, a "
        "distance row that does not fit the nodes. They are treated as missing.",
    ),
    Code(
        "KV416",
        "facts the source does not tell",
        "The source says nothing about packages, level 3 caches or the memory of nodes. "
        "These facts are absent from the host description; nothing is made up. Rules that "
        "need them cannot be checked.",
    ),
    Code(
        "KV417",
        "libvirt tells no host-model",
        "`kvmc host probe --connect` writes down what libvirt makes of cpu mode host-model, for "
        "the domain types kvm and qemu. Here libvirt gave it for neither: its QEMU driver finds no "
        "emulator, or its CPU driver does not know the host's architecture (virsh "
        "domcapabilities says more). The host file is whole without it; `kvmc build --target "
        "qemu` then uses the host's own CPU for VMs with mode host-model (see KV623).",
    ),
)
