"""The reader was limited to CPUs 0 and 1 by a cgroup."""

from pathlib import Path

from tests.unit.host.trees import smt_host, write


def make(folder: Path) -> None:
    files = smt_host()
    files["proc/self/cgroup"] = "0::/machine\n"
    files["proc/mounts"] = "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n"
    files["sys/fs/cgroup/machine/cpuset.cpus.effective"] = "0-1\n"
    write(folder / "tree", files)
