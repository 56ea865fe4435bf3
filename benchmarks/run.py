"""How long `kvmc check` takes from a cold start, beside a Python that does nothing.

Both are whole processes, run in turn on the same machine; the ratio of their medians is what can
be compared between machines. Editors and pre-commit hooks feel this number at every save.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "lianhua"
RUNS = 15


def seconds(*arguments: str) -> float:
    """Run Python with these arguments once; return the wall-clock time in seconds."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> None:
    """Measure both in turn, after one run each that fills the caches, and print the medians."""
    commands = {
        "python -c pass": ("-c", "pass"),
        "kvmc check": (
            "-c",
            "from kvmc.cli import main; raise SystemExit(main())",
            "check",
            str(EXAMPLE),
        ),
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for run in range(RUNS + 1):
        for name, arguments in commands.items():
            took = seconds(*arguments)
            if run:
                times[name].append(took)
    medians = [statistics.median(values) for values in times.values()]
    for name, median in zip(times, medians, strict=True):
        print(f"{name:16} {1000 * median:7.1f} ms   median of {RUNS}")
    print(f"{'ratio':16} {medians[1] / medians[0]:7.1f}")


if __name__ == "__main__":
    main()
