"""Codes of YAML source, KV1xx."""

from __future__ import annotations

from kvmc.codes.model import Code

CODES: tuple[Code, ...] = (
    Code(
        "KV101",
        "file too large",
        "A file of more than 4 MiB is refused before it is parsed. A spec of a VM has a few dozen "
        "lines; a file this large is usually something else, or many VMs that are better kept in "
        "one file each, so that git shows who changed what.",
    ),
    Code(
        "KV102",
        "not UTF-8",
        "kvmc reads UTF-8 only, with or without a byte order mark. UTF-16, UTF-32 and old 8-bit "
        "encodings such as Latin-1 are refused instead of guessed. Save the file as UTF-8; "
        "`iconv -f latin1 -t utf-8` converts one.",
    ),
    Code(
        "KV103",
        "control character",
        "The file holds a character that nobody can see: NUL, another control character, a byte "
        "order mark inside the text, or one of U+0085, U+2028 and U+2029, which YAML 1.1 takes for "
        "line ends and YAML 1.2 does not. libvirt's XML cannot hold most of them, so an escape "
        'such as "\\0" in double quotes is refused too. Tabs and line ends are fine.',
    ),
    Code(
        "KV104",
        "YAML syntax",
        "The text is no YAML. Frequent causes: a tab in the indentation, keys of one block that do "
        "not line up, a quote or bracket that is never closed, a value that holds ': ' or starts "
        "with a special character and needs quotes. What follows in the file is not read; "
        "documents before it are.",
    ),
    Code(
        "KV105",
        "empty file",
        "The file holds nothing, or only comments. An empty file is more often an accident than a "
        "wish, so kvmc does not pass over it. Every document starts with `kvmc: v1` and `kind:`.",
    ),
    Code(
        "KV106",
        "empty document",
        "Between two '---', or after the last one, there is no document. Remove the extra '---' or "
        "write the document that was meant to stand there.",
    ),
    Code(
        "KV107",
        "double key",
        "A key stands twice in one mapping. Most YAML readers let the second one win in silence; "
        "kvmc does not choose. The hint names the line of the first. The number 0 and the text "
        '"0" count as the same key.',
    ),
    Code(
        "KV108",
        "not a key",
        "Keys are texts or whole numbers. A list, a mapping, null, true, false or a number with a "
        "point cannot be a key. Quote it if a text is meant: without quotes, a text that starts "
        "with [ or { is a list or mapping.",
    ),
    Code(
        "KV109",
        "tag not allowed",
        "Only the tags of YAML's core schema are read: !!str, !!int, !!float, !!bool, !!null, "
        "!!map and !!seq. Others, such as !!python/object, !!binary, !!set, !!timestamp or a tag "
        "of an application like !include, could build objects or hide data, and are refused.",
    ),
    Code(
        "KV110",
        "tag does not fit",
        "A tag of the core schema stands on a value that it cannot describe, such as !!int on the "
        "text `010` or !!str on a list. Drop the tag, or write a value that fits.",
    ),
    Code(
        "KV111",
        "nested too deep",
        "Mappings and lists stand inside each other more than 64 levels deep, what aliases stand "
        "for included. No kvmc file needs more than ten. Reading stops there, so that such a file "
        "cannot exhaust the machine.",
    ),
    Code(
        "KV112",
        "aliases expand too far",
        "The aliases (*name) and merges (<<) of the file stand for more than 100000 keys and "
        "values. A few lines of aliases of aliases can mean billions of values, so they are "
        "counted before anything is built. Write the values out, or use fewer aliases.",
    ),
    Code(
        "KV113",
        "unknown alias",
        "An alias (*name) names an anchor (&name) that does not stand before it in the same "
        "document. Anchors do not reach from one document into the next. A text that starts with "
        "* needs quotes.",
    ),
    Code(
        "KV114",
        "alias inside its own anchor",
        "An alias stands inside the very value that its anchor names, so the data would contain "
        "itself without end. Write the value out.",
    ),
    Code(
        "KV115",
        "anchor set twice",
        "Two values of one document carry the same anchor (&name), so it depends on the order of "
        "lines which of them an alias means. Give each its own name.",
    ),
    Code(
        "KV116",
        "cannot merge",
        "The key << takes over the entries of a mapping, usually an alias: `<<: *defaults`. It "
        "also takes a list of mappings, of which the earlier ones win. Keys of its own win. "
        'Anything else cannot be merged; quote the key ("<<") if a plain key is meant.',
    ),
    Code(
        "KV117",
        "too many %TAG directives",
        "A file with over 100 %TAG lines is refused: kvmc has no tags of its own, and the parser "
        "needs minutes for very many of them.",
    ),
    Code(
        "KV118",
        "too many problems",
        "After 1000 problems in one file the rest of it is not read. Such a file is rarely a spec "
        "that went wrong; check that it is the one you meant.",
    ),
    Code(
        "KV119",
        "too many documents",
        "A file holds 20000 YAML documents at most. Split it: one file for each VM is what diffs "
        "and reviews read best.",
    ),
    Code(
        "KV120",
        "too many values",
        "A list or a mapping, with all that stands in it, has more than 500000 keys and values, "
        "five times what the description of a host with 65536 CPUs has. Reading stops there, so "
        "that such a file cannot keep the machine busy. A bracket that is never closed takes in "
        "the rest of a file.",
    ),
)
