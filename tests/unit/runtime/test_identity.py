from __future__ import annotations

import pytest

from kvmc.runtime.identity import guest_name, has_thread_names, is_qemu, role_of, starter

LIBVIRT = ("/usr/bin/qemu-system-x86_64", "-name", "guest=db,debug-threads=on", "-object",
           '{"file":"/var/lib/libvirt/qemu/domain-1-db/master-key.aes"}')  # fmt: skip


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("web", "web"),
        ("web,debug-threads=on", "web"),
        ("guest=web,debug-threads=on", "web"),
        ("debug-threads=on,guest=web", "web"),
        ("guest=a,,b=c,debug-threads=on", "a,b=c"),
        ("debug-threads=on", ""),
        ("process=x", ""),
    ],
)
def test_names(value: str, name: str) -> None:
    assert guest_name(("qemu-system-x86_64", "-name", value, "-S")) == name


def test_no_name() -> None:
    assert guest_name(("qemu-system-x86_64", "-name")) == ""
    assert guest_name(()) == ""


@pytest.mark.parametrize(
    ("program", "yes"),
    [
        ("/usr/bin/qemu-system-x86_64", True),
        ("qemu-system-aarch64", True),
        ("/usr/libexec/qemu-kvm", True),
        ("kvm", True),
        ("qemu-img", False),
        ("/usr/bin/python3", False),
        ("/usr/sbin/kvmc", False),
    ],
)
def test_programs(program: str, yes: bool) -> None:
    assert is_qemu((program, "-name", "x")) is yes


@pytest.mark.parametrize(
    ("thread", "main", "text"),
    [
        ("CPU 0/KVM", False, "vCPU 0"),
        ("CPU 127/TCG", False, "vCPU 127"),
        ("ALL CPUs/TCG", False, "vCPU all"),
        ("CPU 0/KVM", True, "emulator"),
        ("IO iothread12", False, "iothread12"),
        ("IO fast", False, "iothread fast"),
        ("IO mon_iothread", False, "emulator"),
        ("qemu-system-x86", True, "emulator"),
        ("worker", False, "emulator"),
        ("vhost-500", False, "vhost"),
        ("CPU x/KVM", False, "emulator"),
    ],
)
def test_roles(thread: str, main: bool, text: str) -> None:
    assert str(role_of(thread, main=main)) == text


def test_who_started_it() -> None:
    own = ("qemu-system-x86_64", "-chardev", "socket,id=qmp,path=/run/kvmc/web/qmp,server=on")
    pasted = ("qemu-system-x86_64", "-chardev", "socket,id=qmp,path=/run/kvmc/web.qmp,server=on")
    assert starter(LIBVIRT, registered=False) == "libvirt"
    assert starter(own, registered=False) == "kvmc"
    assert starter(pasted, registered=False) == "hand"
    assert starter(pasted, registered=True) == "kvmc"


def test_thread_names() -> None:
    assert has_thread_names(LIBVIRT)
    assert not has_thread_names(("qemu-system-x86_64", "-name", "web"))
    assert not has_thread_names(("qemu-system-x86_64", "-append", "debug-threads=on"))
