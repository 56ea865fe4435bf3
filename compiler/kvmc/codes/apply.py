"""Codes of apply, KV700-KV729."""

from __future__ import annotations

from kvmc.codes.model import Code

CODES: tuple[Code, ...] = (
    Code(
        "KV700",
        "a pin names CPUs that the host does not have online",
        "A pin of the plan names host CPUs that are offline, or that this machine has not at all. "
        "libvirt would refuse the pin ('cannot set CPU affinity: Invalid argument'), or the guest "
        "would not start. Mostly the host was described on another machine, or its numbering "
        "changed with a firmware setting: `kvmc host probe` describes it anew. Nothing was "
        "changed.",
    ),
    Code(
        "KV701",
        "the host changed while you looked",
        "Between showing what would be done and doing it a domain or the host's CPUs changed: "
        "somebody edited a definition, a pin, or started a guest. What was agreed to is no longer "
        "what would happen, so nothing was changed. Run kvmc apply again and look again.",
    ),
    Code(
        "KV702",
        "another apply is at work on this host",
        "Two applies on one host exclude each other. This one waited for half a minute for the "
        "other one, which the message names, and gave up. A lock belongs to a process and goes "
        "with it, so there are no stale locks: if it is held, someone is at work, perhaps at the "
        "question of `kvmc apply` or in a `--try`. `--dry-run` waits for nobody and only notes it.",
    ),
    Code(
        "KV703",
        "the journal could not be written",
        "Before the first change kvmc apply writes the old definitions into a journal in its "
        "state directory and waits until they are on the disk. That failed (a full disk, or no "
        "permission), so nothing was changed.",
    ),
    Code(
        "KV704",
        "apply failed and was taken back",
        "libvirt refused a step, or could not be reached any more, or the apply was interrupted. "
        "Everything this apply had done so far was taken back; the report says so for each domain. "
        "A domain that was new stays defined, because kvmc undefines nothing, and a guest that "
        "was started runs on. Definitions are all made before the first live change, so that most "
        "refusals come before a running guest has felt anything.",
    ),
    Code(
        "KV705",
        "an earlier apply was ended",
        "An earlier kvmc apply on this host did not come to its end: it was killed, or the "
        "machine went down. This one ended it first. Where all definitions had been made it was "
        "finished; else, and for a `--try` that nobody confirmed, it was taken back. The note "
        "says it for each domain. What somebody else changed in the meantime was left alone.",
    ),
    Code(
        "KV706",
        "a domain could not be taken back",
        "An old definition could not be put back, because libvirt refused it or could not be "
        "reached. The journal stays, and the next kvmc apply on this host tries again. To end it "
        "by hand, take the old definition out of the journal (`old`, one JSON line) and `virsh "
        "define` it, then move the journal away.",
    ),
    Code(
        "KV707",
        "the journal of an earlier apply cannot be read",
        "There is a journal of an apply that did not come to its end, and it is damaged or of a "
        "newer kvmc. As long as it is not known what that apply left behind, nothing is changed. "
        "Use that newer kvmc, or look at the domains by hand and move the journal away.",
    ),
    Code(
        "KV708",
        "waits for the next boot",
        "Some of what the spec asks cannot be changed in a running guest: its memory, its "
        "topology, its CPU model, a higher vCPU ceiling. The definition has it now, and the guest "
        "gets it when it is shut down and started again (a reboot inside the guest is not "
        "enough). kvmc never does that by itself.",
    ),
    Code(
        "KV709",
        "not everything is as it should be after apply",
        "After its work kvmc apply looks at the host again, and something that it should have "
        "changed still differs. Somebody else may be at work on the same domains, or the kernel "
        "does not do what libvirt says. `kvmc diff` shows what differs.",
    ),
    Code(
        "KV710",
        "the trial ended and was taken back",
        "`kvmc apply --try SECONDS` keeps what it did only where it is confirmed in time, by "
        "Enter or by `kvmc apply --confirm` in another shell. It was not, so that the old "
        "definitions and pins were put back, and the host was looked at again afterwards. "
        "Domains that were new stay defined.",
    ),
    Code(
        "KV711",
        "not as before after the way back",
        "After everything was taken back the host was looked at again, and something is not as "
        "it was. A guest may hold on to a vCPU that was plugged in; an I/O thread that was added "
        "stays until the guest stops, unused. The definition is the old one, so that the next "
        "boot has it all.",
    ),
    Code(
        "KV712",
        "there is no trial to confirm",
        "`kvmc apply --confirm` confirms a `kvmc apply --try` that is still waiting on the same "
        "host and for the same user. None is. If it was killed, the next kvmc apply takes back "
        "what it had done.",
    ),
    Code(
        "KV713",
        "the host has another name",
        "The specs are planned for one host, and libvirt's machine calls itself something else, "
        "with or without its domain. Perhaps the description in hosts/ was given a name of its "
        "own. But perhaps it is another machine: then the pins are not its CPU numbers, and the "
        "domains may soon exist twice. --host NAME says that it is the one that is meant; with "
        "--strict nothing is applied.",
    ),
)
