"""All rules between the fields of a spec, in the order of their codes; the list, not the rules.

A rule is about meaning, not about any host: one function, one code, `Vm` to diagnostics.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.diagnostics import error
from kvmc.spec import rules_cell, rules_cpu, rules_domain, rules_map, rules_pin, rules_tune
from kvmc.spec.phrases import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from kvmc.diagnostics import Diagnostic
    from kvmc.spec.model import Vm

    Rule = Callable[[Vm], Iterator[Diagnostic]]

RULES: tuple[Rule, ...] = (
    *rules_cpu.RULES,
    *rules_cell.RULES,
    *rules_pin.RULES,
    *rules_map.RULES,
    *rules_tune.RULES,
    *rules_domain.RULES,
)


def check_fleet(vms: Sequence[Vm]) -> tuple[Diagnostic, ...]:
    """Return what is wrong between VMs: KV361 for a name used twice on one host, or twice on none.

    Which of two is the first depends on their places, not on the order they are given in.
    """
    first: dict[tuple[str | None, str], Vm] = {}
    found = []
    for vm in sorted(vms, key=lambda v: (v.place.file, v.place.document)):
        earlier = first.setdefault((vm.host, vm.name), vm)
        if earlier is not vm:
            where = f"on host {quoted(vm.host)}" if vm.host else "without a host"
            found.append(
                error(
                    "KV361",
                    f"VM {quoted(vm.name)} {where} is already in {earlier.place.file}"
                    f"{_document(earlier)}",
                    vm.place.at("name"),
                    hint="give each VM of a host its own name",
                )
            )
    return tuple(found)


def _document(vm: Vm) -> str:
    return f", document {vm.place.document + 1}" if vm.place.document else ""
