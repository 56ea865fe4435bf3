"""Codes of the target qemu, KV620-KV639."""

from __future__ import annotations

from kvmc.codes.model import Code

CODES: tuple[Code, ...] = (
    Code(
        "KV620",
        "QEMU's command line cannot carry all of the plan",
        "QEMU has no option that pins a vCPU, an I/O thread or its own threads, none for CPU "
        "shares, quotas and scheduler classes, and none for numa mode restrictive: all of that is "
        "set from outside, on the threads of a running QEMU. libvirt does it for the target "
        "libvirt, and `kvmc run` does it for this one: it starts QEMU paused, asks it for its "
        "threads, places them and lets it go. The command that `kvmc build --target qemu` prints "
        "starts the same guest, unpinned.",
    ),
    Code(
        "KV621",
        "a base cannot become a command line",
        "A base is any libvirt domain XML, with devices that only libvirt knows how to turn into "
        "QEMU's options: networks, addresses, secrets, firmware. A command line without them "
        "would be another machine, so none is made. Build the target libvirt, let libvirt "
        "translate (`virsh domxml-to-native qemu-argv --xml FILE`), or describe a minimal machine "
        "in the spec: machine, type, emulator, boot, disks, serial.",
    ),
    Code(
        "KV622",
        "a CPU name that QEMU cannot be told",
        "QEMU splits the argument of -cpu at every comma and equals sign and has no escape for "
        "them, so that such a name would become another option. The names of QEMU's models and "
        "features are letters, digits, '-', '_', '.' and '+'.",
    ),
    Code(
        "KV623",
        "QEMU has no host-model",
        "libvirt turns `mode: host-model` and `match: minimum` into a named model and a list of "
        "features at each start, from what it knows of the host. QEMU has no word for that. "
        "`kvmc host probe --connect qemu:///system -o hosts/NAME.yaml` asks libvirt and writes "
        "the model down, as `host_model` of the host, and then the guest gets that one. Without "
        "it, and for a VM that is for no host, it gets the host's own CPU without what blocks "
        "migration under KVM (`-cpu host,migratable=on`), and all that QEMU can emulate "
        "under TCG (`-cpu max`). Features of the spec are added to it.",
    ),
    Code(
        "KV624",
        "a path that depends on where QEMU is started",
        "A relative disk is the volume of libvirt's default storage pool, "
        "/var/lib/libvirt/images, so that one spec names one disk whatever the target. Any other "
        "relative path is QEMU's, and means the folder it is started in. Write absolute paths to "
        "have neither.",
    ),
    Code(
        "KV625",
        "a check of libvirt's that QEMU does not make",
        "`check`, `fallback: forbid`, `match: strict` and the feature policy `forbid` make "
        "libvirt refuse to start a guest whose CPU would not be as asked, or a host that is not. "
        "QEMU starts with less and writes a warning for each feature the host lacks ('host "
        "doesn't support requested feature').",
    ),
    Code(
        "KV626",
        "a CPU feature that QEMU does not have",
        "libvirt knows some features of host CPUs that QEMU has no property for (cmt, mbm_total, "
        "mbm_local), and some that the guest's operating system sets itself (osxsave, ospke). "
        "libvirt never passes them to QEMU, and neither does kvmc: with them QEMU would not "
        "start.",
    ),
)
