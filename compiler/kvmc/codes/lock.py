"""Codes of the lock, KV52x."""

from __future__ import annotations

from kvmc.codes.model import Code

CODES: tuple[Code, ...] = (
    Code(
        "KV520",
        "the lock is for other facts",
        "The host's facts changed since the lock was written: CPUs went offline, firmware "
        "renumbered them, memory or huge pages changed. Pins made for the old facts may be wrong "
        "on the new ones, so nothing is planned silently. Look at what changed (the fingerprint "
        "does not cover policy), then run `kvmc lock --replan`.",
    ),
    Code(
        "KV521",
        "broken line in the lock",
        "A line of the lock does not fit itself or its VM: a CPU that is none, another number of "
        "vCPUs than the spec asks for, a cell without a node. Only editing by hand makes such "
        "lines. Restore the file from git, or run `kvmc lock --replan` on the whole repository, "
        "which frees what the lock holds, and so replaces one that cannot be read.",
    ),
    Code(
        "KV522",
        "the lock contradicts itself",
        "Two VMs in the lock have the same CPU, or thread siblings of one core that may not be "
        "shared; or all of them together take more memory, huge pages or shared CPUs than there "
        "are; or the file is several documents. A merge of two branches can do that, and so can a "
        "lower overcommit. Take one side's "
        "line, or remove the line of one VM and run `kvmc lock`, which places that VM anew.",
    ),
    Code(
        "KV523",
        "the lock holds a CPU that may not be used",
        "The host's policy, or a pin in a spec, has changed so that a CPU held for a VM is now "
        "reserved, shared, in a pool, or outside of what the VM may use. Nothing moves silently: "
        "remove the VM's line from the lock and run `kvmc lock`, or use --replan.",
    ),
    Code(
        "KV524",
        "the lock is another host's",
        "The lock beside a host's description names another host. Locks hold CPU numbers, which "
        "mean nothing on another machine.",
    ),
    Code(
        "KV525",
        "the lock would change",
        "With --locked the placement must be exactly what the lock holds. The message lists the "
        "VMs that are new, changed, moved or gone. Run `kvmc lock` and commit the file.",
    ),
    Code(
        "KV526",
        "a VM moves",
        "The placement of this VM is not the one that the lock holds: its spec asks for something "
        "else, or --replan freed everything. A running guest keeps its old CPUs until the new "
        "pins are applied; memory moves only at the next boot.",
    ),
    Code(
        "KV527",
        "not locked yet",
        "The lock does not hold the placement of these VMs, so the next run may place them "
        "elsewhere when specs are added. `kvmc lock` writes it; `build -o` does so too.",
    ),
    Code(
        "KV528",
        "an undeclared domain is on locked cores",
        "With --connect the pins of domains that no spec declares count as occupied. This one is "
        "pinned to CPUs, or their thread siblings, that the lock holds for a declared VM. kvmc "
        "never touches a domain that nobody declared: move its pins by hand, declare it "
        "(`kvmc import`), or plan the host anew around it.",
    ),
    Code(
        "KV529",
        "gone from the lock",
        "The lock held a place for these VMs, and no spec asks for one on that host any more, so "
        "their lines go and others may get their CPUs. A domain that still runs there is told "
        "nothing of that. With --host the locks of all other hosts stay as they are.",
    ),
    Code(
        "KV530",
        "no file for a lock",
        "A lock stands beside the file that describes its host, and this host has none: it was "
        "probed for this run, or came through a pipe. Nothing can hold the placement, so that the "
        "next run may place the VMs elsewhere, and --locked always fails. "
        "`kvmc host probe -o hosts/NAME.yaml` writes the file.",
    ),
)
