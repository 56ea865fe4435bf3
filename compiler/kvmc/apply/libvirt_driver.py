"""Reading from libvirtd. With libvirt_writer.py the only place that imports libvirt, lazily.

A read-only connection suffices for everything here. Every failure becomes a HypervisorError whose
text can be printed as it is.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from kvmc.apply.interrupt import endable
from kvmc.apply.model import HostIdentity, HypervisorError, Observed
from kvmc.cpuset import CpuSet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmc.apply.model import State

    _Domain = Any  # libvirt.virDomain, which has no types

_STATES: tuple[State, ...] = (
    "unknown", "running", "blocked", "paused", "shutting down", "shut off", "crashed", "suspended",
)  # fmt: skip
"""virDomainState, by number."""

_SCHEDULER = ("cpu_shares", "vcpu_period", "vcpu_quota")

_LOCAL = ("qemu", "qemu+unix")


def load_libvirt() -> Any:  # noqa: ANN401 (libvirt-python has no types)
    """Import libvirt-python; HypervisorError where it is not installed."""
    try:
        import libvirt
    except ImportError as missing:
        text = (
            "libvirt-python is not installed: install it with pip, or the package python3-libvirt"
        )
        raise HypervisorError(text) from missing
    # by default it prints every error to stderr, those that are expected too
    libvirt.registerErrorHandler(lambda *_: None, None)
    return libvirt


class Reader:
    """A connection, read-only unless asked otherwise; use as a context manager."""

    def __init__(self, uri: str, *, read_only: bool = True) -> None:
        """Open the connection; HypervisorError where there is no libvirt-python or no libvirtd."""
        self._libvirt = load_libvirt()
        self.uri = uri
        self.read_only = read_only
        open_it = self._libvirt.openReadOnly if read_only else self._libvirt.open
        with self.words(f"cannot reach libvirt at {uri}"):
            self.connection = open_it(uri)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; one that broke already is as closed as can be."""
        try:
            self.connection.close()
        except self._libvirt.libvirtError:
            return

    @contextmanager
    def words(self, doing: str) -> Iterator[None]:
        """Turn libvirt's error into a HypervisorError that says what was being done."""
        try:
            with endable():
                yield
        except self._libvirt.libvirtError as refused:
            raise HypervisorError(f"{doing}: {refused}") from refused

    def host(self) -> HostIdentity:
        """Return who is at the other end."""
        with self.words(f"cannot ask {self.uri} who it is"):
            version = int(self.connection.getLibVersion())
            driver = str(self.connection.getType())
            hostname = str(self.connection.getHostname())
        text = f"{version // 1_000_000}.{version // 1000 % 1000}.{version % 1000}"
        return HostIdentity(
            uri=self.uri,
            hostname=hostname,
            driver=driver,
            libvirt=text,
            local=is_local(self.uri) and driver == "QEMU",
        )

    def ask_agent(self, name: str, command: str, seconds: int) -> str:
        """Send a command to a running guest's agent, return its reply (JSON both).

        libvirt refuses that to a read-only connection, and marks the domain as tainted
        (custom-ga-command). HypervisorError where the agent does not answer in time, or refuses.
        """
        import libvirt_qemu

        try:
            domain = self.connection.lookupByName(name)
            return str(libvirt_qemu.qemuAgentCommand(domain, command, seconds, 0))
        except self._libvirt.libvirtError as refused:
            raise HypervisorError(str(refused)) from refused

    def capabilities(self) -> bytes:
        """Return the host's capabilities XML."""
        with self.words(f"cannot read the capabilities of {self.uri}"):
            return str(self.connection.getCapabilities()).encode()

    def online(self) -> CpuSet:
        """Return the host's online CPUs."""
        with self.words(f"cannot ask {self.uri} for its CPUs"):
            return self._online()

    def _online(self) -> CpuSet:
        return CpuSet(cpu for cpu, on in enumerate(self.connection.getCPUMap()[1]) if on)

    def domains(self) -> tuple[Observed, ...]:
        """Return all domains, those that are shut off too, by name; nothing of the kernel."""
        with self.words(f"cannot list the domains of {self.uri}"):
            found = list(self.connection.listAllDomains())
        seen = (self.observe(domain) for domain in found)
        return tuple(sorted((one for one in seen if one is not None), key=lambda one: one.name))

    def observe(self, domain: _Domain) -> Observed | None:
        """Return what libvirt tells of a virDomain; None where it vanished meanwhile."""
        try:
            with endable():
                return self._observe(domain)
        except self._libvirt.libvirtError as refused:
            if refused.get_error_code() == self._libvirt.VIR_ERR_NO_DOMAIN:
                return None
            raise HypervisorError(f"cannot read {domain.name()}: {refused}") from refused

    def _observe(self, domain: _Domain) -> Observed:
        state = int(domain.state()[0])
        active, persistent = bool(domain.isActive()), bool(domain.isPersistent())
        flags = 0 if self.read_only else self._libvirt.VIR_DOMAIN_XML_SECURE
        inactive = flags | self._libvirt.VIR_DOMAIN_XML_INACTIVE
        return Observed(
            name=str(domain.name()),
            uuid=str(domain.UUIDString()),
            state=_STATES[state] if 0 <= state < len(_STATES) else "unknown",
            inactive=str(domain.XMLDesc(inactive)) if persistent else None,
            live=self._live(domain) if active else None,
            scheduler=tuple(sorted(self._scheduler(domain).items())) if active else (),
            managed_save=persistent and self._saved(domain),
        )

    def _live(self, domain: _Domain) -> str | None:
        """Return the live XML; None where the guest ended since it was asked for its state."""
        text = str(domain.XMLDesc(0))
        return text if domain.isActive() else None

    def _scheduler(self, domain: _Domain) -> dict[str, int]:
        """Return shares, period and quota as they stand in the cgroups of a running guest.

        Nothing on a host without a cpu controller, and of a guest that ended meanwhile.
        """
        try:
            found = domain.schedulerParametersFlags(self._libvirt.VIR_DOMAIN_AFFECT_LIVE)
        except self._libvirt.libvirtError:
            if not self._alive():
                raise
            return {}
        return {name: int(found[name]) for name in _SCHEDULER if name in found}

    def _alive(self) -> bool:
        try:
            return bool(self.connection.isAlive()) and bool(self.connection.getLibVersion())
        except self._libvirt.libvirtError:
            return False

    def _saved(self, domain: _Domain) -> bool:
        try:
            return bool(domain.hasManagedSaveImage(0))
        except self._libvirt.libvirtError as refused:
            if refused.get_error_code() == self._libvirt.VIR_ERR_NO_SUPPORT:
                return False
            raise


def is_local(uri: str) -> bool:
    """Whether a URI names this machine's libvirtd: no host, and no transport but a socket."""
    parts = urlsplit(uri)
    return parts.scheme in _LOCAL and not parts.netloc
