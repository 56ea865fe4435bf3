"""Codes of guests that run without libvirt, KV760 to KV789: `kvmc run`, `hotplug` and `ps`."""

from __future__ import annotations

from kvmc.codes.model import Code

CODES: tuple[Code, ...] = (
    Code(
        "KV760",
        "QEMU cannot be started",
        "The binary that `emulator:` names, or qemu-system-ARCH in PATH, is not there or may not "
        "be executed; the message has the system's reason. Nothing was left running.",
    ),
    Code(
        "KV761",
        "QEMU ended on its own",
        "QEMU was started and ended while it was set up: a kernel, disk or huge page that is not "
        "there, an option this QEMU does not know, no access to /dev/kvm. Or it ended while "
        "`kvmc hotplug` spoke to it. The message quotes QEMU's last line and the hint the lines "
        "before it.",
    ),
    Code(
        "KV762",
        "QEMU refused, or did not answer",
        "A command on QEMU's QMP socket failed, with QEMU's own words, or had no answer in time. "
        "QEMU serves one client of a socket at a time, so another program that holds the socket "
        "open (qmp-shell, say) keeps kvmc out until it leaves.",
    ),
    Code(
        "KV763",
        "the kernel refused to pin a thread",
        "sched_setaffinity(2) failed. `invalid argument` means that none of the CPUs is online "
        "and in the cpuset cgroup that kvmc was started in; `operation not permitted` that QEMU "
        "runs as another user. `kvmc run` then ends QEMU before the guest has run at all, and "
        "`kvmc hotplug` takes the vCPU back.",
    ),
    Code(
        "KV764",
        "the kernel refused a scheduler class",
        "The spec's `tune.scheduler` asks for a class that sched_setscheduler(2) did not give: "
        "fifo and rr need root, CAP_SYS_NICE or a high enough RLIMIT_RTPRIO, and with real-time "
        "group scheduling a cgroup with cpu.rt_runtime_us. The vCPU runs in the default class; "
        "with --strict the guest is not started.",
    ),
    Code(
        "KV765",
        "all vCPUs share one thread",
        "Under TCG with thread=single QEMU runs every vCPU on one thread in turn, so that there "
        "is nothing to pin a vCPU by. QEMU falls back to that where a guest's memory order is "
        "stricter than the host's, and with -icount. Use KVM, or -accel tcg,thread=multi.",
    ),
    Code(
        "KV766",
        "a CPU limit is not set",
        "`tune.shares`, `period` and `quota` need a cgroup. `kvmc run` makes one for the guest, "
        "kvmc-PID-NAME, below the cgroup it runs in itself or else below the topmost one, and one "
        "for each vCPU below that where there is a quota. The message has the file and the "
        "kernel's word for why not: `permission denied` needs root or a group of one's own "
        "(`systemd-run --user --scope -p Delegate=yes kvmc run ...`); `it has no cpu controller` "
        "that a group above enables it for those below. The guest runs without that limit; with "
        "--strict it is not started.",
    ),
    Code(
        "KV767",
        "such a guest runs already",
        "`kvmc run` starts a guest of one name once for each runtime folder ($XDG_RUNTIME_DIR/kvmc "
        "or /run/kvmc), so that `kvmc hotplug NAME` is clear. Stop the running one, or give the "
        "new one another name.",
    ),
    Code(
        "KV768",
        "a thread is not where it was put",
        "After pinning, kvmc reads the CPUs of every thread back from /proc. They differ from the "
        "plan where only some of the planned CPUs are online or in the cpuset cgroup (the kernel "
        "drops the others silently), or where another program changed them. It is also reported "
        "when a thread that the plan names does not exist. `kvmc run` then ends QEMU.",
    ),
    Code(
        "KV769",
        "no such guest runs",
        "`kvmc hotplug` knows the guests that `kvmc run` started and that still run, from "
        "$XDG_RUNTIME_DIR/kvmc and /run/kvmc. Started as root and asked as another user, a guest "
        "is not found. Guests of libvirt are changed with `virsh setvcpus`.",
    ),
    Code(
        "KV770",
        "more vCPUs than the guest can have",
        "The ceiling was fixed when QEMU started: it is `cpu.max` of the spec then. The message "
        "counts what is plugged and what can still be added.",
    ),
    Code(
        "KV771",
        "a vCPU of the boot cannot be unplugged",
        "QEMU can only remove vCPUs that were added with device_add; those of -smp (`cpu.count`) "
        "have no id to name them by. Start with fewer and add the rest by `kvmc hotplug`.",
    ),
    Code(
        "KV772",
        "the guest did not give up a vCPU",
        "Unplugging is a request: the guest takes the CPU offline and ejects it. It declined, or "
        "did not answer in time (--timeout). A guest that is paused, is still booting, or has no "
        "ACPI CPU hotplug does not answer; the request then stands and may be met later, which "
        "`kvmc ps` shows.",
    ),
    Code(
        "KV773",
        "not everything could be read",
        "Some processes of /proc could not be read, or /proc is mounted with hidepid= so that "
        "other users' processes do not show. The table is right about what it has, and others may "
        "share the same CPUs. Run as root to see all.",
    ),
    Code(
        "KV774",
        "the runtime folder cannot be used",
        "`kvmc run` keeps the QMP socket, QEMU's output and the plan of a running guest in a "
        "folder of $XDG_RUNTIME_DIR/kvmc, or /run/kvmc where that variable is not set. It cannot "
        "be made, or its path is too long for a Unix socket (107 bytes).",
    ),
    Code(
        "KV775",
        "planned for CPUs that this machine has not",
        "`kvmc run` starts the guest here, and the plan names CPUs that are not online here: the "
        "host description is another machine's, or is old. Use --host local, or write it anew "
        "with `kvmc host probe`.",
    ),
    Code(
        "KV776",
        "the library for QMP is missing",
        "`kvmc run` and `kvmc hotplug` speak to QEMU through the Python library qemu.qmp: "
        "pip install qemu.qmp. The extra `run` of kvmc brings it along.",
    ),
    Code(
        "KV777",
        "planned for another machine",
        "The CPUs of the plan are online here, but the host description tells of other cores: "
        "thread siblings or NUMA nodes differ, so that the plan's promises about shared cores and "
        "near memory may not hold. Use --host local, or write the description anew with "
        "`kvmc host probe`.",
    ),
    Code(
        "KV778",
        "QEMU does not name its threads",
        "Which thread is which vCPU is known from thread names, and QEMU gives those only with "
        "`-name NAME,debug-threads=on` (libvirt and kvmc always say so). All threads of such a "
        "guest are shown as emulator threads.",
    ),
    Code(
        "KV779",
        "under TCG no vCPU can be added after one was unplugged",
        "Without KVM, QEMU 7.2 aborts when a vCPU is added after another was unplugged, and the "
        "guest is lost; kvmc refuses. Two faults of QEMU's, both confirmed. A vCPU that goes "
        "leaves its memory listener behind, so that the next change of the memory map, which "
        "adding a vCPU is, writes into the TLB that was freed with it; QEMU 10.0.5 and 10.1.1 "
        "have the remedy (`physmem: Destroy all CPU AddressSpaces on unrealize`). And each thread "
        "of a vCPU takes one of maxcpus translation contexts for good, so that with all of them "
        "used tcg_register_thread says `assertion failed: (n < tcg_max_ctxs)`; QEMU knows of that "
        "since December 2023. With KVM neither applies.",
    ),
)
