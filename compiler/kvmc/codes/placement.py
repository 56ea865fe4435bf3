"""Codes of placement, KV5xx."""

from __future__ import annotations

from kvmc.codes.model import Code

CODES: tuple[Code, ...] = (
    Code(
        "KV501",
        "does not fit",
        "There is no placement of all VMs of the host: every possibility was tried or ruled out "
        "by counting. The message says what the VM needs, what each node still has, and which VMs "
        "hold the rest; the hint names single changes with which it would fit. The plan shows the "
        "placement that leaves out the fewest vCPUs.",
    ),
    Code(
        "KV502",
        "not placed, and not proven impossible",
        "The search hit its bound on effort before it found a place for the VM or could rule one "
        "out. The plan shown is the best one found. This is no claim that the VM does not fit.",
    ),
    Code(
        "KV503",
        "siblings shared inside a VM",
        "With `threads: prefer` vCPUs may share a host core, though the guest does not see them as "
        "threads of one core, where nothing else fits. Two busy vCPUs on one core get about 60 % "
        "of the speed each, and the guest's scheduler cannot know. Use an even number of vCPUs, or "
        "`threads: require` or `isolate` to have the plan refused instead.",
    ),
    Code(
        "KV504",
        "memory away from the vCPUs",
        "The VM has no guest cells, so its memory is a preference, and it does not fit what is "
        "left on the nodes of its vCPUs. It is bound with mode preferred, so some of it will be "
        "remote. `pin.numa: require` makes it a rule.",
    ),
    Code(
        "KV505",
        "guest threads that are no siblings",
        "The spec's topology shows several threads a core, but under `threads: prefer` not every "
        "guest core found free siblings, or `pin.map` puts them on different cores, so the guest's "
        "scheduler will take separate host cores for hyperthreads. Leave topology out to have it "
        "derived, pin the threads of each guest core to siblings, or use `threads: require`.",
    ),
    Code(
        "KV506",
        "a core shared by two VMs",
        "The host's policy says `core_sharing: allow`, and two VMs with `threads: prefer` are on "
        "thread siblings of one core. They slow each other down and can observe each other "
        "(L1TF, MDS). As few cores as possible are shared.",
    ),
    Code(
        "KV507",
        "memory not checked",
        "The host description does not say how much memory a node has, so whether the VM's memory "
        "fits there was not checked. Probe the host from its own /sys to have it in the file.",
    ),
    Code(
        "KV508",
        "several isolated CPUs in one mask",
        "CPUs named in isolcpus= are taken out of the kernel's load balancing. A thread that may "
        "use several of them is never moved, so all such threads stay on the first one. Give vCPUs "
        "single CPUs, and let emulator and I/O threads run on CPUs that are not isolated.",
    ),
    Code(
        "KV509",
        "nothing left for the host",
        "Every CPU that the kernel gives to ordinary tasks is dedicated to a guest or belongs to a "
        "pool. Interrupts, libvirtd, QEMU's own threads and the kernel then run on the guests' "
        "CPUs, and take from them what was promised. Reserve a core in the host's policy: "
        "`kvmc init` reserves the first one.",
    ),
    Code(
        "KV510",
        "CPU named by number cannot be used",
        "A `manual` pin, or an explicit CPU list of `emulator` or `iothreads`, names a CPU that is "
        "offline or does not exist, or is someone else's by the host's policy: a pool's, or, for a "
        "vCPU, reserved, or, for a pin to a single CPU, on a core of the shared set. The lists of "
        "other threads may name reserved CPUs, which are there for such work.",
    ),
    Code(
        "KV511",
        "pins of two VMs conflict",
        "Two specs name the same CPU, or thread siblings of one core, by number. A pin to a single "
        "CPU is that vCPU's alone, and dedicated vCPUs of two VMs never share a core (unless the "
        "policy says core_sharing: allow and both prefer).",
    ),
    Code(
        "KV512",
        "manual pins against the guest's view",
        "Two vCPUs are pinned to thread siblings of one host core, but the guest does not see them "
        "as threads of one core (or the other way round under `threads: require`). The guest's "
        "scheduler then takes two busy hyperthreads for two cores. Pin the threads of each guest "
        "core, runs of consecutive vCPU ids, to siblings.",
    ),
    Code(
        "KV513",
        "needs a host",
        "The VM is pinned by hand and names no host, so its pins are taken as they are. But "
        "`emulator` or `iothreads` with share or isolate mean CPUs of a host that kvmc must know.",
    ),
    Code(
        "KV514",
        "no shared set",
        "Emulator or I/O threads are to run on the host's shared set, and its policy names none. "
        "An empty CPU mask would confine them to nothing. Name shared CPUs in the policy of the "
        "host's description, or let the threads run elsewhere: own, isolate or a CPU list.",
    ),
)
