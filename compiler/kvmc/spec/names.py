"""Names of domains and hosts: what libvirt refuses, and what is no safe name of a file."""

from __future__ import annotations

MAX_NAME_BYTES = 200
"""In UTF-8. File names end at 255 bytes, and libvirt adds its own endings to a domain's name."""


def name_problem(name: str) -> str:
    """Return what is wrong with a name, as the end of a sentence; "" when it is fine.

    libvirt refuses '/' and names of blanks only (virDomainDefPostParse, virDomainDefNameParse);
    the rest keeps artefacts inside their folder and names readable.
    """
    size = len(name.encode(errors="replace"))
    problems = (
        (not name.strip(), "is empty"),
        ("/" in name, "holds a '/'"),
        (name in (".", ".."), "is the name of a folder"),
        (name != name.strip(), "begins or ends with a blank"),
        (not name.isprintable(), "holds a character that cannot be printed"),
        (size > MAX_NAME_BYTES, f"is {size} bytes long; {MAX_NAME_BYTES} is the most"),
    )
    return next((text for wrong, text in problems if wrong), "")
