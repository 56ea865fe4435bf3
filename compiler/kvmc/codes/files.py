"""Codes of files and folders (KV19x) and of internal errors (KV9xx)."""

from __future__ import annotations

from kvmc.codes.model import Code

CODES: tuple[Code, ...] = (
    Code(
        "KV190",
        "file or folder cannot be read",
        "A PATH on the command line, or a file that a spec names, is not there or cannot be read. "
        "Paths in a spec are relative to the folder of the spec's file.",
    ),
    Code(
        "KV191",
        "no specs found",
        "The folders given hold no kvmc document of the kind that the command needs. In a folder "
        "kvmc reads hosts/*.yaml, vms/**/*.yaml, and every other .yaml or .yml file with a line "
        "that starts with `kvmc:`.",
    ),
    Code(
        "KV192",
        "cannot write",
        "An output file could not be written. Files are written to a temporary name beside the "
        "target and renamed, so the old content, if any, is still whole. A lock, a host "
        "description or a map that is a link is written where the link leads, as long as that is "
        "in the same repository (outside of one, in the same folder) and the link is not somebody "
        "else's in a folder such as /tmp; artefacts take the place of a link. Name another file, "
        "or make the folder the link: `hosts` may be one to anywhere.",
    ),
    Code(
        "KV193",
        "left over from an earlier build",
        "A host's folder below `build -o DIR` holds an artefact of a VM that is not planned on "
        "that host any more. The lock has set its CPUs free, so others may have them by now, and "
        "to define it would put two VMs on one CPU. kvmc removes no file; it is yours to remove.",
    ),
    Code(
        "KV900",
        "a bug in kvmc",
        "kvmc itself failed. Nothing was written. Run the command again with --debug to see the "
        "traceback, and report it with the input that causes it.",
    ),
)
