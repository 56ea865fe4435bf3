"""Codes of diff and verify, KV730-KV759."""

from __future__ import annotations

from kvmc.codes.model import Code

CODES: tuple[Code, ...] = (
    Code(
        "KV730",
        "a managed save image waits",
        "`virsh managedsave` (and many hosts at shutdown) writes a guest's memory to a file, from "
        "which its next start resumes. The image holds the settings of that time, old pins above "
        "all; where those CPUs are gone, the guest does not resume. Start the guest once and stop "
        "it cleanly, or remove the image with `virsh managedsave-remove NAME`.",
    ),
    Code(
        "KV731",
        "the kernel's side was not checked",
        "What the kernel really does is read from this machine's /proc and /sys. For a remote "
        "connection, for libvirt's test driver, or where QEMU's process cannot be seen (another "
        "process namespace, a /proc that hides other users' processes), only libvirt's word is "
        "there. That is said, and never counted as checked.",
    ),
    Code(
        "KV732",
        "the domain is transient",
        "libvirt runs the guest but keeps no definition of it, so that there is no inactive XML to "
        "compare and nothing of it is left when it ends. `virsh define` makes it persistent; "
        "`kvmc apply` changes it live, and defines nothing.",
    ),
    Code(
        "KV733",
        "the guest's side was not checked",
        "What a guest sees of its CPUs stands in its own /proc/cpuinfo. The QEMU guest agent can "
        "tell it, which takes a read-write connection to libvirt, so that `kvmc verify` asks it "
        "only with `--agent`. Where it was asked, the note says why there was no answer: no "
        "channel `org.qemu.guest_agent.0` in the domain, no agent running in the guest, a guest "
        "that is paused, an agent that did not answer within a few seconds, or one that forbids "
        "guest-file-open (RHEL's does by default). `--cpuinfo FILE` works without an agent.",
    ),
    Code(
        "KV740",
        "libvirt has no such domain",
        "The spec asks for a VM that libvirt does not know. `kvmc apply` defines it, and with "
        "`--start` starts it.",
    ),
    Code(
        "KV741",
        "the definition differs from the spec",
        "A setting of the domain's inactive XML is not what the spec and the placement say; its "
        "next boot would take it. Only what kvmc owns is compared, and by meaning: element order, "
        "units, ways to write a CPU set and what libvirt fills in are no difference. `kvmc diff` "
        "lists every setting, `kvmc apply` sets it right.",
    ),
    Code(
        "KV742",
        "the running guest differs from the spec",
        "libvirt runs the guest with a setting that is not what the spec says: it was changed by "
        "hand (`virsh vcpupin --live`), or the definition was changed since the guest started. "
        "What can change in a running guest `kvmc apply` changes; the rest waits for the next "
        "boot, which is a shutdown and a start and not a reboot inside the guest.",
    ),
    Code(
        "KV743",
        "a thread may not run where libvirt says, or elsewhere",
        "The kernel's affinity of a vCPU, emulator or I/O thread is not what libvirt and the plan "
        "say, or the shares, period and quota in the guest's cgroup are not: `taskset`, another "
        "tool, or a service manager that rewrote cgroups (`systemctl daemon-reload` has done so). "
        "libvirt does not notice. `kvmc apply` pins the thread again, and sets the cgroup. A "
        "scheduler class (`chrt`) libvirt sets at the start only.",
    ),
    Code(
        "KV744",
        "several isolated CPUs in one mask",
        "The scheduler does not balance between isolated CPUs (isolcpus=, or an isolated cpuset "
        "partition): threads that may run on several of them all stay on the first. So on "
        "isolated CPUs every vCPU, emulator and I/O thread needs a mask of one CPU, or CPUs that "
        "are not isolated. Give the VM dedicated vCPUs, or take those CPUs out of the shared set.",
    ),
    Code(
        "KV745",
        "a planned CPU is offline",
        "The placement uses a host CPU that is not online now. A pin to it alone fails at the "
        "start, and a running thread was moved elsewhere; with cgroup version 1 the CPU stays lost "
        "to the guest even when it comes back. Bring the CPU online and apply again, or probe the "
        "host anew and plan with `--replan`.",
    ),
    Code(
        "KV746",
        "the cgroup does not allow the planned CPUs",
        "A thread's cpuset cgroup leaves it fewer CPUs than the plan gives it (an AllowedCPUs= of "
        "machine.slice, say, or a cpuset emptied by hand). The kernel then runs the thread on what "
        "is left. Look at the effective set of the cgroup and of those above it, not at the "
        "unit file.",
    ),
    Code(
        "KV747",
        "others are bound to a dedicated CPU",
        "A thread that is not the VM's own may run on nothing but the VM's dedicated CPUs: someone "
        "bound it there, an interrupt's thread or another guest perhaps. Every moment it runs the "
        "vCPU stands still. The kernel's own per-CPU threads do not count.",
    ),
    Code(
        "KV748",
        "a VM's dedicated CPUs are not alike",
        "Some of the CPUs that one VM has for itself are isolated (or without a tick, nohz_full), "
        "and some are not, so that its vCPUs behave differently under load. Make the host's "
        "`policy.dedicated` and the kernel's isolcpus= or nohz_full= the same set.",
    ),
    Code(
        "KV749",
        "threads share a CPU that should have no tick",
        "nohz_full stops the timer tick on a CPU only while one single task runs there. CPUs on "
        "which several threads float (shared vCPUs, emulator or I/O threads) get nothing from it "
        "and pay for slower entries into the kernel. Keep nohz_full to dedicated CPUs.",
    ),
    Code(
        "KV750",
        "the guest sees another topology",
        "Sockets, cores and threads in the guest's /proc/cpuinfo are not those of the spec: the "
        "guest was started before a change, its kernel limits CPUs (maxcpus=, nosmt), or the CPU "
        "model cannot show threads (AMD models without topoext).",
    ),
    Code(
        "KV751",
        "the guest sees another number of CPUs",
        "The guest's /proc/cpuinfo lists the CPUs its kernel has brought online. After a hotplug "
        "it may have to be told: `echo 1 > /sys/devices/system/cpu/cpuN/online` in the guest.",
    ),
    Code(
        "KV752",
        "the guest sees another CPU model",
        "The model name in the guest's /proc/cpuinfo is not the one QEMU gives the model of the "
        "spec (QEMU's `-cpu help` lists them), or with host-passthrough not the host's own. The "
        "guest was started with another model, or is another guest.",
    ),
    Code(
        "KV753",
        "the file is no /proc/cpuinfo",
        "`--cpuinfo` wants the output of `cat /proc/cpuinfo` in the guest: blocks of `name : value`"
        " lines that start with `processor`. On a serial console, take what stands between the "
        "prompt lines.",
    ),
    Code(
        "KV754",
        "the host is not as it was described",
        "hosts/NAME.yaml and this machine do not agree on something that placement depends on: "
        "its online CPUs, their siblings, nodes, last-level caches or kinds, which of them are "
        "isolated, or memory and huge pages that are fewer than described (memory by more than "
        "2 %). SMT was switched off, a CPU went offline, a firmware setting renumbered the nodes, "
        "a module of memory failed, the kernel's command line changed. The placement was made for "
        "the host as described. Put the host back as it was, or describe it anew with `kvmc host "
        "probe -o hosts/NAME.yaml`, which keeps the policy, and plan again.",
    ),
    Code(
        "KV755",
        "the specs are for another host",
        "The VMs are placed on a host whose name is not the one that libvirt's machine calls "
        "itself by. Mostly kvmc was run on the wrong machine, or with the wrong `--connect`. If "
        "the host was only described under another name, say so with `--host NAME`; then its "
        "facts are compared too (KV754).",
    ),
)
