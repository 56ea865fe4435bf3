"""Whose CPUs are taken, what was not seen, and where the kernel's word goes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from kvmc.apply.libvirt_driver import is_local, load_libvirt
from kvmc.apply.model import HypervisorError
from kvmc.apply.observe import not_seen, observe, occupied, with_kernel
from kvmc.commands.inputs import Inputs
from kvmc.commands.placed import Placed, another_name, jobs_on
from kvmc.commands.result import Failure
from kvmc.cpuset import CpuSet
from kvmc.intake import Repository
from tests.support.observed import LOCAL, observation, observed, pinned, running
from tests.unit.apply.test_kernel import qemu
from tests.unit.host.trees import DictTree

if TYPE_CHECKING:
    from kvmc.apply.model import HostIdentity, Observed


def _xml(inner: str, name: str = "old", vcpus: int = 2) -> str:
    return f"<domain type='kvm'><name>{name}</name><vcpu>{vcpus}</vcpu>{inner}</domain>"


def test_pins_of_domains_that_no_spec_declares_are_occupied() -> None:
    pins = (
        "<cputune><vcpupin vcpu='0' cpuset='4'/><vcpupin vcpu='1' cpuset='5-6'/>"
        "<emulatorpin cpuset='7'/></cputune>"
    )
    old = observed(_xml(pins), name="old")
    free = observed(_xml(""), name="free")
    web = running(pinned())
    seen = observation(free, old, web)
    assert occupied(seen, {"web"}) == (("old", CpuSet((4,)), CpuSet((5, 6, 7))),)
    names = [name for name, _, _ in occupied(seen, ())]
    assert names == ["old", "web"]


def test_what_holds_now_and_what_will_hold_both_count() -> None:
    def pin(cpu: int) -> str:
        return _xml(f"<cputune><vcpupin vcpu='0' cpuset='{cpu}'/></cputune>", vcpus=1)

    seen = observation(observed(pin(4), pin(5), name="old"))
    assert occupied(seen, ()) == (("old", CpuSet((4, 5)), CpuSet()),)


def test_a_cpuset_is_a_pin_of_every_thread() -> None:
    xml = "<domain><name>old</name><vcpu cpuset='2-3,^3'>2</vcpu><iothreads>1</iothreads></domain>"
    assert occupied(observation(observed(xml, name="old")), ()) == (
        ("old", CpuSet((2,)), CpuSet((2,))),
    )


def test_a_pin_that_is_none_is_passed_over() -> None:
    broken = observed(_xml("<cputune><vcpupin vcpu='0' cpuset='x'/></cputune>"), name="old")
    assert occupied(observation(broken, observed("<domain", name="worse")), ()) == ()


@pytest.mark.parametrize(
    ("uri", "local"),
    [
        ("qemu:///system", True),
        ("qemu:///session", True),
        ("qemu+unix:///system", True),
        ("qemu+ssh://root@kvm-07/system", False),
        ("qemu+tcp://127.0.0.1/system", False),
        ("qemu+ssh:///system", False),
        ("test:///default", False),
    ],
)
def test_only_a_socket_of_this_machine_is_local(uri: str, local: bool) -> None:
    assert is_local(uri) is local


class _Reader:
    """A connection that shows what it is given."""

    def __init__(self, host: HostIdentity, *domains: Observed) -> None:
        self._host = host
        self._domains = domains

    def host(self) -> HostIdentity:
        return self._host

    def online(self) -> CpuSet:
        return CpuSet(range(8))

    def domains(self) -> tuple[Observed, ...]:
        return self._domains


def test_the_kernel_is_asked_on_this_machine_only() -> None:
    job = pinned()
    plain = running(job, threads=(), pid=None)
    tree = DictTree(qemu())
    here = observe(_Reader(LOCAL, plain), tree)  # type: ignore[arg-type]
    assert (here.kernel, here.cgroup, here.domains[0].pid) == (True, 2, 100)
    assert here.online == CpuSet(range(8))
    assert [t.tid for t in here.domains[0].threads] == [100, 101, 102, 103]
    far = observe(_Reader(replace(LOCAL, local=False), plain), tree)  # type: ignore[arg-type]
    assert (far.kernel, far.cgroup, far.domains) == (False, None, (plain,))


def test_only_the_domains_asked_for_are_looked_at() -> None:
    plain = running(pinned(), threads=(), pid=None)
    assert with_kernel((plain,), DictTree(qemu()), {"other"}) == (plain,)
    off = observed(plain.inactive)
    assert with_kernel((off,), DictTree(qemu())) == (off,)


def test_what_was_not_seen_is_said_and_only_of_running_guests() -> None:
    job = pinned()
    seen = observation(running(job), kernel=False, host=replace(LOCAL, uri="qemu+ssh://x/system"))
    (said,) = not_seen(seen, {"web"})
    assert said.code == "KV731"
    assert "qemu+ssh://x/system" in said.message
    assert not_seen(seen, {"other"}) == ()
    hidden = observation(running(job, threads=(), pid=None))
    assert [d.code for d in not_seen(hidden, {"web"})] == ["KV731"]
    assert not_seen(observation(running(job)), {"web"}) == ()
    assert not_seen(observation(observed("<domain/>")), {"web"}) == ()


def test_a_missing_libvirt_is_said_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "libvirt", None)
    with pytest.raises(HypervisorError, match="install it with pip"):
        load_libvirt()


def _placed(*homes: tuple[str | None, str], forced: str | None = None) -> Placed:
    read = Inputs(texts=(), repository=Repository(), forced=forced, diagnostics=())
    return Placed(inputs=read, jobs=tuple((h, pinned(name=n)) for h, n in homes))


def test_the_specs_of_the_connections_host_are_compared() -> None:
    far = replace(LOCAL, hostname="kvm-07.example.org")
    both = _placed((None, "free"), ("kvm-07", "web"), ("kvm-08", "db"))
    assert [job.vm.name for job in jobs_on(both, far)] == ["free", "web"]
    one = _placed(("rack-3", "web"))
    assert [job.vm.name for job in jobs_on(one, far)] == ["web"]


def test_a_vm_that_needs_no_host_goes_where_it_says_unless_host_wins() -> None:
    for forced, names in ((None, ["here"]), ("kvm-07", ["there", "here"])):
        plain = _placed(forced=forced)
        jobs = tuple(
            (None, pinned(name=name, host=host))
            for name, host in (("there", "kvm-08"), ("here", "kvm-07"))
        )
        assert [job.vm.name for job in jobs_on(replace(plain, jobs=jobs), LOCAL)] == names


def test_a_host_that_no_spec_names_is_not_guessed() -> None:
    with pytest.raises(Failure, match=r"calls itself kvm-07.*kvm-08, kvm-09") as stopped:
        jobs_on(_placed(("kvm-08", "web"), ("kvm-09", "db")), LOCAL)
    assert stopped.value.code == 2
    # --host alone would move the VMs of all other hosts to it
    assert "name the files of that host's VMs together with --host" in str(stopped.value)


def test_a_host_of_another_name_than_the_planned_one_is_doubted() -> None:
    (doubt,) = another_name(_placed(("kvm-08", "web"), (None, "free")), LOCAL)
    assert doubt.message.endswith("calls itself kvm-07, and the specs are for kvm-08")
    assert not another_name(_placed(("kvm-08", "web"), forced="kvm-08"), LOCAL)
    assert not another_name(_placed(("kvm-08", "web"), ("kvm-07", "db")), LOCAL)
    assert not another_name(_placed((None, "free")), LOCAL)
