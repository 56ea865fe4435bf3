"""Bring a rendered domain into a base document: what kvmc does not own stays, to the byte.

What kvmc owns says what the spec and the plan say and nothing else, so that no pin or limit of an
older plan survives; that goes for settings the spec leaves out, too (shares, period, quota,
vcpusched, hugepages, ...). A note names what the base said there and the spec does not. Owned:

- whole elements: name, memory, currentMemory, vcpu, vcpus (dropped: its per-vCPU list would
  contradict vcpu), iothreads, those of iothreadids that are beyond iothreads, numatune;
- in cputune: shares, period, quota, vcpupin, emulatorpin, iothreadpin, vcpusched;
- in memoryBacking: hugepages, nosharepages, locked, source, access, allocation;
- in cpu: topology and the cells of numa, always; with `cpu.mode` also mode, match, check,
  migratable, model, vendor, cache and every feature; without it only what the spec asks for;
- in features: kvm/hidden, kvm/hint-dedicated and pmu, each only where the spec asks for it.

Everything else passes through: uuid, type, devices, metadata, comments, unknown elements, their
order and their white space. An owned element that already says the right thing is left alone, so
merging twice is merging once. New elements go where libvirt would print them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.diagnostics import Outcome, error, note
from kvmc.render.ownership import DOMAIN, carried, overruled, paths, rule_of, same
from kvmc.render.references import broken
from kvmc.render.splice import Splicer
from kvmc.render.xmltree import Element, parse

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kvmc.diagnostics import Diagnostic
    from kvmc.render.model import Job
    from kvmc.render.ownership import Container
    from kvmc.spec.model import Vm

_NOTHING = Element(tag="", attributes=(), text="", children=(), start=0, inner=0, close=0, end=0)


def merge(job: Job, base: bytes, rendered: str) -> Outcome[str]:
    """Return the base's text with the rendered domain's owned elements in it.

    Errors: KV601-KV603 for a base that is no domain XML, KV605 and KV606 where what stays of it
    does not go with the spec's threads, vCPUs, memory and cells; some of these are warnings. Note
    KV607 names the settings of the base that were left out.
    """
    name = job.vm.machine.base or "the base"
    read = parse(base, name, job.vm.place.at("base"))
    if read.value is None:
        return Outcome(None, read.diagnostics)
    old = read.value
    found = tuple(_problems(job.vm, old, name))
    if any(d.is_error for d in found):
        return Outcome(None, found)
    fresh = rendered.encode()
    new = parse(fresh, "the rendered domain", None).value or _NOTHING
    merger = _Merger(job.vm, Splicer(base, old, fresh))
    merger.container(old, new, DOMAIN)
    merger.thread_ids(old)
    merger.values(old)
    return Outcome(merger.splicer.result.decode(), (*found, *merger.left_out(name)))


def _problems(vm: Vm, old: Element, name: str) -> Iterator[Diagnostic]:
    if old.tag != "domain":
        yield error(
            "KV602",
            f"the root element of {name} is <{old.tag}>, not <domain>",
            vm.place.at("base"),
            hint="take the output of `virsh dumpxml --inactive NAME`",
        )
        return
    yield from broken(vm, old, name)


class _Merger:
    """One walk over the owned elements of both documents."""

    def __init__(self, vm: Vm, splicer: Splicer) -> None:
        self.splicer = splicer
        self._vm = vm
        self._lost: set[str] = set()

    def container(self, old: Element, new: Element, rule: Container, path: str = "") -> None:
        """Bring the owned children and attributes of `new` into `old`."""
        news = [child for child in new.children if child.tag in rule.always | rule.asked]
        attributes = rule.merged(old, new) if path else old.attributes
        names = dict(attributes)
        self._lost |= {f"{path}@{name}" for name, _ in old.attributes if name not in names}
        if not old.children:
            if news or attributes != old.attributes:
                self.splicer.fill(old, attributes, news)
            return
        if attributes != old.attributes:
            self.splicer.retag(old, attributes)
        for tag in rule.order:
            group = [child for child in news if child.tag == tag]
            olds = rule.owned(old, tag, new)
            if not self._inside(olds, group, f"{path}/{tag}".lstrip("/")):
                self._whole(old, olds, group, rule, f"{path}/{tag}".lstrip("/"))

    def thread_ids(self, base: Element) -> None:
        """Take threads beyond the spec's number out of <iothreadids>; the settings of others stay.

        libvirt would count them in, and the plan's pins are for 1..iothreads.
        """
        known = {str(i) for i in range(1, self._vm.iothreads + 1)}
        for group in base.all("iothreadids"):
            gone = [child for child in group.children if child.get("id") not in known]
            whole = bool(gone) and len(gone) == len(group.children)
            for one in [group] if whole else gone:
                self.splicer.remove(one)
            self._lost |= (
                {"iothreadids"}
                if whole
                else {f"iothreadids/iothread@id='{child.get('id')}'" for child in gone}
            )

    def values(self, base: Element) -> None:
        """Count as left out what the base says and the spec has no word for, only other values."""
        self._lost |= overruled(self._vm, base)

    def left_out(self, name: str) -> Iterator[Diagnostic]:
        """Yield one note about what the base said and the spec does not."""
        tops = sorted(p for p in self._lost if not any(_below(p, other) for other in self._lost))
        if tops:
            yield note(
                "KV607",
                f"left out of {name}, because the spec does not say it: {', '.join(tops)}",
                self._vm.place.at("base"),
                hint="kvmc owns these settings; write in the spec what should stay",
            )

    def _inside(self, olds: Sequence[Element], news: Sequence[Element], path: str) -> bool:
        """Merge shared elements one by one; False where they are to be replaced as a whole."""
        rule = rule_of(path, self._vm)
        if rule is None or not olds:
            return False
        # A guest cell without an id has that of its position (libvirt: domain XML, "NUMA").
        ids = [one.get("id") or str(position) for position, one in enumerate(olds)]
        by_id = {one.get("id") or str(position): one for position, one in enumerate(news)}
        if sorted(ids) == sorted(by_id):
            for one, other in zip(olds, map(by_id.__getitem__, ids), strict=True):
                self.container(one, other, rule, path)
            return True
        if news or len(olds) > 1 or not rule.stays:
            return False
        owned = [c for tag in rule.order for c in rule.owned(olds[0], tag, _NOTHING)]
        if owned and len(owned) == len(olds[0].children):
            return False
        self.container(olds[0], _NOTHING, rule, path)
        return True

    def _whole(
        self,
        parent: Element,
        olds: Sequence[Element],
        news: Sequence[Element],
        rule: Container,
        path: str,
    ) -> None:
        """Replace, remove or add all owned children of one tag."""
        extra = carried(path, olds, news)
        if same(olds, news, extra):
            return
        self._lost |= paths(olds, path) - paths(news, path) - {f"{path}@{n}" for n, _ in extra}
        if not olds:
            self.splicer.insert(parent, news, rule.order)
            return
        if news:
            self.splicer.replace(olds[0], news, extra)
        for gone in olds[1:] if news else olds:
            self.splicer.remove(gone)


def _below(path: str, other: str) -> bool:
    return path.startswith((f"{other}/", f"{other}@"))
