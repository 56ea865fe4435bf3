"""Codes of `kvmc import`, KV640-KV659."""

from __future__ import annotations

from kvmc.codes.model import Code

CODES: tuple[Code, ...] = (
    Code(
        "KV640",
        "no XML that can be read",
        "`kvmc import` reads one well-formed XML document of at most 4 MiB, which is what "
        "`virsh dumpxml --inactive NAME` prints. The message says what the XML parser said.",
    ),
    Code(
        "KV641",
        "no domain",
        "The root element must be libvirt's <domain>. Snapshots, checkpoints, status files of "
        "libvirtd, networks and capabilities have other roots; take the output of "
        "`virsh dumpxml --inactive NAME`.",
    ),
    Code(
        "KV642",
        "the domain declares a document type",
        "A domain XML has no use for <!DOCTYPE> or entities, and entities can make a small file "
        "explode into gigabytes or read other files. kvmc refuses such a file unread. Remove the "
        "declaration and write out what the entities stand for.",
    ),
    Code(
        "KV643",
        "a value of the domain cannot be read",
        "An element or attribute that kvmc owns is missing, or holds something that libvirt would "
        "not take either: a CPU set that runs backwards, say, an unknown unit or a CPU mode that "
        "does not exist. Let libvirt print the domain again with `virsh dumpxml --inactive NAME`.",
    ),
    Code(
        "KV644",
        "parts of the domain that a spec cannot say",
        "A spec is about CPUs and memory. With -o the YAML names the XML as its `base:`, so that "
        "devices, firmware, metadata and all else the note lists stay as they are, to the byte. "
        "Without -o there is no base: a minimal machine is written, with what it has words for "
        "(type, emulator, direct kernel boot, disks on files, a serial console), and the note "
        "lists what is lost.",
    ),
    Code(
        "KV645",
        "a build of the imported spec would change the domain",
        "kvmc owns the setting, so that a base does not keep it, and a spec cannot say what the "
        "domain says: I/O threads with different pins, CPUs that numad chooses, some vCPUs pinned "
        "and others not, memory bound to nodes while the host is not known. Without -o the minimal "
        "machine is compared too: its domain type is kvm or qemu, its machine type q35 where the "
        "domain names none, and its architecture the one in the emulator's name, else the host's, "
        "else x86_64. The warning compares the domain with what `kvmc build` makes of "
        "the new spec and names every setting in which they differ. With `--host` (NAME, FILE or "
        "local) the host's CPUs and nodes are known, which resolves most.",
    ),
    Code(
        "KV646",
        "the domain says what no spec can say",
        "libvirt takes, or once took, more than a spec has words for, and an import is a spec that "
        "can be built: the nearest value stands in it, or the setting is left out, and the warning "
        "says which. Shares, period and quota go to the nearest bound, as the kernel's shares do; "
        "memory on huge pages is rounded up to whole pages, which is what QEMU allocates; I/O "
        "threads are numbered from 1, so that a domain whose disk is on thread 5 gets five; a "
        "guest cell without vCPUs leaves out all cells; page sizes and real-time priorities that "
        "no machine has, and machine types that are none, are left out. What is against a rule in "
        "another way, such as two vCPUs alone on one CPU of a known host, or a cell without vCPUs "
        "that memory devices of the base are in, is an error of that rule: the file is written as "
        "it is, to be mended by hand.",
    ),
)
