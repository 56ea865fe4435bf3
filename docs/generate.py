"""Write docs/reference from the schemas and the codes; `--check` only says whether it is stale.

The reference has no words of its own: a field is described in schemas/*.json, a code in kvmc.codes.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from kvmc.codes import CODES
from kvmc.resources import schema_text

if TYPE_CHECKING:
    from collections.abc import Iterator

REFERENCE = Path(__file__).resolve().parent / "reference"
GENERATED = "<!-- Written by docs/generate.py; `make docs` brings it up to date. -->\n"
SERIES = {
    "1": "YAML and files",
    "2": "Schema",
    "3": "Rules between the fields of a spec",
    "4": "Hosts",
    "5": "Placement",
    "6": "Rendering",
    "7": "Apply and verify",
    "9": "A bug of ours",
}

Schema = dict[str, Any]


def main(argv: list[str]) -> int:
    """Write the pages; with --check write nothing and return 1 where one is stale."""
    pages = {
        **{f"{kind}.md": fields_page(kind) for kind in ("vm", "host", "lock", "plan")},
        "codes.md": codes_page(),
    }
    stale = [name for name, text in pages.items() if _read(REFERENCE / name) != text]
    if "--check" not in argv:
        REFERENCE.mkdir(exist_ok=True)
        for name in stale:
            (REFERENCE / name).write_text(pages[name], encoding="utf-8")
        return 0
    for name in stale:
        sys.stderr.write(f"docs/reference/{name} is stale; `make docs` brings it up to date\n")
    return 1 if stale else 0


def fields_page(kind: str) -> str:
    """Return the page of a document kind: its fields, then those of each field that has some."""
    root: Schema = json.loads(schema_text(kind))
    definitions: Schema = root.get("definitions", {})
    parts = [f"# kind: {kind}\n", GENERATED, _md(root["description"]) + "\n"]
    parts.append(_table(_rows(root, "", definitions, deep=False)))
    for name, schema in root["properties"].items():
        inner, path = _fields_of(schema, name, definitions)
        if inner:
            parts += [f"## {name}\n", _md(schema["description"]) + "\n"]
            parts.append(_table(_rows(inner, path, definitions)))
    types = [t for t in definitions.values() if _is_type(t)]
    if types:
        parts += ["## Types\n", "| type | what it is | examples |", "|---|---|---|"]
    parts += [_type_row(schema) for schema in types]
    return "\n".join(parts) + "\n"


def codes_page() -> str:
    """Return the page of all diagnostic codes: what `kvmc explain` prints, in one place."""
    parts = ["# Diagnostic codes\n", GENERATED]
    parts.append("`kvmc explain CODE` prints the paragraph behind a code.\n")
    for number, title in SERIES.items():
        codes = [c for name, c in sorted(CODES.items()) if name[2] == number]
        if codes:
            parts.append(f"## KV{number}xx: {title}\n")
        parts += [f"### {c.code}: {_md(c.title)}\n\n{_md(c.text)}\n" for c in codes]
    return "\n".join(parts)


def _rows(schema: Schema, path: str, definitions: Schema, *, deep: bool = True) -> Iterator[str]:
    """Yield one table row a field, with the fields below it where deep."""
    required = schema.get("required", ())
    for name, raw in schema["properties"].items():
        field, here = _resolve(raw, definitions), f"{path}.{name}" if path else name
        if "default" in field:
            default = f"`{_flow(field['default'])}`"
        else:
            default = "*required*" if name in required else ""
        example = f"`{_flow(field['examples'][0])}`" if "examples" in raw else ""
        cells = (f"`{here}`", _type(raw, definitions), default, _md(raw["description"]), example)
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
        inner, below = _fields_of(raw, here, definitions)
        if deep and inner:
            yield from _rows(inner, below, definitions)


def _fields_of(raw: Schema, path: str, definitions: Schema) -> tuple[Schema, str]:
    """Return the schema below a field that has fields, and its path; ({}, path) where none has."""
    schema = _resolve(raw, definitions)
    if "properties" in schema:
        return schema, path
    if "items" in schema and "title" not in schema:
        return _fields_of(schema["items"], f"{path}[]", definitions)
    values = schema.get("additionalProperties")
    if isinstance(values, dict):
        return _fields_of(values, f"{path}.*", definitions)
    branches = [_fields_of(branch, path, definitions) for branch in schema.get("anyOf", ())]
    return next((branch for branch in branches if branch[0]), ({}, path))


def _resolve(schema: Schema, definitions: Schema) -> Schema:
    """Follow a $ref, bare or as the only member of allOf; what stands beside it wins."""
    (inner,) = schema.get("allOf", (schema,))
    if "$ref" not in inner:
        return schema
    return {**definitions[inner["$ref"].removeprefix("#/definitions/")], **schema}


def _type(raw: Schema, definitions: Schema, *, bounds: bool = True) -> str:
    """Return a field's type in a few words; a named one links to the types of the page."""
    schema = _resolve(raw, definitions)
    if schema is not raw and _is_type(schema):
        return f"[{schema['title']}](#types)"
    choices = schema.get("enum", [schema["const"]] if "const" in schema else [])
    if choices:
        return ", ".join(f"`{_flow(choice)}`" for choice in choices)
    if "anyOf" in schema:
        return " or ".join(_type(branch, definitions) for branch in schema["anyOf"])
    if "items" in schema:
        return f"list of {_plural(_type(schema['items'], definitions, bounds=False))}"
    if isinstance(schema.get("additionalProperties"), dict):
        return f"mapping to {_type(schema['additionalProperties'], definitions, bounds=False)}"
    return _scalar(schema, bounds=bounds)


def _plural(type_: str) -> str:
    word, of, rest = type_.partition(" of ")
    return f"{word}s{of}{rest}" if word.isalpha() else type_


def _scalar(schema: Schema, *, bounds: bool) -> str:
    names = {"object": "mapping", "string": "text", "boolean": "`true` or `false`"}
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    name = " or ".join(names.get(str(type_), str(type_)) for type_ in types)
    if bounds and {"minimum", "maximum"} <= schema.keys():
        return f"{name}, {schema['minimum']} to {schema['maximum']}"
    return name


def _is_type(definition: Schema) -> bool:
    """Whether a definition is a type that the page describes, not fields that it lists."""
    return "description" in definition and "properties" not in definition


def _type_row(schema: Schema) -> str:
    examples = ", ".join(f"`{_flow(example)}`" for example in schema.get("examples", ()))
    return f"| {schema['title']} | {_md(schema['description'])} | {examples} |"


def _table(rows: Iterator[str]) -> str:
    head = "| field | type | default | what it says | example |\n|---|---|---|---|---|\n"
    return head + "\n".join(rows) + "\n"


def _flow(value: object) -> str:
    """Return a value as YAML on one line; ids as keys are texts in JSON alone."""
    if isinstance(value, dict):
        value = {int(key) if key.isdigit() else key: inner for key, inner in value.items()}
    text: str = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10**6)
    return text.removesuffix("\n").removesuffix("\n...")


def _md(text: str) -> str:
    """Return plain text with `code` as Markdown; an element's name is no HTML."""
    parts = text.split("`")
    return "`".join(p if i % 2 else p.replace("<", "\\<") for i, p in enumerate(parts))


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
