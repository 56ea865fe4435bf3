"""Codes of rules between the fields of a spec, KV3xx."""

from __future__ import annotations

from kvmc.codes.model import Code

CODES: tuple[Code, ...] = (
    Code(
        "KV301",
        "topology is not cpu.max",
        "The product of sockets, dies, clusters, cores and threads must be cpu.max (which is "
        "cpu.count unless given): libvirt refuses any other topology. Fields left out are 1. "
        "Without a topology kvmc derives one from the placement.",
    ),
    Code(
        "KV302",
        "count above max",
        "cpu.count is the number of vCPUs at boot, cpu.max the ceiling for hotplug, so count "
        "cannot be above max.",
    ),
    Code(
        "KV303",
        "model without mode custom",
        "A CPU model is only looked at in mode custom. The other modes take the model from the "
        "host or from QEMU, so the field would have no effect.",
    ),
    Code(
        "KV304",
        "mode custom without model",
        "Mode custom says that the guest sees a named CPU model, and no name is given. `virsh "
        "cpu-models x86_64` lists the names.",
    ),
    Code(
        "KV305",
        "match without mode custom",
        "match says how exactly the host CPU must provide a named model. Without mode custom "
        "there is no named model to match.",
    ),
    Code(
        "KV306",
        "migratable without a host CPU",
        "migratable leaves out of the host's CPU what cannot be migrated. libvirt takes it only"
        " with mode host-passthrough or maximum.",
    ),
    Code(
        "KV307",
        "cache level and cache mode",
        "QEMU can make up cache data for level 3 only, so mode emulate needs `level: 3`. The "
        "modes passthrough and disable are about all levels and take none. libvirt refuses the "
        "rest.",
    ),
    Code(
        "KV308",
        "cache passthrough without a host CPU",
        "The host's cache data can only be shown with the host's CPU: cpu mode host-passthrough"
        " or maximum. libvirt refuses the others.",
    ),
    Code(
        "KV309",
        "host-passthrough without KVM",
        "Type qemu is TCG, which interprets the guest's instructions. There is no host CPU to "
        "pass through; mode maximum gives the guest all that TCG can do.",
    ),
    Code(
        "KV310",
        "CPU field without mode",
        "features, fallback and check belong to a CPU model. Without cpu.mode the guest gets "
        "QEMU's default CPU, and libvirt refuses a list of features for it.",
    ),
    Code(
        "KV311",
        "vCPU in no cell",
        "Guest cells must cover every vCPU from 0 to max-1. libvirt puts vCPUs that are in no "
        "cell into cell 0 without a word, which breaks the balance that the cells were written "
        "for.",
    ),
    Code(
        "KV312",
        "vCPU in two cells",
        "A vCPU belongs to exactly one guest cell.",
    ),
    Code(
        "KV313",
        "cell beyond max",
        "A cell names vCPUs that do not exist. They are numbered from 0 to max-1.",
    ),
    Code(
        "KV314",
        "cell without vCPUs",
        "A guest cell without vCPUs is memory only. kvmc does not place such cells.",
    ),
    Code(
        "KV315",
        "memory of cells is not memory",
        "The memory of the guest is the sum of its cells. Give both equal, or leave `memory` "
        "out. Sizes are compared in KiB, rounded up as libvirt does.",
    ),
    Code(
        "KV316",
        "distance to an unknown cell",
        "distances is keyed by the ids of guest cells, and a cell's id is its position in the "
        "list, counted from 0.",
    ),
    Code(
        "KV317",
        "distance not possible",
        "Distances are those of the ACPI SLIT table: 10 is the cell itself and only itself, 20 "
        "is twice as far, 255 cannot be reached. libvirt refuses the rest.",
    ),
    Code(
        "KV318",
        "memory is no whole number of pages",
        "Memory that is backed by huge pages comes in whole pages. QEMU would refuse to start, "
        "or round up and not get the last page.",
    ),
    Code(
        "KV319",
        "memory out of bounds",
        "The guest, and each of its cells, needs memory, and cannot have more than 8 EiB, where"
        " libvirt's byte counts end.",
    ),
    Code(
        "KV320",
        "no page size",
        "Sizes of pages are powers of two, 2MiB and 1GiB on x86. 2MB is 2000000 bytes, which no"
        " page has.",
    ),
    Code(
        "KV321",
        "field without effect",
        "The strategy ignores the field. none pins nothing at all. shared floats on the host's "
        "shared CPUs, so there is nothing to choose with threads, cpus, kind or l3. manual "
        "takes the CPUs from the map. numa.mode is for memory that is bound to host nodes, which "
        "none never does, and shared only for cells or with `pin.numa: require`; and that field "
        "is for VMs without cells. A field that has no effect is refused, because whoever wrote "
        "it expects one.",
    ),
    Code(
        "KV322",
        "map without strategy manual",
        "pin.map is the placement by hand of strategy manual. The other strategies place vCPUs "
        "themselves.",
    ),
    Code(
        "KV323",
        "vCPU left out of the map",
        "A manual map has every vCPU from 0 to max-1, those for hotplug included: a vCPU "
        "without a pin would float over the whole host on the day it is added.",
    ),
    Code(
        "KV324",
        "map beyond max",
        "The map pins a vCPU that does not exist. They are numbered from 0 to max-1.",
    ),
    Code(
        "KV325",
        "vCPU mapped to nothing",
        "A vCPU in the map needs at least one host CPU to run on.",
    ),
    Code(
        "KV326",
        "vcpus without strategy mixed",
        "pin.vcpus says which vCPUs are dedicated under strategy mixed. With dedicated all of "
        "them are, with the other strategies none.",
    ),
    Code(
        "KV327",
        "mixed without dedicated vCPUs",
        "Strategy mixed needs pin.vcpus: the dedicated vCPUs, as Nova's hw:cpu_dedicated_mask. "
        "The others float on the host's shared CPUs.",
    ),
    Code(
        "KV328",
        "dedicated vCPUs beyond max",
        "pin.vcpus names vCPUs that do not exist. They are numbered from 0 to max-1.",
    ),
    Code(
        "KV329",
        "mixed, but all are dedicated",
        "Under strategy mixed at least one vCPU floats. Where all are dedicated the strategy is"
        " called dedicated.",
    ),
    Code(
        "KV330",
        "isolate with guest threads",
        "threads: isolate gives each vCPU a host core of its own and leaves the sibling empty. "
        "A guest topology with thread siblings would tell the guest's scheduler of cores that "
        "are not there.",
    ),
    Code(
        "KV331",
        "require without guest threads",
        "threads: require puts vCPUs on thread siblings, and the guest must see them as such: "
        "with one thread a core its scheduler would take siblings for whole cores.",
    ),
    Code(
        "KV332",
        "require cuts a guest core",
        "threads: require dedicates whole cores. With strategy mixed and a topology of several "
        "threads a core, pin.vcpus must name all threads of a guest core or none. vCPUs fill "
        "guest cores in order: with 2 threads 0-1 are the first core, 2-3 the second.",
    ),
    Code(
        "KV333",
        "cell cuts a guest core",
        "The threads of a guest core share a core and cannot lie in two guest cells. vCPUs fill"
        " guest cores in order: with 2 threads 0-1 are the first core, 2-3 the second.",
    ),
    Code(
        "KV334",
        "no CPU named",
        "The field names an empty set of host CPUs, so nothing could run. Leave it out for the "
        "default.",
    ),
    Code(
        "KV335",
        "place for no I/O threads",
        "pin.iothreads says where I/O threads run, but `iothreads` is 0, which is the default.",
    ),
    Code(
        "KV341",
        "scheduler beyond max",
        "A scheduler class names vCPUs that do not exist. They are numbered from 0 to max-1.",
    ),
    Code(
        "KV342",
        "two scheduler classes",
        "A vCPU thread has one scheduler class. libvirt refuses overlapping entries.",
    ),
    Code(
        "KV343",
        "no priority",
        "The real-time classes fifo and rr need a priority from 1 (lowest) to 99.",
    ),
    Code(
        "KV344",
        "priority without effect",
        "The classes batch and idle know no priority.",
    ),
    Code(
        "KV345",
        "quota too small",
        "A quota is the CPU time of a vCPU in each period, in microseconds. The kernel allows "
        "no less than 1000; -1 means no limit.",
    ),
    Code(
        "KV346",
        "scheduler class for no vCPU",
        "An entry of tune.scheduler has an empty set of vCPUs. Leave vcpus out to mean all of "
        "them.",
    ),
    Code(
        "KV347",
        "more shares than cgroup v2 takes",
        "With cgroup v1 shares go from 2 to 262144 and 1024 is usual. With cgroup v2, which "
        "distributions have had since about 2021, libvirt writes the same number into cpu.weight, "
        "which ends at 10000 and where 100 is usual: a VM with more does not start. Only the ratio "
        "between VMs counts, so lower all of them alike. `kvmc run` converts, and is not affected.",
    ),
    Code(
        "KV348",
        "real-time class without a CPU of its own",
        "fifo and rr go before every ordinary thread of their CPU. A vCPU that floats on shared "
        "CPUs (strategy none, shared, the floating ones of mixed, manual pins to several CPUs) "
        "with such a class starves the host's own work and other VMs there as soon as its guest "
        "is busy, QEMU's own threads included. Give real-time vCPUs host CPUs of their own.",
    ),
    Code(
        "KV351",
        "name refused",
        "libvirt refuses names that are blank or hold a '/'. kvmc also writes a file of that "
        "name, so it refuses '.', '..', characters that cannot be printed, blanks at the ends, "
        "and more than 200 bytes.",
    ),
    Code(
        "KV352",
        "base and minimal machine",
        "The rest of the domain comes either from `base`, a libvirt domain XML in which kvmc "
        "replaces the elements it owns, or from the fields of a minimal machine: machine, type,"
        " emulator, boot, disks, serial. With both it would be unclear which of them wins.",
    ),
    Code(
        "KV353",
        "kvm_hint_dedicated is not true",
        "The hint tells the guest's kernel that its vCPUs are never preempted, so that it spins"
        " where it would otherwise yield. Where a vCPU shares its host CPU, that makes the "
        "guest slower. It holds with strategy dedicated, and with manual where each vCPU has a "
        "host CPU of its own.",
    ),
    Code(
        "KV354",
        "huge pages need other memory",
        "libvirt refuses huge pages with `source: anonymous`, which has no file to take them "
        "from, and with `allocation: ondemand`, because pages are taken from the pool at start.",
    ),
    Code(
        "KV361",
        "VM name used twice",
        "Two VMs of one host, or two without a host, have the same name, or one that needs no host"
        " has the name of one that does. libvirt knows a domain by its name, so the second would "
        "replace the first.",
    ),
)
