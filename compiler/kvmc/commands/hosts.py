"""Which host is meant: by --host, by the name a machine goes by, or this machine itself."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from msgspec.structs import replace

from kvmc import files
from kvmc.commands.result import Failure
from kvmc.diagnostics import Outcome, Place, error, warning

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kvmc.diagnostics import Diagnostic
    from kvmc.files import Text
    from kvmc.host.model import Host

LOCAL = "local"
"""What --host says for this machine."""


def file_of(option: str | None) -> str | None:
    """Return the file that --host names: whatever has a separator or a YAML suffix."""
    if option is None or option == LOCAL:
        return None
    is_file = "/" in option or option.endswith((".yaml", ".yml"))
    return files.tidy(option) if is_file else None


def text_of(file: str | None, texts: Iterable[Text]) -> Text | None:
    """Return the text that was read from a file, whatever path led to it."""
    if file is None:
        return None
    real = os.path.realpath(file)
    return next((text for text in texts if os.path.realpath(text.name) == real), None)


def named_by(option: str | None, text: Text | None, hosts: Iterable[Host]) -> str | None:
    """Return the name of the host that --host stands for; raises Failure(2) for a file of two."""
    if text is None:
        return option
    names = {host.name: None for host in hosts if host.place and host.place.file == text.name}
    if len(names) > 1:
        raise Failure(2, f"--host {option} describes {' and '.join(names)}; give a file of one")
    return next(iter(names), option)


def no_host_in(text: Text) -> tuple[Diagnostic, ...]:
    """KV205: a file that --host names is a VM's, or a lock. What is wrong in it was said."""
    from kvmc.source.reader import read
    from kvmc.spec.schema import kind_of

    documents = read(text.content, text.name).value or ()
    kinds = [kind_of(document).value for document in documents]
    if not kinds or "host" in kinds or None in kinds:
        return ()
    message = f"expected `kind: host`, got `kind: {kinds[0]}`"
    hint = "--host takes the name of a host, or the file that describes it"
    return (error("KV205", message, Place(file=text.name).at("kind"), hint=hint),)


def called(hostname: str) -> set[str]:
    """Return the names a host goes by: its own, with or without its domain."""
    return {hostname, hostname.partition(".")[0]}


def unnamed(uri: str, hostname: str, known: str) -> Failure:
    """Return the failure for a connection of which nobody said which host it is."""
    return Failure(
        2,
        f"{uri} calls itself {hostname}, and {known}; name the files of that host's VMs together "
        f"with --host, or give its description the name {hostname}",
    )


def this_machine(hosts: Iterable[Host]) -> Outcome[Host]:
    """Probe this machine; where it is described its name, policy and file are those.

    A file and its policy may be older than the machine: KV434 where the policy names CPUs that are
    gone, KV465 where any other fact is not as the file has it.
    """
    from pathlib import Path

    from kvmc.host.probe import local_name, probe_sysfs
    from kvmc.host.snapshot_rules import policy_unknown

    probed = probe_sysfs(Path("/"), local_name())
    names = {local_name()} | called(os.uname().nodename)
    described = next((host for host in hosts if host.name in names), None)
    if probed.value is None or described is None or described.place is None:
        return probed
    host = replace(
        probed.value,
        name=described.name,
        policy=described.policy,
        place=described.place,
        host_models=probed.value.host_models or described.host_models,
    )
    said = list(policy_unknown(host, {}, described.place))
    if not said and host.fingerprint != described.fingerprint:
        text = (
            f"this machine is not as {described.place.file} describes it, and is planned as it is"
        )
        hint = f"`kvmc host probe -o {described.place.file}` brings the description up to date"
        said.append(warning("KV465", text, described.place, hint=hint))
    return Outcome(host, (*probed.diagnostics, *said))
