"""How much is measured: everything, or what fits into two minutes."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.timing import RUNS


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """Numbers of fleets, loads, runs and seconds."""

    small: int
    """Fleets of each kind and load on hosts of up to 256 CPUs."""
    large: int
    """The same on larger ones."""
    loads: int
    """How many of the loads, the fullest first."""
    judged: int
    """Fleets of each kind and load that CP-SAT is asked about."""
    solve: float
    """Seconds CP-SAT may take for one question."""
    runs: int = RUNS
    """Samples of what is measured again and again."""
    cpus: tuple[int, ...]
    vms: tuple[int, ...]
    cells: tuple[tuple[int, int], ...]
    """(host nodes, guest cells)."""
    specs: tuple[int, ...]
    nova_limit: float
    """Seconds Nova may take for one VM."""

    def fleets(self, cpus: int) -> int:
        """Return how many fleets of a kind are planned on a host of so many CPUs."""
        return self.small if cpus <= 256 else self.large

    def solving(self, seed: int) -> float:
        """Return the seconds CP-SAT gets for the fleet of a seed; 0: it is not asked."""
        return self.solve if seed < self.judged else 0.0


FULL = Effort(
    small=100,
    large=20,
    loads=3,
    judged=20,
    solve=20.0,
    cpus=(64, 128, 256, 512, 896, 1792),
    vms=(10, 30, 100, 300, 1000),
    cells=((8, 2), (8, 4), (8, 7), (16, 2), (16, 4), (16, 7)),
    specs=(1000, 10_000),
    nova_limit=120.0,
)
QUICK = Effort(
    small=7,
    large=1,
    loads=1,
    judged=1,
    solve=2.0,
    cpus=(64, 256, 896),
    vms=(10, 100),
    cells=((8, 4), (16, 4)),
    specs=(200,),
    nova_limit=2.0,
)
