"""The host first: whether it is the one that was planned for, and still as it was described."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from kvmc.apply.compare_host import differences
from kvmc.apply.verify import Finding
from kvmc.commands import looking
from kvmc.commands.checked import Checked
from kvmc.commands.hosts import called
from kvmc.diagnostics import note
from kvmc.host.sysfs import read_tree

if TYPE_CHECKING:
    from kvmc.apply.model import HostIdentity
    from kvmc.commands.placed import Placed
    from kvmc.host.model import Host


def check(given: Placed, connected: HostIdentity) -> Checked:
    """Compare the described host with the one at the other end (KV754, KV755).

    A host of another name is another host, unless --host says that it is meant. Its facts are read
    from this machine's files, so only where the connection is local; a host that was only probed
    for this run is as it is.
    """
    forced = given.inputs.forced
    names = called(connected.hostname) if forced is None else {forced}
    planned = {home or job.vm.host for home, job in given.jobs} if forced is None else names
    others = sorted(name for name in planned if name is not None)
    if others and not names & planned:
        return Checked(findings=tuple(_another(name, connected) for name in others))
    hosts = sorted(given.inputs.repository.hosts, key=lambda host: host.name)
    described = [host for host in hosts if host.name in names and host.place is not None]
    return _facts(described[0]) if described and connected.local else Checked()


def _another(name: str, connected: HostIdentity) -> Finding:
    text = f"{connected.uri} calls itself {connected.hostname}; say --host {name} if it is that one"
    return Finding(host=name, code="KV755", layer="host", message=text)


def _facts(described: Host) -> Checked:
    probed = read_tree(looking.this_machine(), described.name)
    if probed.value is None:
        text = f"this machine's CPUs cannot be read: {described.name} was not compared with it"
        return Checked(diagnostics=(note("KV731", text),))
    findings = tuple(
        Finding(host=described.name, code="KV754", layer="host", message=text)
        for text in differences(described, probed.value)
    )
    file = described.place.file if described.place else "<stdin>"
    words = ["kvmc", "host", "probe"] + (["-o", file] if file != "<stdin>" else [])
    return Checked(findings=findings, fix=shlex.join(words) if findings else None)
