"""A `Host` as the text of its file: for people to read, and for git to compare."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from kvmc.host.model import Policy
from kvmc.source.quote import quote
from kvmc.units import format_kib

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kvmc.cpuset import CpuSet
    from kvmc.host.model import Core, Host, HostModel, Node

_WIDTH = 100
_GLUE = "\N{NO-BREAK SPACE}"
"""Stands for a space where a line must not be broken."""
_DEFAULT = Policy()
_GROUP_FIELDS = ("package", "die", "node", "l3", "kind")


def dump_host(host: Host, schema: str = "../schemas/host.json") -> str:
    """Return the text of a host file, which `load_host` reads back as an equal host.

    `schema` is what the modeline names for yaml-language-server: a path relative to the file, or
    a URL. What is None is left out, and so is every part of the policy at its default.
    """
    lines = [
        f"# yaml-language-server: $schema={schema}",
        "kvmc: v1",
        "kind: host",
        f"name: {quote(host.name)}",
    ]
    lines += [
        f"{name}: {quote(value)}"
        for name, value in (("arch", host.arch), ("model", host.model))
        if value is not None
    ]
    if host.nodes:
        lines += ["nodes:", *map(_node, host.nodes)]
    lines += ["cores:", *_groups(host.cores)]
    lines += [f"offline: {_cpus(host.offline)}", f"isolated: {_cpus(host.isolated)}"]
    if host.host_models:
        lines += ["host_model:", *map(_host_model, host.host_models)]
    if host.policy != _DEFAULT:
        lines += ["policy:", *_policy(host.policy)]
    return "\n".join(lines) + "\n"


def _node(node: Node) -> str:
    fields = {"id": str(node.id)}
    if node.memory_kib is not None:
        fields["memory"] = format_kib(node.memory_kib)
    if node.hugepages:
        fields["hugepages"] = _flow((format_kib(kib), str(n)) for kib, n in node.hugepages)
    if node.distances:
        fields["distances"] = _flow((str(other), str(d)) for other, d in node.distances)
    return _item(fields)


def _groups(cores: Iterable[Core]) -> Iterator[str]:
    """Yield a line for all cores that share everything named, in the order of their first one."""
    groups: dict[tuple[int | str | None, ...], list[Core]] = {}
    for core in cores:
        groups.setdefault(tuple(getattr(core, f) for f in _GROUP_FIELDS), []).append(core)
    for key, members in groups.items():
        fields = {f: str(v) for f, v in zip(_GROUP_FIELDS, key, strict=True) if v is not None}
        siblings = (f"[{f',{_GLUE}'.join(map(str, core.cpus))}]" for core in members)
        yield _item(fields | {"cpus": f"[{', '.join(siblings)}]"})


def _host_model(given: HostModel) -> str:
    fields = {"model": quote(given.model).replace(" ", _GLUE)}
    if given.features:
        fields["features"] = _flow(((quote(n), p) for n, p in given.features), glue=" ")
    return _filled(f"{given.type}: {_flow(fields.items(), glue=' ')}")


def _policy(policy: Policy) -> Iterator[str]:
    for name in ("reserved", "shared"):
        if cpus := getattr(policy, name):
            yield f"  {name}: {_cpus(cpus)}"
    if policy.dedicated is not None:
        yield f"  dedicated: {_cpus(policy.dedicated)}"
    if policy.pools:
        yield "  pools:"
        yield from (f"    {quote(owner)}: {_cpus(cpus)}" for owner, cpus in policy.pools)
    if policy.overcommit != _DEFAULT.overcommit:
        yield f"  overcommit: {policy.overcommit}"
    if policy.core_sharing != _DEFAULT.core_sharing:
        yield f"  core_sharing: {policy.core_sharing}"


def _item(fields: dict[str, str]) -> str:
    return _filled(f"- {_flow(fields.items(), glue=' ')}")


def _filled(text: str) -> str:
    wrapped = textwrap.fill(
        text,
        _WIDTH,
        initial_indent="  ",
        subsequent_indent="      ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return wrapped.replace(_GLUE, " ")


def _flow(pairs: Iterable[tuple[str, str]], glue: str = _GLUE) -> str:
    return "{" + f",{glue}".join(f"{key}:{_GLUE}{value}" for key, value in pairs) + "}"


def _cpus(cpus: CpuSet) -> str:
    return f'"{cpus}"'
