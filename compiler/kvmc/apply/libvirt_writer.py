"""Writing to libvirtd: define, start, and the live changes of `kvmc.apply.steps`.

With libvirt_driver.py the only place that talks to libvirt. There is no call here that undefines,
destroys, shuts down or suspends. Every failure becomes a HypervisorError; where libvirtd was
restarted in the middle the connection is opened again and the call repeated, which is safe because
every call sets an absolute value.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from kvmc.apply.emulator import bring_along
from kvmc.apply.interrupt import endable
from kvmc.apply.libvirt_driver import Reader, is_local
from kvmc.apply.live import live_of
from kvmc.apply.model import HypervisorError
from kvmc.cpuset import CpuSet

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmc.apply.steps import Live, Step
    from kvmc.host.tree import Tree

T = TypeVar("T")
Domain: TypeAlias = Any
"""A virDomain, or None where there is none: libvirt-python has no types."""

RECONNECT_SECONDS = 30
_PAUSE_SECONDS = 0.25


class Writer(Reader):
    """A read-write connection; also `kvmc.apply.execute.Hypervisor`.

    With `read_only`, for a dry run, libvirt itself refuses all that would change anything. `tree`
    is this machine's root: what libvirt leaves undone in a guest of this machine is done there.
    """

    def __init__(self, uri: str, *, read_only: bool = False, tree: Tree | None = None) -> None:
        """Open the connection; HypervisorError where that is refused."""
        super().__init__(uri, read_only=read_only)
        self._tree = tree if is_local(uri) else None
        self._given_up = False

    def online(self) -> CpuSet:
        """Return the host's online CPUs."""
        return self._call("cannot ask for the host's CPUs", self._online)

    def definition(self, name: str) -> str | None:
        """Return a domain's inactive XML with its secrets.

        None: there is no such domain, or it is transient and has no definition.
        """
        flags = self._libvirt.VIR_DOMAIN_XML_INACTIVE | self._libvirt.VIR_DOMAIN_XML_SECURE

        def read(domain: Domain) -> str | None:
            return str(domain.XMLDesc(flags)) if domain.isPersistent() else None

        return self._call(f"cannot read {name}", lambda: self._of(name, read))

    def define(self, xml: str) -> None:
        """Define a domain, new or over the one of the same name and UUID."""
        self._call("libvirt refuses the definition", lambda: self.connection.defineXML(xml))

    def live(self, name: str) -> Live | None:
        """Return what a running domain has; None: it is not running, or there is none."""

        def read(domain: Domain) -> Live | None:
            text = self._live(domain) if domain.isActive() else None
            if text is None:
                return None
            return live_of(text, self._online(), self._scheduler(domain))

        return self._call(f"cannot read the running {name}", lambda: self._of(name, read))

    def run(self, name: str, step: Step) -> None:
        """Do one step on a running domain, and not on its definition."""
        self._call(f"{name}: `{step}`", lambda: self._run(name, step))

    def start(self, name: str) -> None:
        """Start a domain; one that runs already is left as it is."""

        def create() -> None:
            domain = self._known(name)
            if not domain.isActive():
                domain.create()

        self._call(f"cannot start {name}", create)

    def _run(self, name: str, step: Step) -> None:
        domain, live = self._known(name), self._libvirt.VIR_DOMAIN_AFFECT_LIVE
        match step.kind:
            case "vcpus":
                domain.setVcpusFlags(int(step.value), live)
            case "iothread":
                if int(step.target) not in (thread for thread, _ in domain.ioThreadInfo(live)):
                    domain.addIOThread(int(step.target), live)
            case "vcpupin":
                domain.pinVcpuFlags(int(step.target), self._map(step.value), live)
            case "emulatorpin":
                domain.pinEmulator(self._map(step.value), live)
                if self._tree is not None:
                    bring_along(self._tree, str(domain.UUIDString()), CpuSet.parse(step.value))
            case "iothreadpin":
                domain.pinIOThread(int(step.target), self._map(step.value), live)
            case "scheduler":
                domain.setSchedulerParametersFlags({step.target: int(step.value)}, live)

    def _map(self, cpus: str) -> tuple[bool, ...]:
        """Return a CPU map as libvirt-python wants it: one bool a host CPU, offline ones too."""
        wanted = CpuSet.parse(cpus)
        present = int(self.connection.getCPUMap()[0])
        return tuple(cpu in wanted for cpu in range(max(present, *(cpu + 1 for cpu in wanted))))

    def _known(self, name: str) -> Domain:
        domain = self._find(name)
        if domain is None:
            raise HypervisorError(f"there is no domain {name} any more")
        return domain

    def _find(self, name: str) -> Domain:
        return self._of(name, lambda domain: domain)

    def _of(self, name: str, read: Callable[[Domain], T | None]) -> T | None:
        """Return what is read of a domain; None where there is none, or none any more."""
        try:
            return read(self.connection.lookupByName(name))
        except self._libvirt.libvirtError as refused:
            if refused.get_error_code() == self._libvirt.VIR_ERR_NO_DOMAIN:
                return None
            raise

    def _call(self, doing: str, action: Callable[[], T]) -> T:
        try:
            with endable():
                return action()
        except self._libvirt.libvirtError as refused:
            if self._alive():
                raise HypervisorError(f"{doing}: {refused}") from refused
        self._reconnect(doing)
        with self.words(doing):
            return action()

    def _reconnect(self, doing: str) -> None:
        """Open the connection again; libvirtd needs a moment when it is restarted."""
        end = time.monotonic() + (0 if self._given_up else RECONNECT_SECONDS)
        while True:
            try:
                open_it = self._libvirt.openReadOnly if self.read_only else self._libvirt.open
                self.connection = open_it(self.uri)
            except self._libvirt.libvirtError as refused:
                if time.monotonic() > end:
                    self._given_up = True
                    text = f"{doing}: libvirtd at {self.uri} went away: {refused}"
                    raise HypervisorError(text) from refused
                time.sleep(_PAUSE_SECONDS)
            else:
                return
