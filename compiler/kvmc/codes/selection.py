"""Codes of finding the host of a VM, KV46x."""

from __future__ import annotations

from kvmc.codes.model import Code

CODES: tuple[Code, ...] = (
    Code(
        "KV460",
        "unknown host",
        "A VM, or --host, names a host that no description tells of. Descriptions are read from "
        "hosts/ in the first PATH, beside it, or above it up to the repository's root, or from "
        "--host FILE. `kvmc host probe --name NAME -o hosts/NAME.yaml`, on that machine, writes "
        "one; without --name it has the machine's own name.",
    ),
    Code(
        "KV461",
        "several hosts to choose from",
        "The VM needs a host and names none, and there are several descriptions in hosts/. Say "
        "`host: NAME` in the spec or --host NAME on the command line.",
    ),
    Code(
        "KV462",
        "two descriptions of one host",
        "Two host documents have the same name. The name is how specs and --host find a "
        "description, so each name must be used once. The file that --host names wins over others "
        "with a host of that name.",
    ),
    Code(
        "KV463",
        "planned for this machine",
        "The VM needs a host, names none, and hosts/ describes none, so this machine was "
        "probed and the plan is for it. Write `kvmc host probe -o hosts/NAME.yaml` to keep the "
        "description, with your policy in it, beside the specs.",
    ),
    Code(
        "KV464",
        "pinned by number, on no host",
        "With strategy manual a VM needs no host: its pins are taken as they are. But there are "
        "hosts in hosts/, whose plans do not know of this VM, so they may give its CPUs "
        "to others, and nothing checks that the pins are right for the machine it will run on. "
        "With `host: NAME` in the spec, or --host, its CPUs are its own.",
    ),
    Code(
        "KV465",
        "this machine is not as it is described",
        "--host local plans for this machine as it is now, with the policy and the lock of the "
        "description that has its name. The facts in that file are others, so a lock made now "
        "does not fit what the file says. Bring it up to date with `kvmc host probe -o FILE`, "
        "which keeps the policy.",
    ),
)
