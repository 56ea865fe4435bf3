"""Codes of the form of a document, KV2xx."""

from __future__ import annotations

from kvmc.codes.model import Code

CODES: tuple[Code, ...] = (
    Code(
        "KV201",
        "document is no mapping",
        "Every kvmc document is a mapping: lines of `field: value`. This one is empty, a list "
        "or a single value. Start it with `kvmc: v1` and `kind: vm` or `kind: host`.",
    ),
    Code(
        "KV202",
        "no version",
        "Every document says which version of the format it is written in, so that a later kvmc"
        " reads it the same way. Write `kvmc: v1` as its first field.",
    ),
    Code(
        "KV203",
        "unknown version",
        "The document is written in a version of the format that this kvmc does not know, so "
        "nothing else in it was checked. The only version is `kvmc: v1`. If a newer kvmc wrote "
        "the document, use that one.",
    ),
    Code(
        "KV204",
        "no kind",
        "Every document says what it describes: `kind: vm` for a virtual machine, `kind: host` "
        "for a host. `kind: lock` is written by `kvmc lock`.",
    ),
    Code(
        "KV205",
        "unknown or wrong kind",
        "The kind of a document is vm, host or lock. The message also appears where a document "
        "of one kind is needed and one of another is given, for example a vm file after --host.",
    ),
    Code(
        "KV211",
        "unknown field",
        "The mapping has no such field. kvmc ignores nothing: a misspelled field would "
        "otherwise be a setting that silently has no effect. The hint names the nearest field, "
        "or the mapping the field belongs to. `kvmc schema vm` and `kvmc schema host` print all"
        " of them with their descriptions.",
    ),
    Code(
        "KV212",
        "missing field",
        "A field that has no default is missing. The hint says what it means. A VM needs only "
        "`name`, `cpu.count`, and `memory` or cells with memory; a host needs `name` and "
        "`cores`.",
    ),
    Code(
        "KV213",
        "wrong type",
        "The value has another type than the field. YAML decides the type by the spelling: 6 is"
        ' a number, "6" a string, [6] a list, true a boolean, and nothing after the colon is '
        "null. kvmc reads a plain text as a number or boolean only where YAML 1.1 and 1.2 "
        "agree; 010, 1:30, on and yes stay strings, and the hint says how to write what was "
        "meant.",
    ),
    Code(
        "KV214",
        "unknown word",
        "The field takes one of a few words, listed in the message. They are libvirt's, QEMU's "
        "or Nova's own. Words are case-sensitive.",
    ),
    Code(
        "KV215",
        "number out of range",
        "The number is outside of what the field allows. Where libvirt or the kernel has a "
        "bound, it is theirs; otherwise it is far beyond any real machine and catches a slip of"
        " the hand.",
    ),
    Code(
        "KV216",
        "no size",
        "A size is a whole number and a unit without a blank: 32GiB, 512MiB. KiB, MiB, GiB and "
        "TiB are powers of 1024, KB, MB, GB and TB powers of 1000, as libvirt has them. A bare "
        "number is refused, because 32 could mean any of them.",
    ),
    Code(
        "KV217",
        "no CPU set",
        "A CPU set is a string in the kernel's form (0-3,8) or libvirt's (0-7,^2 leaves out 2),"
        " a list of ids and ranges, or one id. Ranges run upwards, and only what is included "
        "can be left out. The highest id is 65535.",
    ),
    Code(
        "KV218",
        "empty value",
        "The list or string must not be empty. Leave the field out if there is nothing to say.",
    ),
    Code(
        "KV219",
        "bad key or text",
        "The keys of some mappings have a form: vCPU, cell and node ids are whole numbers, page"
        " sizes are sizes such as 2MiB, CPU features are names. A text must not hold control "
        "characters, which XML cannot carry; a few have a form of their own: a machine type is a "
        "name without options.",
    ),
)
