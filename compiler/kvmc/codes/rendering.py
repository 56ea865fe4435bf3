"""Codes of rendering, KV6xx."""

from __future__ import annotations

from kvmc.codes.model import Code

CODES: tuple[Code, ...] = (
    Code(
        "KV601",
        "the base document is not readable XML",
        "The file that `base:` names must be one well-formed XML document in UTF-8, at most 4 MiB "
        "large and 256 elements deep. The output of `virsh dumpxml --inactive NAME` is. The "
        "message gives the line and column in the base, and what the XML parser said.",
    ),
    Code(
        "KV602",
        "the base document is not a domain",
        "The root element of a base must be libvirt's <domain>. Snapshots, checkpoints, status "
        "files of libvirtd and networks have other roots; take the output of "
        "`virsh dumpxml --inactive NAME`.",
    ),
    Code(
        "KV603",
        "the base document declares a document type",
        "A domain XML has no use for <!DOCTYPE> or entities, and entities can make a small file "
        "explode into gigabytes or read other files. kvmc refuses such a base unread. Remove the "
        "declaration and write out what the entities stand for.",
    ),
    Code(
        "KV604",
        "libvirt wants an absolute path",
        "libvirtd runs on the host, in its own working directory, so that a relative path for a "
        "kernel, an initrd, the emulator or a log file has no meaning there. Write the path on "
        "the host, starting with /. (A relative disk is looked up in libvirt's default pool, "
        "/var/lib/libvirt/images.)",
    ),
    Code(
        "KV605",
        "libvirt cannot do this as it is asked",
        "The spec asks for something that libvirt's domain XML cannot express, that libvirt "
        "ignores in this combination, or that only newer versions know. kvmc says so instead of "
        "dropping it. `fallback` is about a named model, and the modes host-passthrough and "
        "maximum name none; host-model names none either, so libvirt drops its `forbid` when it "
        "prints the definition, and `kvmc diff` does not look for it. `clusters` in a topology "
        "needs libvirt 10.1 and a machine that has them: QEMU's x86 machines have not. Machines of "
        "type pc have 255 vCPUs at most, those of type q35 288 in QEMU 7.2 and more in later "
        "versions. A base's <maxMemory> stays, and may not be below the spec's memory; before "
        "libvirt 9.6 it needs a guest cell, and the cells are the spec's.",
    ),
    Code(
        "KV606",
        "the base names a thread, a vCPU or a cell that the spec does not have",
        "The numbers of I/O threads, vCPUs and guest cells come from the spec (`iothreads:`, 0 "
        "when absent, `cpu.max` and `numa.cells`), and elements of the base that stay may name "
        "more of them: a disk, a controller or <iothreadsched> an I/O thread, a monitor in "
        "<cachetune> or <memorytune> vCPUs, memory devices, PCI expander buses and "
        "<interconnects> cells. libvirt would refuse the domain. vCPUs of a cache or bandwidth "
        "allocation itself it drops without a word, so that this is a warning.",
    ),
    Code(
        "KV607",
        "settings of the base were left out",
        "kvmc owns name, memory, currentMemory, vcpu, vcpus, iothreads, numatune, the topology and "
        "NUMA cells of cpu (and its mode, model and features once `cpu.mode` is given), and in "
        "cputune and memoryBacking the settings that the spec can spell. What they say comes from "
        "the spec alone, so that no pin of an older plan is left behind. The note names what the "
        "base said there and the spec does not; write it in the spec to keep it.",
    ),
    Code(
        "KV608",
        "a disk is looked up in libvirt's default pool",
        "A disk's `file` without a leading / is taken as a volume of libvirt's default storage "
        "pool, /var/lib/libvirt/images, because a relative path means nothing to libvirtd. Write "
        "an absolute path to name another place.",
    ),
    Code(
        "KV609",
        "two VMs would have one UUID",
        "A base document may hold <uuid>, and every VM with that base gets it. libvirt knows a "
        "domain by its UUID and refuses a second one on the same host. Take <uuid> out of the "
        "base (libvirt makes one up, which kvmc keeps), or give each VM a base of its own.",
    ),
)
