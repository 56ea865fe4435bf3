"""How much is measured: all of it in 25 minutes on two quiet cores, or a sample in under five."""

from __future__ import annotations

from msgspec import Struct

from benchmarks.timing import RUNS

SMALL = 256
"""CPUs of a host up to which there are more fleets."""


class Effort(Struct, frozen=True, kw_only=True):
    """Numbers of fleets, loads, runs and seconds."""

    small: int
    """Fleets of each kind and load on hosts of up to SMALL CPUs."""
    large: int
    """The same on larger ones."""
    loads: int
    """How many of the loads, the fullest first."""
    judged: tuple[int, int]
    """Full fleets of each kind that CP-SAT is asked about, on small and on large hosts."""
    solve: float
    """Seconds CP-SAT may take for one question."""
    runs: int = RUNS
    """Samples of what is measured again and again."""
    cpus: tuple[int, ...]
    vms: tuple[int, ...]
    cells: tuple[tuple[int, int], ...]
    """(host nodes, guest cells)."""
    profiled: int
    """VMs of the repository that is profiled."""
    specs: tuple[int, ...]
    nova_limit: float
    """Seconds Nova may take for one VM."""

    def fleets(self, cpus: int) -> int:
        """Return how many fleets of a kind are planned on a host of so many CPUs."""
        return self.small if cpus <= SMALL else self.large

    def solving(self, cpus: int, seed: int) -> float:
        """Return the seconds CP-SAT gets for the fleet of a seed; 0: it is not asked."""
        return self.solve if seed < self.judged[cpus > SMALL] else 0.0


FULL = Effort(
    small=8,
    large=3,
    loads=3,
    judged=(3, 1),
    solve=3.0,
    cpus=(64, 128, 256, 512, 896, 1792),
    vms=(10, 30, 100, 300, 1000),
    cells=((8, 2), (8, 4), (8, 7), (16, 2), (16, 4), (16, 7)),
    profiled=1000,
    specs=(1000, 10_000),
    nova_limit=20.0,
)
QUICK = Effort(
    small=2,
    large=1,
    loads=1,
    judged=(1, 1),
    solve=1.0,
    cpus=(64, 256, 896),
    vms=(10, 100),
    cells=((8, 4), (16, 4)),
    profiled=300,
    specs=(200,),
    nova_limit=2.0,
)
